"""Connections: pages that stand still while rows are added."""

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
ROW = 4
"""Values that cost as much as making an object of a row."""
OF_ROWS = ("nodes", "edges", "pageInfo")
"""Fields of a connection that its page is fetched for."""
DEFAULT, LARGEST = 50, 100
"""Rows of a page: where nothing is said, and at most."""


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
    counting: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field
    def edges(self) -> list[Edge[T]]:
        return [Edge(cursor=_cursor(row), node=node) for row, node in zip(self.rows, self.nodes, strict=True)]

    nodes: list[T]
    page_info: PageInfo

    @strawberry.field(description="How many there are on all pages.")
    async def total_count(self) -> int:
        return await self.counting()


async def connect(
    info: Info, of: Callable[[Any], T], found: QuerySet[Any], first: int, after: str | None
) -> Connection[T]:
    """One page of everything found."""
    info.context.demand(Right.MANAGE)
    place, size = ids.place(after), _size(first)
    rows = await listing.page(found, place, size) if asks_for(info, *OF_ROWS) else []
    if found.model is Code and asks_for(info, "status", "promotion"):
        await info.context.know_promotions(rows)
    return await _page(info, rows, of, first, after, found.count)


async def connect_below(
    info: Info,
    of: Callable[[Any], T],
    found: QuerySet[Any],
    asked: Hashable,
    parent: str,
    number: int,
    first: int,
    after: str | None,
) -> Connection[T]:
    """One page of what is found below a parent; `asked` tells apart what was found by other filters."""
    info.context.demand(Right.MANAGE)
    key = (found.model, asked)
    place, size = ids.place(after), _size(first)
    asked_for = asks_for(info, *OF_ROWS)
    rows = await info.context.page_below(key, found, parent, number, place, size) if asked_for else []

    async def count() -> int:
        return await info.context.count_below(key, found, parent, number)

    return await _page(info, rows, of, first, after, count)


def asks_for(info: Info, *names: str) -> bool:
    """Whether any of these fields is selected below the present one, however deep, in fragments too."""
    left: list[Any] = list(info._raw_info.field_nodes)
    spread: set[str] = set()
    while left:
        node = left.pop()
        if isinstance(node, FragmentSpreadNode):
            if node.name.value in spread:
                continue
            spread.add(node.name.value)
            node = info._raw_info.fragments[node.name.value]
        below = node.selection_set.selections if node.selection_set else ()
        if any(isinstance(one, FieldNode) and one.name.value in names for one in below):
            return True
        left += below
    return False


def _size(first: int) -> int:
    if not 0 <= first <= LARGEST:
        raise InvalidInput(f"A page has 0 to {LARGEST} rows.", "first")
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
    if info.context.turns.is_long:
        await info.context.turns.turn(ROW * len(shown))
    nodes = [of(row) for row in shown]
    return Connection(rows=shown, nodes=nodes, page_info=page_info, counting=count)


def _cursor(row: Any) -> str:
    return ids.cursor(row.created_at, row.id)
