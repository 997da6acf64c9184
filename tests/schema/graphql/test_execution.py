"""The short way of fields that only read says what the long way says, to the letter."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, parse
from graphql.execution import Executor as LongWay
from strawberry.schema.config import StrawberryConfig

from schema.graphql.execution import Executor, readings
from schema.graphql.scalars import SCALARS


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.type
class Thing:
    name: str
    maybe: str | None
    number: int
    colour: Colour
    at: datetime
    price: Decimal
    id: strawberry.ID
    tags: list[str]
    inner: "Thing | None" = None
    renamed: int = strawberry.field(name="called", default=5)

    @strawberry.field
    def doubled(self) -> int:
        return self.number * 2

    @strawberry.field
    async def later(self) -> int:
        return self.number * 3


@dataclass
class Broken:
    """Stands for a thing whose attribute can't be read."""

    maybe = None
    number = 1

    @property
    def name(self) -> str:
        raise ZeroDivisionError("no name today")


def thing(**other: Any) -> Thing:
    said: dict[str, Any] = {
        "name": "a",
        "maybe": None,
        "number": 7,
        "colour": Colour.BLUE,
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "price": Decimal("1.50"),
        "id": strawberry.ID("1"),
        "tags": ["x", "y"],
    }
    return Thing(**{**said, **other})


THINGS: list[Any] = [
    thing(inner=thing(name="b")),
    thing(name=None),
    thing(number=None),
    thing(number="no number"),
    thing(number=2**40),
    thing(colour="green"),
    thing(colour=None, maybe="yes"),
    thing(tags=[None]),
    thing(at="not a day"),
    Broken(),
]


@strawberry.type
class Query:
    @strawberry.field
    def things(self) -> list[Thing | None]:
        return THINGS

    @strawberry.field
    def one(self) -> Thing:
        return THINGS[0]  # type: ignore[no-any-return]


schema = strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS))._schema


class Short(Executor):
    readings = readings(schema)


async def told(document: str, way: type[LongWay], variables: dict[str, Any]) -> Any:
    executor = way.build(schema, parse(document), raw_variable_values=variables)
    assert isinstance(executor, way)
    result: Any = executor.execute_operation()
    done: ExecutionResult = result if isinstance(result, ExecutionResult) else await result
    order = list(done.data) if done.data else []
    return done.data, order, [error.formatted for error in done.errors or ()]


@pytest.mark.parametrize(
    "document",
    [
        "{ things { name } }",
        "{ things { name maybe number colour at price id called } }",
        "{ things { maybe } }",
        "{ things { number called } }",
        "{ things { colour } }",
        "{ things { at price } }",
        "{ things { tags name } }",
        "{ things { __typename name } }",
        "{ things { doubled name } }",
        "{ things { name later maybe } }",
        "{ one { id inner { name inner { name } } } }",
        "{ one { b: name a: name name } }",
        "{ one { ...F name } } fragment F on Thing { number ... on Thing { name maybe } }",
        "query($yes: Boolean!) { one { name @include(if: $yes) number @skip(if: $yes) } }",
        "{ one { name } again: one { number } }",
    ],
)
async def test_the_short_way_says_the_same(document: str) -> None:
    """Data, its order, and every error with its words and path; of good things and broken ones."""
    variables = {"yes": True} if "$yes" in document else {}
    long = await told(document, LongWay, variables)
    assert str(await told(document, Short, variables)) == str(long)


def test_what_only_reads() -> None:
    """Attributes of a scalar or an enum do; lists, objects and whatever has a resolver do not."""
    assert set(Short.readings["Thing"]) == {"name", "maybe", "number", "colour", "at", "price", "id", "called"}


async def test_the_short_way_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """graphql-core describes where a field stands only to those that do more than reading."""
    described: list[str] = []
    describe = LongWay.build_resolve_info

    def noted(self: Any, field: Any, nodes: Any, *where: Any) -> Any:
        described.append(nodes[0].name.value)
        return describe(self, field, nodes, *where)

    monkeypatch.setattr(LongWay, "build_resolve_info", noted)
    await told("{ one { name number inner { name colour } doubled } }", Short, {})
    assert described == ["one", "inner", "doubled"]
