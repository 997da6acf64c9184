"""A schema of every feature that the engine knows, whose values are drawn by a seed, good ones and broken ones."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Annotated, Any, Generic, NewType, TypeVar

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    Undefined,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info
from strawberry.types.field import StrawberryField

MAX_DEPTH = 4
Odd = NewType("Odd", object)
Even = NewType("Even", object)
T = TypeVar("T")


@strawberry.enum
class Shade(Enum):
    LIGHT = "light"
    DARK = strawberry.enum_value("dark", name="dim")
    NONE = 0


def write_odd(value: object) -> object:
    """A scalar that takes everything but two values, exceptions and coroutines too."""
    if value == "bad":
        raise ValueError("this is bad")
    return None if value == "nothing" else f"odd {value}"


def read_odd(value: object) -> object:
    if value == "bad":
        raise ValueError("it can't be bad")
    if value == "worse":
        raise GraphQLError("it can't be worse", extensions={"code": "WORSE"})
    return ("odd", str(value))


SCALARS: Any = {
    Odd: strawberry.scalar(name="Odd", serialize=write_odd, parse_value=read_odd),
    Even: strawberry.scalar(
        name="Even",
        serialize=lambda value: value,
        parse_value=read_odd,
        parse_literal=lambda node, variables=None: read_odd(getattr(node, "value", None)),
    ),
}


@strawberry.input
class InnerInput:
    number: int = 3
    words: list[str] | None = strawberry.UNSET
    shade: Shade | None = None
    odd: Odd | None = strawberry.field(name="strange", default=None)
    floats: list[list[float | None]] = strawberry.field(default_factory=lambda: [[1.5]])

    def __post_init__(self) -> None:
        if self.number == 13:
            raise ValueError("thirteen")


@strawberry.input
class OuterInput:
    inner: InnerInput
    inners: list[InnerInput | None] = strawberry.field(default_factory=list)
    flag: bool | None
    again: "OuterInput | None" = None
    id: strawberry.ID = strawberry.ID("x")
    even: Even | None = strawberry.UNSET


@strawberry.input(one_of=True)
class OneOfThese:
    number: int | None = strawberry.UNSET
    inner: InnerInput | None = strawberry.UNSET
    words: list[str] | None = strawberry.UNSET


class Oops(Exception):
    """Handled where a union has an OopsShown."""


class GreatOops(Oops):
    """Handled by the handler of Oops as well, unless it is declined."""


class Known(Exception):
    """Handled where a union has a KnownShown, asynchronously."""


@strawberry.type
class OopsShown:
    text: str


@strawberry.type
class KnownShown:
    text: str


class OopsHandler:
    exception_type = Oops
    error_type = OopsShown

    def handle(self, exception: Oops, *, field: StrawberryField, info: Info) -> Any:
        if "declined" in str(exception):
            return None
        if "twice" in str(exception):
            raise ZeroDivisionError("the handler fails too")
        return OopsShown(text=f"{exception} at {info.path.key} {field.python_name}")


class KnownHandler:
    exception_type = (Known, KeyError)
    error_type = KnownShown

    async def handle(self, exception: Known, *, field: StrawberryField, info: Info) -> Any:
        await asyncio.sleep(0)
        return None if "declined" in str(exception) else KnownShown(text=str(exception))


class Later:
    """An awaitable that is no coroutine, so that nobody minds if it is never awaited."""

    def __init__(self, value: object, ticks: int) -> None:
        self.value, self.ticks = value, ticks

    def __repr__(self) -> str:
        return "Later"

    def __await__(self) -> Generator[Any, Any, object]:
        for _ in range(self.ticks):
            yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, Raised):
            raise self.value.error
        return self.value


@dataclass
class Raised:
    """Stands for an exception that is raised."""

    error: Exception


@dataclass
class OddContext:
    seed: str
    types: dict[str, Any]
    log: list[str] = field(default_factory=list)


ERRORS: list[Callable[[], Exception]] = [
    lambda: ZeroDivisionError("never"),
    lambda: GraphQLError("of its own", extensions={"code": "OWN"}),
    lambda: ValueError(""),
    lambda: Oops("oops"),
    lambda: GreatOops("great oops"),
    lambda: Oops("declined"),
    lambda: Oops("twice"),
    lambda: Known("known"),
    lambda: Known("declined"),
    lambda: KeyError("key"),
    lambda: ExceptionGroup("several", [ValueError("a")]),
]


class Maker:
    """Makes a value of a type of the schema: most are good, some are not, and which is drawn."""

    def __init__(self, draw: Random, types: dict[str, Any]) -> None:
        self.draw, self.types = draw, types

    def value(self, kind: Any, depth: int = 0, may_raise: bool = False) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return self.value(kind.of_type, depth, may_raise)
        chance = self.draw.random()
        if chance < 0.015:
            return self.draw.choice(ERRORS)()
        if chance < 0.04:
            return self.draw.choice([None, None, Undefined])
        if chance < 0.05:
            return self.draw.choice(["bad", "nothing", 3.5, object, {"a": 1}, 2**40, [], b"x", float("nan"), ...])
        if chance < 0.12:
            return Later(self.value(kind, depth, True), self.draw.randrange(3))
        if may_raise and chance < 0.17:
            return Raised(self.draw.choice(ERRORS)())
        return self.good(kind, depth)

    def good(self, kind: Any, depth: int) -> Any:
        if isinstance(kind, GraphQLList):
            return self.list(kind.of_type, depth)
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            possible = kind.types if isinstance(kind, GraphQLUnionType) else self.types[kind.name]
            return self.object(self.draw.choice(list(possible)), depth)
        if isinstance(kind, GraphQLObjectType):
            return self.object(kind, depth)
        if isinstance(kind, GraphQLEnumType):
            return self.draw.choice([*Shade, "light", "dark", 0])
        leaves: dict[str, list[Any]] = {
            "Int": [0, 1, -5, 7, True, "8", 2.0],
            "Float": [1.5, 2, 0, "2.5"],
            "String": ["a", "ä@b", "", 5, True],
            "Boolean": [True, False, 1, 0],
            "ID": ["i", 4],
            "Odd": ["o", 1, "bad", "nothing"],
            "Even": ["e", {"a": [1, None]}, 0],
        }
        return self.draw.choice(leaves[kind.name])

    def list(self, kind: Any, depth: int) -> Any:
        length = self.draw.choice([0, 1, 1, 2, 3, 5])
        values = [self.value(kind, depth + 1) for _ in range(length)]
        stops = self.draw.random() < 0.2
        forms: list[Callable[[], Any]] = [
            lambda: values, lambda: tuple(values), lambda: _generated(values, stops),
            lambda: _generated_async(values, stops), lambda: Counted(values, stops),
            lambda: "letters", lambda: {"a": 1}, lambda: dict.fromkeys(range(length)).keys(),
        ]  # fmt: skip
        return self.draw.choices(forms, [12, 2, 2, 3, 2, 0.4, 0.3, 0.3])[0]()

    def object(self, kind: GraphQLObjectType, depth: int) -> Any:
        definition: Any = kind.extensions["strawberry-definition"]
        origin = definition.concrete_of.origin if definition.concrete_of else definition.origin
        made: Any = Impostor() if self.draw.random() < 0.1 else origin.__new__(origin)
        for each in kind.fields.values():
            attribute = each.extensions["strawberry-definition"]
            if attribute.base_resolver is None and self.draw.random() > 0.01:
                value = self.value(each.type, depth + 1) if depth < MAX_DEPTH else self.shallow(each.type)
                vars(made)[attribute.python_name] = value
        if self.draw.random() < 0.03:
            strawberry.cast(self.draw.choice([origin, Cat, Named]), made)
        return made

    def shallow(self, kind: Any) -> Any:
        inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        if isinstance(inner, GraphQLList):
            return []
        return (
            None
            if isinstance(inner, GraphQLObjectType | GraphQLUnionType | GraphQLInterfaceType)
            else self.good(inner, 0)
        )


class Impostor:
    """Has the attributes of an object of the schema, and is none."""


def _generated(values: list[Any], stops: bool) -> Iterator[Any]:
    yield from values
    if stops:
        raise ZeroDivisionError("no more")


async def _generated_async(values: list[Any], stops: bool) -> AsyncIterator[Any]:
    for value in values:
        await asyncio.sleep(0)
        yield value
    if stops:
        raise ZeroDivisionError("no more, later")


class Counted:
    """An asynchronous iterable that is no generator, and can't be closed."""

    def __init__(self, values: list[Any], stops: bool) -> None:
        self.values, self.stops = iter(values), stops

    def __aiter__(self) -> "Counted":
        return self

    async def __anext__(self) -> Any:
        for value in self.values:
            return value
        if self.stops:
            raise ValueError("counted out")
        raise StopAsyncIteration


