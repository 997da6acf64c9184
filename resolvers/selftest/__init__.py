"""Proves on a database that no limit can be passed on it: races for them in an organization made for that.

Whoever asks lends the racers; what is raced for, and what must come of it, is here and in scenarios.py.
"""

import re
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.models import Organization
from db.queries import claims, organizations
from resolvers import create, delete, verify
from resolvers.selftest import scenarios
from resolvers.selftest.driver import DONE, FAULT, Answer, Call
from resolvers.selftest.scenarios import Scenario

MIN_CLAIMS = 40
NAME = "A proof, to be removed"
MAX_DURATION = timedelta(days=1)
"""No proof takes longer: an older organization of one is nobody's."""

RunCalls = Callable[[Organization, str, list[Call]], Awaitable[list[Answer]]]
"""Makes all calls, by as many processes at once as it has, and gives their answers."""


@dataclass(frozen=True)
class ScenarioResult:
    """What was tried, and what came of it; `allowed` is None where chance decides. Without breaches it holds."""

    name: str
    tried: int
    allowed: int | None
    granted: int
    refused: dict[str, int]
    breaches: list[str]


async def limits(claims: int, race: RunCalls, now: datetime) -> AsyncGenerator[ScenarioResult, None]:
    """Race for every limit with about that many claims, and say of each whether it held.

    However it ends, the organization it is done in is deleted with all that is in it, and nothing else is touched,
    but for what a proof that was killed a day ago or longer has left behind.
    """
    for organization in await organizations.every():
        if _is_left_behind(organization, now):
            await delete.organization(organization)
    async with _thrown_away(now) as organization:
        for prepare in scenarios.ALL:
            trial = await prepare(organization, claims, now)
            answers = await race(organization, trial.name, trial.calls)
            outcomes = Counter(outcome for _, outcome, _ in answers)
            granted = outcomes.pop(DONE, 0)
            breaches = await _breaches(organization, trial, answers)
            yield ScenarioResult(trial.name, len(trial.calls), trial.granted, granted, dict(outcomes), breaches)


@asynccontextmanager
async def _thrown_away(now: datetime) -> AsyncIterator[Organization]:
    identifier = f"proof-{secrets.token_hex(12)}"
    try:
        yield await create.organization(NAME, None, identifier, None, "EUR", "UTC", now)
    finally:
        made = await organizations.by_identifier(identifier)
        if made is not None:
            await delete.organization(made)


def _is_left_behind(organization: Organization, now: datetime) -> bool:
    ours = organization.name == NAME and re.fullmatch("proof-[0-9a-f]{24}", organization.identifier) is not None
    return ours and organization.created_at < now - MAX_DURATION


async def _breaches(organization: Organization, trial: Scenario, answers: list[Answer]) -> list[str]:
    """Whatever is not as it must be, a sentence each."""
    breaches = []
    outcomes = Counter(outcome for _, outcome, _ in answers)
    if len(answers) != len(trial.calls):
        breaches.append(f"{len(trial.calls)} calls, and {len(answers)} answers")
    if outcomes[FAULT]:
        first = next(value for _, outcome, value in answers if outcome == FAULT)
        breaches.append(f"{outcomes[FAULT]} calls failed, the first with {first}")
    for odd in sorted(outcomes.keys() - {DONE, FAULT, trial.refusal}):
        breaches.append(f"{outcomes[odd]} calls were refused with {odd}")
    if trial.granted is not None and outcomes[DONE] != trial.granted:
        breaches.append(f"{outcomes[DONE]} calls granted, where {trial.granted} are allowed")
    breaches += await _misplaced(organization, trial, answers)
    return breaches + await trial.more(answers) + await verify.counters(organization)


async def _misplaced(organization: Organization, trial: Scenario, answers: list[Answer]) -> list[str]:
    of_promotion = claims.all_of(organization.id).filter(promotion_id=trial.promotion.id, released_at=None)
    standing = set(await of_promotion.values_list("id", flat=True))
    must = trial.standing(answers)
    if len(standing) != must:
        return [f"{len(standing)} claims stand, where {must} must"]
    lost = set(scenarios.done(answers)) - standing if must else set()
    return [f"{len(lost)} claims were granted and are not there"] if lost else []
