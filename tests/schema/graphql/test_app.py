"""GraphQL over HTTP: its limits, bad requests and internal errors."""

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
    query = await secret.client.get(
        "/graphql", params={"query": "{ organization { identifier } }"}, headers=secret.headers
    )
    assert query.json() == {"data": {"organization": {"identifier": "demo"}}}
    mutation = await secret.client.get(
        "/graphql",
        params={"query": 'mutation { deleteCode(input: {text: "a"}) { __typename } }'},
        headers=secret.headers,
    )
    assert (mutation.status_code, mutation.headers["allow"]) == (405, "POST")
    assert mutation.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


async def test_methods(served: httpx.AsyncClient) -> None:
    """GET, HEAD and POST are served; OPTIONS and any other method have the allowed ones in the response, with or without a key."""
    page = await served.get("/graphql", headers={"Accept": "text/html"})
    head = await served.head("/graphql", headers={"Accept": "text/html"})
    assert (head.status_code, head.text, head.headers["content-length"]) == (200, "", page.headers["content-length"])
    for method, status in (("OPTIONS", 204), ("DELETE", 405), ("PUT", 405), ("PATCH", 405)):
        response = await served.request(method, "/graphql")
        assert (response.status_code, response.headers["allow"]) == (status, "GET, HEAD, POST, OPTIONS")


@pytest.mark.parametrize(
    ("accept", "media_type"),
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
async def test_the_media_type_of_a_response(secret: GraphQLClient, accept: str | None, media_type: str) -> None:
    """The media type is the one that `Accept` prefers; with GraphQL's own, a document that did not run is 400 without `data`."""
    headers = {**secret.headers, **({"Accept": accept} if accept else {})}
    for body, has_run in (
        ({"query": "{ __typename }"}, True),
        ({"query": "{ nothing }"}, False),
        ({"query": "{"}, False),
        ({"query": "query($n: Int!) { codes(first: $n) { totalCount } }", "variables": {"n": "x"}}, False),
        ({"query": "{ codes(first: -1) { totalCount } }"}, True),
    ):
        response = await secret.client.post("/graphql", json=body, headers=headers)
        assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
        own = media_type == "application/graphql-response+json"
        assert response.status_code == (400 if own and not has_run else 200)
        assert ("data" in response.json()) == (has_run or not own)


async def test_a_content_type_that_is_no_json(secret: GraphQLClient) -> None:
    """Only JSON is read, and no type that a page of another origin may send without a preflight."""
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
async def test_a_body_that_is_no_graphql_request_is_refused(secret: GraphQLClient, body: bytes) -> None:
    """It is 400 with a GraphQL error, and never an internal error."""
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
async def test_an_invalid_document(secret: GraphQLClient, query: str) -> None:
    """The response to an invalid document or value has the reason; nothing is made."""
    response = await secret.post({"query": query})
    assert response.status_code in (200, 400)
    errors = response.json()["errors"]
    assert all("log knows" not in error["message"] for error in errors)
    assert (await secret.ask("{ promotions { totalCount } }"))["promotions"]["totalCount"] == 1


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ('{ code(text: "\\u0000") { text } }', {}),
        ("query($t: String!) { code(text: $t) { text } }", {"t": "\ud83d"}),
        ("query($t: String!) { code(text: $t) { text } }", {"t": "x" * 1_000_000}),
        ("query($t: String!) { code(text: $t) { text } }", {"t": "﷽" * 100}),
        ("query($t: String!) { code(text: $t) { text } }", {"t": ""}),
    ],
)
async def test_a_text_that_is_no_code(secret: GraphQLClient, query: str, variables: dict[str, Any]) -> None:
    """A look-up of any text finds a code or none, without an error."""
    assert await secret.ask(query, **variables) == {"code": None}