def drawn(info: Info, *arguments: object) -> Any:
    """The value of a field, drawn by the seed, the field's path and its arguments. Raises what is drawn to be raised."""
    context: OddContext = info.context
    raw = info._raw_info
    draw = Random(f"{context.seed} {raw.path.as_list()} {arguments!r}")  # noqa: S311
    value = Maker(draw, context.types).value(raw.return_type, len(raw.path.as_list()) // 2, may_raise=True)
    if isinstance(value, Raised):
        raise value.error
    return value


async def drawn_later(info: Info, *arguments: object) -> Any:
    for _ in range(Random(f"{info.context.seed} {info.path.as_list()}").randrange(3)):  # noqa: S311
        await asyncio.sleep(0)
    return drawn(info, *arguments)


@strawberry.interface
class Named:
    name: str
    shade: Shade | None

    @strawberry.field
    def spelled(self, info: Info, times: int = 1) -> str | None:
        return drawn(info, times)  # type: ignore[no-any-return]


@strawberry.interface
class Asked:
    odd: Odd | None

    @classmethod
    def resolve_type(cls, value: Any, info: Any, kind: Any) -> Any:
        choice = Random(f"{info.context.seed} {info.path.as_list()}").randrange(6)  # noqa: S311
        names: list[Any] = ["Robot", "Stone", "Cat", None, "Nothing", 5]
        name = "Robot" if isinstance(value, Robot) else "Stone" if isinstance(value, Stone) else names[choice]
        return Later(name, 1) if choice % 2 else name


@strawberry.type
class Cat(Named):
    lives: int
    odd: Odd | None
    friend: "Animal | None"
    friends: list["Animal"] | None
    strict: list[list[int]] | None
    box: "Box[int] | None"
    again: Annotated["Cat", strawberry.lazy("tests.schema.graphql.engine.odd_schema")] | None

    @strawberry.field
    async def later(self, info: Info) -> "Cat | None":
        return await drawn_later(info)  # type: ignore[no-any-return]


@strawberry.type
class Dog(Named):
    barks: bool | None
    tags: list[str | None]
    even: Even

    @strawberry.field
    def of_root(root: strawberry.Parent[Any], info: Info) -> list[Named | None] | None:  # noqa: N805
        return drawn(info, type(root).__name__)  # type: ignore[no-any-return]

    @strawberry.field
    @staticmethod
    def bound(info: Info, number: int | None = None) -> float | None:
        return drawn(info, number)  # type: ignore[no-any-return]


@strawberry.type
class Robot(Asked):
    id: strawberry.ID
    parts: list["Robot"] | None

    @classmethod
    def is_type_of(cls, value: Any, info: Any) -> Any:
        verdict = isinstance(value, Robot) or (isinstance(value, Impostor) and hasattr(value, "parts"))
        return Later(verdict, 1) if hasattr(value, "id") and len(vars(value)) % 2 else verdict


@strawberry.type
class Stone(Asked):
    weight: float


@strawberry.type
class Box(Generic[T]):
    value: T
    values: list[T | None] | None


Animal = Annotated[Cat | Dog | Robot, strawberry.union("Animal")]
Outcome = Annotated[Stone | OopsShown | KnownShown, strawberry.union("Outcome")]
Boxes = Annotated[Box[int] | Box[str] | Dog, strawberry.union("Boxes")]


@strawberry.type(name="Query")
class OddQuery:
    @strawberry.field
    def animal(self, info: Info, name: str | None = None) -> Animal | None:
        return drawn(info, name)

    @strawberry.field
    async def animals(self, info: Info, names: list[str | None] | None = None) -> list[Animal | None] | None:
        return await drawn_later(info, names)  # type: ignore[no-any-return]

    @strawberry.field
    def named(self, info: Info) -> list[Named] | None:
        return drawn(info)  # type: ignore[no-any-return]

    @strawberry.field
    def asked(self, info: Info) -> list[Asked | None] | None:
        return drawn(info)  # type: ignore[no-any-return]

    @strawberry.field
    async def cat(self, info: Info) -> Cat:
        return await drawn_later(info)  # type: ignore[no-any-return]

    @strawberry.field
    def cats(self, info: Info) -> list[list[Cat | None]] | None:
        return drawn(info)  # type: ignore[no-any-return]

    @strawberry.field(graphql_type=list[int])
    async def generated(self, info: Info, many: int = 2) -> AsyncIterator[int]:
        for number in range(many):
            if number == 7:
                raise Oops("seven")
            yield number

    @strawberry.field
    def counted(self, info: Info, many: int | None = 3) -> list[int] | None:
        return (number for number in range(many or 0))  # type: ignore[return-value]

    @strawberry.field
    def outcome(self, info: Info, word: str = "w") -> Outcome:
        return drawn(info, word)  # type: ignore[no-any-return]

    @strawberry.field
    async def later_outcome(self, info: Info, outer: OuterInput | None = None) -> Outcome | None:
        return await drawn_later(info, outer)

    @strawberry.field
    def promised_outcome(self, info: Info) -> Outcome | None:
        return drawn_later(info)

    @strawberry.field
    def boxes(self, info: Info) -> list[Boxes | None] | None:
        return drawn(info)  # type: ignore[no-any-return]

    @strawberry.field
    def echo(
        self,
        number: int | None = strawberry.UNSET,
        inner: InnerInput | None = None,
        outers: list[OuterInput] | None = None,
        shade: Shade = Shade.DARK,
        odd: Odd | None = None,
        even: Even | None = strawberry.UNSET,
        floats: list[list[float]] | None = None,
    ) -> str:
        return repr((number, inner, outers, shade, odd, even, floats))

    @strawberry.field
    async def echo_later(
        self,
        outer: OuterInput,
        id: strawberry.ID = strawberry.ID("i"),  # noqa: B008
        flags: list[bool] | None = None,
    ) -> str:
        return repr((outer, id, flags))

    @strawberry.field
    def echo_one_of(self, choice: OneOfThese, more: list[OneOfThese] | None = None) -> str:
        return repr((choice, more))

    @strawberry.field
    def described(self, info: Info) -> str:
        variables = {name: repr(value) for name, value in info.variable_values.items()}
        raw = info._raw_info
        return repr((variables, info.field_name, info.python_name, info.path.as_list(), str(raw.return_type),
                     info.input_extensions, len(raw.field_nodes), sorted(raw.fragments), info.root_value))  # fmt: skip

    @strawberry.field
    async def selected(self, info: Info) -> Stone:
        return Stone(odd=Odd(repr(info.selected_fields)), weight=1)


@strawberry.type(name="Mutation")
class OddMutation:
    @strawberry.mutation
    async def note(self, info: Info, text: str, outer: OuterInput | None = None) -> list[str] | None:
        await asyncio.sleep(0)
        info.context.log.append(text)
        if text == "broken":
            raise Oops(text)
        return list(info.context.log)

    @strawberry.mutation
    def must_note(self, info: Info, text: str) -> str:
        info.context.log.append(text)
        return None if text == "nothing" else repr(info.context.log)  # type: ignore[return-value]

    @strawberry.mutation
    async def change(self, info: Info, inner: InnerInput) -> Outcome | None:
        info.context.log.append("changed")
        return await drawn_later(info, inner)


schema = strawberry.Schema(
    OddQuery,
    OddMutation,
    types=[Stone],
    config=StrawberryConfig(scalar_map=SCALARS),
    exception_handlers=[OopsHandler(), KnownHandler()],  # type: ignore[list-item]
)
TYPES: dict[str, Any] = {
    kind.name: schema._schema.get_possible_types(kind)
    for kind in schema._schema.type_map.values()
    if isinstance(kind, GraphQLInterfaceType)
}
