"""Execution of operations by their plan.

graphql-core collects the selected fields and looks up the type of each value in each run. Execution by plan only
calls resolvers, reads attributes and serializes values. What it meets seldom (awaitables in lists, asynchronous
generators, types that have to be asked) it leaves to graphql-core's own methods. Its results and errors are
graphql-core's, as a test checks.
"""

from collections.abc import Awaitable, Sequence
from typing import Any, NamedTuple

from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Undefined,
)
from graphql.execution import default_field_resolver, default_type_resolver
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import collect_iterator_awaitables
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from strawberry.execution.is_awaitable import optimized_is_awaitable

from schema.graphql.engine.graphql_core import ScheduledExecutor, batches
from schema.graphql.engine.output_types import AbstractOutput, AnyOutput, LeafOutput, ListOutput
from schema.graphql.engine.plan import FieldStep, Plan
from schema.graphql.engine.readers import PLAIN_CLASSES, NotPlain, is_plain
from schema.graphql.engine.scheduling import LONG_LIST_ROWS, gathered


class ResolveInfo(NamedTuple):
    """The info that Strawberry's resolvers are given: graphql-core's, with the variables as a dictionary."""

    field_name: str
    field_nodes: list[FieldNode]
    return_type: GraphQLOutputType
    parent_type: GraphQLObjectType
    path: Path
    schema: GraphQLSchema
    fragments: dict[str, FragmentDefinitionNode]
    root_value: object
    operation: OperationDefinitionNode
    variable_values: dict[str, object]
    context: object
    is_awaitable: object
    abort_signal: object
    async_helpers: object
    operation_extensions: None = None


