"""Leases with a heartbeat: a queue in a table, whose rows workers take for a limited time.

    free ── take ──▶ leased ── the worker's own writes ──▶ finished
      ▲                │  ▲
      │                │  └── renew, by the heartbeat: three times in a lease's length
      └── release, or the lease ends without a renewal

A table that is leased has two columns: `worker`, the name of whoever took the row last, and `leased_until`. A row is
free while `leased_until` is null or past. A worker that dies loses its rows when their leases end, and one that lives
keeps them, however long its work takes. So each row is worked on at least once.

A lease is no lock. A worker that was stopped for longer than its lease comes back and goes on, so its writes are
fenced: they change only rows that are `held` by it, and none that another has taken meanwhile.

A queue is described once, beside its table's queries:

    LETTERS = LeaseQueue(Delivery, due="due_at <= $1", order="due_at, id", unfinished={"status": SENDING})

    ids = await LETTERS.take(20, worker, now, length)
    async with LETTERS.heartbeat(ids, worker, length, clock):
        ...
    await LETTERS.held(ids, worker).update(status=SENT, worker=None, leased_until=None)

Names of workers are the callers': each is one task at a time of one process, such as `uuid4().hex`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

from db import sql

M = TypeVar("M", bound=Model)

RENEWALS_PER_LEASE = 3
"""Renewals within the length of a lease: two of them may fail."""

log = logging.getLogger("tessera")


class LeaseLost(Exception):
    """Raised when a row is not, or no longer, the worker's: another has leased it, or it is finished."""


@dataclass(frozen=True)
class LeaseQueue(Generic[M]):
    """The rows of a table that are to be worked on, each by one worker at a time.

    All instants are aware, and of the caller's clock. None of these functions needs a transaction; each is one
    statement.
    """

    model: type[M]
    """The table; it has `id`, `worker` and `leased_until`."""
    due: str
    """SQL: the condition of rows that are to be worked on now; `$1` is now. An index should have it."""
    order: str
    """SQL: the columns in whose order they are taken."""
    unfinished: Mapping[str, object]
    """Columns, with the values that they have as long as a worker is at a row."""
    when_taken: str = ""
    """SQL: further assignments of an UPDATE when a row is taken, such as `attempts = attempts + 1`."""
    when_released: str = ""
    """The same when a row is released."""

    async def available(self, now: datetime, limit: int, worker: str = "") -> list[int]:
        """The ids of the first `limit` rows that are due and free, or this worker's; no writer waits for this read."""
        rows = await sql.rows(f"{self._select(_FREE_OR_OWN)} LIMIT $3", now, worker, limit)
        return [row["id"] for row in rows]

    async def take(self, limit: int, worker: str, now: datetime, length: timedelta) -> list[int]:
        """Lease the first `limit` rows that are due and free, for `length` from `now`: their ids, in no order.

        Workers that take at the same time don't wait for each other, nor get the same rows.
        """
        return await self._take(_FREE, "", now, worker, limit, now + length)

    async def take_one(self, id: int, worker: str, now: datetime, length: timedelta) -> bool:
        """Lease this row, if it is due and free, or the worker's own already: whether it is the worker's now."""
        return bool(await self._take(_FREE_OR_OWN, "AND id = $5", now, worker, 1, now + length, id))

    async def _take(self, free: str, restriction: str, *values: object) -> list[int]:
        """The ids of rows that are taken now; `values` are now, the worker, the limit, and the end of the lease.

        Materialized: PostgreSQL may else run the subquery again for each row, skip the rows that it has just locked,
        and lease more.
        """
        also = f", {self.when_taken}" if self.when_taken else ""
        rows = await sql.rows(
            f"""
            WITH free AS MATERIALIZED ({self._select(free, restriction)} LIMIT $3 {sql.skip_locked()})
            UPDATE {self.model._meta.db_table} SET worker = $2, leased_until = $4{also}
            WHERE {self.due} AND id IN (SELECT id FROM free)
            RETURNING id
            """,  # noqa: S608 (constants)
            *values,
        )
        return [row["id"] for row in rows]

    def held(self, ids: Sequence[int], worker: str) -> QuerySet[M]:
        """The fence of a worker's writes: those of these rows that it has taken last, and that are unfinished.

        Also after the lease has ended, as long as no other worker has taken them.
        """
        return self.model.filter(id__in=ids, worker=worker, **self.unfinished)

    async def renew(self, ids: Sequence[int], worker: str, until: datetime) -> int:
        """Move the end of leases: how many of these rows are held."""
        return await self.held(ids, worker).update(leased_until=until)

    async def lock(self, id: int, worker: str, until: datetime) -> M | None:
        """The row, locked in the present transaction and its lease renewed; None where it is not held."""
        return await self.model.get(id=id) if await self.renew([id], worker, until) else None

    async def release(self, worker: str, now: datetime) -> None:
        """End all leases that this worker has, so that others need not wait for it."""
        also = f", {self.when_released}" if self.when_released else ""
        await sql.rows(
            f"""
            UPDATE {self.model._meta.db_table} SET worker = NULL, leased_until = NULL{also}
            WHERE {self.due} AND leased_until > $1 AND worker = $2
            RETURNING id
            """,  # noqa: S608 (constants)
            now,
            worker,
        )

    def heartbeat(
        self,
        ids: Sequence[int],
        worker: str,
        length: timedelta,
        clock: Callable[[], datetime],
        leased_until: datetime | None = None,
    ) -> AbstractAsyncContextManager[None]:
        """`async with` around the work on rows that were leased just now, or until `leased_until`.

        The leases are renewed for as long as any of the rows is held. Raises LeaseLost as `heartbeat` below does.
        """

        async def renew() -> bool:
            return bool(await self.renew(ids, worker, clock() + length))

        return heartbeat(length, renew, None if leased_until is None else leased_until - clock())

    def _select(self, free: str, restriction: str = "") -> str:
        """SELECT the ids of rows that are due and free; `$1` is now, and `$2` the worker."""
        table = self.model._meta.db_table
        return f"SELECT id FROM {table} WHERE {self.due} AND ({free}) {restriction} ORDER BY {self.order}"  # noqa: S608 (constants)


