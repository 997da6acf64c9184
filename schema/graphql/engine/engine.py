"""The engine of one schema: loads documents, and runs their operations."""

import asyncio
import functools
from collections.abc import Mapping
from typing import Literal, TypeAlias, cast, get_args

import strawberry
from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationDefinitionNode
from strawberry.exceptions import MissingQueryError
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.exceptions import CannotGetOperationTypeError

from schema.graphql.engine import supported
from schema.graphql.engine.documents import Document, DocumentLoader, InvalidDocument, Policy
from schema.graphql.engine.execute import PlanExecutor
from schema.graphql.engine.graphql_core import CoreExecutor
from schema.graphql.engine.plan import Planner
from schema.graphql.engine.scheduling import ResponseScheduler

Mode: TypeAlias = Literal["plans", "core"]
"""`plans` runs operations by their plans, where they have one; `core` all of them by graphql-core's executor."""
MODES: tuple[Mode, ...] = get_args(Mode)
MAX_COERCION_ERRORS = 50
"""Invalid values of variables that graphql-core reports by itself."""


class Engine:
    """Loads and runs the documents of a Strawberry schema. Raises Unsupported for a feature that it would ignore.

    `max_coercion_errors` is the number of invalid values of variables that are reported, `max_concurrent_fields` that
    of a query's root fields which are run at the same time. Without options the results are plain Strawberry's.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        mode: Mode = "plans",
        *,
        max_coercion_errors: int = MAX_COERCION_ERRORS,
        max_concurrent_fields: int | None = None,
    ) -> None:
        supported.check_schema(schema)
        self.schema = schema._schema
        self._max_coercion_errors, self._max_concurrent_fields = max_coercion_errors, max_concurrent_fields
        self._planner: Planner | None = None
        if mode == "plans":
            supported.check_config(schema.config)
            self._planner = Planner(schema)

    def loader(self, policy: Policy | None = None, name: str = "documents") -> DocumentLoader:
        """A loader of the documents of one kind of caller; its thread has the name."""
        return DocumentLoader(self.schema, policy or Policy(), self._planner.plan if self._planner else no_plan, name)

    async def run(
        self,
        document: Document,
        operation: OperationDefinitionNode,
        variables: Mapping[str, object],
        context: object = None,
        *,
        root_value: object = None,
        scheduler: ResponseScheduler | None = None,
        in_thread: bool = False,
    ) -> ExecutionResult | list[GraphQLError]:
        """The data and errors of an operation; or the errors of its variables alone, where these are not valid.

        With `in_thread` a thread finds those errors, as there may be many values.
        """
        plan = document.plan(operation)
        values = plan.variables.coerce(variables) if plan is not None and plan.variables is not None else None
        executor: PlanExecutor | CoreExecutor
        if plan is not None and values is not None:
            executor = PlanExecutor(self.schema, plan, values, root_value, context)
        else:
            build = functools.partial(self._build, document.parsed, operation, variables, context, root_value)
            built = await asyncio.to_thread(build) if in_thread else build()
            if isinstance(built, list):
                return built
            executor = built
        executor.scheduler = scheduler or ResponseScheduler()
        executor.max_concurrent_fields = self._max_concurrent_fields
        try:
            return await executor.run()
        finally:
            # these refer back: a cycle that would hold the document and the result
            executor.async_helpers = None  # type: ignore[assignment]

    def _build(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, object],
        context: object,
        root_value: object,
    ) -> CoreExecutor | list[GraphQLError]:
        name = operation.name.value if operation.name else None
        built = CoreExecutor.build(
            self.schema, document, root_value, context, dict(variables), name,
            max_coercion_errors=self._max_coercion_errors, is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
        )  # fmt: skip
        return cast(CoreExecutor | list[GraphQLError], built)

    @functools.cached_property
    def _loader(self) -> DocumentLoader:
        return self.loader()

    async def execute(
        self,
        query: str,
        variable_values: Mapping[str, object] | None = None,
        context_value: object = None,
        root_value: object = None,
        operation_name: str | None = None,
    ) -> ExecutionResult:
        """Load a document and run an operation of it, the first without a name, as Strawberry's own `execute` does.

        Raises MissingQueryError and CannotGetOperationTypeError, as that does.
        """
        if not query:
            raise MissingQueryError
        try:
            document = await self._loader.load_async(query)
        except InvalidDocument as error:
            return ExecutionResult(None, list(error.errors))
        name = operation_name if operation_name is not None else next(iter(document.operations), None)
        operation = document.operation(name)
        if operation is None:
            raise CannotGetOperationTypeError(operation_name)
        result = await self.run(document, operation, variable_values or {}, context_value, root_value=root_value)
        return ExecutionResult(None, result) if isinstance(result, list) else result


def no_plan(document: DocumentNode, operation: OperationDefinitionNode) -> None:
    """Plan no operation: graphql-core runs all."""
