"""Runs the calls of a selftest, several at a time, and reports the answer to each.

This is one process's share; the caller starts as many processes as are to compete.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from db.models import Organization
from resolvers import activate, claim, delete, generate, rate_limit, release
from resolvers.domain import params
from resolvers.domain.code_format import Format, Style
from resolvers.domain.refusals import Refusal, TooManyAttempts
from resolvers.refusal_counter import RefusalCounter

Call = Sequence[object]
"""An operation's name and its arguments, as JSON."""

Answer = tuple[str, str, object]
"""The operation's name, and DONE with its result, a refusal's name with null, or FAULT with the error's repr."""

DONE = "done"
FAULT = "fault"

Operation = Callable[..., Awaitable[object]]


async def run(
    organization: Organization,
    calls: Iterable[Call],
    concurrency: int,
    on_answer: Callable[[Answer], None],
    now: datetime,
) -> None:
    """Make the calls, `concurrency` at a time; `on_answer` is called with each answer as it comes."""
    waiting = iter(calls)

    async def work() -> None:
        for name, *arguments in waiting:
            operation = str(name)
            on_answer((operation, *await _outcome(OPERATIONS[operation](organization, now, *arguments))))

    await asyncio.gather(*(work() for _ in range(concurrency)))


async def _outcome(operation: Awaitable[object]) -> tuple[str, object]:
    try:
        return DONE, await operation
    except Refusal as refusal:
        return type(refusal).__name__, None
    except Exception as fault:  # reported as a breach by the caller
        return FAULT, repr(fault)


async def _claim_code(
    organization: Organization, now: datetime, text: str, email: str, reference: str | None = None
) -> int:
    order = params.Order(reference) if reference else None
    result = await claim.code(organization, text, params.Person(email), order, None, None, None, RefusalCounter(), now)
    return int(result.claim.id)


async def _release_claim(organization: Organization, now: datetime, claim_id: int) -> int:
    return int((await release.claim(organization, claim_id, "raced", now)).id)


async def _activate_code(organization: Organization, now: datetime, text: str, email: str) -> str:
    code = await activate.code(organization, text, None, params.Person(email), None, None, False, now)
    return str(code.reserved_for_id)


async def _delete_code(organization: Organization, now: datetime, text: str) -> int:
    return (await delete.code(organization, text, dry_run=False)).claims


async def _generate_codes(organization: Organization, now: datetime, pattern: str, amount: int) -> list[str]:
    format = Format(Style.PATTERN, pattern)
    result = await generate.codes(organization, None, amount, format, generate.CodeOptions(), False, None, now)
    return [code.text for code in result.codes]


async def _take_attempt(organization: Organization, now: datetime, limit: int) -> int:
    lease = await rate_limit.lease(organization.id, "raced for", 1, limit, 3600)
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
