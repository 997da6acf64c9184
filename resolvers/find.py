"""Finds things: one of them, those with these ids, or a short list."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from db import batching
from db.models import (
    DEFAULT_REFERENCE,
    ApiKey,
    Claim,
    Code,
    Customer,
    Delivery,
    Job,
    Location,
    Organization,
    Product,
    Promotion,
)
from db.paging import Place
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
from resolvers import signed_links
from resolvers.domain import code_format, params, validate
from resolvers.domain.refusals import InvalidInput, UnknownCode, UnknownCustomer, UnknownPromotion

LONGEST_REFERENCE, LONGEST_IDENTIFIER = 200, 64
"""Letters a promotion's reference, and anybody's identifier, may have: Tortoise faults on a question with more."""

AT_A_TIME = 100
"""Rows of a long list that are in memory at a time, and read in one step."""

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


async def promotion(organization_id: int, ref: params.PromotionRef | None) -> Promotion:
    """A promotion by what it is called; without a name the organization's default one."""
    if ref is None:
        return await promotions.default(organization_id)
    if ref.id is not None:
        found = await promotions.by_id(organization_id, ref.id)
    else:
        reference = validate.storable(ref.reference or "", "promotion", "reference")
        found = (
            await promotions.by_reference(organization_id, reference) if len(reference) <= LONGEST_REFERENCE else None
        )
    if found is None:
        raise UnknownPromotion
    return found


async def prepare() -> None:
    """Have at hand what the first request would wait for, and others with it: words of codes, and codes that clash."""
    await asyncio.to_thread(code_format.prepare)
    await codes.clashing()


async def code_key(organization_id: int, text: str) -> str:
    """The key of the code that a text is looked up by. Raises InvalidInput.

    Of two codes that a migration found to be one, the younger is found by its exact text.
    """
    exact, key = validate.code_text(text, "text")
    clashing = await codes.clashing()
    if clashing and (organization_id, exact) in clashing:
        own = codes.own_key(exact)
        return own if await codes.by_text(organization_id, own) else key
    return key


def checked_ref(ref: params.PromotionRef | None) -> params.PromotionRef:
    """A promotion's name as it can be asked for, without one the default one's.

    Raises UnknownPromotion, InvalidInput.
    """
    if ref is None:
        return params.PromotionRef(reference=DEFAULT_REFERENCE)
    if ref.id is None and len(validate.storable(ref.reference or "", "promotion", "reference")) > LONGEST_REFERENCE:
        raise UnknownPromotion
    return ref


async def code(organization_id: int, text: str) -> Code:
    """A code by its text, as people type it, with its promotion. Raises UnknownCode.

    As many as are looked up at once are one question to the store.
    """
    try:
        key = await code_key(organization_id, text)
    except InvalidInput:
        raise UnknownCode(text[: code_format.MAX_CODE_LENGTH]) from None
    found = await batching.submit(_codes, (organization_id, key))
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
    _, email_key = validate.email(email, "email")
    found = await customers.by_email(organization_id, email_key)
    if found is None or found.joined_at is None:
        raise UnknownCustomer
    return found


async def nodes(model: type[Any], ids: Sequence[int]) -> dict[int, Any]:
    """Rows of one kind by their ids; ids of nothing are left out."""
    return dict(await BATCHES[model](ids))


async def in_order(model: type[Any], ids: Sequence[int]) -> AsyncIterator[list[Any]]:
    """Rows of one kind in the order of their ids, AT_A_TIME of them; ids of nothing are left out."""
    for start in range(0, len(ids), AT_A_TIME):
        some = ids[start : start + AT_A_TIME]
        rows = await nodes(model, some)
        yield [rows[id] for id in some if id in rows]


# ------------------------------------------------------------------ short lists


async def locations_of_organization(organization_id: int) -> list[Location]:
    return await locations.of_organization(organization_id)


async def products_of_organization(organization_id: int) -> list[Product]:
    return await products.of_organization(organization_id)


async def locations_of_promotions(promotion_ids: Sequence[int]) -> dict[int, list[Location]]:
    return await locations.of_promotions(promotion_ids)


async def joined_customers(organization_id: int) -> AsyncIterator[list[Customer]]:
    """Everybody who has acted themselves, in the order they became known, AT_A_TIME of them."""
    after: Place | None = None
    while page := await customers.joined(organization_id, after, AT_A_TIME):
        yield page
        after = Place(page[-1].created_at, page[-1].id)


