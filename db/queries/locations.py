"""Locations, and which promotions are linked to them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from db import sql, statements
from db.models import Location, PromotionLocation

_NUMBERS = statements.ValuesTable(organization_id="bigint", number="bigint")
_REQUESTS = statements.ValuesTable(organization_id="bigint", promotion_id="bigint", number="bigint")


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


async def of_organization(organization_id: int) -> list[Location]:
    return await Location.filter(organization_id=organization_id).order_by("number")


def by_each_number_or_default(
    requests: Collection[tuple[int, int, int | None]],
) -> statements.Statement[dict[tuple[int, int | None], Location]]:
    """The locations that fit organization, promotion and number, by promotion and number; else the default ones.

    A location fits a promotion that is linked to it, and one without links.
    """
    return _REQUESTS.statement(
        """
        SELECT input.promotion_id, input.number AS requested, location.* FROM {values} AS input CROSS JOIN location
        WHERE location.organization_id = input.organization_id AND (location.is_default OR (
            location.number = input.number AND (
                NOT EXISTS (SELECT 1 FROM promotionlocation AS link WHERE link.promotion_id = input.promotion_id)
                OR EXISTS (SELECT 1 FROM promotionlocation AS link
                    WHERE link.promotion_id = input.promotion_id AND link.location_id = location.id)
            )
        ))
        ORDER BY location.number = input.number
        """,
        requests,
        columns=("promotion_id", "requested", *sql.columns(Location)),
        read=_by_request,
    )


def _by_request(rows: list[sql.Row]) -> dict[tuple[int, int | None], Location]:
    """The last location of each request: the one with its number, where that fits."""
    requests = [(row.pop("promotion_id"), row.pop("requested")) for row in rows]
    return dict(zip(requests, sql.models_from_rows(Location, rows), strict=True))


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


async def of_promotions(organization_id: int, promotion_ids: Sequence[int]) -> dict[int, list[Location]]:
    """The linked locations of each of several promotions."""
    links = PromotionLocation.filter(organization_id=organization_id, promotion_id__in=promotion_ids)
    locations: dict[int, list[Location]] = defaultdict(list)
    for link_row in await links.select_related("location").order_by("location__number"):
        locations[link_row.promotion_id].append(link_row.location)
    return locations