@pytest.mark.parametrize(
    "query",
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
async def test_texts_that_no_database_holds(secret: GraphQLClient, query: str) -> None:
    """NUL and half characters in a query are invalid input, not an internal error."""
    for text in ("a\x00b", "\ud83d"):
        response = await secret.execute(query, t=text)
        assert [error["extensions"]["code"] for error in response["errors"]] == ["INVALID_INPUT"], response


@pytest.mark.parametrize("length", [201, 1_000_000])
async def test_a_name_that_is_too_long_is_unknown_or_invalid(secret: GraphQLClient, length: int) -> None:
    """A text longer than any reference or order is unknown or invalid input, never an internal error."""
    long = "x" * length
    assert await secret.ask("query($t: String!) { promotion(ref: {reference: $t}) { id } }", t=long) == {
        "promotion": None
    }
    input = {"promotion": {"reference": long}, "amount": 1}
    assert (await secret.mutate("generateCodes", "", input))["__typename"] == "UnknownPromotion"
    for query in (
        "query($t: String!) { claims(filter: {orderReference: $t}) { totalCount } }",
        "query($t: String!) { codes(filter: {textPrefix: $t}) { totalCount } }",
        "query($t: String!) { customers(search: $t) { totalCount } }",
    ):
        response = await secret.execute(query, t=long)
        assert [error["extensions"]["code"] for error in response["errors"]] == ["INVALID_INPUT"], response
    assert (await secret.claim(order={"reference": long}))["__typename"] == "InvalidInput"
    assert (await secret.claim(idempotencyKey=long))["__typename"] == "InvalidInput"


async def test_a_body_has_a_maximum_size(secret: GraphQLClient) -> None:
    """Over 4 MB is 413, before the body is read, or where it passes the limit."""
    large = json.dumps({"query": "{ __typename }", "variables": {"a": "x" * limits.MAX_BODY_BYTES}}).encode()
    headers = {**secret.headers, "Content-Type": "application/json"}

    async def unsized() -> Any:
        for at in range(0, len(large), 1 << 16):
            yield large[at : at + (1 << 16)]

    for body in (large, unsized()):
        response = await secret.client.post("/graphql", content=body, headers=headers)
        assert (response.status_code, response.json()["errors"][0]["extensions"]) == (413, {"code": "TOO_LARGE"})


@pytest.mark.parametrize(
    ("document", "message"),
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
async def test_a_document_has_limits(secret: GraphQLClient, document: str, message: str) -> None:
    """Aliases, depth, tokens and rows are limited before anything runs."""
    response = await secret.execute(document)
    assert response.get("data") is None
    assert message in response["errors"][0]["message"]


@pytest.mark.long
async def test_a_request_has_a_time_limit(secret: GraphQLClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that takes too long is stopped with 503, and the next one is served."""

    async def forever(*_: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(limits, "REQUEST_SECONDS", 2)
    with monkeypatch.context() as slow:
        slow.setattr(find, "code", forever)
        response = await secret.post({"query": '{ code(text: "a") { id } }'})
    assert (response.status_code, response.json()["errors"][0]["extensions"]) == (503, {"code": "TIMEOUT"})
    assert await secret.ask('{ code(text: "a") { id } }') == {"code": None}


async def test_the_text_of_a_bug_is_not_shown(
    secret: GraphQLClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The error of a bug has a number, under which the log knows more; the other fields keep their data."""

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("the secret of the bug")

    monkeypatch.setattr(find, "code", broken)
    with caplog.at_level(logging.ERROR, logger="tessera"):
        response = await secret.execute('{ code(text: "a") { id } organization { identifier } }')
    (error,) = response["errors"]
    assert response["data"] == {"code": None, "organization": {"identifier": "demo"}}
    assert error["extensions"]["code"] == "FAULT"
    assert "secret of the bug" not in str(response)
    (record,) = caplog.records
    assert error["extensions"]["id"] in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


async def test_browsers_of_any_origin_may_call(served: httpx.AsyncClient, organization: Organization) -> None:
    """GraphQL and Lancero's paths allow the exact origin, with credentials; the preflight needs no key."""
    for path in ("/graphql", "/codes/claim"):
        preflight = await served.options(
            path,
            headers={
                "Origin": "https://shop.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type",
            },
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
        assert preflight.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in preflight.headers["vary"]
    key = await make.key(organization)
    response = await served.post(
        "/graphql",
        json={"query": "{ __typename }"},
        headers={"Origin": "https://shop.example", "Authorization": f"Bearer {key}"},
    )
    assert response.headers["access-control-allow-origin"] == "https://shop.example"
    elsewhere = await served.get("/healthz", headers={"Origin": "https://shop.example"})
    assert "access-control-allow-origin" not in elsewhere.headers


async def test_health_and_readiness(served: httpx.AsyncClient) -> None:
    """/healthz says that the process is up, /readyz that the database answers."""
    for path in ("/healthz", "/readyz"):
        assert (await served.get(path)).json() == {"status": "ok"}