_FREE = "leased_until IS NULL OR leased_until <= $1"
_FREE_OR_OWN = f"{_FREE} OR worker = $2"


@asynccontextmanager
async def heartbeat(
    length: timedelta, renew: Callable[[], Awaitable[bool]], remaining: timedelta | None = None
) -> AsyncIterator[None]:
    """`async with` around work under a lease: a task beside it renews the lease for as long as the block lasts.

    `renew` extends the lease by another `length`: False where the row is not the worker's any more. The block is
    cancelled, and LeaseLost raised, then, and where no renewal has succeeded for the whole length. `remaining` is what
    is left of the lease that was taken, all of it where None: less makes the first renewal earlier.
    """
    seconds = length.total_seconds()
    remaining_seconds = seconds if remaining is None else max(0.0, remaining.total_seconds())
    try:
        async with asyncio.timeout(remaining_seconds) as limit:
            renewing = asyncio.create_task(_renew_until_lost(seconds, remaining_seconds, renew, limit))
            try:
                yield
            finally:
                renewing.cancel()
                await asyncio.wait([renewing])
    except TimeoutError:
        if not limit.expired():
            raise
        raise LeaseLost from None


async def _renew_until_lost(
    seconds: float, remaining_seconds: float, renew: Callable[[], Awaitable[bool]], limit: asyncio.Timeout
) -> None:
    """Move the limit on with each renewal, or to this moment when the lease is lost."""
    loop, pause = asyncio.get_running_loop(), seconds / RENEWALS_PER_LEASE
    await asyncio.sleep(max(0.0, remaining_seconds - seconds + pause))
    while not limit.expired():
        started_at = loop.time()
        try:
            is_renewed = await renew()
        except Exception as fault:
            log.warning("a lease could not be renewed, and will be tried again: %r", fault)
            await asyncio.sleep(pause)
            continue
        if limit.expired():
            return
        limit.reschedule(started_at + seconds if is_renewed else loop.time())
        if not is_renewed:
            return
        await asyncio.sleep(pause)
