"""Products: what a code may be used for."""

from collections.abc import Iterable
from datetime import datetime

from db.models import Product


async def by_number(organization_id: int, number: int) -> Product | None:
    return await Product.get_or_none(organization_id=organization_id, number=number)


async def by_ids(ids: Iterable[int]) -> dict[int, Product]:
    return await Product.in_bulk(ids, "id")


async def of_organization(organization_id: int) -> list[Product]:
    return await Product.filter(organization_id=organization_id).order_by("number")


async def highest_number(organization_id: int) -> int:
    last = await Product.filter(organization_id=organization_id).order_by("-number").first()
    return last.number if last else 0


async def add(organization_id: int, number: int, title: str, now: datetime) -> Product:
    return await Product.create(organization_id=organization_id, number=number, title=title, created_at=now)
