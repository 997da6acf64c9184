"""Probes: whether the database can be written to."""

from db import sql


async def write() -> bool:
    """Update a row without a change, in the table that every store has; false where all are locked.

    Any row will do: one that a hanging transaction has locked is skipped.
    """
    written = await sql.rows(
        f"""
        UPDATE tortoise_migrations SET name = name
        WHERE id = (SELECT id FROM tortoise_migrations ORDER BY random() LIMIT 1 {sql.skip_locked()})
        RETURNING id
        """  # noqa: S608 (a constant)
    )
    return bool(written)
