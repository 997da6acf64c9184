"""Several hosts over one database: two servers of two processes each, raced over HTTP, on SQLite and on PostgreSQL.

Nothing is raced for in this process: what is granted is asked of the servers, and recounted by `verify`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count

import httpx
import pytest

from tests.graphql_client import GraphQLClient, Json
from tests.installation import Installation, keys_in

pytestmark = [pytest.mark.xdist_group("hosts"), pytest.mark.processes, pytest.mark.slow]  # the same servers for all

CLIENTS = 64


@dataclass
class Hosts:
    """Servers over one database, and the key to all of them."""

    installation: Installation
    addresses: list[str]
    key: str

    @asynccontextmanager
    async def graphql_clients(self, number: int = CLIENTS) -> AsyncIterator[list[GraphQLClient]]:
        """That many clients, spread over the hosts, each with a connection of its own."""
        clients = [
            httpx.AsyncClient(base_url=self.addresses[place % len(self.addresses)], timeout=60, verify=False)  # noqa: S501
            for place in range(number)
        ]
        try:
            yield [GraphQLClient(client, self.key) for client in clients]
        finally:
            for client in clients:
                await client.aclose()

    async def race(self, mutations: list[tuple[str, Json]], selection: str = "") -> list[Json]:
        """The outcomes of mutations with their inputs, which idle clients take one after another."""
        waiting = iter(mutations)
        outcomes: list[Json] = []

        async def work_off(graphql: GraphQLClient) -> None:
            for mutation, mutation_input in waiting:
                outcomes.append(await graphql.mutate(mutation, selection, mutation_input))

        async with self.graphql_clients() as clients:
            await asyncio.gather(*(work_off(graphql) for graphql in clients))
        return outcomes

    def balanced(self) -> None:
        """Every counter equals its rows, as the command line says."""
        assert "equals" in self.installation.run("verify")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def hosts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Two servers of two processes each over one fresh database."""
    folder = tmp_path_factory.mktemp("hosts")
    if request.param == "postgres":
        with request.getfixturevalue("postgres").bare() as url:
            yield from serving(Installation(folder, url))
    else:
        yield from serving(Installation(folder))


def serving(installation: Installation) -> Iterator[Hosts]:
    with installation.serving("--workers", "2") as (printed, one), installation.serving("--workers", "2") as (_, two):
        yield Hosts(installation, [one, two], keys_in(printed)["SECRET"])


numbers = count()


async def promotion(hosts: Hosts, codes: list[str], **limits: int | None) -> str:
    """A promotion with these codes and limits; its reference."""
    reference = f"race-{next(numbers)}"
    mutation_input = {"reference": reference, "name": reference, "codes": codes, "limits": limits}
    async with hosts.graphql_clients(1) as [graphql]:
        assert (await graphql.mutate("createPromotion", "", mutation_input))["__typename"] == "PromotionChanged"
    return reference


async def counted(hosts: Hosts, reference: str) -> int:
    """The claims that a promotion counts, which are those that stand."""
    async with hosts.graphql_clients(1) as [graphql]:
        query = "query ($of: String!) { promotion(ref: {reference: $of}) { claimCount } }"
        shown = (await graphql.ask(query, of=reference))["promotion"]
    return int(shown["claimCount"])


def claim(text: str, who: object, reference: object = None) -> tuple[str, Json]:
    order = {"order": {"reference": str(reference)}} if reference else {}
    return "claimCode", {"text": text, "customer": {"email": f"{who}@example.com"}, **order}


def kinds(outcomes: list[Json]) -> dict[str, int]:
    return dict(Counter(outcome["__typename"] for outcome in outcomes))


async def test_a_codes_places(hosts: Hosts) -> None:
    """2,000 claims by 64 clients on a code with 500 places are exactly 500."""
    reference = await promotion(hosts, ["PLACES"], perCode=500)
    results = await hosts.race([claim("PLACES", f"c{number}") for number in range(2_000)])
    assert kinds(results) == {"CodeClaimed": 500, "FullyClaimed": 1_500}
    assert await counted(hosts, reference) == 500
    hosts.balanced()


