"""Limits attempts per time window: an attempt is counted before it is processed, and given back when it succeeds.

The counters are in the store, shared by all processes (resolvers/rate_limit.py). A process leases blocks of them, and
writes nothing for an attempt that succeeds. The proof-of-work library and the clocks are used in this package only;
the verbs know `guard.Guard` and no more.
"""

import asyncio
import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from resolvers import rate_limit
from resolvers.domain.refusals import TooManyAttempts

MAX_ALLOWANCES = 10_000
"""Counters that a process keeps in memory before it drops those whose windows have ended."""


@dataclass(frozen=True)
class WindowLimit:
    """At most `most` in a window of `seconds`, of which a process leases `block` at a time.

    If `is_optimistic`, one attempt at a time proceeds before anything is leased, so that success costs no statement.
    If it fails it is counted then, or refused like any other beyond the limit.
    """

    most: int
    seconds: int
    block: int = 1
    is_optimistic: bool = False


class Allowance:
    """What a process has leased of one counter: `available` may be used until the window ends (`until`, monotonic)."""

    def __init__(self) -> None:
        self.until = math.inf
        self.available = 0
        self.in_flight = 0
        self.requested = 0  # by attempts that wait for a lease
        self.total_taken = 0  # by all processes, as of the last lease
        self.is_loaded = self.is_exhausted = False
        self.uncounted: CountedAttempt | None = None  # the optimistic attempt, if there is one
        self.pending_lease: asyncio.Task[None] | None = None
        self.change: asyncio.Future[None] | None = None

    def notify(self) -> None:
        """Wake the attempts that wait for a change."""
        if self.change is not None and not self.change.done():
            self.change.set_result(None)
        self.change = None

    async def wait(self) -> None:
        """Wait until an attempt of this process has ended."""
        if self.change is None:
            self.change = asyncio.get_running_loop().create_future()
        await asyncio.shield(self.change)


class CountedAttempt:
    """An attempt that is counted against a limit at a cost, until its outcome is known."""

    def __init__(
        self, limiter: "Limiter", key: tuple[int, str], limit: WindowLimit, allowance: Allowance, cost: int
    ) -> None:
        self._limiter, self._key, self._limit, self._allowance = limiter, key, limit, allowance
        self.cost, self.is_counted = cost, True

    def give_back(self) -> None:
        """The attempt has succeeded: its cost is available again."""
        allowance = self._allowance
        if allowance.uncounted is self:
            allowance.uncounted = None
        if self.is_counted:
            allowance.available += self.cost
            allowance.in_flight -= 1
            allowance.notify()
        elif not allowance.is_loaded and allowance.pending_lease is None:
            self._limiter.drop(self._key, allowance)

    async def fail(self) -> None:
        """The attempt has failed: its cost stays taken. Raises TooManyAttempts if it exceeds the limit after all."""
        allowance = self._allowance
        if not self.is_counted and not allowance.is_exhausted:
            await self._limiter.lease(self._key, self._limit, allowance, 0)
        if allowance.uncounted is self:
            allowance.uncounted = None
        if not self.is_counted:
            raise TooManyAttempts(self._limiter.retry_after(allowance))
        allowance.in_flight -= 1
        allowance.notify()


