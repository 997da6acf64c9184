"""The queries: pages, filters, ids, and the number of their statements."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from db.models import Organization
from resolvers import generate, send
from resolvers.domain import params
from resolvers.domain.code_format import Format
from tests import make
from tests.conftest import Clock
from tests.graphql_client import GraphQLClient

NESTED = """{ promotions(first: 50) { nodes { name locations { name } codes(first: 10) { totalCount nodes { text status url
  claims(first: 10) { nodes { createdAt code { text } customer { email claims { totalCount } } } } } } } } }"""


class StatementCounter(logging.Handler):
    """Counts what the database client logs: one record a statement."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    @property
    def statements(self) -> int:
        return len(self.texts)


@contextmanager
def count_statements() -> Iterator[StatementCounter]:
    """A counter of the statements that are run meanwhile."""
    log, counter = logging.getLogger("tortoise.db_client"), StatementCounter()
    level = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(counter)
    try:
        yield counter
    finally:
        log.removeHandler(counter)
        log.setLevel(level)


@pytest.mark.long
async def test_nested_queries_cost_the_same_for_few_and_many_rows(
    secret: GraphQLClient, organization: Organization
) -> None:
    """The number of statements of promotions → codes → claims → customer does not grow with the rows."""

    async def add(promotions: int) -> None:
        for number in range(promotions):
            texts = [f"{promotions}-{number}-{code}" for code in range(3)]
            await make.promotion(organization, *texts, limits=params.Limits(per_code=None))
            for text in texts:
                for customer in range(3):
                    await make.claimed(organization, text, f"{text}-{customer}@example.com")

    async def cost() -> int:
        with count_statements() as counter:
            answer = await secret.ask(NESTED)
        assert all(
            len(code["claims"]["nodes"]) == 3 for p in answer["promotions"]["nodes"] for code in p["codes"]["nodes"]
        )
        return counter.statements

    await add(2)
    few = await cost()
    await add(7)
    assert (few, await cost()) == (few, few)
    # the key, promotions, locations, codes, how many, claims, codes, customers, how many claims they have
    assert few == 9


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ('{ code(text: "A") { text status promotion { name status } } }', 3),  # the key, the promotion, the code
        ("{ codes { nodes { text } } }", 2),
        ("{ codes { nodes { text status promotion { name } } } }", 3),
        ("{ codes { edges { node { ...F } } } } fragment F on Code { text ... on Code { status } }", 3),
        ("{ promotions { nodes { codes { nodes { text status promotion { name } } } } } }", 3),
    ],
)
async def test_the_number_of_statements_of_a_query(
    secret: GraphQLClient, organization: Organization, query: str, cost: int
) -> None:
    """Codes' promotions come with them, or in one statement, and only where a field wants them."""
    await make.promotion(organization, "A", "B")
    await make.promotion(organization, "C")
    with count_statements() as counter:
        await secret.ask(query)
    assert counter.statements == cost, counter.texts


async def test_codes_that_are_looked_up_at_once(secret: GraphQLClient, organization: Organization) -> None:
    """Each of many concurrent look-ups returns its own code, in fewer statements than there are look-ups."""
    texts = [f"CODE-{number}" for number in range(30)]
    await make.promotion(organization, *texts)
    with count_statements() as counter:
        results = await asyncio.gather(*(secret.ask(f'{{ code(text: "{text}") {{ text status }} }}') for text in texts))
    assert [result["code"] for result in results] == [{"text": text, "status": "CLAIMABLE"} for text in texts]
    assert counter.statements < 3 * len(texts)


