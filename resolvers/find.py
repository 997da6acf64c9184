"""Finds things: what there is, a page or a batch at a time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.queryset import QuerySet

from db import paging
from db.models import (
    ApiKey,
    Claim,
    Code,
    Customer,
    Delivery,
    DeliveryStatus,
    Job,
    Location,
    Organization,
    Product,
    Promotion,
)
from db.paging import Place as Place  # what a page begins after, for the doors
from db.queries import (
    accounts,
    claims,
    codes,
    customers,
    deliveries,
    jobs,
    locations,
    organizations,
    products,
    promotions,
)
from db.queries import keys as api_keys
from resolvers import address, gather, sense, terms, wording
from resolvers.refusals import InvalidInput, UnknownCode, UnknownCustomer, UnknownPromotion

LONGEST_REFERENCE, LONGEST_IDENTIFIER = 200, 64  # what is longer is nobody's, and Tortoise refuses to ask

LONGEST_REFERENCE, LONGEST_IDENTIFIER = 200, 64
"""Letters a promotion's reference, and anybody's identifier, may have: Tortoise faults on a question with more."""

BATCHES: dict[type[Any], Any] = {
    Organization: organizations.by_ids,
    Promotion: promotions.by_ids,
    Code: codes.by_ids,
    Customer: customers.by_ids,
    Claim: claims.by_ids,
    Location: locations.by_ids,
    Product: products.by_ids,
    Delivery: deliveries.by_ids,
    Job: jobs.by_ids,
}


# ------------------------------------------------------------------ one thing


async def promotion(organization_id: int, ref: terms.PromotionRef | None) -> Promotion:
    """A promotion by what it is called; without a name the organization's default one."""
    if ref is None:
        return await promotions.default(organization_id)
    if ref.id is not None:
        found = await promotions.by_id(organization_id, ref.id)
    else:
        reference = sense.storable(ref.reference or "", "promotion")
        found = (
            await promotions.by_reference(organization_id, reference) if len(reference) <= LONGEST_REFERENCE else None
        )
    if found is None:
        raise UnknownPromotion
    return found


async def code(organization_id: int, text: str) -> Code:
    """A code by its text, as people type it, with its promotion. Raises UnknownCode.

    As many as are looked up at once are one question to the store.
    """
    try:
        _, key = sense.code_text(text, "text")
    except InvalidInput:
        raise UnknownCode(text[: wording.LONGEST_TEXT]) from None
    found = await gather.answer(_codes, (organization_id, key))
    if found is None:
        raise UnknownCode(text)
    return found


async def _codes(asked: Sequence[tuple[int, str]]) -> list[Code | None]:
    texts = set(asked)
    known = await promotions.of_codes(texts, hold=False)
    found = await codes.by_texts(texts)
    here = {key: code for key, code in found.items() if code.promotion_id in known}  # all but one made this moment
    for code in here.values():
        code.promotion = known[code.promotion_id]
    return [here.get(key) for key in asked]


async def only_code(account_id: int, promotion_number: int) -> Code:
    """The one code of an account's promotion, with promotion and organization.

    Raises UnknownPromotion, also for a promotion with no or several codes.
    """
    found = await codes.only_one_of_number(account_id, promotion_number)
    if found is None:
        raise UnknownPromotion
    return found


async def customer(organization_id: int, email: str) -> Customer:
    """A customer by address. Raises InvalidInput, UnknownCustomer."""
    _, email_key = sense.email(email, "email")
    found = await customers.by_email(organization_id, email_key)
    if found is None or found.joined_at is None:
        raise UnknownCustomer
    return found


async def nodes(model: type[Any], ids: Sequence[int]) -> dict[int, Any]:
    """Rows of one kind by their ids; ids of nothing are left out."""
    return dict(await BATCHES[model](ids))


# ------------------------------------------------------------------ pages


@dataclass(frozen=True)
class CodeFilter:
    status: tuple[str, ...] | None = None
    text_prefix: str | None = None
    reserved_for_email: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True)
class ClaimFilter:
    email: str | None = None
    order_reference: str | None = None
    status: tuple[str, ...] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True)
class PromotionFilter:
    status: tuple[str, ...] | None = None
    search: str | None = None