class Limiter:
    """The allowances of one process. `store_clock` replaces the database's clock in a simulation."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, store_clock: Callable[[], float] | None = None
    ) -> None:
        self._monotonic, self._store_clock = monotonic, store_clock
        self._allowances: dict[tuple[int, str], Allowance] = {}
        self._max_allowances = MAX_ALLOWANCES

    async def take(self, organization_id: int, name: str, limit: WindowLimit, cost: int = 1) -> CountedAttempt:
        """Take `cost` from a counter, before an attempt is processed. Raises TooManyAttempts.

        While nothing is left and attempts of this process are in flight, it waits for what they give back.
        """
        key = organization_id, name
        while (allowance := self._allowance(key)).available < cost:
            if limit.is_optimistic and allowance.uncounted is None and not allowance.is_loaded:
                allowance.uncounted = attempt = CountedAttempt(self, key, limit, allowance, cost)
                attempt.is_counted = False
                return attempt
            if not allowance.is_exhausted:
                await self.lease(key, limit, allowance, cost)
            elif allowance.in_flight:
                await allowance.wait()
            else:
                raise TooManyAttempts(self.retry_after(allowance))
        allowance.available -= cost
        allowance.in_flight += 1
        return CountedAttempt(self, key, limit, allowance, cost)

    async def lease(self, key: tuple[int, str], limit: WindowLimit, allowance: Allowance, cost: int) -> None:
        """Lease a block of the counter, one for all concurrent callers; the optimistic attempt is counted first."""
        allowance.requested += cost
        try:
            if allowance.pending_lease is None:
                allowance.pending_lease = asyncio.create_task(self._lease(key, limit, allowance))
            await asyncio.shield(allowance.pending_lease)
        finally:
            allowance.requested -= cost

    async def _lease(self, key: tuple[int, str], limit: WindowLimit, allowance: Allowance) -> None:
        try:
            await asyncio.sleep(0)  # attempts that come at the same moment are counted as well
            uncounted = allowance.uncounted
            want = (uncounted.cost if uncounted else 0) + (
                max(allowance.requested, limit.block) if allowance.requested else 0
            )
            began = self._monotonic()
            now = self._store_clock() if self._store_clock else None
            granted, taken, left = await rate_limit.lease(*key, want, limit.most, limit.seconds, now)
            allowance.total_taken = taken
            allowance.is_loaded, allowance.until = True, min(allowance.until, began + left)
            allowance.is_exhausted = granted < want
            if uncounted is not None and allowance.uncounted is uncounted and granted >= uncounted.cost:
                granted -= uncounted.cost
                allowance.uncounted, uncounted.is_counted = None, True
                allowance.in_flight += 1
            allowance.available += granted
        finally:
            allowance.pending_lease = None
            allowance.notify()

    def _allowance(self, key: tuple[int, str]) -> Allowance:
        allowance = self._allowances.get(key)
        if allowance is None or allowance.until <= self._monotonic():
            if len(self._allowances) >= self._max_allowances:
                self._drop_expired()
            allowance = self._allowances[key] = Allowance()
        return allowance

    def _drop_expired(self) -> None:
        now = self._monotonic()
        self._allowances = {key: allowance for key, allowance in self._allowances.items() if now < allowance.until}
        self._max_allowances = max(MAX_ALLOWANCES, 2 * len(self._allowances))

    def usage(self, organization_id: int, name: str, limit: WindowLimit) -> tuple[float, int]:
        """The taken fraction of a counter, as far as this process knows, and the seconds until its window ends."""
        allowance = self._allowance((organization_id, name))
        is_used_up = allowance.is_exhausted and allowance.available < limit.block
        taken = limit.most if is_used_up else allowance.total_taken - allowance.available
        return taken / limit.most, self.retry_after(allowance)

    def drop(self, key: tuple[int, str], allowance: Allowance) -> None:
        """Forget an allowance of which nothing was taken."""
        if self._allowances.get(key) is allowance and not allowance.requested:
            del self._allowances[key]

    def retry_after(self, allowance: Allowance) -> int:
        """The seconds until the window ends, from 1 to a day."""
        return max(1, math.ceil(min(allowance.until - self._monotonic(), 86_400)))


class UncountedAttempt:
    """An attempt where there is no limit."""

    def give_back(self) -> None:
        """Nothing was taken."""

    async def fail(self) -> None:
        """Nothing is counted."""


@lru_cache(maxsize=1_000)
def client_network(host: str) -> str:
    """The key by which a host's attempts are counted: its IPv4 address (also IPv4-mapped), or its IPv6 /64 network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))
