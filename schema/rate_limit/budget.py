"""The guessing budget of an organization: how many codes may be hit by guesses, over all addresses and processes.

An attempt costs the chance that it hits a live code (resolvers/guessability.py), and is given back when it succeeds.
In a window of six minutes 0.03 hits are allowed, and 0.04 more to callers with a proof of work: 0.7 an hour. Texts
that can't be guessed cost nothing. The holder of a code is served whatever is spent (resolvers/recognize_holder.py).
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from db.models import Organization
from resolvers import guessability, recognize_holder
from resolvers.domain.refusals import TooManyAttempts
from resolvers.guard import Attempt
from resolvers.guessability import Chances
from schema.rate_limit.limiter import CountedAttempt, Limiter, UncountedAttempt, WindowLimit
from schema.rate_limit.proof_of_work import CHALLENGE_SECONDS, ProofOfWork

CERTAIN_HIT_COST = 10**9
"""The cost of an attempt that hits for sure; others cost their chance of it."""

WINDOW_SECONDS = 360
WINDOWS_PER_HOUR = 3600 // WINDOW_SECONDS


def _hits_per_hour(tenths: int) -> WindowLimit:
    most = tenths * CERTAIN_HIT_COST // (10 * WINDOWS_PER_HOUR)
    return WindowLimit(most, WINDOW_SECONDS, block=most // 16)


UNPROVEN_LIMIT, PROVEN_LIMIT = _hits_per_hour(3), _hits_per_hour(4)
"""Of attempts without a proof of work, and of those with one once the first is spent."""

CUSTOMER_LIMIT = WindowLimit(10, 3600)
"""Attempts per customer, once the budget is spent, of callers who give a known customer's address."""

MAX_CUSTOM_TEXT_CHANCE = UNPROVEN_LIMIT.most * WINDOWS_PER_HOUR / CERTAIN_HIT_COST / 100
"""The highest chance assumed for a guess of a hand-written text: 100 failures an hour are always allowed."""

MIN_FRESH_SECONDS, FRESH_FACTOR = 5.0, 50.0
"""An estimate is fresh for at least so many seconds, or for that multiple of the time that its counting took."""

FIRST_COUNT_SECONDS = 1.0
"""Seconds that attempts wait for the first count of codes."""

RECOUNT_SECONDS = 5.0
"""Seconds that a query for the number of codes at risk waits for a new count."""

DIFFICULTY_LEVELS = 12
"""Times that the work of a challenge doubles until PROVEN_LIMIT is spent."""

log = logging.getLogger("tessera")


@dataclass
class RiskEstimate:
    """The chances of guesses at an organization's codes; times are monotonic, `counting` is the running count."""

    chances: Chances
    began: float = 0
    fresh_until: float = 0
    counting: asyncio.Task[None] | None = None


