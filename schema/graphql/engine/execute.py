"""Execution of operations: by their plan, where they have one; of all others by graphql-core.

graphql-core collects the selected fields and looks up the type of each value in each run. Execution by plan only
calls resolvers, reads attributes and serializes values. Its results and errors are graphql-core's, as a test checks.
"""

import asyncio
import functools
from collections.abc import Awaitable, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Undefined,
)
from graphql.execution import Executor as GraphQLCoreExecutor
from graphql.execution import default_field_resolver, default_type_resolver
from graphql.pyutils import Path, gather_with_cancel
from strawberry.execution.is_awaitable import optimized_is_awaitable

from schema.graphql.engine.plan import FieldStep, OutputType, Plan
from schema.graphql.engine.scheduling import LONG_LIST_ROWS, ResponseScheduler

MAX_COERCION_ERRORS = 5
"""Invalid values of variables that are reported: each is searched for, and printed at length."""
MAX_CONCURRENT_FIELDS = 10
"""Root fields of a query that are run concurrently: many more would keep all others from the database."""


async def run(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    plan: Plan | None,
    variables: dict[str, Any],
    context: Any = None,
    scheduler: ResponseScheduler | None = None,
    in_thread: bool = False,
) -> ExecutionResult | list[GraphQLError]:
    """The data and errors of an operation; or the errors of its variables alone, where these are not valid.

    With `in_thread` a thread finds those errors, as there may be many values.
    """
    values = plan.variables.coerce(variables) if plan is not None and plan.variables is not None else None
    executor: Any
    if plan is None or values is None:
        name = operation.name.value if operation.name else None
        build = functools.partial(
            PlanExecutor.build, schema, document, None, context, variables, name,
            max_coercion_errors=MAX_COERCION_ERRORS, is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        )  # fmt: skip
        executor = await asyncio.to_thread(build) if in_thread else build()
    else:
        executor = PlanExecutor(
            schema, plan.fragment_definitions, plan.fragments, None, context, operation, values,
            default_field_resolver, default_type_resolver, default_field_resolver,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        )  # fmt: skip
    if isinstance(executor, list):
        return executor
    executor.scheduler = scheduler or ResponseScheduler()
    try:
        return await executor.run(plan)  # type: ignore[no-any-return]
    finally:
        executor.async_helpers = None  # these refer back: a cycle that would hold the document and the result


