"""Races: makes calls as fast as they are answered, several at a time, and tells of each what came of it.

One process races by itself; that many of them race each other is its caller's business.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

from db.models import Organization
from resolvers import activate, claim, delete, generate, rate_limit, release
from resolvers.domain import params
from resolvers.domain.code_format import Format, Style
from resolvers.domain.refusals import Refusal, TooManyAttempts
from resolvers.refusal_counter import RefusalCounter

Call = list[Any]
"""A deed's name and its arguments, as JSON can carry them."""

Answer = list[Any]
"""The deed's name, and DONE with what it came to, a refusal's name with null, or FAULT with what was raised."""

DONE = "done"
FAULT = "fault"

Operation = Callable[..., Awaitable[Any]]


async def run(
    organization: Organization, said: Iterable[Call], lanes: int, tell: Callable[[Answer], None], now: datetime
) -> None:
    """Make the calls, that many at a time, each lane taking the next; `tell` hears the answers as they come."""
    waiting = iter(said)

    async def lane() -> None:
        for deed, *arguments in waiting:
            tell([deed, *await _outcome(OPERATIONS[deed](organization, now, *arguments))])

    await asyncio.gather(*(lane() for _ in range(lanes)))


async def _outcome(deed: Awaitable[Any]) -> tuple[str, Any]:
    try:
        return DONE, await deed
    except Refusal as refusal:
        return type(refusal).__name__, None
    except Exception as fault:  # what a race must never be answered with; whoever judges it says so
        return FAULT, repr(fault)


async def _claim_code(
    organization: Organization, now: datetime, text: str, email: str, reference: str | None = None
) -> int:
    order = params.Order(reference) if reference else None
    answer = await claim.code(organization, text, params.Person(email), order, None, None, None, RefusalCounter(), now)
    return int(answer.claim.id)


async def _release_claim(organization: Organization, now: datetime, claim_id: int) -> int:
    return int((await release.claim(organization, claim_id, "raced", now)).id)


async def _activate_code(organization: Organization, now: datetime, text: str, email: str) -> str:
    made = await activate.code(organization, text, None, params.Person(email), None, None, False, now)
    return str(made.reserved_for_id)


async def _delete_code(organization: Organization, now: datetime, text: str) -> int:
    return (await delete.code(organization, text, dry_run=False)).claims


async def _generate_codes(organization: Organization, now: datetime, pattern: str, amount: int) -> list[str]:
    format = Format(Style.PATTERN, pattern)
    made = await generate.codes(organization, None, amount, format, generate.CodeOptions(), False, None, now)
    return [code.text for code in made.codes]


async def _take_attempt(organization: Organization, now: datetime, most: int) -> int:
    lease = await rate_limit.lease(organization.id, "raced for", 1, most, 3600)
    if not lease.granted:
        raise TooManyAttempts(max(1, int(lease.left)))
    return lease.granted


OPERATIONS: dict[str, Operation] = {
    "take_attempt": _take_attempt,
    "claim_code": _claim_code,
    "release_claim": _release_claim,
    "activate_code": _activate_code,
    "delete_code": _delete_code,
    "generate_codes": _generate_codes,
}
