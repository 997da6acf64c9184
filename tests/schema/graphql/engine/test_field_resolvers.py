"""Our field resolvers do what plain Strawberry does, or the schema is refused at start-up."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
import strawberry
from strawberry.directive import DirectiveLocation
from strawberry.extensions import FieldExtension, SchemaExtension
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import Info

from schema.graphql.engine import MODES, Engine, Mode, Unsupported
from schema.graphql.scalars import SCALARS
from tests.schema.graphql.engine import test_execute
from tests.schema.graphql.engine.test_execute import (
    DOCUMENTS,
    INPUT_DOCUMENTS,
    VARIABLES,
    EngineMutation,
    EngineQuery,
    Other,
    result_of,
)

plain = strawberry.Schema(EngineQuery, EngineMutation, types=[Other], config=StrawberryConfig(scalar_map=SCALARS))


async def by_strawberry(document: str, variables: dict[str, Any]) -> Any:
    """Data, its order, and errors, as strawberry's own `execute` has them."""
    test_execute.NOTES.clear()
    result: Any = await plain.execute(document, variable_values=variables)
    order = list(result.data) if result.data else []
    return result.data, order, [error.formatted for error in result.errors or ()]


@pytest.mark.case("W25")
@pytest.mark.parametrize("document", [*DOCUMENTS, *INPUT_DOCUMENTS])
@pytest.mark.parametrize("variables", [{}, {"many": 2, "word": "v"}, *VARIABLES])
@pytest.mark.filterwarnings("ignore")
async def test_our_resolvers_have_the_results_of_strawberrys(document: str, variables: dict[str, Any]) -> None:
    """The same document and variables, by our engine and by Strawberry without it."""
    data, order, errors = await result_of(document, True, variables)
    their_data, their_order, their_errors = await by_strawberry(document, variables)
    assert (str(data), order) == (str(their_data), their_order)
    assert sorted(map(str, errors)) == sorted(map(str, their_errors))


class Nobody(BasePermission):
    message = "Nobody may."

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        return False


class Louder(FieldExtension):
    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        return str(next_(source, info, **kwargs)).upper()


class OwnField(strawberry.types.field.StrawberryField):
    def get_result(self, source: Any, info: Any, args: Any, kwargs: Any) -> Any:
        return "nothing"


@strawberry.input
class WithMaybe:
    word: strawberry.Maybe[str]


def guarded() -> type[Any]:
    @strawberry.type
    class Guarded:
        @strawberry.field(permission_classes=[Nobody])
        def word(self) -> str:
            return "secret"

    return Guarded


def guarded_attribute() -> type[Any]:
    @strawberry.type
    class Inner:
        word: str = strawberry.field(permission_classes=[Nobody], default="secret")

    @strawberry.type
    class Outer:
        @strawberry.field
        def inner(self) -> Inner:
            return Inner()

    return Outer


def extended() -> type[Any]:
    @strawberry.type
    class Extended:
        @strawberry.field(extensions=[Louder()])
        def word(self) -> str:
            return "a"

    return Extended


def maybe_argument() -> type[Any]:
    @strawberry.type
    class TakesMaybe:
        @strawberry.field
        def word(self, text: strawberry.Maybe[str | None] = None) -> str:
            return repr(text)

    return TakesMaybe


def maybe_in_an_input() -> type[Any]:
    @strawberry.type
    class TakesInput:
        @strawberry.field
        def word(self, inputs: list[WithMaybe]) -> str:
            return repr(inputs)

    return TakesInput


def of_its_own() -> type[Any]:
    @strawberry.type
    class Own:
        word: str = OwnField(python_name=None)

    return Own


def made_by_itself() -> type[Any]:
    @strawberry.input
    class Making:
        word: str

    Making.__strawberry_definition__.from_input = lambda *_: "made"  # type: ignore[attr-defined]

    @strawberry.type
    class TakesMaking:
        @strawberry.field
        def word(self, making: Making) -> str:
            return repr(making)

    return TakesMaking


KINDS = {
    made_by_itself: r"word\(making:\) takes a Making with a `from_input` of its own",
    guarded: r"Guarded.word has permission classes \(Nobody\)",
    guarded_attribute: r"Inner.word has permission classes \(Nobody\)",
    extended: r"Extended.word has extensions \(Louder\)",
    maybe_argument: r"word\(text:\) takes a `strawberry.Maybe`",
    maybe_in_an_input: r"WithMaybe.word takes a `strawberry.Maybe`",
    of_its_own: r"Own.word is a OwnField",
}


@pytest.mark.case("W25")
@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_that_would_be_ignored_is_refused(kind: Callable[[], type[Any]]) -> None:
    """At start-up, by its name, before a permission is ignored."""
    schema = strawberry.Schema(kind())
    with pytest.raises(Unsupported, match=KINDS[kind]):
        Engine(schema)


class Silent(SchemaExtension):
    pass


@strawberry.type
class Alone:
    """A schema's settings reach the fields of its types: those that other tests use are left alone."""

    word: str = "a"


@pytest.mark.case("W25")
def test_a_schema_uses_no_feature_that_would_be_ignored() -> None:
    """Extensions, and a way of its own to read attributes."""
    with pytest.raises(Unsupported, match="The schema has extensions"):
        Engine(strawberry.Schema(Alone, extensions=[Silent]))
    config = StrawberryConfig(default_resolver=lambda source, name: None)
    with pytest.raises(Unsupported, match="`default_resolver`"):
        Engine(strawberry.Schema(Alone, config=config))
    Engine(plain)


class LoudSchema(strawberry.Schema):
    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        pass


class OtherSchema(strawberry.Schema):
    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        return None


class OwnExecutor(StrawberryGraphQLCoreExecutionContext):
    pass


@strawberry.directive(locations=[DirectiveLocation.FIELD])
def louder(value: str) -> str:
    return value.upper()


@strawberry.type
class Ticks:
    @strawberry.subscription
    async def tick(self) -> AsyncGenerator[int, None]:
        yield 1


WHOLE: dict[str, Callable[[], strawberry.Schema]] = {
    "has directives": lambda: strawberry.Schema(Alone, directives=[louder]),
    "has subscription": lambda: strawberry.Schema(Alone, subscription=Ticks),
    "`execution_context_class`": lambda: strawberry.Schema(Alone, execution_context_class=OwnExecutor),
    "`process_errors`": lambda: LoudSchema(Alone),
    "`execute`": lambda: OtherSchema(Alone),
    "`enable_experimental_incremental_execution`": lambda: strawberry.Schema(
        Alone, config=StrawberryConfig(enable_experimental_incremental_execution=True)
    ),
    "`disable_field_suggestions`": lambda: strawberry.Schema(
        Alone, config=StrawberryConfig(disable_field_suggestions=True)
    ),
}


@pytest.mark.parametrize("feature", WHOLE)
@pytest.mark.parametrize("mode", MODES)
def test_what_neither_mode_does_is_refused(feature: str, mode: Mode) -> None:
    """What Strawberry itself does around an execution, which is not called here."""
    with pytest.raises(Unsupported, match=feature):
        Engine(WHOLE[feature](), mode)


def test_a_resolver_that_was_replaced_is_refused() -> None:
    """It would not be called."""
    schema = strawberry.Schema(Alone)
    schema._schema.type_map["Alone"].fields["word"].resolve = lambda *_: "b"  # type: ignore[attr-defined]
    with pytest.raises(Unsupported, match=r"Alone.word has had its resolver replaced"):
        Engine(schema)
