"""Sends a code: queues one letter a recipient, which schema/outgoing/letters delivers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import Code, Delivery, Organization
from db.queries import codes, deliveries, rows, suppressions
from resolvers import find, idempotency
from resolvers.domain import letter_template, params, rules, validate
from resolvers.domain.letter_template_check import MAX_MESSAGE_LENGTH
from resolvers.domain.refusals import IdempotencyMismatch, InvalidInput
from resolvers.domain.validate import ValidPerson

MAX_RECIPIENTS = 10_000
RECIPIENTS_PER_STEP = 50
"""Recipients that are validated before others are served."""


@dataclass(frozen=True)
class SendResult:
    """`received` are the different recipients; each is `queued`, had been sent the code already, or is suppressed."""

    deliveries: list[Delivery]
    received: int
    queued: int
    already_sent: int
    suppressed: int = 0
    dry_run: bool = False


@db_errors.retry_on_conflict
async def code(
    organization: Organization,
    text: str,
    recipients: Sequence[params.Person],
    message: str | None,
    resend: bool,
    dry_run: bool,
    idempotency_key: str | None,
    now: datetime,
    even_if_not_claimable: bool = False,
) -> SendResult:
    """Queue one letter a recipient about a code; none to suppressed ones, and no second one unless `resend`.

    A code that can't be claimed now or later is sent only `even_if_not_claimable`. A dry run stores nothing and returns
    the letters that it would queue. Raises UnknownCode, Disabled, Ended, FullyClaimed, PromotionSpent, InvalidInput,
    IdempotencyMismatch.
    """
    args = ("send.code", text, tuple(recipients), message, resend, *(["even"] if even_if_not_claimable else []))
    people = await _unique(recipients)
    note = validate.optional_text(message, "message", max_length=MAX_MESSAGE_LENGTH)
    if dry_run:
        row = await find.code(organization.id, text)
        _check(row, even_if_not_claimable, note, now)
        return replace(await _write(row, people, note, resend, now), dry_run=True)
    async with in_transaction():
        earlier = await idempotency.begin(organization.id, idempotency_key, args, now)
        if earlier is not None:
            return await _replay(organization.id, earlier)
        row = await find.locked_code(organization.id, text)
        _check(row, even_if_not_claimable, note, now)
        sent = await _write(row, people, note, resend, now)
        await deliveries.add(sent.deliveries)
        await idempotency.finish(organization.id, idempotency_key, _answer(row, sent))
        return sent


def _check(row: Code, even_if_not_claimable: bool, message: str | None, now: datetime) -> None:
    """Raises the first rule by which the code can't be claimed now or later; one that starts later is sent.

    And InvalidInput for a message that does not fit the promotion's template.
    """
    letter_template.check_message(row.promotion.letter_subject, row.promotion.letter_body, message)
    for refusal in rules.final_objections(row, row.promotion, now):
        if not even_if_not_claimable:
            raise refusal


async def _unique(recipients: Sequence[params.Person]) -> dict[str, ValidPerson]:
    """The recipients by their address's key; a repeated recipient counts once.

    Validating an address may take a tenth of a millisecond, so others are served after each few.
    """
    if not recipients:
        raise InvalidInput("At least one recipient, please.", "recipients")
    if len(recipients) > MAX_RECIPIENTS:
        raise InvalidInput(f"At most {MAX_RECIPIENTS} recipients a call, please.", "recipients")
    people: dict[str, ValidPerson] = {}
    for place, person in enumerate(recipients):
        if place % RECIPIENTS_PER_STEP == RECIPIENTS_PER_STEP - 1:
            await asyncio.sleep(0)
        checked = validate.person(person, "recipients", str(place))
        people.setdefault(checked.email_key, checked)
    return people


async def _write(
    row: Code, people: dict[str, ValidPerson], message: str | None, resend: bool, now: datetime
) -> SendResult:
    """The letters to these people, not stored yet."""
    suppressed = await suppressions.suppressed_among(row.organization_id, list(people))
    already = set() if resend else await deliveries.existing_recipients(row.id, list(people)) - suppressed
    left_out = already | suppressed
    letters = [
        deliveries.draft(
            {
                "organization_id": row.organization_id,
                "code_id": row.id,
                "recipient": person.email,
                "recipient_key": key,
                "first_name": person.first_name,
                "last_name": person.last_name,
                "message": message,
                "created_at": now,
            }
        )
        for key, person in people.items()
        if key not in left_out
    ]
    return SendResult(letters, len(people), len(letters), len(already), len(suppressed))


def _answer(row: Code, sent: SendResult) -> list[object]:
    """The stored answer that `_replay` reads."""
    return [row.id, [row.id for row in sent.deliveries], sent.received, sent.suppressed]


async def _replay(organization_id: int, answer: object) -> SendResult:
    match answer:
        case [int(code_id), part, int(received), int(suppressed)]:
            ids = idempotency.stored_ids(part)
        case _:
            raise IdempotencyMismatch("This idempotency key was used before for something else.")
    if await codes.by_id(organization_id, code_id) is None:
        raise IdempotencyMismatch("The code that this key was used for has been deleted.")
    letters = list((await rows.by_ids(Delivery, organization_id, ids)).values())
    return SendResult(letters, received, len(ids), received - len(ids) - suppressed, suppressed)