def all_promotions(organization_id: int, asked: PromotionFilter, now: datetime) -> QuerySet[Promotion]:
    found = promotions.all_of(organization_id, _searched(asked.search))
    return found if asked.status is None else promotions.with_status(found, asked.status, now)


def all_codes(organization_id: int, asked: CodeFilter, now: datetime) -> QuerySet[Code]:
    found = _made_between(codes.all_of(organization_id), asked.created_after, asked.created_before)
    if asked.text_prefix is not None:
        prefix = sense.optional_text(asked.text_prefix, "filter", "text_prefix", longest=wording.LONGEST_TEXT)
        found = found.filter(text_key__startswith=wording.key(prefix or ""))
    if asked.reserved_for_email is not None:
        _, email_key = sense.email(asked.reserved_for_email, "filter", "reserved_for_email")
        found = found.filter(reserved_for__email_key=email_key)
    return found if asked.status is None else codes.with_status(found, asked.status, now)


def all_claims(organization_id: int, asked: ClaimFilter) -> QuerySet[Claim]:
    found = _made_between(claims.all_of(organization_id), asked.created_after, asked.created_before)
    if asked.email is not None:
        found = found.filter(customer__email_key=sense.email(asked.email, "filter", "email")[1])
    if asked.order_reference is not None:
        reference = sense.text(asked.order_reference, "filter", "order_reference")
        found = found.filter(order_reference=reference)
    if asked.status is not None and len(set(asked.status)) == 1:
        found = found.filter(released_at__isnull=asked.status[0] == "CLAIMED")
    elif asked.status is not None and not asked.status:
        found = found.filter(id__in=[])
    return found


def all_customers(organization_id: int, search: str | None) -> QuerySet[Customer]:
    return customers.all_of(organization_id, _searched(search))


def all_deliveries(organization_id: int, status: Sequence[DeliveryStatus] | None) -> QuerySet[Delivery]:
    found = deliveries.all_of(organization_id)
    if status is not None and len(set(status)) == 1:
        return found.filter(status=status[0])  # the index has them in the page's order
    return found if status is None else found.filter(status__in=list(status))


async def latest_deliveries(organization_id: int, status: DeliveryStatus | None, most: int) -> list[Delivery]:
    """The newest letters, newest first, each with its code."""
    return await deliveries.latest(organization_id, status, most)


async def deliveries_by_status(organization_id: int) -> Counter[DeliveryStatus]:
    """How many letters there are in each state."""
    return await deliveries.by_status(organization_id)


def all_jobs(organization_id: int) -> QuerySet[Job]:
    """What is being made, and what was."""
    return jobs.all_of(organization_id)


def _made_between(
    found: QuerySet[Any], created_after: datetime | None, created_before: datetime | None
) -> QuerySet[Any]:
    if created_after is not None:
        found = found.filter(created_at__gte=sense.in_range(created_after, "filter", "created_after"))
    if created_before is not None:
        found = found.filter(created_at__lt=sense.in_range(created_before, "filter", "created_before"))
    return found


def _searched(search: str | None) -> str | None:
    return sense.optional_text(search, "search")


async def page(found: QuerySet[Any], after: Place | None, size: int) -> list[Any]:
    """The rows after a place, one more than `size` if there are more."""
    return await paging.page(found, after, size + 1)


async def pages(
    found: QuerySet[Any], parent: str, parent_ids: Sequence[int], after: Place | None, size: int
) -> dict[int, list[Any]]:
    """The same page below each of several parents, one row more than `size` where there are more."""
    return await paging.pages(found, parent, parent_ids, after, size + 1)


async def counts(found: QuerySet[Any], parent: str, parent_ids: Sequence[int]) -> dict[int, int]:
    """How many rows there are below each of several parents."""
    return await paging.counts(found, parent, parent_ids)


# ------------------------------------------------------------------ short lists


async def locations_of_organization(organization_id: int) -> list[Location]:
    return await locations.of_organization(organization_id)


async def products_of_organization(organization_id: int) -> list[Product]:
    return await products.of_organization(organization_id)


async def locations_of_promotions(promotion_ids: Sequence[int]) -> dict[int, list[Location]]:
    return await locations.of_promotions(promotion_ids)


