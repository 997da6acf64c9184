"""Locations, and which promotions are linked to them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from db import sql, statements
from db.models import Location, PromotionLocation

_NUMBERS = statements.ValuesTable(organization_id="bigint", number="bigint")


async def by_number(organization_id: int, number: int) -> Location | None:
    return await Location.get_or_none(organization_id=organization_id, number=number)


def by_each_number(numbers: Collection[tuple[int, int]]) -> statements.Statement[dict[tuple[int, int], Location]]:
    """Locations by organization and number; of any organizations in one statement."""
    location = sql.lateral_join("location", organization_id="input.organization_id", number="input.number")
    return _NUMBERS.statement(
        f"SELECT location.* FROM {{values}} AS input {location}",  # noqa: S608 (names)
        numbers,
        columns=sql.columns(Location),
        read=lambda rows: {(row.organization_id, row.number): row for row in sql.models_from_rows(Location, rows)},
    )


async def by_numbers(organization_id: int, numbers: Iterable[int]) -> list[Location]:
    return await Location.filter(organization_id=organization_id, number__in=list(numbers)).order_by("number")


async def by_ids(ids: Iterable[int]) -> dict[int, Location]:
    return await Location.in_bulk(ids, "id")


async def of_organization(organization_id: int) -> list[Location]:
    return await Location.filter(organization_id=organization_id).order_by("number")


async def defaults(organization_ids: Collection[int]) -> dict[int, Location]:
    """The default locations, by organization."""
    locations = await Location.filter(organization_id__in=organization_ids, is_default=True)
    return {location.organization_id: location for location in locations}


async def highest_number(organization_id: int) -> int:
    last = await Location.filter(organization_id=organization_id).order_by("-number").first()
    return last.number if last else 0


async def add(organization_id: int, number: int, name: str, is_default: bool, now: datetime) -> Location:
    """Insert a location; a default one replaces the former default."""
    if is_default:
        await Location.filter(organization_id=organization_id, is_default=True).update(is_default=False)
    return await Location.create(
        organization_id=organization_id, number=number, name=name, is_default=is_default, created_at=now
    )


async def link(organization_id: int, promotion_id: int, locations: Sequence[Location]) -> None:
    """Link a promotion to exactly these locations."""
    await PromotionLocation.filter(promotion_id=promotion_id).delete()
    await PromotionLocation.bulk_create(
        PromotionLocation(organization_id=organization_id, promotion_id=promotion_id, location_id=location.id)
        for location in locations
    )


async def ids_of_promotions(promotion_ids: Collection[int]) -> dict[int, set[int]]:
    """The ids of the locations that promotions are linked to; promotions without links are left out."""
    ids: dict[int, set[int]] = defaultdict(set)
    links = PromotionLocation.filter(promotion_id__in=promotion_ids)
    for promotion_id, location_id in await links.values_list("promotion_id", "location_id"):
        ids[promotion_id].add(location_id)
    return ids


async def of_promotions(promotion_ids: Sequence[int]) -> dict[int, list[Location]]:
    """The linked locations of each of several promotions."""
    links = PromotionLocation.filter(promotion_id__in=promotion_ids).select_related("location")
    locations: dict[int, list[Location]] = defaultdict(list)
    for link_row in await links.order_by("location__number"):
        locations[link_row.promotion_id].append(link_row.location)
    return locations
