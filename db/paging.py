"""Keyset paging over (created_at, id): pages don't shift while rows are added. Oldest first by default.

    first = await page(Code.filter(organization_id=7), None, 50)
    second = await page(Code.filter(organization_id=7), Cursor.of(first[-1]), 50)

A query set has filters only: its order and limit are set here, and an index must have the filters and the order.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias, TypeVar

from tortoise.functions import Count
from tortoise.queryset import QuerySet

from db import sql
from db.models import Claim, Code, Customer, Delivery, Job, Promotion

Listed: TypeAlias = Promotion | Code | Claim | Customer | Delivery | Job
"""A row that is listed in pages."""
M = TypeVar("M", bound=Listed)

Parent: TypeAlias = type[Promotion] | type[Code] | type[Customer]
"""The model of the rows that others are listed below."""
PARENT_COLUMNS: dict[Parent, str] = {Promotion: "promotion_id", Code: "code_id", Customer: "customer_id"}
"""The column of a listed row that has its parent's id."""

MAX_PARENTS = 100
"""Parents whose pages are read in one statement: SQLite takes 500 SELECTs in a UNION, and a parent has up to two."""
MAX_ROWS = 1_000
"""Rows that those pages may have: a statement's rows become objects all at once."""


class Cursor(NamedTuple):
    """The position of a row in (created_at, id) order, after which a page begins."""

    created_at: datetime
    id: int

    @classmethod
    def of(cls, row: Listed) -> "Cursor":
        """A row's own position."""
        return cls(row.created_at, row.id)


def _parts(queryset: QuerySet[M], after: Cursor | None, size: int, newest_first: bool = False) -> list[QuerySet[M]]:
    """The rows after the cursor, as query sets that each enter an index where their rows begin.

    There are two of them, because a million codes may share one instant.
    """
    sign, comparison = ("-", "lt") if newest_first else ("", "gt")
    ordered = queryset.order_by(f"{sign}created_at", f"{sign}id").limit(size)
    if after is None:
        return [ordered]
    same_instant = ordered.filter(created_at=after.created_at, **{f"id__{comparison}": after.id})
    return [same_instant, ordered.filter(**{f"created_at__{comparison}": after.created_at})]


async def page(queryset: QuerySet[M], after: Cursor | None, size: int, newest_first: bool = False) -> list[M]:
    """The first `size` rows after the cursor; with one more than is shown, it is known whether there are more."""
    rows: list[M] = []
    for part in _parts(queryset, after, size, newest_first):
        if len(rows) < size:
            rows += await part.limit(size - len(rows))
    return rows


async def every_page(queryset: QuerySet[M], size: int, newest_first: bool = False) -> AsyncIterator[list[M]]:
    """All rows, a page of at most `size` in memory at a time."""
    after: Cursor | None = None
    while rows := await page(queryset, after, size, newest_first):
        yield rows
        after = Cursor.of(rows[-1])


async def pages(
    queryset: QuerySet[M], parent: Parent, parent_ids: Sequence[int], after: Cursor | None, size: int
) -> dict[int, list[M]]:
    """The same page below each of several parents, up to MAX_PARENTS of them in a statement; by the parent's id.

        await pages(Claim.filter(organization_id=7), Code, [40, 41], None, 50)  # {40: [Claim, …], 41: [Claim]}

    A parent without rows may be left out.
    """
    column = PARENT_COLUMNS[parent]
    if len(parent_ids) == 1:
        return {parent_ids[0]: await page(queryset.filter(**{column: parent_ids[0]}), after, size)}
    rows: dict[int, list[M]] = defaultdict(list)
    step = min(MAX_PARENTS, max(1, MAX_ROWS // size))
    for start in range(0, len(parent_ids), step):
        parts = [
            part
            for parent_id in parent_ids[start : start + step]
            for part in _parts(queryset.filter(**{column: parent_id}), after, size)
        ]
        for row in sql.models_from_rows(queryset.model, await sql.execute(*_union(parts))):
            rows[getattr(row, column)].append(row)
    return {id: sorted(page, key=lambda row: (row.created_at, row.id))[:size] for id, page in rows.items()}


def _union(parts: Sequence[QuerySet[M]]) -> tuple[str, list[object]]:
    """One statement with the rows of all query sets, and its values."""
    texts: list[str] = []
    values: list[object] = []
    for at, part in enumerate(parts):
        part._make_query()
        text, parameters = part.query.get_parameterized_sql()
        texts.append(f"SELECT * FROM ({sql.shift_placeholders(text, len(values))}) AS part{at}")  # noqa: S608 (Tortoise's own)
        values += parameters
    return " UNION ALL ".join(texts), values


async def counts(queryset: QuerySet[M], parent: Parent, parent_ids: Sequence[int]) -> dict[int, int]:
    """How many rows there are below each of several parents, by its id; a parent without any is left out.

    await counts(Claim.filter(organization_id=7), Code, [40, 41, 42])  # {40: 3, 41: 1}
    """
    column = PARENT_COLUMNS[parent]
    counted = queryset.filter(**{f"{column}__in": parent_ids}).annotate(number=Count("id")).group_by(column)
    return dict(await counted.values_list(column, "number"))
