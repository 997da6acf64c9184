"""Leases: a row is one worker's for a limited time, which a heartbeat renews while the work goes on.

A lease is no lock. What a worker writes is fenced as well: its statement checks that the row is still the worker's,
and writes nothing where it isn't.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

RENEWALS_PER_LEASE = 3
"""Renewals within the length of a lease: two of them may fail."""

log = logging.getLogger("tessera")


class LeaseLost(Exception):
    """Raised when a row is not, or no longer, the worker's: another has leased it, or it is finished."""


@asynccontextmanager
async def heartbeat(length: timedelta, renew: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Renew a lease that was taken just now for as long as the block lasts, by a task beside it.

    `renew` extends the lease by another `length`: False where the row is not the worker's any more. The block is
    cancelled, and LeaseLost raised, then, and where no renewal has succeeded for the whole length.
    """
    seconds = length.total_seconds()
    try:
        async with asyncio.timeout(seconds) as limit:
            renewing = asyncio.create_task(_renew_until_lost(seconds, renew, limit))
            try:
                yield
            finally:
                renewing.cancel()
                await asyncio.wait([renewing])
    except TimeoutError:
        if not limit.expired():
            raise
        raise LeaseLost from None


async def _renew_until_lost(seconds: float, renew: Callable[[], Awaitable[bool]], limit: asyncio.Timeout) -> None:
    """Move the limit on with each renewal, or to this moment when the lease is lost."""
    loop = asyncio.get_running_loop()
    while not limit.expired():
        await asyncio.sleep(seconds / RENEWALS_PER_LEASE)
        started_at = loop.time()
        try:
            is_renewed = await renew()
        except Exception as fault:
            log.warning("a lease could not be renewed, and will be tried again: %r", fault)
            continue
        if limit.expired():
            return
        limit.reschedule(started_at + seconds if is_renewed else loop.time())
        if not is_renewed:
            return
