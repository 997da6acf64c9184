"""Claims a code: one customer uses it once more, if every rule agrees.

The promotion's row is locked before the first question, so what the questions find still holds when the
claim is written, however many tasks, processes and hosts ask at once. (On SQLite the transaction itself
holds the whole database.)
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tortoise.transactions import in_transaction

from db.models import Claim, Code, Location, Organization, Promotion
from db.queries import claims, codes, customers, locations, promotions, usage
from db.queries.usage import Share
from resolvers import buckets, money, refusals, remember, rules, sense, terms
from resolvers.refusals import IdempotencyMismatch, InvalidInput
from resolvers.sense import CheckedOrder, CheckedPerson
from resolvers.tally import Refusals

TOKEN_GOOD_FOR = timedelta(seconds=60)
"""Lancero's documented life of a claim's token, "not extendable"."""


class Guard(Protocol):
    """What slows down callers who might be guessing; those who may be told everything have none."""

    def check(self) -> None:
        """Raises TooManyAttempts while too many of the caller's claims have failed lately."""

    def fail(self) -> None:
        """One more has failed."""


@dataclass(frozen=True)
class Claimed:
    claim: Claim
    exchange_token: str
    replayed: bool


async def code(
    organization: Organization,
    text: str,
    customer: terms.Person,
    order: terms.Order | None,
    location_number: int | None,
    idempotency_key: str | None,
    guard: Guard | None,
    tally: Refusals,
    now: datetime,
) -> Claimed:
    """Claim a code for a customer, once per order reference however often it is asked.

    Raises InvalidInput, TooManyAttempts, IdempotencyMismatch, or the first Rule of `rules.objections` that
    says no. The exchange token is good for `exchange.token`, once, within TOKEN_GOOD_FOR.
    """
    said = ("claim.code", text, customer, order, location_number)
    _, key = sense.code_text(text, "text")
    person = sense.person(customer, "customer")
    checked = sense.order(order, "order")
    location = await place(organization, location_number)
    if guard is not None:
        guard.check()
    try:
        async with in_transaction():
            earlier = await remember.call(organization.id, idempotency_key, said, now)
            standing = await _standing(organization.id, earlier)
            if standing is not None:
                return await _fresh_token(standing, now)
            claimed = await _claim(organization, text, key, person, checked, location, now)
            await remember.answer(organization.id, idempotency_key, claimed.claim.id)
            return claimed
    except (refusals.Rule, IdempotencyMismatch) as refusal:
        if guard is not None:
            guard.fail()
        promotion_id = getattr(refusal, "promotion_id", None)
        tally.note(organization, refusal, promotion_id or 0, checked.currency, now)
        raise


async def place(organization: Organization, number: int | None) -> Location | None:
    """The location that a caller named by its number, if any."""
    if number is None:
        return None
    found = await locations.by_number(organization.id, sense.whole(number, "location_number"))
    if found is None:
        raise InvalidInput(f"There is no location {number}.", "location_number")
    return found


async def asked_by(
    organization_id: int,
    email_key: str | None,
    promotion: Promotion,
    code_id: int,
    order: CheckedOrder,
    location: Location | None,
) -> rules.Asked:
    """What the rules want to know of who asks; without an address, of anybody."""
    customer = None if email_key is None else await customers.by_email(organization_id, email_key)
    of_code = of_promotion = 0
    standing = None
    if customer is not None and promotion.per_customer_and_code is not None:
        of_code = await claims.count_of_customer(customer.id, promotion_id=promotion.id, code_id=code_id)
        standing = await claims.standing_of_customer(customer.id, code_id) if of_code else None
    if customer is not None and promotion.per_customer is not None:
        of_promotion = await claims.count_of_customer(customer.id, promotion_id=promotion.id)
    return rules.Asked(
        is_anonymous=email_key is None,
        customer_id=customer.id if customer else None,
        order=order,
        location_id=location.id if location else None,
        claims_of_code=of_code,
        claims_of_promotion=of_promotion,
        standing=standing,
    )


