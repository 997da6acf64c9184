"""Generates codes: texts drawn at random, uniformly over those of a format that are still free."""

import random
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from tortoise.transactions import in_transaction

from db import trouble
from db.models import Code, Customer, Organization, Promotion
from db.queries import codes as rows
from db.queries import customers, organizations
from resolvers import find, remember, sense, terms, wording
from resolvers.refusals import CodeSpaceTooSmall, IdempotencyMismatch
from resolvers.terms import said
from resolvers.wording import Format

MOST_AT_ONCE = 100_000
SHOWN = 1_000
"""Codes that the answer of a call carries; the others are asked for by page."""


@dataclass(frozen=True)
class Generated:
    """What was made, or would be: `codes` are at most the first SHOWN of `count`, none of a dry run.

    `ids` are those of all that were made just now; none of a replay.

    `guesses_per_hit` is how many guesses a stranger needs, on average, to hit one of the organization's codes.
    """

    codes: list[Code]
    count: int
    format: Format
    guesses_per_hit: int
    replayed: bool = False
    dry_run: bool = False
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Making:
    """What all codes of one call have in common; `allowed_claims` absent is what the promotion says."""

    window: terms.Window = terms.Window()
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

    A dry run makes none and says whether they could be made. Raises InvalidInput, UnknownPromotion,
    IdempotencyMismatch, or CodeSpaceTooSmall when the format has fewer free texts than that.
    """
    sense.whole(amount, "amount", most=MOST_AT_ONCE)
    check(making, organization)
    if dry_run:
        await find.promotion(organization.id, promotion)
        await anext(free_texts(organization, amount, format))
        return Generated([], amount, format, await guesses(organization, format, amount), dry_run=True)
    async with in_transaction():
        said_now = ("generate.codes", promotion, amount, format, making)
        earlier = await remember.call(organization.id, idempotency_key, said_now, now)
        if earlier is not None:
            return await _again(organization, earlier, format)
        parent = await find.promotion(organization.id, promotion)
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
    """Insert that many new codes in the present transaction; their ids."""
    await organizations.hold(organization.id)
    customer = await reserve(organization, making.reserved_for, now)
    ids: list[int] = []
    async for texts in free_texts(organization, amount, format):
        ids += await insert(organization, promotion, texts[: amount - len(ids)], making, customer, now)
        if len(ids) == amount:
            break
    return ids


async def insert(
    organization: Organization,
    promotion: Promotion,
    texts: list[tuple[str, str]],
    making: Making,
    customer: Customer | None,
    now: datetime,
) -> list[int]:
    """Insert (text, key) pairs as codes, skipping those that exist; the ids of the new ones."""
    starts_at, ends_at = sense.window(making.window, None, None, organization.time_zone)
    return await rows.insert(
        organization.id,
        promotion.id,
        texts,
        starts_at=starts_at,
        ends_at=ends_at,
        allowed_claims=said(making.allowed_claims, promotion.per_code),
        reserved_for_id=customer.id if customer else None,
        needs_activation=not making.activated,
        metadata=making.metadata or {},
        now=now,
    )


async def reserve(organization: Organization, person: terms.Person | None, now: datetime) -> Customer | None:
    """The customer whom codes are reserved for; a new one is only spoken of until they act themselves."""
    if person is None:
        return None
    checked = sense.person(person, "reserved_for")
    return await customers.ensure(
        organization.id, checked.email, checked.email_key, checked.first_name, checked.last_name, None, now
    )


async def free_texts(organization: Organization, amount: int, format: Format) -> AsyncIterator[list[tuple[str, str]]]:
    """Batches of (text, key) pairs, few or none of which are codes already; take as many as you need.

    They are drawn blindly from a space that is at most half full when all are made. A fuller one is counted
    first and its free texts are drawn from; raises CodeSpaceTooSmall when they don't suffice.
    """
    if 2 * (await rows.count(organization.id) + amount) > format.capacity:
        for batch in _batches(await _sample_of_free(organization, amount, format)):
            yield batch
        return
    while True:
        for batch in _batches(format.draw(min(amount, rows.BATCH))):
            yield batch


def _batches(texts: Iterable[str]) -> Iterator[list[tuple[str, str]]]:
    """The texts with their keys, as many at a time as one statement takes."""
    waiting = iter(texts)
    while batch := [(text, wording.key(text)) for text in islice(waiting, rows.BATCH)]:
        yield batch


async def _sample_of_free(organization: Organization, amount: int, format: Format) -> list[str]:
    """That many of the free texts of a small space, each as likely as any other: a reservoir over all."""
    chance = random.SystemRandom()
    sample: list[str] = []
    free = 0
    for batch in _batches(format.all()):
        taken = await rows.taken(organization.id, [key for _, key in batch])
        for text in (text for text, key in batch if key not in taken):
            free += 1
            if len(sample) < amount:
                sample.append(text)
            elif (place := chance.randrange(free)) < amount:
                sample[place] = text
    if free < amount:
        raise CodeSpaceTooSmall(format.capacity, taken=format.capacity - free, requested=amount)
    return sample


async def guesses(organization: Organization, format: Format, more: int = 0) -> int:
    """Guesses a hit, as if all of the organization's codes were of this format: rather too few than too many."""
    return format.capacity // max(1, min(format.capacity, await rows.count(organization.id) + more))


async def _again(organization: Organization, answer: list[Any], format: Format) -> Generated:
    amount, ids = answer
    shown = await rows.by_ids(ids)
    if len(shown) < len(ids):
        raise IdempotencyMismatch("Some of the codes that this key was used for have been deleted.")
    return Generated(list(shown.values()), amount, format, await guesses(organization, format), replayed=True)
