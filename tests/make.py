"""Builders: what a test needs to be there before it begins, made by the verbs themselves."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from db.enums import DiscountKind, KeyKind
from db.models import Code, Customer, Organization, Promotion
from resolvers import claim, create, find, idempotency, listing
from resolvers.claim.state import Claimed, ClaimRequest
from resolvers.domain import params, validate
from resolvers.domain.money import Money
from resolvers.refusal_counter import RefusalCounter

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ALL_ROWS = listing.PageRequest(None, 10_000)
"""The page of a short list that has all of it."""


def life(days: int) -> datetime:
    """The end of a code's life that begins NOW in Amsterdam: when the day that is so many days later is over there."""
    return datetime.combine(NOW.date() + timedelta(days=days + 1), time(), ZoneInfo("Europe/Amsterdam")).astimezone(UTC)


async def organization(
    identifier: str = "demo", account: int = 1, time_zone: str = "Europe/Amsterdam", currency: str = "EUR"
) -> Organization:
    return await create.organization(identifier, None, identifier, account, currency, time_zone, NOW)


async def key(organization: Organization, kind: KeyKind = KeyKind.SECRET) -> str:
    owner = None if kind is KeyKind.ACCOUNT else organization.id
    return await create.key(kind, organization.account_id, owner, None, NOW)


async def promotion(organization: Organization, *codes: str, **fields: Any) -> Promotion:
    """A promotion with these texts as its codes; 15 % off unless said otherwise."""
    fields.setdefault("discount", params.Discount(kind=DiscountKind.PERCENTAGE, value=Decimal(15)))
    fields.setdefault("name", "Spring sale")
    return await create.promotion(organization, create.NewPromotion(codes=codes, **fields), None, NOW)


async def code(organization: Organization, text: str = "HELLO-15", **limits: int | None) -> Code:
    """A code in a promotion of its own, with these limits."""
    await promotion(organization, text, limits=params.Limits(**limits))
    return await find.code(organization.id, text)


async def customer(
    organization: Organization, email: str, first_name: str | None = None, last_name: str | None = None
) -> Customer:
    return await create.customer(organization, params.Person(email, first_name, last_name), {}, NOW)


def order(reference: str | None = None, total: str | None = None, currency: str = "EUR") -> params.Order:
    return params.Order(reference, Money(Decimal(total), currency) if total else None, None)


async def claimed(
    organization: Organization,
    text: str = "HELLO-15",
    email: str = "ada@example.com",
    order: params.Order | None = None,
    now: datetime = NOW,
    refusal_counter: RefusalCounter | None = None,
    **more: Any,
) -> Claimed:
    """A claim, or the refusal it is answered with."""
    args = {"location_number": None, "idempotency_key": None, "guard": None, **more}
    return await claim.code(
        organization,
        text,
        params.Person(email),
        order,
        refusal_counter=refusal_counter or RefusalCounter(),
        now=now,
        **args,
    )


async def claimed_by(organization: Organization, person: params.Person, text: str = "HELLO-15") -> Claimed:
    """A claim of somebody who tells their names."""
    return await claim.code(organization, text, person, None, None, None, None, RefusalCounter(), NOW)


def claim_request(
    organization: Organization,
    text: str = "HELLO-15",
    email: str = "ada@example.com",
    order: params.Order | None = None,
    key: str | None = None,
    now: datetime = NOW,
    **names: str,
) -> ClaimRequest:
    """What `claimed` asks for, as a round hears it."""
    person = params.Person(email, **names)
    args = ("claim.code", text, person, order, None)
    return ClaimRequest(
        organization,
        text,
        validate.code_text(text)[1],
        validate.person(person),
        validate.order(order),
        None,
        idempotency.keyed_call(key, args),
        now,
    )
