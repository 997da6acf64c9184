"""Hostile and unusual documents: refused by their sizes, in few words, and never a fault."""

import json
from typing import Any

import httpx
import pytest

from db.models import Organization
from schema import limits
from schema.context import Services
from schema.graphql import app as graphql_app
from schema.graphql import document_limits, json_encoding
from schema.graphql.app import schema
from schema.graphql.engine import DocumentLoader, documents, text_limits
from schema.rate_limit import RateLimits
from tests import make
from tests.graphql_client import GraphQLClient

SMALL = 10_000
"""Bytes that a refusal may have."""


def every(number: int, words: str) -> str:
    """Words with a number in them, that many times."""
    return " ".join(words.replace("#", str(n)) for n in range(number))


HOSTILE = {
    "a literal's field 3,300 times": "{checkCode(input:{" + "b:1 " * 3300 + "}){isClaimable}}",
    "3,300 fields of a literal": "{checkCode(input:{" + every(3300, "b#:1") + "}){isClaimable}}",
    "a literal's field twice": '{checkCode(input:{text:"a" text:"b"}){isClaimable}}',
    "an argument twice": '{checkCode(input:{text:"a"} input:{text:"b"}){isClaimable}}',
    "fields of 38 kB": "{checkCode(input:{" + every(2, "x" * 38_000 + "#:1") + "}){isClaimable}}",
    "lists in lists": "{nodes(ids:" + "[" * 150 + "]" * 150 + "){id}}",
    "objects in objects": "{checkCode(input:" + "{a:" * 150 + "1" + "}" * 151 + "){isClaimable}}",
    "wrong numbers in a list": "{nodes(ids:[" + "{} " * 4000 + "]){id}}",
    "unknown fields": "{" + every(4000, "f#") + "}",
    "a name of 90 kB": "{" + "organizatio" * 8000 + "}",
    "long unknown names": "{" + every(40, "usageStat" * 25 + "#") + "}",
    "unknown types": "query(" + every(90, "$v#: " + "Customer" * 20 + "#") + "){__typename}",
    "unknown directives": "{__typename " + every(150, "@" + "include" * 30 + "#") + "}",
    "many directives": "{__typename " + "@include(if:true) " * 900 + "}",
    "many variables": "query(" + every(2400, "$v#:Int") + "){__typename}",
    "many operations": every(900, "query Q#{__typename}"),
    "many fragments": "{" + every(1100, "...F#") + "}" + every(1100, "fragment F# on Query{__typename}"),
    "many inline fragments": "{" + "...{__typename} " * 2400 + "}",
    "inline fragments in each other": "{" + "...{" * 2000 + "__typename" + "}" * 2001,
    "fragments in each other": "{...F0}"
    + " ".join(f"fragment F{n} on Query{{...F{n + 1}}}" for n in range(250))
    + "fragment F250 on Query{__typename}",
    "fragments within themselves": "{...A} fragment A on Query{...B} fragment B on Query{...A}",
    "fields that may overlap": "{" + 'checkCode(input:{text:"a"}){isClaimable} ' * 900 + "}",
    "an alias of many fields": "{" + every(2000, "a:f#") + "}",
    "a comment of 4 MB": "#" + "x" * 4_000_000 + "\n{__typename}",
    "a text of 4 MB": '{checkCode(input:{text:"' + "x" * 4_000_000 + '"}){isClaimable}}',
    "a block string that never ends": '{checkCode(input:{text:"""' + '\\"""' * 20_000,
    "a block string, wrong": '{checkCode(input:{nothing:"""' + "\n x" * 20_000 + '"""}){isClaimable}}',
    "a number of 90,000 digits": "{codes(first:" + "1" * 90_000 + "){totalCount}}",
    "wide letters": "{" + "𝕏" * 22_000 + "}",
    "brackets": "{a" * 40_000,
    "240,000 rows of 99 fields": "{codes(first:100){nodes{promotion{codes(first:100){nodes{promotion{codes(first:24){nodes{"
    + every(99, "a#: url") + "}}}}}}}}}",
}  # fmt: skip


