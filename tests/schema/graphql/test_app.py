"""GraphQL over HTTP: its bounds, its nonsense, its faults."""

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest

from db.models import Organization
from resolvers import find
from schema import limits
from schema.graphql import document_limits
from tests import make
from tests.graphql_client import GraphQLClient


async def test_a_query_by_get(secret: GraphQLClient) -> None:
    """A query may come by GET; a mutation may not."""
    asked = await secret.client.get(
        "/graphql", params={"query": "{ organization { identifier } }"}, headers=secret.headers
    )
    assert asked.json() == {"data": {"organization": {"identifier": "demo"}}}
    done = await secret.client.get(
        "/graphql",
        params={"query": 'mutation { deleteCode(input: {text: "a"}) { __typename } }'},
        headers=secret.headers,
    )
    assert (done.status_code, done.headers["allow"]) == (405, "POST")
    assert done.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


async def test_methods(served: httpx.AsyncClient) -> None:
    """GET, HEAD and POST ask; OPTIONS is told so, and so is whatever else comes, key or no key."""
    page = await served.get("/graphql", headers={"Accept": "text/html"})
    head = await served.head("/graphql", headers={"Accept": "text/html"})
    assert (head.status_code, head.text, head.headers["content-length"]) == (200, "", page.headers["content-length"])
    for method, status in (("OPTIONS", 204), ("DELETE", 405), ("PUT", 405), ("PATCH", 405)):
        told = await served.request(method, "/graphql")
        assert (told.status_code, told.headers["allow"]) == (status, "GET, HEAD, POST, OPTIONS")


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/graphql-response+json", "application/graphql-response+json"),
        ("application/graphql-response+json, application/json;q=0.9", "application/graphql-response+json"),
        ("application/json, application/graphql-response+json;q=0.5", "application/json"),
        ("application/graphql-response+json;q=nonsense, application/json", "application/json"),
        ("image/png", "application/json"),
    ],
)
async def test_how_an_answer_is_written(secret: GraphQLClient, accept: str | None, answered: str) -> None:
    """As `Accept` has it; who reads GraphQL's own media type gets 400 and no `data` for what never ran."""
    headers = {**secret.headers, **({"Accept": accept} if accept else {})}
    for body, ran in (
        ({"query": "{ __typename }"}, True),
        ({"query": "{ nothing }"}, False),
        ({"query": "{"}, False),
        ({"query": "query($n: Int!) { codes(first: $n) { totalCount } }", "variables": {"n": "x"}}, False),
        ({"query": "{ codes(first: -1) { totalCount } }"}, True),
    ):
        response = await secret.client.post("/graphql", json=body, headers=headers)
        assert response.headers["content-type"] == f"{answered}; charset=utf-8"
        own = answered == "application/graphql-response+json"
        assert response.status_code == (400 if own and not ran else 200)
        assert ("data" in response.json()) == (ran or not own)


