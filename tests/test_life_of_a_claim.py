"""docs/life-of-a-claim.md holds: the files that a claim runs through, and the number of its statements."""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from db.models import Organization
from tests import make
from tests.graphql_client import GraphQLClient
from tests.test_docs import LIFE, ROOT

HOUSE = ("schema/", "resolvers/", "db/")
ENGINES = ("schema/graphql/engine/", "db/clients/")
"""Folders that are a box each, with a page of their own."""

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

CLAIM = """mutation ($input: ClaimCodeInput!) { claimCode(input: $input) {
  __typename ... on CodeClaimed { replayed exchangeToken } ... on Refusal { reason message } } }"""


@contextmanager
def files_run() -> Iterator[set[str]]:
    """The files of the house of which a function runs within the block."""
    files: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(ROOT)):
            files.add(frame.f_code.co_filename.removeprefix(f"{ROOT}/"))

    sys.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(None)


async def claim(secret: GraphQLClient, number: int) -> None:
    """One claim, as the page tells it."""
    order = {"reference": f"order-{number}", "total": {"amount": "40.00", "currency": "EUR"}}
    customer = {"email": f"ada{number}@example.com"}
    outcome = await secret.ask(CLAIM, input={"text": f"hello {number}", "customer": customer, "order": order})
    assert outcome["claimCode"]["__typename"] == "CodeClaimed"


@on_sqlite
async def test_a_claim_runs_through_the_files_that_are_listed(
    secret: GraphQLClient, organization: Organization
) -> None:
    """The page lists each file that a claim with a secret key runs through, engines as folders; 28 make the walk."""
    await make.promotion(organization, "HELLO-15", "HELLO-16")
    await claim(secret, 15)
    with files_run() as files:
        await claim(secret, 16)
    run = {file for file in files if file.startswith(HOUSE) and not file.startswith(ENGINES)}
    walk = re.findall(r"^\| `([\w/]+\.py)` \|", LIFE, re.M)
    beside = re.findall(r"`([\w/]+\.py)`", LIFE.partition("What stands beside the walk")[2].partition("\n\n[")[0])
    assert run == {*walk, *beside}
    assert (len(walk), len({*walk})) == (28, 28)


@on_sqlite
async def test_a_claim_takes_eleven_statements(
    secret: GraphQLClient, organization: Organization, caplog: pytest.LogCaptureFixture
) -> None:
    """From its key to its commit, a claim of a new customer takes eleven statements."""
    await make.promotion(organization, "HELLO-15", "HELLO-16")
    await claim(secret, 15)
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        await claim(secret, 16)
    assert len(caplog.records) == 11