class PlanExecutor(GraphQLCoreExecutor[Any]):
    """Executes one operation once."""

    plan: Plan
    scheduler: ResponseScheduler

    async def run(self, plan: Plan | None) -> ExecutionResult:
        """Data and errors; without a plan as graphql-core executes the operation."""
        if plan is None:
            result: Any = self.execute_operation()
            return await result if self.is_awaitable(result) else result  # type: ignore[no-any-return]
        self.plan = plan
        try:
            data = await self._root_fields(plan.steps)
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        return ExecutionResult(data, self.collected_errors.errors or None)

    async def _root_fields(self, steps: list[FieldStep]) -> dict[str, Any]:
        """A query's fields some at a time; a mutation's one after another, as one may depend on those before it."""
        data: dict[str, Any] = {}
        size = MAX_CONCURRENT_FIELDS if self.operation.operation is OperationType.QUERY else 1
        for batch in (steps[start : start + size] for start in range(0, len(steps), size)):
            results = self._fields(batch, self.root_value, None)
            data |= await results if self.is_awaitable(results) else results
        return data

    def _fields(self, steps: list[FieldStep], source: Any, path: Path | None) -> Any:
        """The fields of an object by their keys, or an awaitable of them."""
        results: dict[str, Any] = {}
        pending: list[str] = []
        try:
            for step in steps:
                if step.reader is not None and (value := step.reader.read(source)) is not Undefined:
                    results[step.key] = value
                    continue
                results[step.key] = result = self._field(step, source, Path(path, step.key, step.parent.name))
                if self.is_awaitable(result):
                    pending.append(step.key)
        except Exception:
            self._abandon(results, pending)
            raise
        return self._gather(results, pending) if pending else results

    def _field(self, step: FieldStep, source: Any, path: Path) -> Any:
        try:
            if step.attribute is not None:
                value = getattr(source, step.attribute)
            else:
                resolve = step.definition.resolve or self.field_resolver
                value = resolve(source, self._info(step, path), **step.arguments(self.variable_values))
            if self.is_awaitable(value):
                return self._complete_awaited(step, step.output, path, value)
            result = self._complete(step, step.output, path, value)
            return self._handle_errors(step, step.output, path, result) if self.is_awaitable(result) else result
        except Exception as error:
            return self._fail(step, step.output, path, error)

    def _info(self, step: FieldStep, path: Path) -> GraphQLResolveInfo[Any]:
        return GraphQLResolveInfo(
            step.name, step.nodes, step.definition.type, step.parent, path, self.schema, self.fragment_definitions,
            self.root_value, self.operation, self.variable_values, self.context_value, self.is_awaitable,
            self.abort_signal, self.async_helpers,
        )  # fmt: skip

    def _complete(self, step: FieldStep, output: OutputType, path: Path, value: Any) -> Any:
        """A value as it is sent, or an awaitable of it."""
        if value is None:
            if output.is_required:
                raise TypeError(f"Cannot return null for non-nullable field {step.parent}.{step.name}.")
            return None
        if output.kind == "leaf":
            return self.complete_leaf_value(output.nullable, value)
        if output.kind == "list":
            return self._list(step, output, path, value)
        kind = output.nullable if output.kind == "object" else self._runtime_type(step, output, path, value)
        return self._fields(self.plan.children(step, kind), value, path)

    def _runtime_type(self, step: FieldStep, output: OutputType, path: Path, value: Any) -> GraphQLObjectType:
        """The object type of a value of an interface or a union."""
        kind = step.runtime_types.get(type(value))
        if kind is None:
            info = self._info(step, path)
            name = (output.nullable.resolve_type or self.type_resolver)(value, info, output.nullable)
            kind = self.ensure_valid_runtime_type(name, output.nullable, step.details, info, value)
            step.runtime_types[type(value)] = kind
        return kind

    def _list(self, step: FieldStep, output: OutputType, path: Path, values: Any) -> Any:
        if self.scheduler.is_long or (isinstance(values, list) and len(values) > LONG_LIST_ROWS):
            return self._list_in_chunks(step, output, path, values)
        results: list[Any] = []
        pending: list[int] = []
        try:
            for index, value in enumerate(values):
                results.append(self._item(step, output.item, Path(path, index, None), value))
                if self.is_awaitable(results[index]):
                    pending.append(index)
        except Exception:
            self._abandon(results, pending)
            raise
        return self._gather(results, pending) if pending else results

    async def _list_in_chunks(self, step: FieldStep, output: OutputType, path: Path, values: Any) -> Any:
        """The same, chunk by chunk."""
        self.scheduler.is_long = True
        results: list[Any] = []
        pending: list[int] = []
        try:
            for index, value in enumerate(values):
                width = self._width(step, output.item, value)
                self.scheduler.count(width)
                await self.scheduler.wait(width)
                results.append(self._item(step, output.item, Path(path, index, None), value))
                if self.is_awaitable(results[index]):
                    pending.append(index)
        except BaseException:
            self._abandon(results, pending)
            raise
        return await self._gather(results, pending) if pending else results

    def _width(self, step: FieldStep, output: OutputType, value: Any) -> int:
        """The number of fields that are selected of a list's item."""
        kind: Any = step.runtime_types.get(type(value)) if output.kind == "abstract" else output.nullable
        return len(step.children.get(kind, ())) or 1  # unknown for the first item

    def complete_list_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Path, result: Any, position_context: Any
    ) -> Any:
        """A list of a document without a plan, as graphql-core completes it; a long one chunk by chunk."""
        arguments = return_type, field_details_list, info, path, result, position_context
        if not isinstance(result, list) or not (self.scheduler.is_long or len(result) > LONG_LIST_ROWS):
            return super().complete_list_value(*arguments)
        if any(self.is_awaitable(value) for value in result):
            return super().complete_list_value(*arguments)
        return self._complete_in_chunks(*arguments)

    async def _complete_in_chunks(
        self, return_type: Any, field_details_list: Any, info: Any, path: Path, result: Any, position_context: Any
    ) -> list[Any]:
        self.scheduler.is_long = True
        results: list[Any] = []
        pending: list[int] = []
        selection_sets = [details.node.selection_set for details in field_details_list]
        width = sum(len(selection_set.selections) for selection_set in selection_sets if selection_set) or 1
        try:
            for index, value in enumerate(result):
                arguments = return_type.of_type, field_details_list, info, path.add_key(index, None), position_context
                self.scheduler.count(width)
                await self.scheduler.wait(3 * width)  # graphql-core needs more time for each
                if self.complete_list_item_value(value, results, *arguments):
                    pending.append(index)
        except BaseException:
            self._abandon(results, pending)
            raise
        return await self._gather(results, pending) if pending else results

    def _item(self, step: FieldStep, output: OutputType, path: Path, value: Any) -> Any:
        try:
            result = self._complete(step, output, path, value)
            return self._handle_errors(step, output, path, result) if self.is_awaitable(result) else result
        except Exception as error:
            return self._fail(step, output, path, error)

    async def _complete_awaited(self, step: FieldStep, output: OutputType, path: Path, value: Awaitable[Any]) -> Any:
        try:
            result = self._complete(step, output, path, await value)
            return await result if self.is_awaitable(result) else result
        except Exception as error:
            return self._fail(step, output, path, error)

    async def _handle_errors(self, step: FieldStep, output: OutputType, path: Path, result: Awaitable[Any]) -> Any:
        try:
            return await result
        except Exception as error:
            return self._fail(step, output, path, error)

    def _fail(self, step: FieldStep, output: OutputType, path: Path, error: Exception) -> None:
        """Record an error, of a field that is null then; raises it where the field is non-nullable."""
        self.handle_field_error(error, output.type, step.details, path)

    async def _gather(self, results: Any, pending: Sequence[Any]) -> Any:
        """The same results, once all pending ones are there."""
        if len(pending) == 1:
            results[pending[0]] = await results[pending[0]]
            return results
        for key, result in zip(pending, await gather_with_cancel(*(results[key] for key in pending)), strict=True):
            results[key] = result
        return results

    def _abandon(self, results: Any, pending: Sequence[Any]) -> None:
        """Let pending results finish in the background, as their object or list has failed."""
        if pending:
            self.settle_in_background([results[key] for key in pending])
