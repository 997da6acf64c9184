"""Rate limits: fixed-window counters that all processes of a store share, and take from in blocks.

A window begins with its first taking and is told by the database's clock. A row that ends later than a new window
would is of a clock that was set back since, and begins anew: nobody waits longer than a window.
"""

from collections.abc import Iterable
from typing import NamedTuple

from db import sql, statements


class Want(NamedTuple):
    """So much is wanted of a counter, of which `most` may be taken in so many seconds."""

    organization_id: int
    name: str
    want: int
    most: int
    seconds: int


class Grant(NamedTuple):
    """What is granted: `want`, less, or 0; all that is taken now; and the seconds until the window is over."""

    organization_id: int
    name: str
    granted: int
    taken: int
    left: float


_WANTS = statements.ValuesTable(organization_id="bigint", name="text", want="bigint", most="bigint", seconds="bigint")
_OVER = "(ratelimit.until <= {now} OR ratelimit.until > excluded.until)"


def _instant() -> str:
    """The first value of a statement or, where that is null, seconds by the database's clock."""
    clock = (
        "(julianday('now') - 2440587.5) * 86400.0"
        if sql.is_single_writer()
        else "EXTRACT(EPOCH FROM clock_timestamp())"
    )
    return f"COALESCE($1, {clock})" if sql.is_single_writer() else f"COALESCE($1::float8, {clock}::float8)"


async def take(wants: Iterable[Want], now: float | None = None) -> list[Grant]:
    """Take what is wanted of different counters, or what they have left; `now` stands in for the database's clock."""
    instant = _instant()
    over = _OVER.format(now=instant)
    rows = await _WANTS.fetch(
        f"""
        INSERT INTO ratelimit (organization_id, name, granted, taken, most, until)
        SELECT organization_id, name, CASE WHEN want < most THEN want ELSE most END,
            CASE WHEN want < most THEN want ELSE most END, most, {instant} + seconds
        FROM {{values}} AS input WHERE true ORDER BY organization_id, name
        ON CONFLICT (organization_id, name) DO UPDATE SET
            granted = CASE
                WHEN {over} OR ratelimit.taken + excluded.granted <= excluded.most THEN excluded.granted
                WHEN ratelimit.taken < excluded.most THEN excluded.most - ratelimit.taken
                ELSE 0 END,
            taken = CASE
                WHEN {over} THEN excluded.granted
                WHEN ratelimit.taken + excluded.granted <= excluded.most THEN ratelimit.taken + excluded.granted
                WHEN ratelimit.taken < excluded.most THEN excluded.most
                ELSE ratelimit.taken END,
            most = excluded.most,
            until = CASE WHEN {over} THEN excluded.until ELSE ratelimit.until END
        RETURNING organization_id, name, granted, taken, until - {instant} AS "left"
        """,  # noqa: S608 (the clock)
        wants,
        now,
    )
    return [Grant(**row) for row in rows]


async def forget(now: float | None = None) -> None:
    """Drop the counters whose windows are over."""
    await sql.rows(f"DELETE FROM ratelimit WHERE until < {_instant()}", now)  # noqa: S608 (the clock)
