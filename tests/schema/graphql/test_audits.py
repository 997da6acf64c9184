"""The audits of the specification "GraphQL over HTTP", as its authors publish them (npm: graphql-http)."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from schema.graphql import playground
from tests import packages
from tests.graphql_client import GraphQLClient

NODE = Path(sys.executable).with_name("node")
AUDITS = playground.INSTALLED / "graphql-http/lib/audits/server.mjs"
RUN = Path(__file__).with_name("audits.mjs")


@pytest.mark.processes
async def test_audits(secret: GraphQLClient) -> None:
    """Every audit passes: what must be, what should be, and what may be."""
    if not (NODE.exists() and AUDITS.is_file()):
        packages.missing("no node or no audits: `make install` could not fetch them")
    address = secret.client.base_url.join("/graphql")
    key = secret.headers["Authorization"].removeprefix("Bearer ")
    process = await asyncio.create_subprocess_exec(
        NODE, RUN, AUDITS.as_uri(), str(address), key, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    audits = json.loads(output)
    assert len(audits) >= 61, audits
    assert [audit for audit in audits if audit["status"] != "ok"] == []
