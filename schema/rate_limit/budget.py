"""The budget of an organization: how many of its codes may be found by guessing, over all addresses and processes.

An attempt costs the chance that it hits a live code (resolvers/guessability.py), and is given back when it succeeds.
In a window of six minutes strangers may find 0.03 codes, and those who bring a proof of work 0.04 more: 0.7 an hour.
What can't be guessed costs nothing. A code's own holder is served whatever is spent (resolvers/recognize_holder.py).
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
from schema.rate_limit.limiter import Free, Limit, Limiter, Taken
from schema.rate_limit.proof_of_work import GOOD_FOR, ProofOfWork

UNIT = 10**9
"""What a sure hit costs."""

WINDOW = 360
PER_HOUR = 3600 // WINDOW

STRANGERS = Limit(3 * UNIT // (10 * PER_HOUR), WINDOW, block=3 * UNIT // (10 * PER_HOUR) // 16)
PROVEN = Limit(4 * UNIT // (10 * PER_HOUR), WINDOW, block=4 * UNIT // (10 * PER_HOUR) // 16)
OF_A_CUSTOMER = Limit(10, 3600)
"""Attempts an hour, once the budget is spent, of who says to be a known customer."""

OWN_AT_MOST = STRANGERS.most * PER_HOUR / UNIT / 100
"""What an own wording costs at most: a hundred failures an hour are always allowed."""

YOUNG, OLDER = 5.0, 50.0
"""Seconds that a count of codes is good for at least, and how many times as long as counting them took."""

FIRST = 1.0
"""Seconds that first attempts wait for the codes to be counted."""

PATIENCE = 5.0
"""Seconds that an owner who asks how many codes are at risk waits for a new count."""

LEVELS = 12
"""Times that the work of a challenge is doubled until what may be proven is spent."""

log = logging.getLogger("tessera")


@dataclass
class Known:
    """What is known of an organization's codes, until when it is young enough, and who is counting them anew."""

    chances: Chances
    began: float = 0
    good_until: float = 0
    counting: asyncio.Task[None] | None = None


class Budgets:
    """The budgets of all organizations, as one process knows of them."""

    def __init__(
        self, limiter: Limiter, work: ProofOfWork | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limiter, self._work, self._monotonic = limiter, work or ProofOfWork(), monotonic
        self._known: dict[int, Known] = {}

    async def take(self, organization: Organization, origin: str, guess: Attempt) -> Taken | Free:
        """Take what an attempt costs. Raises TooManyAttempts, with a challenge where a proof of work would help."""
        chance = (await self.chances(organization.id, guess.now)).of(guess.key)
        if chance <= guessability.MAX_SAFE_CHANCE:
            return Free()
        cost = min(STRANGERS.most, math.ceil(chance * UNIT))
        try:
            return await self._limiter.take(organization.id, "*", STRANGERS, cost)
        except TooManyAttempts as no:
            spent = no
        if await self._is_holder(organization, guess):
            return Free()
        return await self._take_proven(organization, origin, guess, cost, spent.retry_after_seconds)

    async def _is_holder(self, organization: Organization, guess: Attempt) -> bool:
        if guess.proof and await recognize_holder.by_page_link(organization, guess.key, guess.proof):
            return True
        customer_id = await recognize_holder.customer_id(organization, guess.person)
        if customer_id is None or guess.person is None:
            return False
        try:
            taken = await self._limiter.take(organization.id, f"@{customer_id}", OF_A_CUSTOMER)
        except TooManyAttempts:
            return False
        is_holder = await recognize_holder.by_delivery_or_claim(
            organization, guess.key, customer_id, guess.person, guess.order_reference
        )
        if is_holder:
            taken.give_back()
        else:
            await taken.fail()
        return is_holder

    async def _take_proven(
        self, organization: Organization, origin: str, guess: Attempt, cost: int, wait: int
    ) -> Taken:
        used, left = self._limiter.used(organization.id, "+", PROVEN)
        if used >= 1:
            raise TooManyAttempts(left)
        solved = await self._work.proven(organization, origin, guess.proof) if guess.proof else None
        if solved is not None:
            try:
                await (await self._limiter.take(organization.id, f"#{solved}", Limit(1, GOOD_FOR))).fail()
            except TooManyAttempts:
                solved = None
        if solved is None:
            raise TooManyAttempts(wait, self._work.challenge(organization, origin, int(used * LEVELS)))
        return await self._limiter.take(organization.id, "+", PROVEN, cost)

    async def chances(self, organization_id: int, now: datetime, patience: float = FIRST) -> Chances:
        """How likely guesses are to hit, by a count of codes that is a few seconds old, or older where they are many.

        Who asks first, and whoever comes meanwhile, waits so long for it; what is assumed then is on the safe side.
        """
        known = self._known.get(organization_id)
        if known is None:
            known = self._known[organization_id] = Known(guessability.assumed(OWN_AT_MOST))
        if known.counting is None and known.good_until <= self._monotonic():
            known.began = self._monotonic()
            known.counting = asyncio.create_task(self._count(organization_id, now, known))
        if known.counting is not None and not known.good_until:
            left = known.began + patience - self._monotonic()
            if left > 0:
                await asyncio.wait([known.counting], timeout=left)
        return known.chances

    async def _count(self, organization_id: int, now: datetime, known: Known) -> None:
        began, is_first = known.began, not known.good_until
        try:
            pages = 0
            counted: dict[guessability.Group, guessability.GroupCount] = {}
            async for counted in guessability.count_by_page(organization_id, now):
                pages += 1
                if is_first and pages & (pages - 1) == 0:
                    known.chances = Chances(counted, OWN_AT_MOST)  # better than nothing, of a million codes
            known.chances = Chances(counted, OWN_AT_MOST)
        except Exception as fault:
            log.warning("the codes of organization %s are counted later: %r", organization_id, fault)
        finally:
            took = self._monotonic() - began
            known.good_until = began + max(YOUNG, OLDER * took)
            known.counting = None

    async def close(self) -> None:
        """Count no more; call it before the database is closed."""
        counting = [known.counting for known in self._known.values() if known.counting is not None]
        for task in counting:
            task.cancel()
        if counting:
            await asyncio.wait(counting)

    async def at_risk(self, organization_id: int, now: datetime) -> int:
        """How many live codes can be guessed, counted anew unless that takes too long."""
        known = self._known.get(organization_id)
        if known is not None and known.counting is None:
            known.good_until = min(known.good_until, self._monotonic() - 1)
        await self.chances(organization_id, now, patience=0)
        counting = self._known[organization_id].counting
        if counting is not None:
            await asyncio.wait([counting], timeout=PATIENCE)
        return self._known[organization_id].chances.at_risk
