"""What is run by plan says what graphql-core says, to the letter."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import pytest
import strawberry
from graphql import ExecutionResult, OperationDefinitionNode, parse, validate
from strawberry.schema.config import StrawberryConfig

from schema.graphql.engine import field_resolvers
from schema.graphql.engine.execute import Executor, run
from schema.graphql.engine.plan import plan, reading
from schema.graphql.engine.turns import LARGE, LONG, LONG_LIST, PIECE, Turns
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

    @strawberry.field
    async def later_broken(self) -> int | None:
        raise ZeroDivisionError("not later either")

    @strawberry.field
    def broken(self) -> int:
        raise ZeroDivisionError("never")


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
class Other:
    word: str


Either = Annotated[Thing | Other, strawberry.union("Either")]


@strawberry.input
class Saying:
    word: str
    times: int | None
    more: "Saying | None" = None


@strawberry.input
class Many:
    colour: Colour
    at: datetime | None = strawberry.UNSET
    prices: list[Decimal | None] | None = None
    other: "Part | None" = None
    size: int = 3


@strawberry.input
class Part:
    called: str = strawberry.field(name="name")
    on: list[list[int]] = strawberry.field(default_factory=list)


@strawberry.type
class Query:
    @strawberry.field
    def hearing(self, said: Many, also: Part | None = None) -> str:
        return repr((said, also))

    @strawberry.field
    def things(self) -> list[Thing | None]:
        return THINGS

    @strawberry.field
    def one(self) -> Thing:
        return THINGS[0]  # type: ignore[no-any-return]

    @strawberry.field
    async def strict(self) -> Thing:
        return thing(name=None)

    @strawberry.field
    def either(self) -> list[Either | None]:
        return [THINGS[0], Other(word="o"), None, thing(name=None), Other(word="p")]

    @strawberry.field
    def words(self, many: int = 1, word: str | None = "w") -> list[str | None]:
        return [word] * many

    @strawberry.field
    def saying(self, all: list[Saying] | None = None) -> str:
        return repr(all)


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def note(self, said: str) -> list[str]:
        await asyncio.sleep(0)
        NOTED.append(said)
        if said == "broken":
            raise ZeroDivisionError(said)
        return list(NOTED)


NOTED: list[str] = []
ours = strawberry.Schema(Query, Mutation, types=[Other], config=StrawberryConfig(scalar_map=SCALARS))
schema = ours._schema
field_resolvers.install_resolvers(schema, ours.config)


async def told(document: str, by_plan: bool, variables: dict[str, Any], values: int = 0) -> Any:
    NOTED.clear()
    parsed = parse(document)
    assert validate(schema, parsed) == []
    operation = parsed.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    planned = plan(schema, parsed, operation) if by_plan else None
    assert (planned is not None) is by_plan
    done = await run(schema, parsed, operation, planned, variables, turns=Turns(values))
    if isinstance(done, list):
        return None, [], [error.formatted for error in done]
    order = list(done.data) if done.data else []
    return done.data, order, [error.formatted for error in done.errors or ()]


DOCUMENTS = [
    "{ things { name } }",
    "{ things { name maybe number colour at price id called } }",
    "{ things { maybe } }",
    "{ things { number called } }",
    "{ things { colour } }",
    "{ things { at price } }",
    "{ things { tags name } }",
    "{ things { __typename name } __typename }",
    "{ things { doubled name } }",
    "{ things { name later maybe } }",
    "{ things { later name } }",
    "{ things { laterBroken later doubled } }",
    "{ things { broken later } }",
    "{ one { id inner { name inner { name } } } }",
    "{ one { b: name a: name name } }",
    "{ one { ...F name } } fragment F on Thing { number ... on Thing { name maybe } }",
    "{ one { name } again: one { number } }",
    "{ strict { name later } one { name } }",
    "{ one { name } strict { later name } }",
    "{ either { ... on Thing { name later } ... on Other { word } __typename } }",
    "{ either { ...A ...B } } fragment A on Other { word name: word } fragment B on Thing { name number }",
    '{ words(many: 2) again: words other: words(many: 1, word: "x") }',
    "query($many: Int! = 3, $word: String) { words(many: $many, word: $word) }",
    'query($many: Int = 1, $word: String = "y") { words(word: $word, many: $many) }',
    "query($said: [Saying!]) { saying(all: $said) }",
    '{ saying(all: [{word: "a"}, {word: "b", times: 2, more: {word: "c"}}]) none: saying }',
    'mutation { a: note(said: "1") b: note(said: "broken") c: note(said: "2") }',
]


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("variables", [{}, {"many": 0, "word": None}, {"said": [{"word": "z", "times": None}]}])
async def test_a_plan_says_what_graphql_core_says(document: str, variables: dict[str, Any]) -> None:
    """Data, its order, and every error with its words and path; of good things and broken ones."""
    assert str(await told(document, True, variables)) == str(await told(document, False, variables))


@pytest.mark.case("A5")
@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("by_plan", [True, False])
async def test_a_long_answer_is_the_same_answer(document: str, by_plan: bool) -> None:
    """Made in pieces, by plan and by graphql-core, it has the same data and errors, these in the order of their lists."""
    data, order, errors = await told(document, by_plan, {}, LONG + 1)
    their_data, their_order, their_errors = await told(document, False, {})
    assert (str(data), order) == (str(their_data), their_order)
    assert sorted(map(str, errors)) == sorted(map(str, their_errors))


async def passes_during(document: str, by_plan: bool, values: int, **variables: Any) -> int:
    """How often others come to be served while a document is run."""
    passes = 0

    async def serve_others() -> None:
        nonlocal passes
        while True:
            await asyncio.sleep(0)
            passes += 1

    others = asyncio.create_task(serve_others())
    try:
        await told(document, by_plan, variables, values)
    finally:
        others.cancel()
    return passes


@pytest.mark.case("A5")
@pytest.mark.parametrize("by_plan", [True, False])
async def test_a_long_answer_lets_others_be_served(by_plan: bool) -> None:
    """Once a piece: many short lists of one document as well as one long list."""
    lists = " ".join(f"a{n}: words(many: 100)" for n in range(100))
    assert await passes_during(f"{{ {lists} }}", by_plan, 100 * 100) >= 100 * 100 // PIECE - 1
    assert await passes_during("{ words(many: 5000) }", by_plan, 1) >= 5_000 // PIECE - 1
    assert await passes_during(f"{{ words(many: {LONG_LIST}) }}", by_plan, 1) <= 3


@pytest.mark.case("A5")
async def test_few_large_answers_are_made_at_once() -> None:
    """Their memory adds up: the third begins when one of two has ended."""
    order: list[str] = []

    async def answer(name: str, until: asyncio.Event) -> None:
        async with Turns(LARGE + 1).admitted():
            order.append(name)
            await until.wait()

    done = [asyncio.Event() for _ in "abc"]
    tasks = [asyncio.create_task(answer(name, event)) for name, event in zip("abc", done, strict=True)]
    await asyncio.sleep(0)
    assert order == ["a", "b"]
    async with Turns(LARGE).admitted():
        order.append("short")
    done[1].set()
    await tasks[1]
    await asyncio.sleep(0)
    assert order == ["a", "b", "short", "c"]
    for event in done:
        event.set()
    await asyncio.gather(*tasks)


@pytest.mark.case("A5")
@pytest.mark.parametrize("by_plan", [True, False])
async def test_values_are_counted_as_they_are_made(by_plan: bool) -> None:
    """What no document tells beforehand, as the length of a list that is no page, has an end too."""
    parsed = parse("{ words(many: 600) }")
    operation = parsed.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    planned = plan(schema, parsed, operation) if by_plan else None
    for most, errors in ((600, 0), (599, 1)):
        done = await run(schema, parsed, operation, planned, {}, turns=Turns(0, most))
        assert isinstance(done, ExecutionResult)
        assert len(done.errors or ()) == errors


@pytest.mark.case("A7")
async def test_a_run_leaves_no_circles_behind() -> None:
    """What refers to itself waits for the garbage collector, with the document and the answer that it holds."""
    import gc

    parsed = parse("{ one { name } }")
    operation = parsed.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    planned = plan(schema, parsed, operation)
    await run(schema, parsed, operation, planned, {})
    gc.collect()
    gc.disable()
    try:
        await run(schema, parsed, operation, planned, {})
        assert gc.collect() == 0
    finally:
        gc.enable()


HEARING = [
    "query($said: Many!, $also: Part) { hearing(said: $said, also: $also) }",
    "query($said: Many! = {colour: RED, size: 9}, $also: Part = null) { hearing(said: $said, also: $also) }",
    'query($colour: Colour!, $on: [[Int!]!]! = [[1]]) { hearing(said: {colour: $colour}, also: {name: "n", on: $on}) }',
]
SAID: list[dict[str, Any]] = [
    {},
    {"said": None},
    {"said": {"colour": "RED"}},
    {"said": {"colour": "RED", "size": None}},
    {"said": {"colour": "RED", "size": "3"}},
    {"said": {"colour": "RED", "size": True}},
    {"said": {"colour": "red"}},
    {"said": {"colour": None}},
    {"said": {"color": "RED"}},
    {"said": {"colour": "RED", "more": 1}},
    {"said": [{"colour": "RED"}]},
    {"said": "RED"},
    {"said": {"size": 2, "colour": "BLUE", "at": "2026-01-02T03:04:05+01:00", "prices": ["1.50", None, 2]}},
    {"said": {"colour": "BLUE", "at": None, "prices": "1.50"}, "also": {"name": "n", "on": [[1], []]}},
    {"said": {"colour": "BLUE", "other": {"name": "o"}}, "also": {"name": "n", "on": [1, [2]]}},
    {"said": {"colour": "BLUE", "other": {"name": 5}}, "also": {"name": "n", "on": {"a": 1}}},
    {"said": {"colour": "BLUE", "other": {}}, "also": None, "colour": "BLUE", "on": 4, "unheard": {"of": 1}},
    {"colour": "BLUE", "on": [[1], None], "also": 7},
    {"colour": {"RED": 1}, "said": {"colour": "RED", "at": "today", "prices": ["much"]}},
]


@pytest.mark.parametrize("document", HEARING)
@pytest.mark.parametrize("said", SAID)
async def test_what_is_said_is_heard_as_graphql_core_hears_it(document: str, said: dict[str, Any]) -> None:
    """Defaults, nulls, lists of one, and every word about what is wrong."""
    assert str(await told(document, True, said)) == str(await told(document, False, said))


async def test_what_is_good_is_not_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """graphql-core is asked about what is amiss, and about nothing else."""
    asked: list[Any] = []
    build = Executor.build
    monkeypatch.setattr(Executor, "build", lambda *told, **more: (asked.append(told[4]), build(*told, **more))[1])
    good = {"said": {"colour": "RED", "prices": ["2"], "other": {"name": "o"}}}
    await told(HEARING[0], True, good)
    assert asked == []
    await told(HEARING[0], True, {"said": {"colour": "red"}})
    assert asked == [{"said": {"colour": "red"}}]


async def test_a_plan_serves_again() -> None:
    """A second run, with other values, is answered as the first one of its own plan would be."""
    document = "query($word: String) { words(many: 2, word: $word) either { ... on Thing { name } } }"
    parsed = parse(document)
    kept, answers = None, []
    for word in ("x", "y", None):
        operation = parsed.definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        kept = kept or plan(schema, parsed, operation)
        done = await run(schema, parsed, operation, kept, {"word": word})
        assert isinstance(done, ExecutionResult)
        answers.append((done.data, (await told(document, False, {"word": word}))[0]))
    assert [ours for ours, _ in answers] == [theirs for _, theirs in answers]


def test_what_only_reads() -> None:
    """Attributes of a scalar or an enum do; lists, objects and whatever has a resolver do not."""
    fields: Any = schema.type_map["Thing"]
    reads = {name for name, told in fields.fields.items() if reading(told)}
    assert reads == {"name", "maybe", "number", "colour", "at", "price", "id", "called"}


async def test_the_short_way_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it stands is described only to a field that does more than reading."""
    described: list[str] = []
    describe = Executor._info

    def noted(self: Any, step: Any, path: Any) -> Any:
        described.append(step.name)
        return describe(self, step, path)

    monkeypatch.setattr(Executor, "_info", noted)
    await told("{ one { name number inner { name colour } doubled } }", True, {})
    assert described == ["one", "doubled"]
