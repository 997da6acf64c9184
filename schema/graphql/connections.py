"""Connections: keyset pages, which stay the same while rows are added."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

import strawberry
from graphql import FieldNode, FragmentSpreadNode
from tortoise.queryset import QuerySet

from db.models import Code
from resolvers import listing
from resolvers.authenticate import Right
from resolvers.domain.refusals import InvalidInput
from schema.graphql import ids
from schema.graphql.context import Info

T = TypeVar("T")
ROW_COST = 4
"""Values that cost as much as making an object of a row."""
ROW_FIELDS = ("nodes", "edges", "pageInfo")
"""Fields of a connection that need its page fetched."""
PAGE_SIZE, MAX_PAGE_SIZE = 50, 100
"""Rows of a page: by default, and at most."""


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[T]):
    cursor: str
    node: T


@strawberry.type
class Connection(Generic[T]):
    rows: strawberry.Private[list[Any]]
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field
    def edges(self) -> list[Edge[T]]:
        return [Edge(cursor=_cursor(row), node=node) for row, node in zip(self.rows, self.nodes, strict=True)]

    nodes: list[T]
    page_info: PageInfo

    @strawberry.field(description="How many there are on all pages.")
    async def total_count(self) -> int:
        return await self.count()


async def connect(
    info: Info, of: Callable[[Any], T], queryset: QuerySet[Any], first: int, after: str | None
) -> Connection[T]:
    """One page of a query set; `of` makes a node of a row.

    Raises AccessDenied; InvalidInput for an invalid page size or cursor.
    """
    info.context.require(Right.MANAGE)
    cursor, size = ids.decode_cursor(after), _size(first)
    rows = await listing.page(queryset, cursor, size) if selects(info, *ROW_FIELDS) else []
    if queryset.model is Code and selects(info, "status", "promotion"):
        await info.context.load_promotions(rows)
    return await _page(info, rows, of, first, after, queryset.count)


async def connect_below(
    info: Info,
    of: Callable[[Any], T],
    queryset: QuerySet[Any],
    conditions: Hashable,
    parent_column: str,
    parent_id: int,
    first: int,
    after: str | None,
) -> Connection[T]:
    """One page of the rows below a parent row: those whose `parent_column` is `parent_id`.

    The same page of other parents is fetched by the same statement; `conditions` tells query sets with other filters
    apart. Raises as `connect` does.
    """
    info.context.require(Right.MANAGE)
    key = (queryset.model, conditions)
    cursor, size = ids.decode_cursor(after), _size(first)
    wants_rows = selects(info, *ROW_FIELDS)
    rows = await info.context.page_below(key, queryset, parent_column, parent_id, cursor, size) if wants_rows else []

    async def count() -> int:
        return await info.context.count_below(key, queryset, parent_column, parent_id)

    return await _page(info, rows, of, first, after, count)


def selects(info: Info, *names: str) -> bool:
    """Whether any of these fields is selected below the present one, however deep, in fragments too."""
    pending: list[Any] = list(info._raw_info.field_nodes)
    visited: set[str] = set()
    while pending:
        node = pending.pop()
        if isinstance(node, FragmentSpreadNode):
            if node.name.value in visited:
                continue
            visited.add(node.name.value)
            node = info._raw_info.fragments[node.name.value]
        selections = node.selection_set.selections if node.selection_set else ()
        if any(isinstance(child, FieldNode) and child.name.value in names for child in selections):
            return True
        pending += selections
    return False


def _size(first: int) -> int:
    if not 0 <= first <= MAX_PAGE_SIZE:
        raise InvalidInput(f"A page has 0 to {MAX_PAGE_SIZE} rows.", "first")
    return first


async def _page(
    info: Info,
    rows: list[Any],
    of: Callable[[Any], T],
    first: int,
    after: str | None,
    count: Callable[[], Awaitable[int]],
) -> Connection[T]:
    shown = rows[:first]
    page_info = PageInfo(
        has_next_page=len(rows) > first,
        has_previous_page=after is not None,
        start_cursor=_cursor(shown[0]) if shown else None,
        end_cursor=_cursor(shown[-1]) if shown else None,
    )
    if info.context.scheduler.is_long:
        await info.context.scheduler.wait(ROW_COST * len(shown))
    nodes = [of(row) for row in shown]
    return Connection(rows=shown, nodes=nodes, page_info=page_info, count=count)


def _cursor(row: Any) -> str:
    return ids.encode_cursor(row.created_at, row.id)
