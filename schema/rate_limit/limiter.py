"""Slows down who guesses codes: attempts are counted before they are looked at, and given back when they succeed.

The counters are the store's, shared by all processes (resolvers/rate_limit.py). A process takes of them in blocks,
and writes nothing of an attempt that succeeds. The library of proofs and the clocks stay up here; the verbs know no
more than `guard.Guard`.
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

MOST_KNOWN = 10_000
"""Counters that a process knows of before it looks for those whose windows are over."""


@dataclass(frozen=True)
class Limit:
    """So much in so many seconds, of which a process takes `block` at a time.

    Where it `may_lend`, one attempt at a time goes ahead before anything is taken: who succeeds costs no statement.
    If it fails it is taken then, or refused like one too many.
    """

    most: int
    seconds: int
    block: int = 1
    may_lend: bool = False


class Share:
    """What a process has taken of one counter: `spare` of it may be used until the window is over."""

    def __init__(self) -> None:
        self.until = math.inf
        self.spare = 0
        self.in_flight = 0
        self.wanted = 0
        self.taken = 0
        self.is_known = self.is_spent = False
        self.lent: Taken | None = None
        self.lease: asyncio.Task[None] | None = None
        self.change: asyncio.Future[None] | None = None

    def changed(self) -> None:
        """Wake those who wait for something to be given back."""
        if self.change is not None and not self.change.done():
            self.change.set_result(None)
        self.change = None

    async def wait(self) -> None:
        """Wait until one attempt of this process is over."""
        if self.change is None:
            self.change = asyncio.get_running_loop().create_future()
        await asyncio.shield(self.change)


class Taken:
    """Something that is taken of a counter, until it is known whether the attempt succeeds."""

    def __init__(self, limiter: "Limiter", key: tuple[int, str], limit: Limit, share: Share, cost: int) -> None:
        self._limiter, self._key, self._limit, self._share = limiter, key, limit, share
        self.cost, self.is_paid = cost, True

    def give_back(self) -> None:
        """The attempt has succeeded."""
        share = self._share
        if share.lent is self:
            share.lent = None
        if self.is_paid:
            share.spare += self.cost
            share.in_flight -= 1
            share.changed()
        elif not share.is_known and share.lease is None:
            self._limiter.drop(self._key, share)

    async def fail(self) -> None:
        """It has failed. Raises TooManyAttempts where it is one too many after all."""
        share = self._share
        if not self.is_paid and not share.is_spent:
            await self._limiter.lease(self._key, self._limit, share, 0)
        if share.lent is self:
            share.lent = None
        if not self.is_paid:
            raise TooManyAttempts(self._limiter.wait(share))
        share.in_flight -= 1
        share.changed()


class Limiter:
    """The shares of one process. `store_clock` stands in for the database's clock in a simulation."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, store_clock: Callable[[], float] | None = None
    ) -> None:
        self._monotonic, self._store_clock = monotonic, store_clock
        self._shares: dict[tuple[int, str], Share] = {}
        self._most_known = MOST_KNOWN

    async def take(self, organization_id: int, name: str, limit: Limit, cost: int = 1) -> Taken:
        """Take so much of a counter, before an attempt is looked at. Raises TooManyAttempts.

        While nothing is left and attempts of this process are not over, it waits for what they give back.
        """
        key = organization_id, name
        while (share := self._share(key)).spare < cost:
            if limit.may_lend and share.lent is None and not share.is_known:
                share.lent = taken = Taken(self, key, limit, share, cost)
                taken.is_paid = False
                return taken
            if not share.is_spent:
                await self.lease(key, limit, share, cost)
            elif share.in_flight:
                await share.wait()
            else:
                raise TooManyAttempts(self.wait(share))
        share.spare -= cost
        share.in_flight += 1
        return Taken(self, key, limit, share, cost)

    async def lease(self, key: tuple[int, str], limit: Limit, share: Share, cost: int) -> None:
        """Have a block taken of the counter, for all who ask meanwhile; what is lent is paid first."""
        share.wanted += cost
        try:
            if share.lease is None:
                share.lease = asyncio.create_task(self._lease(key, limit, share))
            await asyncio.shield(share.lease)
        finally:
            share.wanted -= cost

    async def _lease(self, key: tuple[int, str], limit: Limit, share: Share) -> None:
        try:
            await asyncio.sleep(0)  # those who come at the same moment are counted as well
            lent = share.lent
            want = (lent.cost if lent else 0) + (max(share.wanted, limit.block) if share.wanted else 0)
            began = self._monotonic()
            now = self._store_clock() if self._store_clock else None
            granted, taken, left = await rate_limit.lease(*key, want, limit.most, limit.seconds, now)
            share.taken = taken
            share.is_known, share.until = True, min(share.until, began + left)
            share.is_spent = granted < want
            if lent is not None and share.lent is lent and granted >= lent.cost:
                granted -= lent.cost
                share.lent, lent.is_paid = None, True
                share.in_flight += 1
            share.spare += granted
        finally:
            share.lease = None
            share.changed()

    def _share(self, key: tuple[int, str]) -> Share:
        share = self._shares.get(key)
        if share is None or share.until <= self._monotonic():
            if len(self._shares) >= self._most_known:
                self._forget()
            share = self._shares[key] = Share()
        return share

    def _forget(self) -> None:
        now = self._monotonic()
        self._shares = {key: share for key, share in self._shares.items() if now < share.until}
        self._most_known = max(MOST_KNOWN, 2 * len(self._shares))

    def used(self, organization_id: int, name: str, limit: Limit) -> tuple[float, int]:
        """Which part of a counter is taken, as far as this process knows; and the seconds until its window is over."""
        share = self._share((organization_id, name))
        taken = limit.most if share.is_spent and share.spare < limit.block else share.taken - share.spare
        return taken / limit.most, self.wait(share)

    def drop(self, key: tuple[int, str], share: Share) -> None:
        """Forget a share of which nothing was taken."""
        if self._shares.get(key) is share and not share.wanted:
            del self._shares[key]

    def wait(self, share: Share) -> int:
        """The seconds until the window is over."""
        return max(1, math.ceil(min(share.until - self._monotonic(), 86_400)))


class Free:
    """What is taken where nothing is counted."""

    def give_back(self) -> None:
        """Nothing was taken."""

    async def fail(self) -> None:
        """Nothing is counted."""


@lru_cache(maxsize=1_000)
def address(host: str) -> str:
    """What a host's attempts are counted by: an IPv4 address as it is or in IPv6 clothes, or an IPv6 network of /64."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), 64), strict=False))
