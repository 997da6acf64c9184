"""Rows of any model by their ids."""

from collections.abc import Iterable
from typing import TypeVar

from tortoise.models import Model

from db import sql, statements
from db.models import Organization

M = TypeVar("M", bound=Model)

_IDS = statements.ValuesTable(organization_id="bigint", id="bigint")


async def by_ids(model: type[M], organization_id: int, ids: Iterable[int]) -> dict[int, M]:
    """An organization's rows of one model by their ids; of the model Organization itself."""
    return await by_each_id(model, ((organization_id, id) for id in ids))


async def by_each_id(model: type[M], ids: Iterable[tuple[int, int]]) -> dict[int, M]:
    """Rows by their ids, asked for by pairs of organization id and id; of any organizations in one statement.

    They are looked up by the primary key: with both columns in a WHERE, SQLite may read all of an organization.
    """
    table = model._meta.db_table
    owner = "id" if model is Organization else "organization_id"
    row = sql.lateral_join(table, id="input.id")
    rows = await _IDS.fetch(
        f"SELECT {table}.* FROM {{values}} AS input {row} WHERE {table}.{owner} = input.organization_id",  # noqa: S608 (names)
        ids,
    )
    return {row["id"]: instance for row, instance in zip(rows, sql.models_from_rows(model, rows), strict=True)}
