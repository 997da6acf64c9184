"""Probes: whether the store can be written to."""

from db import sql


async def write() -> bool:
    """Write a row that changes nothing, to the table that every store has; whether one was free to be written.

    Any row will do: one that a transaction has locked which hangs is passed over.
    """
    written = await sql.rows(
        f"""
        UPDATE tortoise_migrations SET name = name
        WHERE id = (SELECT id FROM tortoise_migrations ORDER BY random() LIMIT 1 {sql.skip_locked()})
        RETURNING id
        """  # noqa: S608 (words of our own)
    )
    return bool(written)
