"""The engine has the results of plain Strawberry over graphql-core, to the letter, for generated documents and values.

Each document is run three times: by plain Strawberry, by plans, and by graphql-core's executor as the engine has it.
"""

import gc
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import Random
from types import coroutine
from typing import Any

import pytest
import strawberry
from graphql import FieldNode, ValidationRule
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import AddValidationRules
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError

from schema.graphql.engine import Engine, FailedRule, Policy, documents, plan, readers
from schema.graphql.engine.execute import PlanExecutor
from tests.schema.graphql.engine.generated_documents import DocumentMaker, Request
from tests.schema.graphql.engine.odd_schema import SCALARS, TYPES, OddContext, OddQuery, Stone, schema

ENGINES = {"plans": Engine(schema), "core": Engine(schema, "core")}
SHARES = 12
DOCUMENTS = 100
"""Documents of one share."""


@contextmanager
def quiet() -> Iterator[None]:
    """Strawberry logs each error; and graphql-core leaves coroutines behind where a list or an object fails.

    These are collected here, and not in the frame of a named tuple, which has no `__import__` to warn with.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(10**9)
    log = logging.getLogger("strawberry.execution")
    log.disabled = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            gc.collect()
            gc.set_threshold(*thresholds)
            log.disabled = False


def shown(result: Any, context: OddContext) -> list[str]:
    """All that a result has: data with the order of its keys, errors with message, path, locations and cause."""
    errors = [f"{error.formatted!r} {type(error.original_error).__name__}" for error in result.errors or ()]
    return [repr(result.data), *errors, repr(context.log)]


async def results_of(request: Request, seed: str, engines: Mapping[str, Engine] = ENGINES) -> dict[str, list[str]]:
    """The results of a request by plain Strawberry and by each engine."""
    results = {}
    for name, executes in {"strawberry": schema, **engines}.items():
        context = OddContext(seed, TYPES)
        result = await executes.execute(
            request.text, request.variables, context, root_value=f"root {seed}", operation_name=request.operation_name
        )
        results[name] = shown(result, context)
    return results


def request_of(seed: str) -> Request:
    return DocumentMaker(Random(seed), schema._schema).request()  # noqa: S311


async def check(seed: str) -> list[str]:
    """The result of the request of a seed, which is the same by each."""
    request = request_of(seed)
    results = await results_of(request, seed)
    for name in ENGINES:
        assert results[name] == results["strawberry"], f"{seed!r} by {name}:\n{request.text}\n{request.variables}"
    return results["strawberry"]


@pytest.mark.long
@pytest.mark.parametrize("share", range(SHARES))
async def test_generated_documents_have_the_results_of_plain_strawberry(share: int) -> None:
    """Valid and invalid ones, with good values and broken ones."""
    with quiet():
        for number in range(DOCUMENTS):
            await check(f"{share} {number}")


MUTANTS: dict[str, tuple[object, str, object]] = {
    "exceptions and awaitables are taken for values": (readers, "is_plain", lambda value: True),
    "an item's type is asked with the item's path": (PlanExecutor, "_field_info", PlanExecutor._info),
    "directives with variables are forgotten": (documents, "is_conditional", lambda parsed: False),
    "awaitables in lists are given twice": (PlanExecutor, "_awaited_item", lambda self, *rest: [rest, rest]),
    "null is no value": (plan.Planner, "variables", lambda self, operation: None),
}
"""Faults of the engine, each of which stands in for a member of it; the last is none."""


@pytest.mark.long
@pytest.mark.parametrize("fault", MUTANTS)
async def test_a_fault_would_be_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the documents that are generated here; and no fault is found where there is none."""
    place, member, replacement = MUTANTS[fault]
    monkeypatch.setattr(place, member, replacement)
    monkeypatch.setattr(readers, "PLAIN_CLASSES", set(readers.PLAIN_CLASSES))
    engines = {"plans": Engine(schema)}
    is_found = False
    with quiet():
        for number in range(2 * DOCUMENTS):
            seed = f"0 {number}"
            try:
                results = await results_of(request_of(seed), seed, engines)
                is_found = results["plans"] != results["strawberry"]
            except Exception:  # some faults raise
                is_found = True
            if is_found:
                break
    assert is_found is (fault != list(MUTANTS)[-1])


class Stumbling(ValidationRule):
    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if node.name.value == "described":
            raise KeyError("a rule fails")


async def test_a_rule_that_fails_is_an_invalid_document() -> None:
    """With the failure's text, as plain Strawberry has it; whoever shows it to a caller is told which documents these are."""
    plain = strawberry.Schema(
        OddQuery,
        types=[Stone],
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[lambda: AddValidationRules([Stumbling])],
    )
    with quiet():
        theirs = await plain.execute("{ described }")
    loader = ENGINES["plans"].loader(Policy(rules=(*Policy().rules, Stumbling)))
    with pytest.raises(FailedRule) as failed:
        loader.load("{ described }")
    assert [error.formatted for error in failed.value.errors] == [error.formatted for error in theirs.errors or ()]
    assert loader.load("{ counted }").operation(None) is not None


@coroutine
def coroutine_made_of_a_generator() -> Any:
    return "word"
    yield


@strawberry.type
class GeneratorsQuery:
    @strawberry.field
    def letters(self) -> list[str]:
        letters: Any = (letter for letter in "ab")
        return letters  # type: ignore[no-any-return]

    @strawberry.field
    def word(self) -> str:
        word: Any = coroutine_made_of_a_generator()
        return word  # type: ignore[no-any-return]


async def test_a_coroutine_made_of_a_generator_is_awaited_after_a_plain_generator() -> None:
    """Both are of one class, so that the class does not tell whether a value is awaitable."""
    engine, plain = Engine(strawberry.Schema(GeneratorsQuery)), strawberry.Schema(GeneratorsQuery)
    for text in ("{ letters }", "{ word }"):
        theirs = await plain.execute(text)
        ours = await engine.execute(text)
        assert (ours.data, ours.errors) == (theirs.data, theirs.errors)
    assert ours.data == {"word": "word"}


@pytest.mark.parametrize("name", [None, *ENGINES])
async def test_an_operation_or_text_that_is_missing_is_raised(name: str | None) -> None:
    """As by plain Strawberry, which has no result for it."""
    executes: Any = schema if name is None else ENGINES[name]
    with pytest.raises(CannotGetOperationTypeError) as raised:
        await executes.execute("query A { described }", operation_name="B")
    assert raised.value.operation_name == "B"
    with pytest.raises(MissingQueryError):
        await executes.execute("")


@pytest.mark.slow
async def test_others_are_drawn_each_time(pytestconfig: pytest.Config) -> None:
    """By the seed of the test run, which is printed."""
    with quiet():
        for number in range(3_000):
            await check(f"drawn {pytestconfig.option.seed} {number}")
