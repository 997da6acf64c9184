"""The engine has the results of plain Strawberry over graphql-core, to the letter, for generated documents and values.

Each document is run three times: by plain Strawberry, by plans, and by graphql-core's executor as the engine has it.
"""

import logging
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from schema.graphql.engine import Engine
from tests.schema.graphql.engine.generated_documents import DocumentMaker, Request
from tests.schema.graphql.engine.odd_schema import TYPES, OddContext, schema

pytestmark = [
    # graphql-core itself leaves coroutines behind where a list or an object fails
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ENGINES = {"plans": Engine(schema), "core": Engine(schema, "core")}
SHARES = 12
DOCUMENTS = 150
"""Documents of one share."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Strawberry logs each error with its traceback."""
    log = logging.getLogger("strawberry.execution")
    log.disabled = True
    yield
    log.disabled = False


def shown(result: Any, context: OddContext) -> list[str]:
    """All that a result has: data with the order of its keys, errors with message, path, locations and cause."""
    errors = [f"{error.formatted!r} {type(error.original_error).__name__}" for error in result.errors or ()]
    return [repr(result.data), *errors, repr(context.log)]


async def results_of(request: Request, seed: str) -> dict[str, list[str]]:
    """The results of a request by plain Strawberry and by each engine."""
    results = {}
    for name, executes in {"strawberry": schema, **ENGINES}.items():
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
    for number in range(DOCUMENTS):
        await check(f"{share} {number}")


@pytest.mark.slow
async def test_others_are_drawn_each_time(pytestconfig: pytest.Config) -> None:
    """By the seed of the test run, which is printed."""
    for number in range(3_000):
        await check(f"drawn {pytestconfig.option.seed} {number}")
