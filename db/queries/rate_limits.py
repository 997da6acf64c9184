"""Rate limits: fixed-window counters in the database, shared by all processes, which take blocks of attempts.

A window begins with its first block, by the database's clock. A window that ends later than a new one would is of a
clock that was set back since, and begins anew: no caller waits longer than a window.
"""

from collections.abc import Iterable
from typing import NamedTuple

from db import sql, statements


class CounterRequest(NamedTuple):
    """A request for `want` attempts of a counter, of which `most` may be taken in a window of so many seconds."""

    organization_id: int
    name: str
    want: int
    most: int
    seconds: int


class Grant(NamedTuple):
    """The granted attempts (`want`, fewer, or 0), all that are taken now, and the seconds until the window is over."""

    organization_id: int
    name: str
    granted: int
    taken: int
    seconds_left: float


_REQUESTS = statements.ValuesTable(
    organization_id="bigint", name="text", want="bigint", most="bigint", seconds="bigint"
)
_OVER = "(ratelimit.until <= {now} OR ratelimit.until > excluded.until)"


def _instant() -> str:
    """The first value of a statement or, where that is null, seconds by the database's clock."""
    clock = (
        "(julianday('now') - 2440587.5) * 86400.0"
        if sql.is_single_writer()
        else "EXTRACT(EPOCH FROM clock_timestamp())"
    )
    return f"COALESCE($1, {clock})" if sql.is_single_writer() else f"COALESCE($1::float8, {clock}::float8)"


async def take(requests: Iterable[CounterRequest], now: float | None = None) -> list[Grant]:
    """Take attempts of different counters, as far as they have any left; `now` replaces the database's clock."""
    instant = _instant()
    over = _OVER.format(now=instant)
    rows = await _REQUESTS.fetch(
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
        RETURNING organization_id, name, granted, taken, until - {instant} AS seconds_left
        """,  # noqa: S608 (the clock)
        requests,
        now,
    )
    return [Grant(**row) for row in rows]


async def delete_expired(now: float | None = None) -> None:
    """Delete the counters whose windows are over."""
    await sql.rows(f"DELETE FROM ratelimit WHERE until < {_instant()}", now)  # noqa: S608 (the clock)
