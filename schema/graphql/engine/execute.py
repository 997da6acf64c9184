"""How a document is run: by its plan, where it has one; any other by graphql-core.

graphql-core finds out in each run which fields are selected of what, and of which type each value is. A run by plan
only calls, reads and writes; what goes wrong is told as graphql-core tells it, which a test holds it to.
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
from graphql.execution import Executor as LongWay
from graphql.execution import default_field_resolver, default_type_resolver
from graphql.pyutils import Path, gather_with_cancel
from strawberry.execution.is_awaitable import optimized_is_awaitable

from schema.graphql.engine.plan import Plan, Shape, Step
from schema.graphql.engine.turns import LONG_LIST, Turns

ERRORS = 5
"""Wrong values that are told of, as each is looked for and printed at length."""
AT_ONCE = 10
"""Questions of one document that are asked at once: as many more would keep everybody else from the database."""


async def run(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    plan: Plan | None,
    said: dict[str, Any],
    context: Any = None,
    turns: Turns | None = None,
    aside: bool = False,
) -> ExecutionResult | list[GraphQLError]:
    """Data and errors of an operation; or what is wrong with the values said for its variables, and nothing has run.

    `aside` has a thread find out what is wrong with many values.
    """
    values = plan.variables.values(said) if plan is not None and plan.variables is not None else None
    made: Any
    if plan is None or values is None:
        name = operation.name.value if operation.name else None
        build = functools.partial(
            Executor.build, schema, document, None, context, said, name,
            max_coercion_errors=ERRORS, is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        )  # fmt: skip
        made = await asyncio.to_thread(build) if aside else build()
    else:
        made = Executor(
            schema, plan.parts, plan.fragments, None, context, operation, values,
            default_field_resolver, default_type_resolver, default_field_resolver,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        )  # fmt: skip
    if isinstance(made, list):
        return made
    made.turns = turns or Turns()
    try:
        return await made.answer(plan)  # type: ignore[no-any-return]
    finally:
        made.async_helpers = None  # these refer back: a circle that held on to the document and all that was answered


class Executor(LongWay[Any]):
    """Runs one document once."""

    plan: Plan
    turns: Turns

    async def answer(self, plan: Plan | None) -> ExecutionResult:
        """Data and errors; without a plan on the long way."""
        if plan is None:
            result: Any = self.execute_operation()
            return await result if self.is_awaitable(result) else result  # type: ignore[no-any-return]
        self.plan = plan
        try:
            data = await self._run(plan.steps)
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        return ExecutionResult(data, self.collected_errors.errors or None)

    async def _run(self, steps: list[Step]) -> dict[str, Any]:
        """Some questions at once; deeds one after another, as a later one may lean on an earlier one."""
        data: dict[str, Any] = {}
        at_once = AT_ONCE if self.operation.operation is OperationType.QUERY else 1
        for now in (steps[start : start + at_once] for start in range(0, len(steps), at_once)):
            answers = self._select(now, self.root_value, None)
            data |= await answers if self.is_awaitable(answers) else answers
        return data

    def _select(self, steps: list[Step], source: Any, path: Path | None) -> Any:
        """An object's fields, or the wait for them."""
        answers: dict[str, Any] = {}
        waiting: list[str] = []
        try:
            for step in steps:
                if step.reading is not None and (value := step.reading.of(source)) is not Undefined:
                    answers[step.key] = value
                    continue
                answers[step.key] = answer = self._field(step, source, Path(path, step.key, step.parent.name))
                if self.is_awaitable(answer):
                    waiting.append(step.key)
        except Exception:
            self._leave(answers, waiting)
            raise
        return self._gathered(answers, waiting) if waiting else answers

    def _field(self, step: Step, source: Any, path: Path) -> Any:
        try:
            if step.attribute is not None:
                value = getattr(source, step.attribute)
            else:
                resolve = step.of.resolve or self.field_resolver
                value = resolve(source, self._info(step, path), **step.arguments(self.variable_values))
            if self.is_awaitable(value):
                return self._later(step, step.shape, path, value)
            answer = self._complete(step, step.shape, path, value)
            return self._guarded(step, step.shape, path, answer) if self.is_awaitable(answer) else answer
        except Exception as error:
            return self._failed(step, step.shape, path, error)

    def _info(self, step: Step, path: Path) -> GraphQLResolveInfo[Any]:
        return GraphQLResolveInfo(
            step.name, step.nodes, step.of.type, step.parent, path, self.schema, self.fragment_definitions,
            self.root_value, self.operation, self.variable_values, self.context_value, self.is_awaitable,
            self.abort_signal, self.async_helpers,
        )  # fmt: skip

    def _complete(self, step: Step, shape: Shape, path: Path, value: Any) -> Any:
        """A value as it is answered, or the wait for it."""
        if value is None:
            if shape.is_required:
                raise TypeError(f"Cannot return null for non-nullable field {step.parent}.{step.name}.")
            return None
        if shape.kind == "leaf":
            return self.complete_leaf_value(shape.bare, value)
        if shape.kind == "list":
            return self._list(step, shape, path, value)
        kind = shape.bare if shape.kind == "object" else self._kind(step, shape, path, value)
        return self._select(self.plan.below(step, kind), value, path)

    def _kind(self, step: Step, shape: Shape, path: Path, value: Any) -> GraphQLObjectType:
        """The type that a value stands for, of those that it may."""
        kind = step.kinds.get(type(value))
        if kind is None:
            info = self._info(step, path)
            name = (shape.bare.resolve_type or self.type_resolver)(value, info, shape.bare)
            kind = self.ensure_valid_runtime_type(name, shape.bare, step.details, info, value)
            step.kinds[type(value)] = kind
        return kind

    def _list(self, step: Step, shape: Shape, path: Path, values: Any) -> Any:
        if self.turns.is_long or (isinstance(values, list) and len(values) > LONG_LIST):
            return self._list_in_turns(step, shape, path, values)
        answers: list[Any] = []
        waiting: list[int] = []
        try:
            for place, value in enumerate(values):
                answers.append(self._member(step, shape.member, Path(path, place, None), value))
                if self.is_awaitable(answers[place]):
                    waiting.append(place)
        except Exception:
            self._leave(answers, waiting)
            raise
        return self._gathered(answers, waiting) if waiting else answers

    async def _list_in_turns(self, step: Step, shape: Shape, path: Path, values: Any) -> Any:
        """The same, a piece at a time."""
        self.turns.is_long = True
        answers: list[Any] = []
        waiting: list[int] = []
        try:
            for place, value in enumerate(values):
                width = self._width(step, shape.member, value)
                self.turns.count(width)
                await self.turns.turn(width)
                answers.append(self._member(step, shape.member, Path(path, place, None), value))
                if self.is_awaitable(answers[place]):
                    waiting.append(place)
        except BaseException:
            self._leave(answers, waiting)
            raise
        return await self._gathered(answers, waiting) if waiting else answers

    def _width(self, step: Step, shape: Shape, value: Any) -> int:
        """How many values are selected of a list's member itself."""
        known: Any = step.kinds.get(type(value)) if shape.kind == "abstract" else shape.bare
        return len(step.below.get(known, ())) or 1  # of the first one nothing is known yet

    def complete_list_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Path, result: Any, position_context: Any
    ) -> Any:
        """A list of a document without a plan, as graphql-core makes it; a long one a piece at a time."""
        told = return_type, field_details_list, info, path, result, position_context
        if not isinstance(result, list) or not (self.turns.is_long or len(result) > LONG_LIST):
            return super().complete_list_value(*told)
        if any(self.is_awaitable(value) for value in result):
            return super().complete_list_value(*told)
        return self._complete_in_turns(*told)

    async def _complete_in_turns(
        self, return_type: Any, field_details_list: Any, info: Any, path: Path, result: Any, position_context: Any
    ) -> list[Any]:
        self.turns.is_long = True
        answers: list[Any] = []
        waiting: list[int] = []
        width = sum(len(one.node.selection_set.selections) for one in field_details_list if one.node.selection_set) or 1
        try:
            for place, value in enumerate(result):
                told = return_type.of_type, field_details_list, info, path.add_key(place, None), position_context
                self.turns.count(width)
                await self.turns.turn(3 * width)  # this way costs more
                if self.complete_list_item_value(value, answers, *told):
                    waiting.append(place)
        except BaseException:
            self._leave(answers, waiting)
            raise
        return await self._gathered(answers, waiting) if waiting else answers

    def _member(self, step: Step, shape: Shape, path: Path, value: Any) -> Any:
        try:
            answer = self._complete(step, shape, path, value)
            return self._guarded(step, shape, path, answer) if self.is_awaitable(answer) else answer
        except Exception as error:
            return self._failed(step, shape, path, error)

    async def _later(self, step: Step, shape: Shape, path: Path, value: Awaitable[Any]) -> Any:
        try:
            answer = self._complete(step, shape, path, await value)
            return await answer if self.is_awaitable(answer) else answer
        except Exception as error:
            return self._failed(step, shape, path, error)

    async def _guarded(self, step: Step, shape: Shape, path: Path, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except Exception as error:
            return self._failed(step, shape, path, error)

    def _failed(self, step: Step, shape: Shape, path: Path, error: Exception) -> None:
        """Nothing, and the error beside it; what must not be nothing fails whatever it is in."""
        self.handle_field_error(error, shape.type, step.details, path)

    async def _gathered(self, answers: Any, waiting: Sequence[Any]) -> Any:
        """The same, once all are there."""
        if len(waiting) == 1:
            answers[waiting[0]] = await answers[waiting[0]]
            return answers
        for key, answer in zip(waiting, await gather_with_cancel(*(answers[key] for key in waiting)), strict=True):
            answers[key] = answer
        return answers

    def _leave(self, answers: Any, waiting: Sequence[Any]) -> None:
        """Nobody waits for these any more."""
        if waiting:
            self.settle_in_background([answers[key] for key in waiting])