async def only_codes(organization_id: int) -> AsyncIterator[list[Code]]:
    """Codes that are the only one of their promotion, each with it, by its position and number, AT_A_TIME of them."""
    page, after = await codes.only_ones(organization_id, None, AT_A_TIME)
    while page or after:
        yield page
        page, after = await codes.only_ones(organization_id, after, AT_A_TIME) if after else ([], None)


async def uses(promotion_id: int) -> AsyncIterator[list[Claim]]:
    """A promotion's standing claims, newest first, AT_A_TIME of them."""
    after: Place | None = None
    while page := await claims.standing_of_promotion(promotion_id, after, AT_A_TIME):
        yield page
        after = Place(page[-1].created_at, page[-1].id)


async def claimants(customer_ids: list[int]) -> set[int]:
    """Those of the customers that have a standing claim."""
    return await claims.customers_with_claims(customer_ids)


async def customers_brought_by(customer_ids: Collection[int]) -> list[Customer]:
    """Whom these customers have referred, in the order they joined."""
    return await customers.brought_by(customer_ids)


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
    ids = signed_links.read_code_token(said)
    organization = await organizations.by_id(ids[0]) if ids else None
    if ids is None or organization is None or not signed_links.is_code_token(organization, ids[1], said):
        raise UnknownCode(said[: code_format.MAX_CODE_LENGTH])
    found = await codes.by_id(organization.id, ids[1])
    of_code = await promotions.by_id(organization.id, found.promotion_id) if found else None
    if found is None or of_code is None:
        raise UnknownCode(said)
    return organization, of_code, found


async def recipient_at(said: str) -> tuple[Organization, str] | None:
    """Whom the address in a letter speaks of, and who wrote to them; None for one that we have not written."""
    told = signed_links.read_recipient_token(said)
    organization = await organizations.by_id(told[0]) if told else None
    if told is None or organization is None or not signed_links.is_recipient_token(organization, told[1], said):
        return None
    return organization, told[1]


async def organization_called(identifier: str | None, number: int | None) -> Organization | None:
    """An organization by its identifier or, without one, by its number."""
    if identifier is not None:
        checked = validate.storable(identifier, "organization")
        return await organizations.by_identifier(checked) if len(checked) <= LONGEST_IDENTIFIER else None
    if number is None or not 1 <= number <= validate.MAX_INT:
        return None
    return await organizations.by_number(number)


async def promotion_called(organization_id: int, name: str) -> Promotion:
    """A promotion by its reference or, where none has that, its identifier. Raises UnknownPromotion, InvalidInput.

    As many as are looked up at once are one question to the store, here and below.
    """
    found = await batching.submit(_promotions_called, (organization_id, validate.storable(name, "promotion")))
    if found is None:
        raise UnknownPromotion
    return found


async def _promotions_called(asked: Sequence[tuple[int, str]]) -> list[Promotion | None]:
    found = await promotions.by_each_reference({one for one in asked if len(one[1]) <= LONGEST_REFERENCE})
    missing = {one for one in asked if one not in found and len(one[1]) <= LONGEST_IDENTIFIER}
    found |= await promotions.by_each_identifier(missing)
    return [found.get(one) for one in asked]


async def location_for(of_promotion: Promotion, number: int | None) -> Location | None:
    """The location with this number if the promotion may be used there, else the organization's default one."""
    return await batching.submit(_locations_for, (of_promotion.organization_id, of_promotion.id, number))


async def _locations_for(asked: Sequence[tuple[int, int, int | None]]) -> list[Location | None]:
    named = await locations.by_each_number({(owner, number) for owner, _, number in asked if number is not None})
    linked = await locations.ids_of_promotions({promotion_id for _, promotion_id, _ in asked})
    defaults = await locations.defaults({owner for owner, _, _ in asked})
    answers: list[Location | None] = []
    for owner, promotion_id, number in asked:
        found = None if number is None else named.get((owner, number))
        fits = found is not None and (promotion_id not in linked or found.id in linked[promotion_id])
        answers.append(found if fits else defaults.get(owner))
    return answers


async def location(organization_id: int, number: int) -> Location | None:
    """A location by its number."""
    return await batching.submit(_locations, (organization_id, number))


async def _locations(asked: Sequence[tuple[int, int]]) -> list[Location | None]:
    found = await locations.by_each_number(set(asked))
    return [found.get(one) for one in asked]


async def product(organization_id: int, number: int) -> Product | None:
    """A product by its number."""
    return await batching.submit(_products, (organization_id, number))


async def _products(asked: Sequence[tuple[int, int]]) -> list[Product | None]:
    found = await products.by_each_number(set(asked))
    return [found.get(one) for one in asked]
