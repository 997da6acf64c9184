"""Pages that stand still while rows are added: keyset paging over (created_at, id), oldest first unless said."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from tortoise.functions import Count
from tortoise.models import Model
from tortoise.queryset import QuerySet

from db import sql

M = TypeVar("M", bound=Model)

MAX_PARENTS = 100
"""Parents whose pages are asked for together; SQLite takes 500 questions in a statement, and a parent has up to two."""
MAX_ROWS = 1_000
"""Rows that those pages may come to: what a statement brings becomes objects in one go."""


class Place(NamedTuple):
    """Where a page begins: after the row with this instant and id."""

    created_at: datetime
    id: int


def _parts(queryset: QuerySet[M], after: Place | None, size: int, newest_first: bool = False) -> list[QuerySet[M]]:
    """The rows after that place as questions that each enter an index where their rows begin.

    Two of them, because a million codes may share one instant.
    """
    down, further = ("-", "lt") if newest_first else ("", "gt")
    ordered = queryset.order_by(f"{down}created_at", f"{down}id").limit(size)
    if after is None:
        return [ordered]
    same_instant = ordered.filter(created_at=after.created_at, **{f"id__{further}": after.id})
    return [same_instant, ordered.filter(**{f"created_at__{further}": after.created_at})]


async def page(queryset: QuerySet[M], after: Place | None, size: int, newest_first: bool = False) -> list[M]:
    """The `size` rows after that place; ask for one more than you show, to know whether there are more."""
    rows: list[M] = []
    for part in _parts(queryset, after, size, newest_first):
        if len(rows) < size:
            rows += await part.limit(size - len(rows))
    return rows


async def pages(
    queryset: QuerySet[M], parent: str, parent_ids: Sequence[int], after: Place | None, size: int
) -> dict[int, list[M]]:
    """The same page below each of several parents, up to AT_ONCE of them in a statement."""
    if len(parent_ids) == 1:
        return {parent_ids[0]: await page(queryset.filter(**{parent: parent_ids[0]}), after, size)}
    found: dict[int, list[Any]] = defaultdict(list)
    at_once = min(MAX_PARENTS, max(1, MAX_ROWS // size))
    for start in range(0, len(parent_ids), at_once):
        parts = [
            part
            for parent_id in parent_ids[start : start + at_once]
            for part in _parts(queryset.filter(**{parent: parent_id}), after, size)
        ]
        for record in sql.models_from_rows(queryset.model, await sql.execute(*_union(parts))):
            found[getattr(record, parent)].append(record)
    return {number: sorted(rows, key=lambda row: (row.created_at, row.id))[:size] for number, rows in found.items()}


def _union(parts: Sequence[QuerySet[Any]]) -> tuple[str, list[Any]]:
    """One statement that asks each of the questions, and its values."""
    texts: list[str] = []
    values: list[Any] = []
    for at, part in enumerate(parts):
        part._make_query()
        text, said = part.query.get_parameterized_sql()
        texts.append(f"SELECT * FROM ({sql.shift_placeholders(text, len(values))}) AS part{at}")  # noqa: S608 (Tortoise's own)
        values += said
    return " UNION ALL ".join(texts), values


async def counts(queryset: QuerySet[M], parent: str, parent_ids: Sequence[int]) -> dict[int, int]:
    """How many rows there are below each of several parents."""
    counted = queryset.filter(**{f"{parent}__in": parent_ids}).annotate(number=Count("id")).group_by(parent)
    return dict(await counted.values_list(parent, "number"))
