"""graphql-core's executor, which makes long lists chunk by chunk and few root fields at the same time."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from graphql import ExecutionResult, GraphQLList, GraphQLObjectType, GraphQLOutputType, GraphQLResolveInfo
from graphql.execution import Executor as GraphQLCoreExecutor
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.graphql.engine.scheduling import LONG_LIST_ROWS, ResponseScheduler, gathered

NO_MORE = object()
T = TypeVar("T")
Info = GraphQLResolveInfo[object]


class ScheduledExecutor(GraphQLCoreExecutor[T]):
    """graphql-core's executor, which makes long lists chunk by chunk and few root fields at the same time."""

    scheduler: ResponseScheduler
    max_concurrent_fields: int | None

    def execute_root_grouped_field_set(
        self,
        root_type: GraphQLObjectType,
        root_value: object,
        grouped_field_set: GroupedFieldSet,
        serially: bool,
        position_context: T | None,
    ) -> Any:
        """The root fields of an operation."""
        arguments = root_type, root_value, grouped_field_set, serially, position_context
        size = self.max_concurrent_fields
        if serially or size is None or len(grouped_field_set) <= size:
            return super().execute_root_grouped_field_set(*arguments)
        return self._root_fields_in_batches(root_type, root_value, grouped_field_set, size)

    async def _root_fields_in_batches(
        self, root_type: GraphQLObjectType, root_value: object, fields: GroupedFieldSet, size: int
    ) -> dict[str, object]:
        data: dict[str, object] = {}
        for batch in batches(list(fields.items()), size):
            results = self.execute_fields(root_type, root_value, None, dict(batch), None)
            data |= results if isinstance(results, dict) else await results
        return data

    def complete_list_value(
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: Info,
        path: Path,
        result: Any,
        position_context: T | None,
    ) -> Any:
        """A list as graphql-core completes it; a long one chunk by chunk."""
        arguments = return_type, field_details_list, info, path, result, position_context
        if not isinstance(result, list) or not (self.scheduler.is_long or len(result) > LONG_LIST_ROWS):
            return super().complete_list_value(*arguments)
        if any(self.is_awaitable(value) for value in result):
            return super().complete_list_value(*arguments)
        return self._complete_in_chunks(*arguments)

    async def _complete_in_chunks(
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: Info,
        path: Path,
        result: Iterable[object],
        position_context: T | None,
    ) -> list[object]:
        self.scheduler.is_long = True
        results: list[object] = []
        pending: list[int] = []
        width = selected_width(field_details_list)
        try:
            for index, value in enumerate(result):
                arguments = return_type.of_type, field_details_list, info, path.add_key(index, None), position_context
                self.scheduler.count(width)
                await self.scheduler.wait(3 * width)  # graphql-core needs more time for each
                if self.complete_list_item_value(value, results, *arguments):
                    pending.append(index)
        except BaseException:
            self.abandon(results, pending)
            raise
        return await gathered(results, pending) if pending else results

    async def complete_async_iterator_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: Info,
        path: Path,
        async_iterator: AsyncIterator[object],
        position_context: T | None,
    ) -> list[object]:
        """A list that is an asynchronous generator, as graphql-core completes it; a long one chunk by chunk."""
        scheduled = self._scheduled(async_iterator, selected_width(field_details_list))
        return await super().complete_async_iterator_value(
            item_type, field_details_list, info, path, scheduled, position_context
        )

    async def _scheduled(self, items: AsyncIterator[object], width: int) -> AsyncGenerator[object, None]:
        """The same items; from LONG_LIST_ROWS on each is counted and waits."""
        rows = 0
        try:
            while (item := await anext(items, NO_MORE)) is not NO_MORE:
                rows += 1
                if rows > LONG_LIST_ROWS:
                    self.scheduler.is_long = True
                    self.scheduler.count(width)
                    await self.scheduler.wait(3 * width)
                yield item
        except BaseException:  # it fails, or nobody wants the rest
            close = getattr(items, "aclose", None)
            if close is not None:
                with suppress(Exception):
                    await close()
            raise

    def abandon(self, results: Any, pending: Sequence[object]) -> None:
        """Let pending results finish in the background, as their object or list has failed."""
        if pending:
            self.settle_in_background([results[key] for key in pending])


class CoreExecutor(ScheduledExecutor[Any], StrawberryGraphQLCoreExecutionContext):
    """Executes one operation as Strawberry has it executed: by graphql-core, with Strawberry's own resolvers."""

    async def run(self) -> ExecutionResult:
        """Data and errors."""
        result: Any = self.execute_operation()
        return await result if self.is_awaitable(result) else result  # type: ignore[no-any-return]


def batches(all: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """A sequence in parts of so many."""
    return (all[start : start + size] for start in range(0, len(all), size))


def selected_width(details: FieldDetailsList) -> int:
    """The number of fields that are selected of an object, at least one."""
    selection_sets = [detail.node.selection_set for detail in details]
    return sum(len(selection_set.selections) for selection_set in selection_sets if selection_set) or 1