def taken_off(promotion: Promotion, order: CheckedOrder) -> int | None:
    """What the promotion takes off an order, in minor units; None when its total was not told."""
    if order.total is None:
        return None
    return money.discount(promotion.discount_kind, promotion.discount_value, order.total, promotion.maximum_discount)


def share(claim: Claim) -> Share:
    """What a claim puts into the sums of its buckets."""
    return Share(1, claim.order_total or 0, claim.order_quantity or 0, claim.discount or 0)


async def _claim(
    organization: Organization,
    text: str,
    key: str,
    person: CheckedPerson,
    order: CheckedOrder,
    location: Location | None,
    now: datetime,
) -> Claimed:
    promotion = await promotions.hold_of_code(organization.id, key)
    found = await codes.by_text(organization.id, key) if promotion else None
    if promotion is None or found is None or found.promotion_id != promotion.id:  # deleted while we waited
        raise refusals.UnknownCode(text)
    if order.reference is not None:
        standing = await claims.standing_on_order(organization.id, found.id, order.reference)
        if standing is not None:
            return await _replay(organization.id, standing, person.email_key, now)
    asked = await asked_by(organization.id, person.email_key, promotion, found.id, order, location)
    linked = await locations.ids_of_promotion(promotion.id)
    for refusal in rules.objections(found, promotion, linked, asked, now):
        raise refusal
    return await _write(organization, promotion, found, person, order, location, now)


async def _write(
    organization: Organization,
    promotion: Promotion,
    found: Code,
    person: CheckedPerson,
    order: CheckedOrder,
    location: Location | None,
    now: datetime,
) -> Claimed:
    customer = await customers.ensure(
        organization.id, person.email, person.email_key, person.first_name, person.last_name, now, now
    )
    token = secrets.token_hex(12)
    claim = await claims.add(
        {
            "organization_id": organization.id,
            "promotion_id": promotion.id,
            "code_id": found.id,
            "customer_id": customer.id,
            "location_id": location.id if location else None,
            "order_reference": order.reference,
            "order_key": order.reference,
            "order_total": order.total,
            "order_quantity": order.quantity,
            "currency": order.currency,
            "discount": taken_off(promotion, order),
            "discount_kind": promotion.discount_kind,
            "discount_value": promotion.discount_value,
            "exchange_key": token_hash(token),
            "exchange_until": now + TOKEN_GOOD_FOR,
            "created_at": now,
        }
    )
    await codes.count_claim(found.id, +1)
    await promotions.count_claim(promotion.id, +1)
    counted = buckets.of(organization.id, promotion.id, order.currency, now, organization.time_zone)
    await usage.add(counted, share(claim))
    return Claimed(claim, token, replayed=False)


async def _standing(organization_id: int, claim_id: int | None) -> Claim | None:
    """The claim that an idempotency key was used for, if it stands; a released one is not given back."""
    if claim_id is None:
        return None
    claim = await claims.by_id(organization_id, claim_id)
    if claim is None:
        raise IdempotencyMismatch("The claim that this key was used for has been deleted.")
    return claim if claim.released_at is None else None


async def _replay(organization_id: int, claim: Claim, email_key: str, now: datetime) -> Claimed:
    customer = await customers.by_email(organization_id, email_key)
    if customer is None or customer.id != claim.customer_id:
        raise IdempotencyMismatch("Another customer has claimed this code with this order.", by_order_reference=True)
    return await _fresh_token(claim, now)


async def _fresh_token(claim: Claim, now: datetime) -> Claimed:
    token = secrets.token_hex(12)
    claim.exchange_key, claim.exchange_until = token_hash(token), now + TOKEN_GOOD_FOR
    await claims.save(claim, ["exchange_key", "exchange_until"])
    return Claimed(claim, token, replayed=True)


def token_hash(token: str) -> str:
    """What is kept of an exchange token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
