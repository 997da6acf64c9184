"""Generates codes: texts drawn at random, uniformly over those of a format that are still free.

Up to MOST_AT_ONCE are made in one transaction. More are a job, which `work.jobs` goes on with until all are there.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.transactions import in_transaction

from db import trouble
from db.models import Code, Customer, Job, Organization, Promotion
from db.queries import codes as rows
from db.queries import customers, jobs, organizations
from db.queries.codes import Shared
from resolvers import draw, find, remember, sense, terms, wording
from resolvers.refusals import CodeSpaceTooSmall, IdempotencyMismatch
from resolvers.terms import said
from resolvers.wording import Format

MOST = 10_000_000
MOST_AT_ONCE = 100_000
BATCH = 10_000
"""Texts that a statement inserts, at most."""
SHOWN = 1_000
"""Codes that the answer of a call carries; the others are asked for by page."""


@dataclass(frozen=True)
class Generated:
    """What was made, or would be: `codes` are at most the first SHOWN of `count`, none of a dry run or a job.

    `ids` are those of all that were made just now; none of a replay. `job` makes them, where that takes one.

    `guesses_per_hit` is how many guesses a stranger needs, on average, to hit one of the organization's codes.
    """

    codes: list[Code]
    count: int
    format: Format
    guesses_per_hit: int
    replayed: bool = False
    dry_run: bool = False
    ids: tuple[int, ...] = ()
    job: Job | None = None


@dataclass(frozen=True)
class Making:
    """What all codes of one call have in common; `allowed_claims` absent is what the promotion says."""

    window: terms.Maybe[terms.Window | None] = terms.ABSENT
    allowed_claims: terms.Maybe[int | None] = terms.ABSENT
    reserved_for: terms.Person | None = None
    activated: bool = True
    metadata: dict[str, Any] | None = None


@trouble.retried
async def codes(
    organization: Organization,
    promotion: terms.PromotionRef | None,
    amount: int,
    format: Format,
    making: Making,
    dry_run: bool,
    idempotency_key: str | None,
    now: datetime,
) -> Generated:
    """Make `amount` codes, all or none; without a promotion they belong to the organization's default one.

    More than MOST_AT_ONCE are left to a job, whose codes become claimable together. A dry run makes none and says
    whether they could be made. Raises InvalidInput, UnknownPromotion, IdempotencyMismatch, or
    CodeSpaceTooSmall when the format has fewer free texts than that.
    """
    sense.whole(amount, "amount", most=MOST)
    check(making, organization)
    # Asked before the transaction: near the end of a large space it takes seconds.
    lack = await draw.lack(organization.id, amount, format) if dry_run or amount > MOST_AT_ONCE else None
    if dry_run:
        await find.promotion(organization.id, promotion)
        if lack is not None:
            raise lack
        return Generated([], amount, format, await guesses(organization, format, amount), dry_run=True)
    async with in_transaction():
        said_now = ("generate.codes", promotion, amount, format, making)
        earlier = await remember.call(organization.id, idempotency_key, said_now, now)
        if earlier is not None:
            return await _again(organization, earlier, format)
        parent = await find.promotion(organization.id, promotion)
        if lack is not None:
            raise lack
        if amount > MOST_AT_ONCE:
            job = await _begin(organization, parent, amount, format, making, now)
            await remember.answer(organization.id, idempotency_key, {"job": job.id})
            return Generated([], amount, format, await guesses(organization, format, amount), job=job)
        ids = await make(organization, parent, amount, format, making, now)
        await remember.answer(organization.id, idempotency_key, [amount, ids[:SHOWN]])
        shown = await rows.by_ids(ids[:SHOWN])
    return Generated(list(shown.values()), amount, format, await guesses(organization, format), ids=tuple(ids))


def check(making: Making, organization: Organization) -> None:
    """Raises InvalidInput where what is asked of the codes makes no sense."""
    sense.window(making.window, None, None, organization.time_zone)
    sense.optional_whole(said(making.allowed_claims, None), "allowed_claims")
    sense.metadata(making.metadata or {}, "metadata")
    if making.reserved_for is not None:
        sense.person(making.reserved_for, "reserved_for")


async def make(
    organization: Organization,
    promotion: Promotion,
    amount: int,
    format: Format,
    making: Making,
    now: datetime,
) -> list[int]:
    """Insert that many new codes in the present transaction; their ids. Raises CodeSpaceTooSmall."""
    await organizations.hold(organization.id)
    customer = await reserve(organization, making.reserved_for, now)
    ids: list[int] = []
    async for texts in free_texts(organization.id, amount, format):
        ids += await insert(organization, promotion, texts[: amount - len(ids)], making, customer, now)
        if len(ids) == amount:
            return ids
    raise CodeSpaceTooSmall(format.capacity, taken=format.capacity - len(ids), requested=amount)


async def insert(
    organization: Organization,
    promotion: Promotion,
    texts: list[wording.Text],
    making: Making,
    customer: Customer | None,
    now: datetime,
) -> list[int]:
    """Insert texts as codes, skipping those that exist; the ids of the new ones."""
    return await rows.insert(texts, _shared(organization, promotion, making, customer), now)


def _shared(organization: Organization, promotion: Promotion, making: Making, customer: Customer | None) -> Shared:
    starts_at, ends_at = sense.window(making.window, None, None, organization.time_zone)
    return Shared(
        organization.id,
        promotion.id,
        starts_at=starts_at,
        ends_at=ends_at,
        allowed_claims=said(making.allowed_claims, promotion.per_code),
        reserved_for_id=customer.id if customer else None,
        needs_activation=not making.activated,
        metadata=making.metadata or {},
    )


async def _begin(
    organization: Organization, promotion: Promotion, amount: int, format: Format, making: Making, now: datetime
) -> Job:
    """A job that is to make that many codes."""
    customer = await reserve(organization, making.reserved_for, now)
    shared = _shared(organization, promotion, making, customer)._asdict()
    del shared["job_id"]
    texts = {"style": format.style, "pattern": format.pattern, "prefix": format.prefix}
    return await jobs.add({**shared, **texts, "total": amount, "created_at": now})


async def reserve(organization: Organization, person: terms.Person | None, now: datetime) -> Customer | None:
    """The customer whom codes are reserved for; a new one is only spoken of until they act themselves."""
    if person is None:
        return None
    checked = sense.person(person, "reserved_for")
    return await customers.ensure(
        organization.id, checked.email, checked.email_key, checked.first_name, checked.last_name, None, now
    )


async def free_texts(organization_id: int, amount: int, format: Format) -> AsyncIterator[list[wording.Text]]:
    """Batches of texts, few of which are codes already: insert each before you ask for the next, until you have enough.

    They end when every text of the format is a code.
    """
    drawn, size = 0, min(amount, BATCH, max(1, format.capacity // 2))
    while draw.is_blind(drawn, format):
        yield format.texts(draw.numbers(size, format.capacity, draw.seed()))
        drawn += size
    left = await draw.free(organization_id, amount, format)
    for start in range(0, len(left), BATCH):
        yield format.texts(left[start : start + BATCH])


async def guesses(organization: Organization, format: Format, more: int = 0) -> int:
    """Guesses a hit, as if all of the organization's codes were of this format: rather too few than too many."""
    return format.capacity // max(1, min(format.capacity, await rows.count(organization.id) + more))


async def _again(organization: Organization, answer: Any, format: Format) -> Generated:
    if isinstance(answer, dict):
        job = await jobs.by_id(organization.id, answer["job"])
        if job is None:
            raise IdempotencyMismatch("The job that this key was used for is gone.")
        return Generated([], job.total, format, await guesses(organization, format), replayed=True, job=job)
    amount, ids = answer
    shown = await rows.by_ids(ids)
    if len(shown) < len(ids):
        raise IdempotencyMismatch("Some of the codes that this key was used for have been deleted.")
    return Generated(list(shown.values()), amount, format, await guesses(organization, format), replayed=True)