class PlanExecutor(ScheduledExecutor[FieldStep]):
    """Executes one operation once, by its plan. graphql-core's methods are given a step as their position."""

    def __init__(
        self, schema: GraphQLSchema, plan: Plan, values: VariableValues, root_value: object, context: object
    ) -> None:
        super().__init__(
            schema, plan.fragment_definitions, plan.fragments, root_value, context, plan.operation, values,
            default_field_resolver, default_type_resolver, default_field_resolver,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        )  # fmt: skip
        self.plan = plan

    async def run(self) -> ExecutionResult:
        """Data and errors."""
        data: dict[str, object] | None
        try:
            data = await self._root_fields(self.plan.steps)
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        return ExecutionResult(data, self.collected_errors.errors or None)

    async def _root_fields(self, steps: list[FieldStep]) -> dict[str, object]:
        """A query's fields some at a time; a mutation's one after another, as one may depend on those before it."""
        size = self.max_concurrent_fields if self.operation.operation is OperationType.QUERY else 1
        if size is None or len(steps) <= size:
            results = self._fields(steps, self.root_value, None)
            return results if isinstance(results, dict) else await results
        data: dict[str, object] = {}
        for batch in batches(steps, size):
            results = self._fields(batch, self.root_value, None)
            data |= results if isinstance(results, dict) else await results
        return data

    def _fields(
        self, steps: Sequence[FieldStep], source: object, path: Path | None
    ) -> dict[str, object] | Awaitable[dict[str, object]]:
        """The fields of an object by their keys, or an awaitable of them."""
        results: dict[str, object] = {}
        pending: list[str] = []
        try:
            for step in steps:
                if step.read is not None:
                    try:
                        results[step.key] = step.read(source)
                        continue
                    except NotPlain as found:
                        result = self._value(step, Path(path, step.key, step.parent.name), found.value)
                    except Exception as error:
                        self._fail(step, step.output, Path(path, step.key, step.parent.name), error)
                        result = None
                else:
                    result = self._field(step, source, Path(path, step.key, step.parent.name))
                results[step.key] = result
                if type(result) not in PLAIN_CLASSES and self.is_awaitable(result):
                    pending.append(step.key)
        except Exception:
            self.abandon(results, pending)
            raise
        return gathered(results, pending) if pending else results

    def _field(self, step: FieldStep, source: object, path: Path) -> object:
        try:
            if step.attribute is not None:
                value = getattr(source, step.attribute)
            else:
                value = step.resolve(source, self._info(step, path), step.arguments(self.variable_values))
            if type(value) not in PLAIN_CLASSES and self.is_awaitable(value):
                return self._complete_awaited(step, path, value)
            result = self._complete(step, step.output, path, value)
            if type(result) not in PLAIN_CLASSES and self.is_awaitable(result):
                return self._handle_errors(step, step.output, path, result)
        except Exception as error:
            self._fail(step, step.output, path, error)
            return None
        return result

    def _value(self, step: FieldStep, path: Path, value: object) -> object:
        """An attribute's value as it is sent, or an awaitable of it."""
        if self.is_awaitable(value):
            return self._complete_awaited(step, path, value)
        return self._item(step, step.output, path, value)

    def _info(self, step: FieldStep, path: Path) -> Any:
        """The info of a field; of an item in its list that of the field."""
        return ResolveInfo(
            step.name, step.nodes, step.definition.type, step.parent, path, self.schema, self.fragment_definitions,
            self.root_value, self.operation, self.variable_values.coerced, self.context_value, self.is_awaitable,
            self.abort_signal, self.async_helpers,
        )  # fmt: skip

    def _complete(self, step: FieldStep, output: AnyOutput, path: Path, value: object) -> object:
        """A value as it is sent, or an awaitable of it."""
        if type(value) not in PLAIN_CLASSES and not is_plain(value) and isinstance(value, Exception):
            raise value
        if value is None or value is Undefined:
            if output.is_required:
                raise TypeError(f"Cannot return null for non-nullable field {step.parent}.{step.name}.")
            return None
        if isinstance(output, LeafOutput):
            return self.complete_leaf_value(output.nullable, value)
        if isinstance(output, ListOutput):
            if type(value) is list or type(value) is tuple:
                return self._list(step, output, path, value)
            return self.complete_list_value(
                output.nullable, step.details, self._field_info(step, path), path, value, step
            )
        kind = step.only_type or step.type_of(value)
        if kind is not None:
            return self._fields(step.children.get(kind) or self.plan.children(step, kind), value, path)
        complete = self.complete_abstract_value if isinstance(output, AbstractOutput) else self.complete_object_value
        return complete(output.nullable, step.details, self._field_info(step, path), path, value, step)  # type: ignore[arg-type]

    def _field_info(self, step: FieldStep, path: Path) -> Any:
        """The info of a field whose value, or an item in it, has the path."""
        while isinstance(path.key, int) and path.prev is not None:
            path = path.prev
        return self._info(step, path)

    def collect_and_execute_subfields(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        path: Path,
        result: object,
        position_context: FieldStep | None,
    ) -> Any:
        """The fields of an object that graphql-core completes: by their steps."""
        if position_context is None:  # never: each value that graphql-core completes for a plan comes with its step
            return super().collect_and_execute_subfields(return_type, field_details_list, path, result, None)
        position_context.remember_type(result, return_type)
        return self._fields(self.plan.children(position_context, return_type), result, path)

    def _list(self, step: FieldStep, output: ListOutput, path: Path, values: Sequence[object]) -> object:
        if self.scheduler.is_long or len(values) > LONG_LIST_ROWS:
            return self._list_in_chunks(step, output, path, values)
        results: list[object] = []
        pending: list[int] = []
        remaining = iter(values)
        try:
            for index, value in enumerate(remaining):
                item_path = Path(path, index, None)
                if type(value) in PLAIN_CLASSES or not self.is_awaitable(value):
                    result = self._item(step, output.item, item_path, value)
                else:
                    result = self._awaited_item(step, output.item, item_path, value)
                results.append(result)
                if type(result) not in PLAIN_CLASSES and self.is_awaitable(result):
                    pending.append(index)
        except Exception:
            self.abandon(results, pending)
            self.finish_in_background(collect_iterator_awaitables(remaining, self.is_awaitable))
            raise
        return gathered(results, pending) if pending else results

    async def _list_in_chunks(
        self, step: FieldStep, output: ListOutput, path: Path, values: Sequence[object]
    ) -> list[object]:
        """The same, chunk by chunk."""
        self.scheduler.is_long = True
        results: list[object] = []
        pending: list[int] = []
        remaining = iter(values)
        try:
            for index, value in enumerate(remaining):
                kind = step.only_type or step.type_of(value)
                width = len(step.children.get(kind, ())) if kind else 0
                width = width or 1  # unknown for the first item
                self.scheduler.count(width)
                await self.scheduler.wait(width)
                item_path = Path(path, index, None)
                if type(value) in PLAIN_CLASSES or not self.is_awaitable(value):
                    result = self._item(step, output.item, item_path, value)
                else:
                    result = self._awaited_item(step, output.item, item_path, value)
                results.append(result)
                if type(result) not in PLAIN_CLASSES and self.is_awaitable(result):
                    pending.append(index)
        except BaseException:
            self.abandon(results, pending)
            self.finish_in_background(collect_iterator_awaitables(remaining, self.is_awaitable))
            raise
        return await gathered(results, pending) if pending else results

    def _awaited_item(
        self, step: FieldStep, output: AnyOutput, path: Path, value: Awaitable[object]
    ) -> Awaitable[object]:
        """An awaitable item of a list, as it is sent."""
        info = self._field_info(step, path)
        return self.complete_awaitable_list_item_value(value, output.type, step.details, info, path, step)

    def _item(self, step: FieldStep, output: AnyOutput, path: Path, value: object) -> object:
        """A value as it is sent, or an awaitable of it; null where it fails."""
        try:
            result = self._complete(step, output, path, value)
            if type(result) not in PLAIN_CLASSES and self.is_awaitable(result):
                return self._handle_errors(step, output, path, result)
        except Exception as error:
            self._fail(step, output, path, error)
            return None
        return result

    async def _complete_awaited(self, step: FieldStep, path: Path, value: Awaitable[object]) -> object:
        try:
            result = self._complete(step, step.output, path, await value)
            return await result if self.is_awaitable(result) else result
        except Exception as error:
            self._fail(step, step.output, path, error)
            return None

    async def _handle_errors(self, step: FieldStep, output: AnyOutput, path: Path, result: Awaitable[object]) -> object:
        try:
            return await result
        except Exception as error:
            self._fail(step, output, path, error)
            return None

    def _fail(self, step: FieldStep, output: AnyOutput, path: Path, error: Exception) -> None:
        """Record an error, of a field that is null then; raises it where the field is non-nullable."""
        self.handle_field_error(error, output.type, step.details, path)

    def finish_in_background(self, awaitables: list[Awaitable[object]]) -> None:
        """Let awaitables that nothing waits for finish in the background."""
        if awaitables:
            self.settle_in_background(awaitables)