async def test_a_customers_share_of_many_codes(hosts: Hosts) -> None:
    """2,000 claims of 100 customers on 200 codes are three a customer."""
    texts = [f"SHARE-{number}" for number in range(200)]
    reference = await promotion(hosts, texts, perCode=None, perCustomer=3)
    results = await hosts.race(
        [claim(texts[(number + number // 100 * 7) % 200], f"s{number % 100}") for number in range(2_000)]
    )
    granted = kinds(results)["CodeClaimed"]
    assert set(kinds(results)) <= {"CodeClaimed", "CustomerLimitReached", "AlreadyClaimed"}
    assert (granted, await counted(hosts, reference)) == (300, 300)
    hosts.balanced()


async def test_a_promotions_places_over_many_codes(hosts: Hosts) -> None:
    """2,000 claims on a promotion of 200 codes and 500 places are exactly 500."""
    texts = [f"TOTAL-{number}" for number in range(200)]
    reference = await promotion(hosts, texts, perCode=None, perPromotion=500)
    results = await hosts.race([claim(texts[number % 200], f"t{number}") for number in range(2_000)])
    assert kinds(results) == {"CodeClaimed": 500, "PromotionSpent": 1_500}
    assert await counted(hosts, reference) == 500
    hosts.balanced()


async def test_an_activation_happens_once(hosts: Hosts) -> None:
    """Twenty people a code want to activate it: one does."""
    reference = await promotion(hosts, [])
    mutation_input = {"promotion": {"reference": reference}, "amount": 30, "activated": False}
    [made] = await hosts.race([("generateCodes", mutation_input)], "... on CodesGenerated { codes { text } }")
    texts = [code["text"] for code in made["codes"]]
    wanted = [
        ("activateCode", {"text": text, "customer": {"email": f"a{number}@example.com"}})
        for number in range(20)
        for text in texts
    ]
    assert kinds(await hosts.race(wanted)) == {"CodeChanged": 30, "AlreadyActivated": 570}


async def test_a_code_deleted_while_it_is_claimed(hosts: Hosts) -> None:
    """Claims come before the deletion and go with it, or after it and hear that there is no such code."""
    reference = await promotion(hosts, ["GOING"], perCode=None)
    mutations: list[tuple[str, Json]] = [claim("GOING", f"d{number}") for number in range(600)]
    mutations.insert(200, ("deleteCode", {"text": "GOING"}))
    counts = kinds(await hosts.race(mutations))
    assert counts["CodeDeleted"] == 1
    assert set(counts) == {"CodeDeleted", "CodeClaimed", "UnknownCode"}
    assert await counted(hosts, reference) == counts["CodeClaimed"]
    hosts.balanced()


async def test_a_place_given_back_is_taken_once(hosts: Hosts) -> None:
    """Of 100 places 50 are given back, by two at once, while 600 want one: never more than 100 are taken."""
    reference = await promotion(hosts, ["BACK"], perCode=100)
    selection = "... on CodeClaimed { claim { id } }"
    first = await hosts.race([claim("BACK", f"b{number}") for number in range(100)], selection)
    releases = [("releaseClaim", {"claimId": one["claim"]["id"], "reason": "raced"}) for one in first[:50]] * 2
    wanted = [claim("BACK", f"n{number}") for number in range(600)]
    mixed = [mutation for pair in zip(releases, wanted[:100], strict=True) for mutation in pair]
    counts = kinds(await hosts.race(mixed + wanted[100:]))
    assert counts["ClaimReleased"] == 100
    assert counts["CodeClaimed"] + counts["FullyClaimed"] == 600
    assert counts["CodeClaimed"] == 50
    assert await counted(hosts, reference) == 100
    hosts.balanced()


async def test_an_order_sent_again_and_again_is_one_claim(hosts: Hosts) -> None:
    """Fifty orders, each sent twenty times at once to both hosts, are fifty claims."""
    reference = await promotion(hosts, ["ORDERS"], perCode=None)
    mutations = [claim("ORDERS", f"o{number % 50}", f"R-{number % 50}") for number in range(1_000)]
    results = await hosts.race(mutations, "... on CodeClaimed { replayed claim { id } }")
    assert kinds(results) == {"CodeClaimed": 1_000}
    assert len({one["claim"]["id"] for one in results}) == 50
    assert sum(not one["replayed"] for one in results) == 50
    assert await counted(hosts, reference) == 50
    hosts.balanced()