async def test_a_content_type_that_is_no_json(secret: GraphQLClient) -> None:
    """Only JSON is read: what a page of another origin may send without being asked first is not."""
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        headers = {**secret.headers, "Content-Type": media_type}
        response = await secret.client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
        assert (response.status_code, response.json()["errors"][0]["extensions"]) == (415, {"code": "BAD_REQUEST"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"5",
        b"null",
        b'"text"',
        b"[]",
        b'[{"query": "{ __typename }"}]',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"query": 5}',
        b'{"query": null}',
        b"{}",
        b'{"query": "{ __typename }", "variables": 5}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "operationName": 5}',
        b'{"query": "{ __typename }", "variables": {"a": NaN}}',
    ],
)
async def test_nonsense_is_told_so(secret: GraphQLClient, body: bytes) -> None:
    """What is no GraphQL request is 400 in GraphQL's words, and never a fault."""
    headers = {**secret.headers, "Content-Type": "application/json"}
    response = await secret.client.post("/graphql", content=body, headers=headers)
    assert response.status_code == 400
    assert [error["extensions"] for error in response.json()["errors"]] == [{"code": "BAD_REQUEST"}]


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "{ nothing }",
        "{ __typename @nothing }",
        "query($a: Nothing) { __typename }",
        "\x00",
        "fragment A on Query { ...A } { ...A }",
        "{a" * 4000 + "}" * 4000,
        "{ ...F0 } " + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(1100)),
        "{ ...F0 } "
        + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(1100))
        + " fragment F1100 on Query { __typename }",
        'mutation { createPromotion(input: {name: "n", window: {startsAt: "2026-12-01T00:00:00"}}) { __typename } }',
        'mutation { createPromotion(input: {name: "n", window: {startsAt: "0001-01-01T00:00:00+14:00"}}) { __typename } }',
        'mutation { createPromotion(input: {name: "n", window: {startsOn: "tomorrow"}}) { __typename } }',
        'mutation { createPromotion(input: {name: "n", discount: {value: "NaN"}}) { __typename } }',
        'mutation { createPromotion(input: {name: "n", discount: {value: "1e999999"}}) { __typename } }',
        'mutation { createPromotion(input: {name: "n", position: 99999999999}) { __typename } }',
        'mutation { createPromotion(input: {name: "n", position: "1"}) { __typename } }',
        'mutation { createPromotion(input: {name: "n", unknown: 1}) { __typename } }',
        'mutation { updatePromotion(input: {promotion: {}, name: "n"}) { __typename } }',
        'mutation { updatePromotion(input: {promotion: {id: "a", reference: "b"}, name: "n"}) { __typename } }',
    ],
)
async def test_a_document_that_is_wrong(secret: GraphQLClient, query: str) -> None:
    """A document or value that can't be read is told with its reason; nothing is made."""
    response = await secret.post({"query": query})
    assert response.status_code in (200, 400)
    errors = response.json()["errors"]
    assert all("log knows" not in error["message"] for error in errors)
    assert (await secret.ask("{ promotions { totalCount } }"))["promotions"]["totalCount"] == 1


@pytest.mark.parametrize(
    ("question", "variables"),
    [
        ('{ code(text: "\\u0000") { text } }', {}),
        ("query($t: String!) { code(text: $t) { text } }", {"t": "\ud83d"}),
        ("query($t: String!) { code(text: $t) { text } }", {"t": "x" * 1_000_000}),
        ("query($t: String!) { code(text: $t) { text } }", {"t": "﷽" * 100}),
        ("query($t: String!) { code(text: $t) { text } }", {"t": ""}),
    ],
)
async def test_a_text_that_is_no_code(secret: GraphQLClient, question: str, variables: dict[str, Any]) -> None:
    """Whatever text is asked for, it is a code or it is not."""
    assert await secret.ask(question, **variables) == {"code": None}


@pytest.mark.parametrize(
    "question",
    [
        "query($t: String!) { promotion(ref: {reference: $t}) { id } }",
        "query($t: String!) { promotions(filter: {search: $t}) { totalCount } }",
        "query($t: String!) { customers(search: $t) { totalCount } }",
        "query($t: String!) { codes(filter: {textPrefix: $t}) { totalCount } }",
        "query($t: String!) { codes(filter: {reservedForEmail: $t}) { totalCount } }",
        "query($t: String!) { claims(filter: {email: $t}) { totalCount } }",
        "query($t: String!) { claims(filter: {orderReference: $t}) { totalCount } }",
        "query($t: String!) { codes(after: $t) { totalCount } }",
    ],
)
async def test_texts_that_no_database_holds(secret: GraphQLClient, question: str) -> None:
    """NUL and half characters in a question are bad input, not a fault."""
    for text in ("a\x00b", "\ud83d"):
        told = await secret.execute(question, t=text)
        assert [error["extensions"]["code"] for error in told["errors"]] == ["INVALID_INPUT"], told


@pytest.mark.parametrize("length", [201, 1_000_000])
async def test_a_name_that_is_too_long_is_nobodys(secret: GraphQLClient, length: int) -> None:
    """What is longer than any reference or order can be is told as unknown or as bad input, never a fault."""
    long = "x" * length
    assert await secret.ask("query($t: String!) { promotion(ref: {reference: $t}) { id } }", t=long) == {
        "promotion": None
    }
    said = {"promotion": {"reference": long}, "amount": 1}
    assert (await secret.mutate("generateCodes", "", said))["__typename"] == "UnknownPromotion"
    for question in (
        "query($t: String!) { claims(filter: {orderReference: $t}) { totalCount } }",
        "query($t: String!) { codes(filter: {textPrefix: $t}) { totalCount } }",
        "query($t: String!) { customers(search: $t) { totalCount } }",
    ):
        told = await secret.execute(question, t=long)
        assert [error["extensions"]["code"] for error in told["errors"]] == ["INVALID_INPUT"], told
    assert (await secret.claim(order={"reference": long}))["__typename"] == "InvalidInput"
    assert (await secret.claim(idempotencyKey=long))["__typename"] == "InvalidInput"


