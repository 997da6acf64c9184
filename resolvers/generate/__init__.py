"""Generates codes: texts drawn at random, uniformly over those of a format that are still free.

Up to MAX_CODES_WITHOUT_JOB are made in one transaction, a few together with what others ask for at the same time
(resolvers/generate/batch.py). More are a job, which `jobs.process` goes on with until all are there.

A text is one code's by the unique key, and what the insert has skipped is made up for by another text. Nothing is
counted or looked for in a transaction; who makes many has the organization's row, as they would else wait in a circle.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import Code, Customer, Job, Organization, Promotion
from db.queries import codes as rows
from db.queries import customers, jobs, organizations
from db.queries.codes import Shared
from resolvers import find, idempotency, random_codes
from resolvers.domain import code_format, params, validate
from resolvers.domain.code_format import Format
from resolvers.domain.params import value_or
from resolvers.domain.refusals import CodeSpaceTooSmall, IdempotencyMismatch
from resolvers.generate import batch
from resolvers.generate.batch import GenerateRequest, TextsTaken

MAX_CODES = 10_000_000
MAX_CODES_WITHOUT_JOB = 100_000
MAX_CODES_BATCHED = 10
"""Codes of one call, at most, that are made in one transaction with those of others."""
MAX_TEXTS_PER_INSERT = 10_000
"""Texts that a statement inserts, at most."""
MAX_CODES_RETURNED = 1_000
"""Codes that the answer of a call carries; the others are asked for by page."""


@dataclass(frozen=True)
class GenerateResult:
    """The codes of one call: `codes` are at most the first MAX_CODES_RETURNED of `count`, none of a dry run or a job.

    `ids` are those of all codes that were made just now, none of a replay; `job` is the job that makes them.
    """

    codes: list[Code]
    count: int
    format: Format
    replayed: bool = False
    dry_run: bool = False
    ids: tuple[int, ...] = ()
    job: Job | None = None


@dataclass(frozen=True)
class CodeOptions:
    """What all codes of one call have in common; `allowed_claims` absent is what the promotion says."""

    window: params.Maybe[params.Window | None] = params.ABSENT
    allowed_claims: params.Maybe[int | None] = params.ABSENT
    reserved_for: params.Person | None = None
    activated: bool = True
    metadata: dict[str, Any] | None = None


@db_errors.retry_on_conflict
async def codes(
    organization: Organization,
    promotion: params.PromotionRef | None,
    amount: int,
    format: Format,
    making: CodeOptions,
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
    check(making, organization)
    said_now = ("generate.codes", promotion, amount, format, making)
    if dry_run:
        lack = await random_codes.shortage(organization.id, amount, format)
        await find.promotion(organization.id, promotion)
        if lack is not None:
            raise lack
        return GenerateResult([], amount, format, dry_run=True)
    if amount > MAX_CODES_WITHOUT_JOB:
        return await _as_job(organization, promotion, amount, format, making, idempotency_key, said_now, now)
    if amount <= MAX_CODES_BATCHED and making.reserved_for is None:
        return await _with_others(organization, promotion, amount, format, making, idempotency_key, said_now, now)
    look: Look = random_codes.likely_free
    while True:
        found = await _looked_for(look, organization, amount, format)
        try:
            return await _alone(organization, promotion, amount, format, making, found, idempotency_key, said_now, now)
        except TextsTaken:  # whoever was quicker has them, so this ends when the space does
            look = random_codes.candidates


Look = Callable[[int, int, Format], Awaitable[Sequence[int]]]


async def _looked_for(
    look: Look, organization: Organization, amount: int, format: Format
) -> Sequence[int] | CodeSpaceTooSmall:
    """Numbers of texts that are free, or why there are not enough: told once there is nothing else to say."""
    try:
        return await look(organization.id, amount, format)
    except CodeSpaceTooSmall as lack:
        return lack


async def _with_others(
    organization: Organization,
    promotion: params.PromotionRef | None,
    amount: int,
    format: Format,
    making: CodeOptions,
    idempotency_key: str | None,
    said_now: object,
    now: datetime,
) -> GenerateResult:
    starts_at, ends_at = validate.window(making.window, None, None, organization.time_zone)
    made = await batch.codes(
        GenerateRequest(
            organization,
            find.valid_ref(promotion),
            amount,
            format,
            now,
            call=idempotency.keyed_call(idempotency_key, said_now),
            starts_at=starts_at,
            ends_at=ends_at,
            allowed_claims=making.allowed_claims,
            needs_activation=not making.activated,
            metadata=making.metadata or {},
        )
    )
    ids = () if made.replayed else tuple(code.id for code in made.codes)
    return GenerateResult(made.codes, amount, format, replayed=made.replayed, ids=ids)


async def _alone(
    organization: Organization,
    promotion: params.PromotionRef | None,
    amount: int,
    format: Format,
    making: CodeOptions,
    numbers: Sequence[int] | CodeSpaceTooSmall,
    idempotency_key: str | None,
    said_now: object,
    now: datetime,
) -> GenerateResult:
    """Make codes of these numbers in a transaction of their own. Raises Crowded when too few of them are free."""
    async with in_transaction():
        earlier = await idempotency.begin(organization.id, idempotency_key, said_now, now)
        if earlier is not None:
            return await _again(organization, earlier, format)
        parent = await find.promotion(organization.id, promotion)
        if isinstance(numbers, CodeSpaceTooSmall):
            raise numbers
        await organizations.hold(organization.id)  # two that write the same texts in any order wait in a circle
        customer = await reserve(organization, making.reserved_for, now)
        # In the order of the index, which takes a third of the time off.
        numbers = [*sorted(numbers[:amount]), *numbers[amount:]]
        ids: list[int] = []
        start = 0
        while len(ids) < amount:
            some = numbers[start : start + min(amount - len(ids), MAX_TEXTS_PER_INSERT)]
            if not some:
                raise TextsTaken
            start += len(some)
            ids += await insert(organization, parent, format.texts(some), making, customer, now)
        ids = random_codes.shuffled(ids, MAX_CODES_RETURNED)
        await idempotency.finish(organization.id, idempotency_key, [amount, ids[:MAX_CODES_RETURNED]])
    shown = await rows.by_ids(ids[:MAX_CODES_RETURNED])
    return GenerateResult([shown[id] for id in ids[:MAX_CODES_RETURNED] if id in shown], amount, format, ids=tuple(ids))


async def _as_job(
    organization: Organization,
    promotion: params.PromotionRef | None,
    amount: int,
    format: Format,
    making: CodeOptions,
    idempotency_key: str | None,
    said_now: object,
    now: datetime,
) -> GenerateResult:
    """Begin a job. Whether there is room is asked before the transaction: near the end of a space it takes seconds."""
    lack = await random_codes.shortage(organization.id, amount, format)
    async with in_transaction():
        earlier = await idempotency.begin(organization.id, idempotency_key, said_now, now)
        if earlier is not None:
            return await _again(organization, earlier, format)
        parent = await find.promotion(organization.id, promotion)
        if lack is not None:
            raise lack
        job = await _begin(organization, parent, amount, format, making, now)
        await idempotency.finish(organization.id, idempotency_key, {"job": job.id})
        return GenerateResult([], amount, format, job=job)


def check(making: CodeOptions, organization: Organization) -> None:
    """Raises InvalidInput where what is asked of the codes makes no sense."""
    validate.window(making.window, None, None, organization.time_zone)
    validate.optional_integer(value_or(making.allowed_claims, None), "allowed_claims")
    validate.metadata(making.metadata or {}, "metadata")
    if making.reserved_for is not None:
        validate.person(making.reserved_for, "reserved_for")


async def insert(
    organization: Organization,
    promotion: Promotion,
    texts: list[code_format.Text],
    making: CodeOptions,
    customer: Customer | None,
    now: datetime,
) -> list[int]:
    """Insert texts as codes, skipping those that exist; the ids of the new ones."""
    return await rows.insert(texts, _shared(organization, promotion, making, customer), now)


def _shared(organization: Organization, promotion: Promotion, making: CodeOptions, customer: Customer | None) -> Shared:
    starts_at, ends_at = validate.window(making.window, None, None, organization.time_zone)
    return Shared(
        organization.id,
        promotion.id,
        starts_at=starts_at,
        ends_at=ends_at,
        allowed_claims=value_or(making.allowed_claims, promotion.per_code),
        reserved_for_id=customer.id if customer else None,
        needs_activation=not making.activated,
        metadata=making.metadata or {},
    )


async def _begin(
    organization: Organization, promotion: Promotion, amount: int, format: Format, making: CodeOptions, now: datetime
) -> Job:
    """A job that is to make that many codes."""
    customer = await reserve(organization, making.reserved_for, now)
    shared = _shared(organization, promotion, making, customer)._asdict()
    del shared["job_id"]
    texts = {"style": format.style, "pattern": format.pattern, "prefix": format.prefix}
    return await jobs.add({**shared, **texts, "total": amount, "created_at": now})


async def reserve(organization: Organization, person: params.Person | None, now: datetime) -> Customer | None:
    """The customer whom codes are reserved for; a new one is only spoken of until they act themselves."""
    if person is None:
        return None
    checked = validate.person(person, "reserved_for")
    return await customers.ensure(
        organization.id,
        checked.email,
        checked.email_key,
        checked.first_name,
        checked.last_name,
        checked.folded,
        None,
        now,
    )


async def guesses_per_hit(organization: Organization, made: GenerateResult) -> int:
    """How many guesses a stranger needs, on average, to hit one of the organization's codes, those made included.

    As if all were of this format: rather too few than too many.
    """
    more = made.count if made.dry_run or made.job else 0
    others = await rows.count(organization.id, max(0, made.format.capacity - more))
    return made.format.capacity // max(1, min(made.format.capacity, others + more))


async def _again(organization: Organization, answer: Any, format: Format) -> GenerateResult:
    if isinstance(answer, dict):
        job = await jobs.by_id(organization.id, answer["job"])
        if job is None:
            raise IdempotencyMismatch("The job that this key was used for is gone.")
        return GenerateResult([], job.total, format, replayed=True, job=job)
    amount, ids = answer
    shown = await rows.by_ids(ids)
    if len(shown) < len(ids):
        raise IdempotencyMismatch("Some of the codes that this key was used for have been deleted.")
    return GenerateResult([shown[id] for id in ids], amount, format, replayed=True)
