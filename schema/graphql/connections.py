"""Connections: keyset pages, which stay the same while rows are added."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import strawberry
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode

from resolvers.authenticate import Right
from resolvers.domain.refusals import InvalidInput
from resolvers.listing import Listed, Listing, Page, PageRequest, Parent, Row
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
    rows: strawberry.Private[Sequence[Listed]]
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field
    def edges(self) -> list[Edge[T]]:
        return [Edge(cursor=ids.cursor_of(row), node=node) for row, node in zip(self.rows, self.nodes, strict=True)]

    nodes: list[T]
    page_info: PageInfo

    @strawberry.field(description="How many there are on all pages.")
    async def total_count(self) -> int:
        return await self.count()


async def connect(
    info: Info, of: Callable[[Row], T], rows: Listing[Row], first: int, after: str | None
) -> Connection[T]:
    """One page of a list; `of` makes a node of a row.

    Raises AccessDenied; InvalidInput for an invalid page size or cursor.
    """
    info.context.require(Right.MANAGE)
    request = _page_request(first, after)
    page: Page[Row] = await rows.page(request) if selects(info, *ROW_FIELDS) else Page()
    return await _connection(info, of, page, request, rows.count)


async def connect_below(
    info: Info,
    of: Callable[[Row], T],
    rows: Listing[Row],
    parent: Parent,
    parent_id: int,
    first: int,
    after: str | None,
) -> Connection[T]:
    """One page of the rows of a list that are below a parent row.

    The same page below other rows of `parent` is fetched by the same statement. Raises as `connect` does.
    """
    context = info.context
    context.require(Right.MANAGE)
    request = _page_request(first, after)
    wants_rows = selects(info, *ROW_FIELDS)
    page: Page[Row] = await context.page_below(rows, parent, parent_id, request) if wants_rows else Page()
    return await _connection(info, of, page, request, lambda: context.count_below(rows, parent, parent_id))


def selects(info: Info, *names: str) -> bool:
    """Whether any of these fields is selected below the present one, however deep, in fragments too."""
    pending = [node.selection_set for node in info._raw_info.field_nodes]
    visited: set[str] = set()
    while pending:
        selection_set = pending.pop()
        for child in selection_set.selections if selection_set else ():
            if isinstance(child, FragmentSpreadNode):
                if child.name.value not in visited:
                    visited.add(child.name.value)
                    pending.append(info._raw_info.fragments[child.name.value].selection_set)
            elif isinstance(child, FieldNode) and child.name.value in names:
                return True
            elif isinstance(child, FieldNode | InlineFragmentNode):
                pending.append(child.selection_set)
    return False


def _page_request(first: int, after: str | None) -> PageRequest:
    cursor = ids.decode_cursor(after)
    if not 0 <= first <= MAX_PAGE_SIZE:
        raise InvalidInput(f"A page has 0 to {MAX_PAGE_SIZE} rows.", "first")
    return PageRequest(cursor, first)


async def _connection(
    info: Info, of: Callable[[Row], T], page: Page[Row], request: PageRequest, count: Callable[[], Awaitable[int]]
) -> Connection[T]:
    page_info = PageInfo(
        has_next_page=page.has_more,
        has_previous_page=request.after is not None,
        start_cursor=ids.cursor_of(page.rows[0]) if page.rows else None,
        end_cursor=ids.cursor_of(page.rows[-1]) if page.rows else None,
    )
    if info.context.scheduler.is_long:
        await info.context.scheduler.wait(ROW_COST * len(page.rows))
    return Connection(rows=page.rows, nodes=[of(row) for row in page.rows], page_info=page_info, count=count)
