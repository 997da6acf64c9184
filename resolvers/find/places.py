"""Finds locations and products: where a code is used, and for what."""

from collections.abc import Sequence

from db import batching
from db.models import Location, Product, Promotion
from db.queries import locations, products
from resolvers.domain import validate
from resolvers.domain.refusals import InvalidInput


async def location(organization_id: int, number: int | None) -> Location | None:
    """A location by its number; None without one. Raises InvalidInput.

    Look-ups that are made at the same time are one batch, here and below.
    """
    if number is None:
        return None
    valid = validate.integer(number, "location_number")
    row = await batching.submit(_locations_by_number, (organization_id, valid))
    if row is None:
        raise InvalidInput(f"There is no location {number}.", "location_number")
    return row


async def _locations_by_number(pairs: Sequence[tuple[int, int]]) -> list[Location | None]:
    rows = await locations.by_each_number(set(pairs))
    return [rows.get(pair) for pair in pairs]


async def location_for(promotion: Promotion, number: int | None) -> Location | None:
    """The location with this number if the promotion may be used there, else the organization's default one."""
    return await batching.submit(_locations_for, (promotion.organization_id, promotion.id, number))


async def _locations_for(requests: Sequence[tuple[int, int, int | None]]) -> list[Location | None]:
    """Locations by organization id, promotion id and number, in the order of the requests."""
    rows = await locations.by_each_number_or_default(set(requests))
    return [rows.get((promotion_id, number)) for _, promotion_id, number in requests]


async def locations_of_organization(organization_id: int) -> list[Location]:
    """All of an organization's locations, by their numbers."""
    return await locations.of_organization(organization_id)


async def locations_of_promotions(organization_id: int, promotion_ids: Sequence[int]) -> dict[int, list[Location]]:
    """The locations that each of the promotions is linked to, by its id."""
    return await locations.of_promotions(organization_id, promotion_ids)


async def product(organization_id: int, number: int | None) -> Product | None:
    """A product by its number; None without one. Raises InvalidInput."""
    if number is None:
        return None
    valid = validate.integer(number, "product_number")
    row = await batching.submit(_products_by_number, (organization_id, valid))
    if row is None:
        raise InvalidInput(f"There is no product {number}.", "product_number")
    return row


async def _products_by_number(pairs: Sequence[tuple[int, int]]) -> list[Product | None]:
    rows = await products.by_each_number(set(pairs))
    return [rows.get(pair) for pair in pairs]


async def products_of_organization(organization_id: int) -> list[Product]:
    """All of an organization's products, by their numbers."""
    return await products.of_organization(organization_id)