async def test_a_body_has_a_size(secret: GraphQLClient) -> None:
    """Over 4 MB is 413, told before it is read, or where it passes the limit."""
    large = json.dumps({"query": "{ __typename }", "variables": {"a": "x" * limits.MAX_BODY_BYTES}}).encode()
    headers = {**secret.headers, "Content-Type": "application/json"}

    async def unsized() -> Any:
        for at in range(0, len(large), 1 << 16):
            yield large[at : at + (1 << 16)]

    for body in (large, unsized()):
        response = await secret.client.post("/graphql", content=body, headers=headers)
        assert (response.status_code, response.json()["errors"][0]["extensions"]) == (413, {"code": "TOO_LARGE"})


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("{ " + " ".join(f"a{n}: __typename" for n in range(document_limits.MAX_ALIASES + 1)) + " }", "aliases found"),
        ("{ promotions { nodes " + "{ codes { nodes { promotion " * 6 + "{ id }" + "} } }" * 6 + " } }", "depth"),
        ("{ " + "__typename " * document_limits.MAX_TOKENS + "}", "tokens"),
        (
            "{ ...F0 } "
            + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(99))
            + " fragment F99 on Query { __typename }",
            "fields",
        ),
        (
            "{ promotions(first: 100) { nodes { codes(first: 100) { nodes { claims(first: 100) { nodes { id } } } } } } }",
            "rows",
        ),
        (
            "query($n: Int! = 1) { promotions(first: $n) { nodes { codes(first: $n) { nodes { claims(first: $n) { nodes { id } } } } } } }",
            "rows",
        ),
    ],
)
async def test_a_document_has_bounds(secret: GraphQLClient, document: str, says: str) -> None:
    """Aliases, depth, tokens and rows are bounded before anything runs."""
    told = await secret.execute(document)
    assert told.get("data") is None
    assert says in told["errors"][0]["message"]


async def test_a_request_has_its_time(secret: GraphQLClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes too long is stopped with 503, and the next request is served."""

    async def forever(*_: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(limits, "REQUEST_SECONDS", 2)
    with monkeypatch.context() as slow:
        slow.setattr(find, "code", forever)
        response = await secret.post({"query": '{ code(text: "a") { id } }'})
    assert (response.status_code, response.json()["errors"][0]["extensions"]) == (503, {"code": "TIMEOUT"})
    assert await secret.ask('{ code(text: "a") { id } }') == {"code": None}


async def test_a_fault_is_masked(
    secret: GraphQLClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug is told by a number, under which the log knows what it was; committed siblings keep their answer."""

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("the secret of the bug")

    monkeypatch.setattr(find, "code", broken)
    with caplog.at_level(logging.ERROR, logger="tessera"):
        told = await secret.execute('{ code(text: "a") { id } organization { identifier } }')
    (error,) = told["errors"]
    assert told["data"] == {"code": None, "organization": {"identifier": "demo"}}
    assert error["extensions"]["code"] == "FAULT"
    assert "secret of the bug" not in str(told)
    (record,) = caplog.records
    assert error["extensions"]["id"] in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


async def test_browsers_of_any_origin_may_call(served: httpx.AsyncClient, organization: Organization) -> None:
    """GraphQL and Lancero's paths answer the exact origin, with credentials; the preflight needs no key."""
    for path in ("/graphql", "/codes/claim"):
        asked = await served.options(
            path,
            headers={
                "Origin": "https://shop.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type",
            },
        )
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == "https://shop.example"
        assert asked.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in asked.headers["vary"]
    key = await make.key(organization)
    answered = await served.post(
        "/graphql",
        json={"query": "{ __typename }"},
        headers={"Origin": "https://shop.example", "Authorization": f"Bearer {key}"},
    )
    assert answered.headers["access-control-allow-origin"] == "https://shop.example"
    elsewhere = await served.get("/healthz", headers={"Origin": "https://shop.example"})
    assert "access-control-allow-origin" not in elsewhere.headers


async def test_the_host_is_told_how_things_are(served: httpx.AsyncClient) -> None:
    """/healthz says that the process is up, /readyz that the database answers."""
    for path in ("/healthz", "/readyz"):
        assert (await served.get(path)).json() == {"status": "ok"}