async def test_pages_stay_the_same_while_rows_are_added(
    secret: GraphQLClient, organization: Organization, clock: Clock
) -> None:
    """Page by page, every row comes once, in the order of creation."""
    await make.promotion(organization, *(f"A-{number}" for number in range(7)))
    seen: list[str] = []
    after: str | None = None
    while True:
        page = (
            await secret.ask(
                """query($after: String) { codes(first: 3, after: $after) { totalCount nodes { text }
                     edges { cursor node { text } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }""",
                after=after,
            )
        )["codes"]
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        seen += [node["text"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
        if len(seen) == 3:
            clock.advance(seconds=1)
            await secret.mutate("createPromotion", "", {"name": "Later", "codes": ["B-0"]})
    assert seen == [f"A-{number}" for number in range(7)] + ["B-0"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [("first: 101", "INVALID_INPUT"), ("first: -1", "INVALID_INPUT"), ('after: "nonsense"', "INVALID_INPUT")],
)
async def test_invalid_pages(secret: GraphQLClient, arguments: str, reason: str) -> None:
    """More than 100 rows a page, and a text that is no cursor, are errors with a reason."""
    response = await secret.execute(f"{{ codes({arguments}) {{ nodes {{ text }} }} }}")
    assert [error["extensions"]["code"] for error in response["errors"]] == [reason]


async def test_an_empty_page(secret: GraphQLClient) -> None:
    """An organization without codes has a page without rows."""
    page = await secret.ask("{ codes(first: 0) { totalCount nodes { text } pageInfo { hasNextPage endCursor } } }")
    assert page["codes"] == {"totalCount": 0, "nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


async def test_node_and_nodes_return_objects_by_their_ids(secret: GraphQLClient, organization: Organization) -> None:
    """They come in order, with null for a text that is no id."""
    await make.promotion(organization, "HELLO-15")
    await secret.claim()
    data = await secret.ask(
        """{ organization { id } code(text: "hello15") { id promotion { id } claims { nodes { id customer { id } } } } }"""
    )
    code = data["code"]
    claim = code["claims"]["nodes"][0]
    kinds = {
        data["organization"]["id"]: "Organization",
        code["id"]: "Code",
        code["promotion"]["id"]: "Promotion",
        claim["id"]: "Claim",
        claim["customer"]["id"]: "Customer",
    }
    nodes = await secret.ask(
        "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=[*kinds, "", "x", "Q29kZTo5OTk5", "💥"]
    )
    assert nodes["nodes"] == [*({"__typename": kind, "id": id} for id, kind in kinds.items()), None, None, None, None]
    assert (await secret.ask("query($id: ID!) { node(id: $id) { ... on Code { text } } }", id=code["id"])) == {
        "node": {"text": "HELLO-15"}
    }


async def test_codes_are_filtered(secret: GraphQLClient, organization: Organization, clock: Clock) -> None:
    """Codes are filtered by status, prefix, reservation and time."""
    await make.promotion(organization, "SPRING-1", "SPRING-2", "WINTER-1")
    await make.promotion(organization, "LATER", window=params.Window(starts_at=make.NOW + timedelta(days=1)))
    await secret.mutate("updateCode", "", {"text": "WINTER-1", "reservedFor": {"email": "ada@example.com"}})
    await secret.claim("SPRING-2")
    clock.advance(hours=1)
    await secret.mutate("createPromotion", "", {"name": "New", "codes": ["NEW"]})

    async def texts_of(filter: str) -> list[str]:
        page = await secret.ask(f"{{ codes(filter: {filter}) {{ totalCount nodes {{ text }} }} }}")
        texts = [node["text"] for node in page["codes"]["nodes"]]
        assert page["codes"]["totalCount"] == len(texts)
        return texts

    assert await texts_of('{textPrefix: "sprÍ"}') == []
    assert await texts_of('{textPrefix: "spring "}') == ["SPRING-1", "SPRING-2"]
    assert await texts_of('{textPrefix: "%"}') == []
    assert await texts_of("{status: [EXHAUSTED, SCHEDULED]}") == ["SPRING-2", "LATER"]
    assert await texts_of('{status: [CLAIMABLE], textPrefix: "w"}') == ["WINTER-1"]
    assert await texts_of("{status: []}") == []
    assert await texts_of('{reservedForEmail: "ADA@example.com"}') == ["WINTER-1"]
    assert await texts_of('{createdAfter: "2026-11-22T12:30:00Z"}') == ["NEW"]
    assert await texts_of('{createdBefore: "2026-11-22T13:00:00+01:00"}') == []
    assert len(await texts_of("{}")) == 5


async def test_other_lists_are_filtered(secret: GraphQLClient, organization: Organization) -> None:
    """Promotions, claims, customers and deliveries are filtered by their fields."""
    await make.promotion(
        organization, "HELLO-15", reference="hello", name="Hello 100%", limits=params.Limits(per_code=None)
    )
    await secret.claim(order={"reference": "R-1"})
    released = (await secret.claim(email="bob@example.com"))["claim"]["id"]
    await secret.mutate("releaseClaim", "", {"claimId": released, "reason": "test"})
    await send.code(organization, "HELLO-15", [params.Person("ada@example.com")], None, False, False, None, make.NOW)
    data = await secret.ask(
        """{ active: promotions(filter: {status: [ACTIVE], search: "100%"}) { nodes { reference } }
             ended: promotions(filter: {status: [ENDED]}) { totalCount }
             default: promotions(filter: {search: "DEFAULT"}) { nodes { name } }
             ordered: claims(filter: {orderReference: "R-1"}) { nodes { customer { email } } }
             released: claims(filter: {status: [RELEASED]}) { nodes { customer { email } } }
             adas: claims(filter: {email: "ADA@EXAMPLE.COM", status: [CLAIMED]}) { totalCount }
             customers(search: "bob@") { nodes { email } totalCount }
             queued: deliveries(status: [QUEUED]) { nodes { recipient code { text } } }
             sent: deliveries(status: [SENT]) { totalCount } }"""
    )
    assert data == {
        "active": {"nodes": [{"reference": "hello"}]},
        "ended": {"totalCount": 0},
        "default": {"nodes": [{"name": "Default"}]},
        "ordered": {"nodes": [{"customer": {"email": "ada@example.com"}}]},
        "released": {"nodes": [{"customer": {"email": "bob@example.com"}}]},
        "adas": {"totalCount": 1},
        "customers": {"nodes": [{"email": "bob@example.com"}], "totalCount": 1},
        "queued": {"nodes": [{"recipient": "ada@example.com", "code": {"text": "HELLO-15"}}]},
        "sent": {"totalCount": 0},
    }


CHECK = """query($input: CheckCodeInput!) { checkCode(input: $input) { isClaimable discount { amount currency }
  code { text } refusals { __typename reason message ... on Ended { endedAt } ... on OrderTooSmall { minimum { amount } }
  ... on InvalidInput { path } } } }"""


async def test_a_check_lists_every_rule_that_refuses(secret: GraphQLClient, organization: Organization) -> None:
    """checkCode lists every rule in the one documented order, a claim is refused by the first, and nothing changes."""
    await secret.mutate(
        "createPromotion",
        "",
        {
            "name": "Over",
            "isEnabled": False,
            "window": {"endsAt": "2026-11-01T00:00:00Z"},
            "discount": {"minimumOrder": {"amount": "50", "currency": "EUR"}},
            "codes": ["OVER"],
        },
    )
    input = {"text": "over", "customer": {"email": "ada@example.com"}}
    checked = (await secret.ask(CHECK, input=input))["checkCode"]
    assert (checked["isClaimable"], checked["discount"], checked["code"]) == (False, None, {"text": "OVER"})
    assert [refusal["reason"] for refusal in checked["refusals"]] == ["DISABLED", "ENDED", "ORDER_TOO_SMALL"]
    assert checked["refusals"][1]["endedAt"] == "2026-11-01T00:00:00Z"
    assert checked["refusals"][2]["minimum"] == {"amount": "50.00"}
    assert (await secret.claim("over"))["__typename"] == "Disabled"
    customers = await secret.ask("{ customers { totalCount } }")
    assert customers == {"customers": {"totalCount": 0}}


async def test_a_check_has_the_discount_of_a_claim(secret: GraphQLClient, organization: Organization) -> None:
    """A claimable code comes with its discount, an unknown one or invalid input with the refusal."""
    await make.promotion(organization, "HELLO-15")
    order = {"total": {"amount": "10.10", "currency": "EUR"}}
    good = (await secret.ask(CHECK, input={"text": "hello 15", "order": order}))["checkCode"]
    assert good == {
        "isClaimable": True,
        "discount": {"amount": "1.52", "currency": "EUR"},
        "code": {"text": "HELLO-15"},
        "refusals": [],
    }
    unknown = (await secret.ask(CHECK, input={"text": "nope"}))["checkCode"]
    assert [refusal["__typename"] for refusal in unknown["refusals"]] == ["UnknownCode"]
    wrong = (await secret.ask(CHECK, input={"text": "x", "customer": {"email": "nobody"}}))["checkCode"]
    assert [refusal.get("path") for refusal in wrong["refusals"]] == [["input", "customer", "email"]]


async def test_usage(secret: GraphQLClient, organization: Organization, services: object) -> None:
    """usageStats has claims and refusals in the organization's days, exact, with empty buckets between."""
    await make.promotion(organization, "HELLO-15", limits=params.Limits(per_code=2))
    for number in range(3):
        await secret.claim(email=f"{number}@example.com", order={"total": {"amount": "10.01", "currency": "EUR"}})
    await secret.client.get("/healthz")
    await services.refusal_counter.write()  # type: ignore[attr-defined]
    data = await secret.ask(
        """{ usageStats(input: {bucket: DAY, from: "2026-11-21T12:00:00Z"}) { from to currency claims customers
             orderTotal orderQuantity discountTotal refusals { reason count } } }"""
    )
    assert data["usageStats"] == [
        {
            "from": "2026-11-20T23:00:00Z",
            "to": "2026-11-21T23:00:00Z",
            "currency": "EUR",
            "claims": "0",
            "customers": 0,
            "orderTotal": "0.00",
            "orderQuantity": "0",
            "discountTotal": "0.00",
            "refusals": [],
        },
        {
            "from": "2026-11-21T23:00:00Z",
            "to": "2026-11-22T23:00:00Z",
            "currency": "EUR",
            "claims": "2",
            "customers": 2,
            "orderTotal": "20.02",
            "orderQuantity": "0",
            "discountTotal": "3.00",
            "refusals": [{"reason": "FULLY_CLAIMED", "count": "1"}],
        },
    ]
    of_promotion = await secret.ask(
        '{ promotion(ref: {reference: "promotion-2"}) { usageStats { claims currency } } organization { usageStats { claims } } }'
    )
    assert of_promotion["promotion"]["usageStats"] == [{"claims": "2", "currency": "EUR"}]
    assert of_promotion["organization"]["usageStats"] == [{"claims": "2"}]


async def test_usage_is_read_from_its_sums(secret: GraphQLClient, organization: Organization) -> None:
    """No claim is read for usage, however many there are, unless distinct customers are asked for."""
    await make.promotion(organization, "HELLO-15")
    await secret.claim()
    with count_statements() as counter:
        await secret.ask("{ usageStats(input: {bucket: DAY}) { claims orderTotal refusals { count } } }")
    assert [text for text in counter.texts if '"claim"' in text] == []
    with count_statements() as counter:
        await secret.ask("{ usageStats(input: {bucket: DAY}) { ...Whole } } fragment Whole on UsageStat { customers }")
    assert len([text for text in counter.texts if '"claim"' in text]) == 1


async def test_every_field_of_a_generated_code(secret: GraphQLClient, organization: Organization) -> None:
    """Every field of a code and its promotion can be selected."""
    await generate.codes(organization, None, 1, Format(), generate.CodeOptions(), False, None, make.NOW)
    data = await secret.ask(
        """{ codes { nodes { id text status window { startsAt endsAt isOpen } allowedClaims claimCount remainingClaims
             reservedFor { email } activation { at } isEnabled url claims { totalCount } deliveries { totalCount }
             metadata createdAt updatedAt promotion { number status usageStats { claims } claims { totalCount } } } } }"""
    )
    (code,) = data["codes"]["nodes"]
    assert code["url"].startswith("https://codes.example/c/")
    assert (code["status"], code["remainingClaims"], code["metadata"]) == ("CLAIMABLE", 1, {})
