"""Finds locations and products: where a code is used, and for what."""

from collections.abc import Sequence

from db import batching
from db.models import Location, Product, Promotion
from db.queries import locations, products


async def location(organization_id: int, number: int) -> Location | None:
    """A location by its number. Look-ups that are made at the same time are one batch, here and below."""
    return await batching.submit(_locations_by_number, (organization_id, number))


async def _locations_by_number(pairs: Sequence[tuple[int, int]]) -> list[Location | None]:
    rows = await locations.by_each_number(set(pairs))
    return [rows.get(pair) for pair in pairs]


async def location_for(promotion: Promotion, number: int | None) -> Location | None:
    """The location with this number if the promotion may be used there, else the organization's default one."""
    return await batching.submit(_locations_for, (promotion.organization_id, promotion.id, number))


async def _locations_for(requests: Sequence[tuple[int, int, int | None]]) -> list[Location | None]:
    """Locations by organization id, promotion id and number, in the order of the requests."""
    rows = await locations.by_each_number({(owner, number) for owner, _, number in requests if number is not None})
    linked = await locations.ids_of_promotions({promotion_id for _, promotion_id, _ in requests})
    defaults = await locations.defaults({owner for owner, _, _ in requests})
    results: list[Location | None] = []
    for owner, promotion_id, number in requests:
        row = None if number is None else rows.get((owner, number))
        fits = row is not None and (promotion_id not in linked or row.id in linked[promotion_id])
        results.append(row if fits else defaults.get(owner))
    return results


async def locations_of_organization(organization_id: int) -> list[Location]:
    """All of an organization's locations, by their numbers."""
    return await locations.of_organization(organization_id)


async def locations_of_promotions(promotion_ids: Sequence[int]) -> dict[int, list[Location]]:
    """The locations that each of the promotions is linked to, by its id."""
    return await locations.of_promotions(promotion_ids)


async def product(organization_id: int, number: int) -> Product | None:
    """A product by its number."""
    return await batching.submit(_products_by_number, (organization_id, number))


async def _products_by_number(pairs: Sequence[tuple[int, int]]) -> list[Product | None]:
    rows = await products.by_each_number(set(pairs))
    return [rows.get(pair) for pair in pairs]


async def products_of_organization(organization_id: int) -> list[Product]:
    """All of an organization's products, by their numbers."""
    return await products.of_organization(organization_id)