async def joined_customers(organization_id: int) -> list[Customer]:
    return await customers.joined(organization_id)


async def only_codes(organization_id: int) -> list[Code]:
    """Codes that are the only one of their promotion, each with it, by its position and number."""
    return await codes.only_ones(organization_id)


async def uses(promotion_id: int) -> list[Claim]:
    """A promotion's standing claims, newest first."""
    return await claims.standing_of_promotion(promotion_id)


async def claimants(customer_ids: list[int]) -> set[int]:
    """Those of the customers that have a standing claim."""
    return await claims.customers_with_claims(customer_ids)


async def any_organization() -> bool:
    """Whether there is any organization; a question that a working database answers."""
    return await organizations.exists()


async def customers_brought_by(customer_id: int) -> list[Customer]:
    """Whom a customer has referred, in the order they joined."""
    return await customers.brought_by(customer_id)


async def every_organization() -> list[Organization]:
    """All organizations, each with its account."""
    return await organizations.every()


async def owner(identifier: str | None, account_number: int | None) -> tuple[int, int | None]:
    """Account and organization of a new key: an organization's, or an account's. Raises InvalidInput."""
    if identifier is not None:
        organization = await organization_called(identifier, None)
        if organization is None:
            raise InvalidInput(f"There is no organization {identifier!r}.", "organization")
        return organization.account_id, organization.id
    account = await accounts.by_number(account_number or 0)
    if account is None:
        raise InvalidInput(f"There is no account {account_number}.", "account")
    return account.id, None


async def keys(identifier: str | None) -> list[ApiKey]:
    """All keys, or those of one organization. Raises InvalidInput."""
    return await api_keys.all_of((await owner(identifier, None))[1] if identifier else None)


# ------------------------------------------------------------------ what a page or a vendor's door asks


async def code_at(said: str) -> tuple[Organization, Promotion, Code]:
    """What the address of a code's page leads to. Raises UnknownCode."""
    ids = address.read(said)
    organization = await organizations.by_id(ids[0]) if ids else None
    if ids is None or organization is None or not address.is_of(organization, ids[1], said):
        raise UnknownCode(said[: wording.LONGEST_TEXT])
    found = await codes.by_id(organization.id, ids[1])
    of_code = await promotions.by_id(organization.id, found.promotion_id) if found else None
    if found is None or of_code is None:
        raise UnknownCode(said)
    return organization, of_code, found


async def recipient_at(said: str) -> tuple[Organization, str] | None:
    """Whom the address in a letter speaks of, and who wrote to them; None for one that we have not written."""
    told = address.read_recipient(said)
    organization = await organizations.by_id(told[0]) if told else None
    if told is None or organization is None or not address.is_of_recipient(organization, told[1], said):
        return None
    return organization, told[1]


async def organization_called(identifier: str | None, number: int | None) -> Organization | None:
    """An organization by its identifier or, without one, by its number."""
    if identifier is not None:
        checked = sense.storable(identifier, "organization")
        return await organizations.by_identifier(checked) if len(checked) <= LONGEST_IDENTIFIER else None
    if number is None or not 1 <= number <= sense.HIGHEST_INT:
        return None
    return await organizations.by_number(number)


async def promotion_called(organization_id: int, name: str) -> Promotion:
    """A promotion by its reference or, where none has that, its identifier. Raises UnknownPromotion, InvalidInput."""
    checked = sense.storable(name, "promotion")
    found = await promotions.by_reference(organization_id, checked) if len(checked) <= LONGEST_REFERENCE else None
    if found is None and len(checked) <= LONGEST_IDENTIFIER:
        found = await promotions.by_identifier(organization_id, checked)
    if found is None:
        raise UnknownPromotion
    return found


async def location_for(of_promotion: Promotion, number: int | None) -> Location | None:
    """The location with this number if the promotion may be used there, else the organization's default one."""
    organization_id = of_promotion.organization_id
    found = await locations.by_number(organization_id, number) if number is not None else None
    linked = await locations.ids_of_promotion(of_promotion.id)
    if found is not None and (not linked or found.id in linked):
        return found
    return await locations.default(organization_id)


async def product(organization_id: int, number: int) -> Product | None:
    """A product by its number."""
    return await products.by_number(organization_id, number)
