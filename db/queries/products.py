"""Products that codes may be used for."""

from collections.abc import Collection
from datetime import datetime

from db import sql, statements
from db.models import Product

_NUMBERS = statements.ValuesTable(organization_id="bigint", number="bigint")


async def by_number(organization_id: int, number: int) -> Product | None:
    return await Product.get_or_none(organization_id=organization_id, number=number)


def by_each_number(numbers: Collection[tuple[int, int]]) -> statements.Statement[dict[tuple[int, int], Product]]:
    """Products by organization and number; of any organizations in one statement."""
    product = sql.lateral_join("product", organization_id="input.organization_id", number="input.number")
    return _NUMBERS.statement(
        f"SELECT product.* FROM {{values}} AS input {product}",  # noqa: S608 (names)
        numbers,
        columns=sql.columns(Product),
        read=lambda rows: {(row.organization_id, row.number): row for row in sql.models_from_rows(Product, rows)},
    )


async def of_organization(organization_id: int) -> list[Product]:
    return await Product.filter(organization_id=organization_id).order_by("number")


async def highest_number(organization_id: int) -> int:
    last = await Product.filter(organization_id=organization_id).order_by("-number").first()
    return last.number if last else 0


async def add(organization_id: int, number: int, title: str, now: datetime) -> Product:
    return await Product.create(organization_id=organization_id, number=number, title=title, created_at=now)