class GuessBudgets:
    """The guessing budgets of all organizations, in one process."""

    def __init__(
        self, limiter: Limiter, work: ProofOfWork | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limiter, self._work, self._monotonic = limiter, work or ProofOfWork(), monotonic
        self._estimates: dict[int, RiskEstimate] = {}

    async def take(self, organization: Organization, network: str, guess: Attempt) -> CountedAttempt | UncountedAttempt:
        """Take the cost of an attempt. Raises TooManyAttempts, with a challenge where a proof of work would help."""
        chance = (await self.chances(organization.id, guess.now)).of(guess.key)
        if chance <= guessability.MAX_SAFE_CHANCE:
            return UncountedAttempt()
        cost = min(UNPROVEN_LIMIT.most, math.ceil(chance * CERTAIN_HIT_COST))
        try:
            return await self._limiter.take(organization.id, "*", UNPROVEN_LIMIT, cost)
        except TooManyAttempts as error:
            retry_after_seconds = error.retry_after_seconds
        if await self._is_holder(organization, guess):
            return UncountedAttempt()
        return await self._take_proven(organization, network, guess, cost, retry_after_seconds)

    async def _is_holder(self, organization: Organization, guess: Attempt) -> bool:
        if guess.proof and await recognize_holder.by_page_link(organization, guess.key, guess.proof):
            return True
        customer_id = await recognize_holder.customer_id(organization, guess.person)
        if customer_id is None or guess.person is None:
            return False
        try:
            attempt = await self._limiter.take(organization.id, f"@{customer_id}", CUSTOMER_LIMIT)
        except TooManyAttempts:
            return False
        is_holder = await recognize_holder.by_delivery_or_claim(
            organization, guess.key, customer_id, guess.person, guess.order_reference
        )
        if is_holder:
            attempt.give_back()
        else:
            await attempt.fail()
        return is_holder

    async def _take_proven(
        self, organization: Organization, network: str, guess: Attempt, cost: int, retry_after_seconds: int
    ) -> CountedAttempt:
        usage, seconds_left = self._limiter.usage(organization.id, "+", PROVEN_LIMIT)
        if usage >= 1:
            raise TooManyAttempts(seconds_left)
        challenge = await self._work.verify(organization, network, guess.proof) if guess.proof else None
        if challenge is not None:
            try:
                await (
                    await self._limiter.take(organization.id, f"#{challenge}", WindowLimit(1, CHALLENGE_SECONDS))
                ).fail()
            except TooManyAttempts:
                challenge = None
        if challenge is None:
            raise TooManyAttempts(
                retry_after_seconds, self._work.challenge(organization, network, int(usage * DIFFICULTY_LEVELS))
            )
        return await self._limiter.take(organization.id, "+", PROVEN_LIMIT, cost)

    async def chances(self, organization_id: int, now: datetime, wait_seconds: float = FIRST_COUNT_SECONDS) -> Chances:
        """The chances of guesses to hit, by a count of codes that is a few seconds old, or older where they are many.

        The first count is waited for up to `wait_seconds`; until it is there, the chances are assumed on the safe side.
        """
        estimate = self._estimates.get(organization_id)
        if estimate is None:
            estimate = self._estimates[organization_id] = RiskEstimate(guessability.assumed(MAX_CUSTOM_TEXT_CHANCE))
        if estimate.counting is None and estimate.fresh_until <= self._monotonic():
            estimate.began = self._monotonic()
            estimate.counting = asyncio.create_task(self._count(organization_id, now, estimate))
        if estimate.counting is not None and not estimate.fresh_until:
            seconds_left = estimate.began + wait_seconds - self._monotonic()
            if seconds_left > 0:
                await asyncio.wait([estimate.counting], timeout=seconds_left)
        return estimate.chances

    async def _count(self, organization_id: int, now: datetime, estimate: RiskEstimate) -> None:
        began, is_first = estimate.began, not estimate.fresh_until
        try:
            pages = 0
            counts: dict[guessability.Group, guessability.GroupCount] = {}
            async for counts in guessability.count_by_page(organization_id, now):
                pages += 1
                if is_first and pages & (pages - 1) == 0:
                    estimate.chances = Chances(counts, MAX_CUSTOM_TEXT_CHANCE)  # better than an assumption
            estimate.chances = Chances(counts, MAX_CUSTOM_TEXT_CHANCE)
        except Exception as error:
            log.warning("the codes of organization %s are counted later: %r", organization_id, error)
        finally:
            took = self._monotonic() - began
            estimate.fresh_until = began + max(MIN_FRESH_SECONDS, FRESH_FACTOR * took)
            estimate.counting = None

    async def close(self) -> None:
        """Cancel running counts; to be called before the database is closed."""
        tasks = [estimate.counting for estimate in self._estimates.values() if estimate.counting is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def at_risk(self, organization_id: int, now: datetime) -> int:
        """The number of live codes that can be guessed, counted anew unless that takes too long."""
        estimate = self._estimates.get(organization_id)
        if estimate is not None and estimate.counting is None:
            estimate.fresh_until = min(estimate.fresh_until, self._monotonic() - 1)
        await self.chances(organization_id, now, wait_seconds=0)
        counting = self._estimates[organization_id].counting
        if counting is not None:
            await asyncio.wait([counting], timeout=RECOUNT_SECONDS)
        return self._estimates[organization_id].chances.at_risk
