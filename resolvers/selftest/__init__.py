"""Checks on a real database that concurrent calls exceed no limit, in an organization that is made for the test.

The caller runs the calls, with as many processes as it has; scenarios.py has the calls and what must come of them.
"""

import re
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
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
"""No selftest takes longer: an older organization of one was left behind."""

RunCalls = Callable[[Organization, str, Sequence[Call]], Awaitable[list[Answer]]]
"""Runs all calls of a scenario, named by the string, by concurrent processes; returns their answers."""


@dataclass(frozen=True)
class ScenarioResult:
    """How a scenario ended; `allowed` is None where chance decides. Without breaches the limit holds."""

    name: str
    tried: int
    allowed: int | None
    granted: int
    refused: dict[str, int]
    breaches: list[str]


async def limits(claims: int, run_calls: RunCalls, now: datetime) -> AsyncGenerator[ScenarioResult, None]:
    """Run every scenario with about that many claims, and yield the result of each.

    However it ends, its organization is deleted with all that is in it. Nothing else is changed, except that
    organizations are deleted which a selftest left behind that was killed a day ago or longer.
    """
    for organization in await organizations.every():
        if _is_left_behind(organization, now):
            await delete.organization(organization)
    async with _temporary_organization(now) as organization:
        for prepare in scenarios.ALL:
            scenario = await prepare(organization, claims, now)
            answers = await run_calls(organization, scenario.name, scenario.calls)
            outcomes = Counter(outcome for _, outcome, _ in answers)
            granted = outcomes.pop(DONE, 0)
            breaches = await _breaches(organization, scenario, answers)
            yield ScenarioResult(
                scenario.name, len(scenario.calls), scenario.granted, granted, dict(outcomes), breaches
            )


@asynccontextmanager
async def _temporary_organization(now: datetime) -> AsyncIterator[Organization]:
    identifier = f"proof-{secrets.token_hex(12)}"
    try:
        yield await create.organization(NAME, None, identifier, None, "EUR", "UTC", now)
    finally:
        organization = await organizations.by_identifier(identifier)
        if organization is not None:
            await delete.organization(organization)


def _is_left_behind(organization: Organization, now: datetime) -> bool:
    ours = organization.name == NAME and re.fullmatch("proof-[0-9a-f]{24}", organization.identifier) is not None
    return ours and organization.created_at < now - MAX_DURATION


async def _breaches(organization: Organization, scenario: Scenario, answers: list[Answer]) -> list[str]:
    """Everything that is not as it must be, a sentence each."""
    breaches = []
    outcomes = Counter(outcome for _, outcome, _ in answers)
    if len(answers) != len(scenario.calls):
        breaches.append(f"{len(scenario.calls)} calls, and {len(answers)} answers")
    if outcomes[FAULT]:
        first = next(value for _, outcome, value in answers if outcome == FAULT)
        breaches.append(f"{outcomes[FAULT]} calls failed, the first with {first}")
    for odd in sorted(outcomes.keys() - {DONE, FAULT, scenario.refusal}):
        breaches.append(f"{outcomes[odd]} calls were refused with {odd}")
    if scenario.granted is not None and outcomes[DONE] != scenario.granted:
        breaches.append(f"{outcomes[DONE]} calls granted, where {scenario.granted} are allowed")
    breaches += await _wrong_claims(organization, scenario, answers)
    return breaches + await scenario.extra_checks(answers) + await verify.counters(organization)


async def _wrong_claims(organization: Organization, scenario: Scenario, answers: list[Answer]) -> list[str]:
    of_promotion = claims.all_standing(organization.id).filter(promotion_id=scenario.promotion.id)
    standing = set(await of_promotion.values_list("id", flat=True))
    must = scenario.standing(answers)
    if len(standing) != must:
        return [f"{len(standing)} claims stand, where {must} must"]
    lost = set(scenarios.done(answers)) - standing if must else set()
    return [f"{len(lost)} claims were granted and are not there"] if lost else []