def loader(is_public: bool) -> DocumentLoader:
    """A loader of its own, as the application has it."""
    return graphql_app.engine("plans").loader(graphql_app.document_policy(is_public))


@pytest.mark.long
@pytest.mark.case("A1")
@pytest.mark.case("A5")
@pytest.mark.case("A6")
@pytest.mark.parametrize("what", HOSTILE)
async def test_a_hostile_document_is_refused_in_few_words(
    secret: GraphQLClient, public: GraphQLClient, what: str
) -> None:
    """Whoever sends it: no data, a few short errors, and no fault."""
    for client in (secret, public):
        response = await client.post({"query": HOSTILE[what]})
        assert response.status_code in (200, 413)
        body = response.json()
        assert body["data"] is None
        assert len(response.content) < SMALL
        assert 1 <= len(body["errors"]) <= 6
        for error in body["errors"]:
            assert len(error["message"]) <= 301
            assert "could not be checked" not in error["message"]
            assert error.get("extensions", {}).get("code") in (None, "FORBIDDEN", "TOO_LARGE")


@pytest.mark.case("A1")
@pytest.mark.parametrize("what", ["a literal's field 3,300 times", "3,300 fields of a literal", "a literal's field twice"])  # fmt: skip
def test_sizes_are_looked_at_before_anything_is_parsed(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large meets no parser and no rule."""
    monkeypatch.setattr(documents, "parse", None)
    monkeypatch.setattr(documents, "validate", None)
    with pytest.raises(documents.InvalidDocument):
        loader(is_public=False).load(HOSTILE[what])


@pytest.mark.case("A1")
async def test_a_long_document_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a thread reads it, the loop goes on; and who asks for it meanwhile is not made to read it again."""
    import asyncio
    import threading

    ours, read_by = loader(is_public=True), []
    parse = documents.parse
    monkeypatch.setattr(
        documents, "parse", lambda *a, **b: (read_by.append(threading.current_thread()), parse(*a, **b))[1]
    )
    long = "{ __typename } #" + "x" * documents.MAX_INLINE_CHARACTERS
    first, second = await asyncio.gather(*(ours.load_async(long) for _ in range(2)))
    assert first is second
    assert len(read_by) == 1
    assert read_by[0] is not threading.current_thread()
    await ours.load_async("{ __typename }")
    assert read_by[1:] == [threading.current_thread()]


@pytest.mark.case("A7")
def test_documents_of_strangers_are_bounded_in_bytes() -> None:
    """However many they send; what is remembered of the others stays."""
    others, strangers = loader(is_public=False), loader(is_public=True)
    document = others.load("{ organization { id } }")
    for number in range(30):
        strangers.load(f'{{ checkCode(input: {{text: "{number}"}}) {{ isClaimable }} }} #{"," * 18_000}')
    cache = strangers._cache
    assert cache._bytes == sum(document.size_bytes for document in cache._documents.values())
    small = documents.DocumentCache(3 * document.size_bytes)
    for number in range(9):
        small.put(str(number), document)
        small.put(str(number), document)
    assert list(small._documents) == ["6", "7", "8"]
    assert others.cached("{ organization { id } }") is document


@pytest.mark.case("A7")
async def test_few_long_documents_wait_to_be_read(
    public: GraphQLClient, secret: GraphQLClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more hears 503; short ones, known ones and those of other keys are read."""
    long = "{ __typename } #" + "x" * 2_000
    assert await public.ask(long) == {"__typename": "Query"}
    strangers = graphql_app.documents(services.graphql_engine, True)
    monkeypatch.setattr(strangers, "_waiting", documents.MAX_WAITING)
    response = await public.post({"query": f"{long}1"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert [error["extensions"] for error in response.json()["errors"]] == [{"code": "UNAVAILABLE"}]
    for client, text in ((public, long), (public, "{ a: __typename }"), (secret, f"{long}1")):
        assert "errors" not in await client.execute(text)


@pytest.fixture
def rate_limits() -> RateLimits:
    """Five failed attempts a minute."""
    return RateLimits(5)


@pytest.mark.case("A1")
async def test_refused_documents_are_failed_attempts(public: GraphQLClient, secret: GraphQLClient) -> None:
    """Somebody with a public key who sends many of them is not read at length for a while; others are."""
    long = "{ __typename } #" + "x" * 2_000
    assert await public.ask(long + "0") == {"__typename": "Query"}
    for number in range(5):
        await public.execute(f"{{ nothing{number} }}")
    response = await public.post({"query": long + "1"})
    assert (response.status_code, response.headers["retry-after"].isdigit()) == (429, True)
    assert [error["extensions"] for error in response.json()["errors"]] == [{"code": "TOO_MANY_ATTEMPTS"}]
    assert await public.ask(long + "0") == {"__typename": "Query"}
    assert await secret.ask(long + "1") == {"__typename": "Query"}


VARIABLES: dict[str, Any] = {
    "unknown fields": {f"b{n}": 1 for n in range(4_000)},
    "a long unknown field": {"reserved" * 10_000: 1},
    "a long value": {"text": ["x" * 90_000]},
    "lists in lists": {"text": json.loads("[" * 500 + "]" * 500)},
    "too many members": {"text": [1] * 6_000},
    "a long body": {"text": "x" * limits.MAX_PUBLIC_BODY_BYTES},
}


@pytest.mark.case("A6")
@pytest.mark.parametrize("what", VARIABLES)
async def test_hostile_values_are_refused_in_few_words(public: GraphQLClient, what: str) -> None:
    """Of what was said little is printed, and the sizes of a public key's body are small."""
    document = "query ($input: CheckCodeInput!) { checkCode(input: $input) { isClaimable } }"
    response = await public.post({"query": document, "variables": {"input": VARIABLES[what]}})
    assert response.status_code in (200, 413)
    assert len(response.content) < SMALL
    errors = response.json()["errors"]
    assert 1 <= len(errors) <= 6
    assert all(len(error["message"]) <= 301 for error in errors)


SHARED = "fragment F on Query { promotion(ref: {reference: $r}) { id } }"


@pytest.mark.case("W9")
async def test_variables_are_looked_up_by_operation(secret: GraphQLClient) -> None:
    """A fragment may stand before its operation, and may be several operations' with variables of their own."""
    assert await secret.ask(f"{SHARED} query Q($r: String!) {{ ...F }}", r="default") == {
        "promotion": (await secret.ask('{ promotion(ref: {reference: "default"}) { id } }'))["promotion"]
    }
    shared = f"query A($r: String!) {{ ...F }} query B($r: String!) {{ ...F organization {{ id }} }} {SHARED}"
    for name, answers in (("A", {"promotion"}), ("B", {"promotion", "organization"})):
        response = await secret.post({"query": shared, "operationName": name, "variables": {"r": "none"}})
        assert set(response.json()["data"]) == answers
    mixed = f"query A($r: String!) {{ ...F }} query B($r: String) {{ ...F }} {SHARED}"
    body = await secret.execute(mixed)
    assert [error["message"] for error in body["errors"]] == [
        "Variable '$r' is of type 'String' but must be non-nullable to be used for OneOf Input Object 'PromotionRef'."
    ]


@pytest.mark.case("W9")
@pytest.mark.parametrize(
    ("document", "variables", "says"),
    [
        ("{promotion(ref:{reference:$u}){id}}", {}, "Variable '$u' is not defined."),
        ("{promotion(ref:{}){id}}", {}, "one"),
        ('{promotion(ref:{id:"a" reference:"b"}){id}}', {}, "one"),
        ("{promotion(ref:{reference:null}){id}}", {}, "non-null"),
        ("query($r:PromotionRef!){promotion(ref:$r){id}}", {"r": {}}, "one"),
        ("query($r:PromotionRef!){promotion(ref:$r){id}}", {"r": {"id": "a", "reference": "b"}}, "one"),
        ("query($r:PromotionRef!){promotion(ref:$r){id}}", {"r": {"reference": None}}, "one"),
    ],
)
async def test_exactly_one_member_is_set(
    secret: GraphQLClient, document: str, variables: dict[str, Any], says: str
) -> None:
    """Of an input that takes one of several fields, in a literal and in a variable."""
    body = await secret.execute(document, **variables)
    assert body["data"] is None
    assert any(
        says in error["message"].lower().replace("variable '$u'", "Variable '$u'") for error in body["errors"]
    ), body
    assert all("log knows" not in error["message"] for error in body["errors"])


@pytest.mark.case("W9")
async def test_a_public_key_may_name_variables_that_are_not_there(public: GraphQLClient) -> None:
    """It is told that it may not ask, or that there is no such variable, and no fault."""
    body = await public.execute("{promotion(ref:{reference:$u}){id}}")
    assert "log knows" not in str(body)
    assert body["data"] is None


@pytest.mark.case("W9")
async def test_introspection_shows_one_of_inputs(secret: GraphQLClient) -> None:
    """Introspection says that the input takes one of its fields."""
    assert await secret.ask('{ __type(name: "PromotionRef") { isOneOf } }') == {"__type": {"isOneOf": True}}


EMPTY = ["{}", "{organization{}}", 'mutation{claimCode(input:{text:"a" customer:{email:"a@b.de"}}){}}', "query Q{}",
         "{...F} fragment F on Query{}", "{...on Query{}}", "fragment F on Query{__typename}", "{codes{nodes{}}}"]  # fmt: skip


@pytest.mark.case("W10")
@pytest.mark.parametrize("document", EMPTY)
async def test_an_empty_selection_is_a_syntax_error(secret: GraphQLClient, document: str) -> None:
    """400 to who reads GraphQL's own media type, and no fault to anybody."""
    headers = {**secret.headers, "Accept": "application/graphql-response+json"}
    response = await secret.client.post("/graphql", json={"query": document}, headers=headers)
    assert response.status_code == 400
    assert "log knows" not in response.text
    assert (await secret.post({"query": document})).status_code in (200, 400)


@pytest.mark.case("W10")
@pytest.mark.parametrize("error", [ValueError("max() of an empty"), KeyError("a"), RecursionError()])
async def test_no_exception_of_a_rule_is_a_fault(
    secret: GraphQLClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A document that a rule stumbles over is refused like any other."""

    def stumble(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(documents, "validate", stumble)
    headers = {**secret.headers, "Accept": "application/graphql-response+json"}
    response = await secret.client.post(
        "/graphql", json={"query": f"{{ organization {{ name }} }} # {error!r}"}, headers=headers
    )
    assert (response.status_code, len(response.json()["errors"])) == (400, 1)


PERSISTED = {"persistedQuery": {"version": 1, "sha256Hash": "ab" * 32}}
NOT_SUPPORTED = [{"message": "PersistedQueryNotSupported", "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"}}]


@pytest.mark.case("W11")
@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, */*", "application/graphql-response+json"])
async def test_a_persisted_query_is_answered_not_supported(public: GraphQLClient, accept: str) -> None:
    """In Apollo's words, by POST and by GET, so that its clients and urql send the document itself."""
    headers = {**public.headers, "Accept": accept}
    body = {"operationName": "Q", "variables": {}, "extensions": PERSISTED}
    by_post = await public.client.post("/graphql", json=body, headers=headers)
    by_get = await public.client.get("/graphql", params={"extensions": json.dumps(PERSISTED)}, headers=headers)
    for response in (by_post, by_get):
        assert (response.status_code, response.json()["errors"]) == (200, NOT_SUPPORTED)
    body["query"] = "query Q { __typename }"
    sent = await public.client.post("/graphql", json=body, headers=headers)
    assert sent.json() == {"data": {"__typename": "Query"}}


@pytest.mark.case("W11")
async def test_the_page_is_for_who_asks_nothing(served: httpx.AsyncClient) -> None:
    """A browser that looks at the address gets the playground."""
    page = await served.get("/graphql", headers={"Accept": "text/html, */*"})
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.case("A6")
def test_a_text_is_looked_at_in_linear_steps() -> None:
    """Texts that never end are passed over once."""
    for text in ('\\"""' * 25_000, '"""' + '\\"""' * 24_000, '"\\' * 49_000):
        assert 1 <= text_limits.count_tokens(text[: text_limits.MAX_CHARACTERS]) <= text_limits.MAX_TOKENS
    with pytest.raises(documents.GraphQLError, match="tokens"):
        text_limits.count_tokens('"' * 90_000)  # 15,000 empty block strings
    assert text_limits.count_tokens('"' * 600) == 100


@pytest.mark.case("A5")
@pytest.mark.parametrize(
    "answer",
    [
        {"data": None},
        {"data": {}},
        {"data": {"a": [], "b": {}, "c": [[], [{}]], "d": "x" * 120_000, "e": '\ud83d ü " \\'}},
        {
            "data": {
                "codes": {"nodes": [{"id": str(n), "none": None, "yes": True, "in": {"n": n}} for n in range(3_000)]}
            }
        },
        {
            "data": {"metadata": json.loads("[" * 900 + '{"a":1}' + "]" * 900)},
            "errors": [{"message": "m", "path": ["a", 1]}],
        },
    ],
)
async def test_a_long_answer_is_written_as_a_short_one(answer: dict[str, Any]) -> None:
    """In pieces, and to the letter."""
    assert (await json_encoding.encode_in_chunks(answer)).decode() == json_encoding.JSON_ENCODER.encode(answer)


@pytest.mark.case("A5")
async def test_pages_that_nobody_looks_into_are_not_fetched(secret: GraphQLClient, organization: Organization) -> None:
    """How many there are is told without fetching them, so a document can't have rows fetched that it isn't counted."""
    await make.promotion(organization, "A", "B")
    query = "{ promotions { nodes { codes { totalCount pageInfo { hasNextPage endCursor } } } } codes { totalCount } }"
    answer = await secret.ask(query)
    assert answer["codes"] == {"totalCount": 2}
    assert sorted(one["codes"]["totalCount"] for one in answer["promotions"]["nodes"]) == [0, 2]
    assert any(one["codes"]["pageInfo"]["endCursor"] for one in answer["promotions"]["nodes"])


SIZES = {
    "{codes{totalCount}}": (0, 2),
    "{codes{nodes{id text}}}": (50, 151),
    "{codes(first:7){edges{cursor node{id}}}}": (7, 29),
    "query($n:Int){codes(first:$n){nodes{id}}}": (100, 201),
    "{codes(first:7){...F}} fragment F on CodeConnection{...{nodes{id}}}": (7, 15),
    "{promotions(first:10){nodes{codes(first:10){nodes{id}}}}}": (110, 221),
    '{nodes(ids:["a","b"]){id}}': (2, 3),
    "query($i:[ID!]!){nodes(ids:$i){id}}": (100, 101),
    'mutation{sendCode(input:{text:"a" recipients:[]}){...on CodeSent{deliveries{id}}}}': (10_000, 10_002),
}


@pytest.mark.case("A5")
@pytest.mark.parametrize("document", SIZES)
def test_rows_and_values_are_counted_before_a_document_runs(document: str) -> None:
    """Pages at their largest, through fragments, and the lists of mutations."""
    size = document_limits.document_size(schema._schema, documents.parse(document))
    assert (size.rows, size.values) == SIZES[document]
