"""Pages that stand still while rows are added: keyset paging over (created_at, id), oldest first."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from tortoise.expressions import Q, RawSQL
from tortoise.functions import Count
from tortoise.models import Model
from tortoise.queryset import QuerySet

from db import sql

M = TypeVar("M", bound=Model)


class Place(NamedTuple):
    """Where a page begins: after the row with this instant and id."""

    created_at: datetime
    id: int


def _after(queryset: QuerySet[M], after: Place | None) -> QuerySet[M]:
    if after is None:
        return queryset
    return queryset.filter(Q(created_at__gt=after.created_at) | Q(created_at=after.created_at, id__gt=after.id)).filter(
        created_at__gte=after.created_at
    )  # said twice, so that the index is entered at the right place


async def page(queryset: QuerySet[M], after: Place | None, size: int) -> list[M]:
    """The `size` rows after that place; ask for one more than you show, to know whether there are more."""
    if after is None:
        return await queryset.order_by("created_at", "id").limit(size)
    # In two questions, each of which enters the index where its rows begin: a million codes may share one instant.
    rows = await queryset.filter(created_at=after.created_at, id__gt=after.id).order_by("created_at", "id").limit(size)
    if len(rows) < size:
        later = queryset.filter(created_at__gt=after.created_at).order_by("created_at", "id")
        rows += await later.limit(size - len(rows))
    return rows


async def pages(
    queryset: QuerySet[M], parent: str, parent_ids: Sequence[int], after: Place | None, size: int
) -> dict[int, list[M]]:
    """The same page below each of several parents, in one statement however many they are."""
    if len(parent_ids) == 1:  # an ordinary page stops reading at its end
        return {parent_ids[0]: await page(queryset.filter(**{parent: parent_ids[0]}), after, size)}
    numbered = _after(queryset, after).filter(**{f"{parent}__in": parent_ids})
    table = queryset.model._meta.db_table
    within = f'PARTITION BY "{table}"."{parent}" ORDER BY "{table}"."created_at", "{table}"."id"'
    numbered = numbered.annotate(place=RawSQL(f"ROW_NUMBER() OVER ({within})"))
    numbered._make_query()
    statement, values = numbered.query.get_parameterized_sql()
    found: dict[int, list[M]] = defaultdict(list)
    for row in await sql.statement(
        f"SELECT * FROM ({statement}) AS numbered WHERE place <= {size} ORDER BY created_at, id",  # noqa: S608
        values,
    ):
        record: Any = queryset.model._init_from_db(**row)
        found[getattr(record, parent)].append(record)
    return found


async def counts(queryset: QuerySet[M], parent: str, parent_ids: Sequence[int]) -> dict[int, int]:
    """How many rows there are below each of several parents."""
    counted = queryset.filter(**{f"{parent}__in": parent_ids}).annotate(number=Count("id")).group_by(parent)
    return dict(await counted.values_list(parent, "number"))
