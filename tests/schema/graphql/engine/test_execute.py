"""Execution by plan has the results and errors of graphql-core, to the letter."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import pytest
import strawberry
from graphql import ExecutionResult
from strawberry.schema.config import StrawberryConfig

from schema.graphql.engine import Engine
from schema.graphql.engine.execute import PlanExecutor
from schema.graphql.engine.graphql_core import CoreExecutor
from schema.graphql.engine.scheduling import (
    CHUNK_VALUES,
    LONG_LIST_ROWS,
    LONG_RESPONSE_VALUES,
    ResponseScheduler,
)
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
    attributes: dict[str, Any] = {
        "name": "a",
        "maybe": None,
        "number": 7,
        "colour": Colour.BLUE,
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "price": Decimal("1.50"),
        "id": strawberry.ID("1"),
        "tags": ["x", "y"],
    }
    return Thing(**{**attributes, **other})


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
class WordInput:
    word: str
    times: int | None
    more: "WordInput | None" = None


@strawberry.input
class ThingInput:
    colour: Colour
    at: datetime | None = strawberry.UNSET
    prices: list[Decimal | None] | None = None
    other: "PartInput | None" = None
    size: int = 3


@strawberry.input
class PartInput:
    called: str = strawberry.field(name="name")
    on: list[list[int]] = strawberry.field(default_factory=list)


@strawberry.type(name="Query")
class EngineQuery:
    @strawberry.field
    def inputs(self, thing: ThingInput, part: PartInput | None = None) -> str:
        return repr((thing, part))

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
    def word_inputs(self, all: list[WordInput] | None = None) -> str:
        return repr(all)


@strawberry.type(name="Mutation")
class EngineMutation:
    @strawberry.mutation
    async def note(self, text: str) -> list[str]:
        await asyncio.sleep(0)
        NOTES.append(text)
        if text == "broken":
            raise ZeroDivisionError(text)
        return list(NOTES)


NOTES: list[str] = []
ours = strawberry.Schema(EngineQuery, EngineMutation, types=[Other], config=StrawberryConfig(scalar_map=SCALARS))
ENGINES = {True: Engine(ours), False: Engine(ours, "core")}
LOADERS = {by_plan: engine.loader() for by_plan, engine in ENGINES.items()}


async def run(
    document: str, by_plan: bool, variables: dict[str, Any], values: int = 0, max_values: int | None = None
) -> Any:
    """The result of a document, run by plan or by graphql-core."""
    loaded = LOADERS[by_plan].load(document)
    [operation] = loaded.operations.values()
    assert (loaded.plan(operation) is not None) is by_plan
    scheduler = ResponseScheduler(values, max_values)
    return await ENGINES[by_plan].run(loaded, operation, variables, scheduler=scheduler)


async def result_of(document: str, by_plan: bool, variables: dict[str, Any], values: int = 0) -> Any:
    """Data, the order of its fields, and the errors of a document, run by plan or by graphql-core."""
    NOTES.clear()
    result = await run(document, by_plan, variables, values)
    if isinstance(result, list):
        return None, [], [error.formatted for error in result]
    order = list(result.data) if result.data else []
    return result.data, order, [error.formatted for error in result.errors or ()]


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
    "query($words: [WordInput!]) { wordInputs(all: $words) }",
    '{ wordInputs(all: [{word: "a"}, {word: "b", times: 2, more: {word: "c"}}]) none: wordInputs }',
    'mutation { a: note(text: "1") b: note(text: "broken") c: note(text: "2") }',
]


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("variables", [{}, {"many": 0, "word": None}, {"words": [{"word": "z", "times": None}]}])
async def test_a_plan_has_the_result_of_graphql_core(document: str, variables: dict[str, Any]) -> None:
    """Data, its order, and every error with its message and path; of valid things and broken ones."""
    assert str(await result_of(document, True, variables)) == str(await result_of(document, False, variables))


@pytest.mark.case("A5")
@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("by_plan", [True, False])
async def test_a_long_response_is_the_same_response(document: str, by_plan: bool) -> None:
    """Made in chunks, by plan and by graphql-core, it has the same data and errors, these in the order of their lists."""
    data, order, errors = await result_of(document, by_plan, {}, LONG_RESPONSE_VALUES + 1)
    their_data, their_order, their_errors = await result_of(document, False, {})
    assert (str(data), order) == (str(their_data), their_order)
    assert sorted(map(str, errors)) == sorted(map(str, their_errors))


async def passes_during(document: str, by_plan: bool, values: int, **variables: Any) -> int:
    """The number of passes of the event loop that serve others while a document is run."""
    passes = 0

    async def serve_others() -> None:
        nonlocal passes
        while True:
            await asyncio.sleep(0)
            passes += 1

    others = asyncio.create_task(serve_others())
    try:
        await result_of(document, by_plan, variables, values)
    finally:
        others.cancel()
    return passes


@pytest.mark.case("A5")
@pytest.mark.parametrize("by_plan", [True, False])
async def test_a_long_response_lets_others_be_served(by_plan: bool) -> None:
    """Once a chunk: many short lists of one document as well as one long list."""
    lists = " ".join(f"a{n}: words(many: 100)" for n in range(100))
    assert await passes_during(f"{{ {lists} }}", by_plan, 100 * 100) >= 100 * 100 // CHUNK_VALUES - 1
    assert await passes_during("{ words(many: 5000) }", by_plan, 1) >= 5_000 // CHUNK_VALUES - 1
    assert await passes_during(f"{{ words(many: {LONG_LIST_ROWS}) }}", by_plan, 1) <= 3


@pytest.mark.case("A5")
@pytest.mark.parametrize("by_plan", [True, False])
async def test_values_are_counted_as_they_are_made(by_plan: bool) -> None:
    """The length of a list that is no page, which no document bounds, has a limit too."""
    for max_values, errors in ((600, 0), (599, 1)):
        result = await run("{ words(many: 600) }", by_plan, {}, 0, max_values)
        assert isinstance(result, ExecutionResult)
        assert len(result.errors or ()) == errors


@pytest.mark.long
@pytest.mark.case("A7")
async def test_a_run_leaves_no_reference_cycles_behind() -> None:
    """A cycle would wait for the garbage collector, with the document and the result that it holds."""
    import gc

    await run("{ one { name } }", True, {})
    gc.collect()
    gc.disable()
    try:
        await run("{ one { name } }", True, {})
        assert gc.collect() == 0
    finally:
        gc.enable()


INPUT_DOCUMENTS = [
    "query($thing: ThingInput!, $part: PartInput) { inputs(thing: $thing, part: $part) }",
    "query($thing: ThingInput! = {colour: RED, size: 9}, $part: PartInput = null) { inputs(thing: $thing, part: $part) }",
    'query($colour: Colour!, $on: [[Int!]!]! = [[1]]) { inputs(thing: {colour: $colour}, part: {name: "n", on: $on}) }',
]
VARIABLES: list[dict[str, Any]] = [
    {},
    {"thing": None},
    {"thing": {"colour": "RED"}},
    {"thing": {"colour": "RED", "size": None}},
    {"thing": {"colour": "RED", "size": "3"}},
    {"thing": {"colour": "RED", "size": True}},
    {"thing": {"colour": "red"}},
    {"thing": {"colour": None}},
    {"thing": {"color": "RED"}},
    {"thing": {"colour": "RED", "more": 1}},
    {"thing": [{"colour": "RED"}]},
    {"thing": "RED"},
    {"thing": {"size": 2, "colour": "BLUE", "at": "2026-01-02T03:04:05+01:00", "prices": ["1.50", None, 2]}},
    {"thing": {"colour": "BLUE", "at": None, "prices": "1.50"}, "part": {"name": "n", "on": [[1], []]}},
    {"thing": {"colour": "BLUE", "other": {"name": "o"}}, "part": {"name": "n", "on": [1, [2]]}},
    {"thing": {"colour": "BLUE", "other": {"name": 5}}, "part": {"name": "n", "on": {"a": 1}}},
    {"thing": {"colour": "BLUE", "other": {}}, "part": None, "colour": "BLUE", "on": 4, "unknown": {"of": 1}},
    {"colour": "BLUE", "on": [[1], None], "part": 7},
    {"colour": {"RED": 1}, "thing": {"colour": "RED", "at": "today", "prices": ["much"]}},
]


@pytest.mark.parametrize("document", INPUT_DOCUMENTS)
@pytest.mark.parametrize("variables", VARIABLES)
async def test_variables_are_coerced_as_graphql_core_coerces_them(document: str, variables: dict[str, Any]) -> None:
    """Defaults, nulls, lists of one, and every error."""
    assert str(await result_of(document, True, variables)) == str(await result_of(document, False, variables))


async def test_valid_variables_are_not_coerced_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """graphql-core coerces the variables of a request with an invalid one, and no others."""
    coerced: list[Any] = []
    build = CoreExecutor.build
    monkeypatch.setattr(
        CoreExecutor, "build", lambda *args, **kwargs: (coerced.append(args[4]), build(*args, **kwargs))[1]
    )
    valid = {"thing": {"colour": "RED", "prices": ["2"], "other": {"name": "o"}}}
    await result_of(INPUT_DOCUMENTS[0], True, valid)
    assert coerced == []
    await result_of(INPUT_DOCUMENTS[0], True, {"thing": {"colour": "red"}})
    assert coerced == [{"thing": {"colour": "red"}}]


async def test_a_plan_serves_again() -> None:
    """A second run, with other values, has the result of a first run."""
    document = "query($word: String) { words(many: 2, word: $word) either { ... on Thing { name } } }"
    results = []
    for word in ("x", "y", None):
        result = await run(document, True, {"word": word})
        assert isinstance(result, ExecutionResult)
        results.append((result.data, (await result_of(document, False, {"word": word}))[0]))
    assert [ours for ours, _ in results] == [theirs for _, theirs in results]


def test_fields_that_are_attributes_of_a_scalar_or_an_enum_have_a_reader() -> None:
    """Lists, objects and fields with a resolver have none."""
    every = "name maybe number colour at price id called tags inner { id } doubled later laterBroken broken"
    document = LOADERS[True].load(f"{{ one {{ {every} }} }}")
    plan = document.plans[None]
    assert plan is not None
    steps = plan.children(plan.steps[0], ours._schema.type_map["Thing"])  # type: ignore[arg-type]
    with_reader = {step.name for step in steps if step.read is not None}
    assert with_reader == {"name", "maybe", "number", "colour", "at", "price", "id", "called"}


async def test_a_field_with_a_reader_has_no_info_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver's `info` is made for a field that is not only read."""
    with_info: list[str] = []
    make_info = PlanExecutor._info

    def noted(self: Any, step: Any, path: Any) -> Any:
        with_info.append(step.name)
        return make_info(self, step, path)

    monkeypatch.setattr(PlanExecutor, "_info", noted)
    await result_of("{ one { name number inner { name colour } doubled } }", True, {})
    assert with_info == ["one", "doubled"]
