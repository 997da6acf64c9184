"""Generates codes: texts drawn at random, uniformly over those of a format that are still free.

Up to MAX_CODES_WITHOUT_JOB are made in one transaction; a few are made in a batch with those of other calls
(resolvers/generate/batch.py). More are a job, which `jobs.process` works at until all are there.

The unique key decides whose a text is; a text that the insert skipped is replaced by another. Nothing is counted or
looked up in a transaction; one that makes many holds the organization's row, as two of them would else deadlock.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import Code, Customer, Organization, Promotion
from db.queries import codes as rows
from db.queries import organizations
from resolvers import find, idempotency, random_codes
from resolvers.domain import params, validate
from resolvers.domain.code_format import Format
from resolvers.domain.refusals import CodeSpaceTooSmall
from resolvers.generate import batch, job
from resolvers.generate.options import CodeOptions, check, insert, reserve
from resolvers.generate.request import GenerateRequest, TextsTaken
from resolvers.generate.result import GenerateResult, replay

__all__ = ["CodeOptions", "GenerateResult", "codes", "guesses_per_hit", "insert", "reserve"]

MAX_CODES = 10_000_000
MAX_CODES_WITHOUT_JOB = 100_000
MAX_CODES_BATCHED = 10
"""Codes of one call, at most, that are made in one transaction with those of others."""
MAX_TEXTS_PER_INSERT = 10_000
MAX_CODES_RETURNED = 1_000
"""Codes that the result of a call carries; the others are read by page."""

Draw = Callable[[int, int, Format], Awaitable[Sequence[int]]]
"""Draws the numbers of texts: organization id, amount and format to numbers."""


@db_errors.retry_on_conflict
async def codes(
    organization: Organization,
    promotion: params.PromotionRef | None,
    amount: int,
    format: Format,
    options: CodeOptions,
    dry_run: bool,
    idempotency_key: str | None,
    now: datetime,
) -> GenerateResult:
    """Make `amount` codes, all or none; without a promotion they belong to the organization's default one.

    More than MAX_CODES_WITHOUT_JOB are left to a job, whose codes become claimable together. A dry run makes none and
    checks whether they could be made. Raises InvalidInput, UnknownPromotion, IdempotencyMismatch, or
    CodeSpaceTooSmall when the format has fewer free texts than that.
    """
    validate.integer(amount, "amount", maximum=MAX_CODES)
    check(options, organization)
    args = ("generate.codes", promotion, amount, format, options)
    if dry_run:
        return await _dry_run(organization, promotion, amount, format)
    if amount > MAX_CODES_WITHOUT_JOB:
        return await job.start(organization, promotion, amount, format, options, idempotency_key, args, now)
    if amount <= MAX_CODES_BATCHED and options.reserved_for is None:
        return await _in_batch(organization, promotion, amount, format, options, idempotency_key, args, now)
    draw: Draw = random_codes.likely_free
    while True:
        numbers = await _numbers(draw, organization, amount, format)
        try:
            return await _in_own_transaction(
                organization, promotion, amount, format, options, numbers, idempotency_key, args, now
            )
        except TextsTaken:  # by a call that was quicker, so this ends when the space is used up
            draw = random_codes.candidates


async def _dry_run(
    organization: Organization, promotion: params.PromotionRef | None, amount: int, format: Format
) -> GenerateResult:
    shortage = await random_codes.shortage(organization.id, amount, format)
    await find.promotion(organization.id, promotion)
    if shortage is not None:
        raise shortage
    return GenerateResult([], amount, format, dry_run=True)


async def _numbers(
    draw: Draw, organization: Organization, amount: int, format: Format
) -> Sequence[int] | CodeSpaceTooSmall:
    """Numbers of free texts, or the refusal where there are too few: raised only when no other refusal comes first."""
    try:
        return await draw(organization.id, amount, format)
    except CodeSpaceTooSmall as shortage:
        return shortage


async def _in_batch(
    organization: Organization,
    promotion: params.PromotionRef | None,
    amount: int,
    format: Format,
    options: CodeOptions,
    idempotency_key: str | None,
    args: object,
    now: datetime,
) -> GenerateResult:
    """Make a few codes in one transaction with those of other calls."""
    starts_at, ends_at = validate.window(options.window, None, None, organization.time_zone)
    result = await batch.codes(
        GenerateRequest(
            organization,
            find.valid_ref(promotion),
            amount,
            format,
            now,
            call=idempotency.keyed_call(idempotency_key, args),
            starts_at=starts_at,
            ends_at=ends_at,
            allowed_claims=options.allowed_claims,
            needs_activation=not options.activated,
            metadata=options.metadata or {},
        )
    )
    ids = () if result.replayed else tuple(code.id for code in result.codes)
    return GenerateResult(result.codes, amount, format, replayed=result.replayed, ids=ids)


async def _in_own_transaction(
    organization: Organization,
    promotion: params.PromotionRef | None,
    amount: int,
    format: Format,
    options: CodeOptions,
    numbers: Sequence[int] | CodeSpaceTooSmall,
    idempotency_key: str | None,
    args: object,
    now: datetime,
) -> GenerateResult:
    """Make codes of these numbers in a transaction of their own. Raises TextsTaken when too few of them are free."""
    async with in_transaction():
        earlier = await idempotency.begin(organization.id, idempotency_key, args, now)
        if earlier is not None:
            return await replay(organization, earlier, format)
        parent = await find.promotion(organization.id, promotion)
        if isinstance(numbers, CodeSpaceTooSmall):
            raise numbers
        await organizations.lock(organization.id)  # two that insert the same texts in any order deadlock
        customer = await reserve(organization, options.reserved_for, now)
        ids = await _insert_numbers(organization, parent, amount, format, options, numbers, customer, now)
        ids = random_codes.shuffled(ids, MAX_CODES_RETURNED)
        await idempotency.finish(organization.id, idempotency_key, [amount, ids[:MAX_CODES_RETURNED]])
    first = await find.by_ids(Code, organization.id, ids[:MAX_CODES_RETURNED])
    return GenerateResult([first[id] for id in ids[:MAX_CODES_RETURNED] if id in first], amount, format, ids=tuple(ids))


async def _insert_numbers(
    organization: Organization,
    promotion: Promotion,
    amount: int,
    format: Format,
    options: CodeOptions,
    numbers: Sequence[int],
    customer: Customer | None,
    now: datetime,
) -> list[int]:
    """Insert codes of the first `amount` numbers that are free; returns their ids. Raises TextsTaken."""
    numbers = [*sorted(numbers[:amount]), *numbers[amount:]]  # in the order of the index: a third less time
    ids: list[int] = []
    start = 0
    while len(ids) < amount:
        part = numbers[start : start + min(amount - len(ids), MAX_TEXTS_PER_INSERT)]
        if not part:
            raise TextsTaken
        start += len(part)
        ids += await insert(organization, promotion, format.texts(part), options, customer, now)
    return ids


async def guesses_per_hit(organization: Organization, result: GenerateResult) -> int:
    """How many random texts of the format it takes, on average, to hit one of the organization's codes.

    The codes of the result count. Codes of other formats count as if they were of this one, so it is rather too few.
    """
    pending = result.count if result.dry_run or result.job else 0
    others = await rows.count(organization.id, max(0, result.format.capacity - pending))
    return result.format.capacity // max(1, min(result.format.capacity, others + pending))
