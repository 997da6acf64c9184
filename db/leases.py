"""Leases: for a time a row is one worker's alone, and a heartbeat renews that for as long as the work goes on.

A lease keeps honest workers apart; it is no lock. Whatever a worker writes is fenced as well: its statement asks
whether the row is still the worker's, and writes nothing where it isn't.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

BEATS = 3
"""Renewals in the length of a lease: two of them may fail."""

log = logging.getLogger("tessera")


class LeaseLost(Exception):
    """Raised when a row is not, or no longer, the worker's: another has taken it over, or it is finished."""


@asynccontextmanager
async def kept(length: timedelta, renew: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Keep a lease that was taken just now for as long as the block lasts, by a task beside it.

    `renew` asks for another `length` and says whether the row is still the worker's. The block is cut off, and
    LeaseLost raised, where it is not, and where it could not be asked for the whole length.
    """
    seconds = length.total_seconds()
    try:
        async with asyncio.timeout(seconds) as limit:
            heartbeat = asyncio.create_task(_beat(seconds, renew, limit))
            try:
                yield
            finally:
                heartbeat.cancel()
                await asyncio.wait([heartbeat])
    except TimeoutError:
        if not limit.expired():
            raise
        raise LeaseLost from None


async def _beat(seconds: float, renew: Callable[[], Awaitable[bool]], limit: asyncio.Timeout) -> None:
    """Push the limit back with each renewal, or pull it up to this moment when the lease is lost."""
    loop = asyncio.get_running_loop()
    while not limit.expired():
        await asyncio.sleep(seconds / BEATS)
        asked_at = loop.time()
        try:
            is_kept = await renew()
        except Exception as fault:
            log.warning("a lease could not be renewed, and will be tried again: %r", fault)
            continue
        if limit.expired():
            return
        limit.reschedule(asked_at + seconds if is_kept else loop.time())
        if not is_kept:
            return
