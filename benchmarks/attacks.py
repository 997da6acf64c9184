"""Hostile requests of a stranger with a public key, or of one tenant with a secret key; an attack is a row.

A row is data: add yours to ATTACKS. Its requests are sent `concurrency` at a time, and all of them `repetitions` times.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

CLAIM = "mutation ($input: ClaimCodeInput!) { claimCode(input: $input) { __typename } }"
CHECK = "query ($input: CheckCodeInput!) { checkCode(input: $input) { isClaimable } }"
SEND = "mutation ($input: SendCodeInput!) { sendCode(input: $input) { __typename ... on CodeSent { queued } } }"
PROMOTE = "mutation ($input: CreatePromotionInput!) { createPromotion(input: $input) { __typename } }"
DEEP = "codes(first: 100) { nodes { promotion { codes(first: 100) { nodes { promotion { codes(first: %d) { nodes { %s } } } } } } } }"


@dataclass(frozen=True)
class HostileRequest:
    """One request; `key` is PUBLIC, SECRET or empty."""

    path: str
    body: bytes | None
    key: str = "PUBLIC"
    method: str = "POST"
    media_type: str = "application/json"
    raw: bytes | None = None
    """Bytes that are sent over the connection instead of a request."""


@dataclass(frozen=True)
class Attack:
    """A row: its case, its description, its requests, and their repetition and concurrency."""

    case: str
    what: str
    requests: Callable[[], Sequence[HostileRequest]]
    repetitions: int = 1
    concurrency: int = 200


def graphql(query: str, key: str = "PUBLIC", **variables: Any) -> HostileRequest:
    """A document over HTTP."""
    body = json.dumps({"query": query, "variables": variables} if variables else {"query": query})
    return HostileRequest("/graphql", body.encode(), key)


def one(query: str, key: str = "PUBLIC", **variables: Any) -> Callable[[], Sequence[HostileRequest]]:
    """A row of one document."""
    return lambda: [graphql(query, key, **variables)]


def raw(body: str | bytes, path: str = "/graphql", key: str = "PUBLIC") -> Callable[[], Sequence[HostileRequest]]:
    """A row of one body, as it is."""
    return lambda: [HostileRequest(path, body if isinstance(body, bytes) else body.encode(), key)]


def aliases(number: int, field: str) -> str:
    """One field so many times, each under another name."""
    return " ".join(f"a{n}: {field}" for n in range(number))


CHECK_SELECTION = "isClaimable refusals{__typename reason message ...on Ended{endedAt} ...on NotStarted{startsAt} ...on FullyClaimed{allowedClaims}}"


def valid(number: int) -> str:
    """A document of 20 kB that keeps every rule; each number's differs."""
    return "{" + aliases(99, f'checkCode(input:{{text:"x{number}"}}){{{CHECK_SELECTION}}}') + "}"


def fragments(number: int, selection: str = "__typename") -> str:
    """A document whose fragments are spread in each other, one after another."""
    each = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(number))
    return f"{{ ...F0 }} {each} fragment F{number} on Query {{ {selection} }}"


def recipients(number: int, address: str) -> list[dict[str, str]]:
    """So many recipients; `address` has a place for a number."""
    return [{"email": address.format(n), "firstName": "Ada"} for n in range(number)]


DOCUMENTS = [
    Attack("A1", "literal, 3,300 repeated unknown fields, 13 kB",
           one("{checkCode(input:{" + "b:1 " * 3300 + "}){isClaimable}}")),
    Attack("A1", "the same, four connections",
           lambda: [graphql("{checkCode(input:{" + "b:1 " * 1100 + "}){isClaimable}}")] * 4, 3),
    Attack("A1", "100 unknown fields of 38 kB each, 3.8 MB",
           one("{checkCode(input:{" + " ".join("x" * 38_000 + f"{n}:1" for n in range(100)) + "}){isClaimable}}")),
    Attack("A1", "literal, 3,300 different unknown fields",
           one("{checkCode(input:{" + " ".join(f"b{n}:1" for n in range(3300)) + "}){isClaimable}}")),
    Attack("A1", "100 literals of 90 unknown fields",
           one("{" + " ".join(f"a{n}:checkCode(input:{{" + "b:1 " * 30 + "}){isClaimable}" for n in range(99)) + "}")),
    Attack("A1", "literal, lists 3,000 deep", one("{code(text:" + "[" * 3000 + "]" * 3000 + "){text}}")),
    Attack("A1", "literal, objects 2,000 deep", one("{checkCode(input:" + "{a:" * 2000 + "1" + "}" * 2000 + "){isClaimable}}")),
    Attack("A1", "literal, a list of 9,000 numbers", one("{nodes(ids:[" + "1 " * 9000 + "]){id}}")),
    Attack("A1", "4,900 unknown fields", one("{" + " ".join(f"f{n}" for n in range(4900)) + "}")),
    Attack("A1", "an unknown field of 90,000 letters", one("{" + "organizatio" * 8000 + "}")),
    Attack("A1", "40 unknown fields of 2,000 letters", one("{" + " ".join("usageStat" * 220 + f"{n}" for n in range(40)) + "}")),
    Attack("A1", "unknown types and directives with long names",
           one("query(" + " ".join(f"$v{n}: {'Customer' * 100}{n}" for n in range(50)) + "){" + "__typename @" + "include" * 1000 + "}")),
    Attack("A1", "2,400 variables", one("query(" + " ".join(f"$v{n}:Int" for n in range(2400)) + "){__typename}")),
    Attack("A1", "900 operations that share a fragment of 1,000 fields",
           one(" ".join(f"query Q{n}{{...F}}" for n in range(900)) + " fragment F on Query{" + "__typename " * 1000 + "}")),
    Attack("A1", "300 operations × 900 uses of variables",
           one(" ".join(f"query Q{n}($a:Int){{...F}}" for n in range(300)) + " fragment F on Query{"
               + " ".join(f"x{n}(y:$a)" for n in range(900)) + "}")),
    Attack("A1", "1,100 fragments in each other", one(fragments(1100))),
    Attack("A1", "1,100 fragments, all spread in the operation",
           one("{" + " ".join(f"...F{n}" for n in range(1100)) + "}" + " ".join(f"fragment F{n} on Query{{__typename}}" for n in range(1100)))),
    Attack("A1", "fragments that double each other",
           one("{...F0}" + " ".join(f"fragment F{n} on Query{{...F{n + 1} ...F{n + 1}}}" for n in range(40)) + "fragment F40 on Query{__typename}")),
    Attack("A1", "the same field 2,000 times, each with arguments",
           one("{" + "checkCode(input:{text:\"a\"}){isClaimable} " * 700 + "}")),
    Attack("A1", "one alias over 2,000 different fields", one("{" + " ".join(f"a:f{n}" for n in range(2000)) + "}")),
    Attack("A1", "nested selections that overlap",
           one("{" + "checkCode(input:{text:\"a\"}){refusals{reason message}} " * 400 + "}")),
    Attack("A1", "900 directives at one field", one("{__typename " + "@include(if:true) " * 900 + "}")),
    Attack("A1", "3,000 directives of no name that is known", one("{__typename " + "@a " * 3000 + "}")),
    Attack("A6", "2,400 inline fragments", one("{" + "...{__typename} " * 2400 + "}")),
    Attack("A6", "inline fragments 3,000 deep", one("{" + "...{" * 3000 + "__typename" + "}" * 3003)),
    Attack("A6", "a comment of 4 MB", one("#" + "x" * 4_000_000 + "\n{__typename}")),
    Attack("A6", "a comment of 90 kB", one("#" + "x" * 90_000 + "\n{__typename}")),
    Attack("A6", "90 kB of commas", one("{__typename" + "," * 90_000 + "}")),
    Attack("A6", "90 kB of lines", one("{__typename" + "\n" * 90_000 + "}")),
    Attack("A6", "a text of 4 MB in the document", one('{checkCode(input:{text:"' + "x" * 4_000_000 + '"}){isClaimable}}')),
    Attack("A6", "a text of 90 kB in the document", one('{checkCode(input:{text:"' + "x" * 90_000 + '"}){isClaimable}}')),
    Attack("A6", "a block string of 45,000 lines", one('{checkCode(input:{text:"""' + "\n " * 45_000 + '"""}){isClaimable}}')),
    Attack("A6", "a block string of 22,000 escaped quotes", one('{checkCode(input:{text:"""' + '\\"""' * 22_000 + '"""}){isClaimable}}')),
    Attack("A6", "a number of 90,000 digits", one("{codes(first:" + "1" * 90_000 + "){totalCount}}")),
    Attack("A6", "90 kB of brackets that never close", one("{a" * 45_000)),
    Attack("A6", "90 kB of wide letters", one("{" + "𝕏" * 22_000 + "}")),
    Attack("A6", "4 MB of blanks around a document", raw('{"query": "{__typename}"' + " " * 4_100_000 + "}")),
    Attack("A7", "300 valid documents of 20 kB",
           lambda: [graphql(valid(n)) for n in range(300)], concurrency=4),
    Attack("A7", "300 valid documents of 20 kB and few tokens",
           lambda: [graphql("{__typename}#" + "x" * 19_000 + str(n)) for n in range(300)], concurrency=4),
    Attack("A7", "300 valid documents of 20 kB, SECRET",
           lambda: [graphql(valid(n), "SECRET") for n in range(300)], concurrency=4),
]  # fmt: skip

VARIABLES = [
    Attack("A6", "`text` of 4 MB", one(CHECK, input={"text": "x" * 4_000_000})),
    Attack("A6", "`text` of 90 kB", one(CHECK, input={"text": "x" * 90_000})),
    Attack("A6", "`text` of 4 MB, SECRET", one(CHECK, "SECRET", input={"text": "x" * 4_000_000})),
    Attack("A6", "`text` of 4 MB of line breaks, SECRET", one(CHECK, "SECRET", input={"text": "\n" * 2_000_000 + "x\ud83d"})),
    Attack("A6", "e-mail of 90 kB", one(CLAIM, input={"text": "a", "customer": {"email": "a@" + "b." * 45_000 + "de"}})),
    Attack("A6", "e-mail of 4 MB, SECRET", one(CLAIM, "SECRET", input={"text": "a", "customer": {"email": "ä" * 600_000}})),
    Attack("A6", "variables: 20,000 unknown fields", one(CHECK, input={f"b{n}": 1 for n in range(8_000)})),
    Attack("A6", "variables: 300,000 unknown fields, SECRET", one(CHECK, "SECRET", input={f"b{n}": 1 for n in range(300_000)})),
    Attack("A6", "variables: an unknown field of 90 kB", one(CHECK, input={"reserved" * 11_000: 1})),
    Attack("A6", "variables: 1,300,000 objects, SECRET", raw(
        '{"query":"{__typename}","variables":{"a":[' + ",".join(["{}"] * 1_300_000) + "]}}", key="SECRET")),
    Attack("A6", "variables: 2,000,000 numbers, SECRET", raw(
        '{"query":"{__typename}","variables":{"a":[' + ",".join(["1"] * 2_000_000) + "]}}", key="SECRET")),
    Attack("A6", "variables: brackets 2,000,000 deep", raw('{"query":"{__typename}","variables":' + "[" * 2_000_000, key="SECRET")),
    Attack("A6", "variables: a number of 4,000,000 digits, SECRET", raw(
        '{"query":"{__typename}","variables":{"a":' + "1" * 4_000_000 + "}}", key="SECRET")),
    Attack("A6", "variables: a decimal of 4,000,000 digits, SECRET", one(
        PROMOTE, "SECRET", input={"name": "n", "discount": {"kind": "PERCENTAGE", "value": "1." + "0" * 4_000_000}})),
    Attack("A6", "variables: one value in place of a list, nested", one(
        SEND, "SECRET", input={"text": "HONEST", "recipients": [[{"email": "a@b.de"}]] * 10_000})),
    Attack("A6", "metadata of 4 MB", one(PROMOTE, "SECRET", input={"name": "n", "metadata": {"a": "x" * 4_000_000}})),
    Attack("A6", "metadata of 600,000 members", one(PROMOTE, "SECRET", input={"name": "n", "metadata": {"a": [1] * 600_000}})),
    Attack("A6", "metadata 900 deep", raw(json.dumps({"query": PROMOTE, "variables": {"input": {"name": "n", "metadata": {"a": 0}}}})
        .replace('{"a": 0}', '{"a":' * 900 + "1" + "}" * 900), key="SECRET")),
    Attack("A6", "createPromotion with 400,000 `codes`", one(
        PROMOTE, "SECRET", input={"name": "n", "codes": [f"c{n}" for n in range(400_000)]})),
    Attack("A6", "createPromotion with 500,000 `locationNumbers`", one(
        PROMOTE, "SECRET", input={"name": "n", "locationNumbers": list(range(1, 500_000))})),
    Attack("A6", "a filter of 400,000 statuses", one(
        "query($f: CodeFilter) { codes(filter: $f) { totalCount } }", "SECRET", f={"status": ["CLAIMABLE"] * 250_000})),
    Attack("A6", "`nodes` of 500,000 ids", one("query($i: [ID!]!) { nodes(ids: $i) { id } }", "SECRET", i=["Q29kZTox"] * 250_000)),
    Attack("A6", "`sendCode` to 10,000 of one domain", one(
        SEND, "SECRET", input={"text": "HONEST", "recipients": recipients(10_000, "r{}@example.com")})),
    Attack("A6", "`sendCode` to 10,000 of as many domains", one(
        SEND, "SECRET", input={"text": "HONEST", "recipients": recipients(10_000, "r@example{}.com")})),
    Attack("A6", "`sendCode` to 10,000 of as many domains, none in ASCII", one(
        SEND, "SECRET", input={"text": "HONEST", "recipients": recipients(10_000, "rö@exämple{}.com")})),
    Attack("A6", "`sendCode` to 10,000, none of which is an address", one(
        SEND, "SECRET", input={"text": "HONEST", "recipients": [{"email": 5}] * 10_000})),
    Attack("A6", "`generateCodes` of 100,000", one(
        "mutation { generateCodes(input: {amount: 100000}) { __typename } }", "SECRET")),
]  # fmt: skip

ANSWERS = [
    Attack("A5", "240,000 rows × 99 aliases of `url`", one("{" + DEEP % (24, aliases(99, "url")) + "}", "SECRET")),
    Attack("A5", "100 × 24 rows × 99 aliases of `url`", one(
        "{codes(first:100){nodes{promotion{codes(first:24){nodes{" + aliases(99, "url") + "}}}}}}", "SECRET")),
    Attack("A5", "100 × 100 rows of all fields", one(
        "{codes(first:100){nodes{promotion{codes(first:100){nodes{id text url status claimCount isEnabled}}}}}}", "SECRET")),
    Attack("A5", "99 pages of 100 rows", one("{" + aliases(99, "codes(first:100){nodes{id text url status}}") + "}", "SECRET")),
    Attack("A5", "`sendCode` to 10,000, 90 fields of each", one(
        SEND.replace("queued", "deliveries{" + aliases(90, "recipient") + "}"), "SECRET",
        input={"text": "HONEST", "recipients": recipients(10_000, "many{}@example.com")})),
    Attack("A5", "90 `checkCode` of one document", one("{" + aliases(90, 'checkCode(input:{text:"HONEST"}){isClaimable}') + "}")),
    Attack("A5", "the printed schema, asked for 20 times",
           lambda: [graphql("{__schema{types{name fields{name args{name type{name ofType{name}}} type{name ofType{name}}}}}}", "SECRET")] * 20),
]  # fmt: skip

GENERATE = "generateCodes(input: {amount: %s}) { __typename }"
TEMPLATE = "mutation ($input: UpdatePromotionInput!) { updatePromotion(input: $input) { __typename } }"
DOORS = [
    Attack("A3", "letter template, 190 filters", one(
        PROMOTE, "SECRET", input={"name": "n", "letter": {"body": "{{code" + "|e" * 190 + "}}"}})),
    Attack("A3", "letter template, 1,800 × message", one(
        PROMOTE, "SECRET", input={"name": "n", "letter": {"body": "{{message}}" * 1800}})),
    Attack("A3", "letter template, 100 nested ifs", one(
        PROMOTE, "SECRET", input={"name": "n", "letter": {"body": "{% if code %}" * 100 + "{% endif %}" * 100}})),
    Attack("A3", "letter template, 9,900 filters", one(
        PROMOTE, "SECRET", input={"name": "n", "letter": {"body": "{{code" + "|e" * 9_900 + "}}"}})),
    Attack("A3", "letter template, 2,500 texts in one", one(
        PROMOTE, "SECRET", input={"name": "n", "letter": {"body": "{{ code" + " ~ code" * 2_500 + " }}"}})),
    Attack("A3", "letter template, 9,000 brackets", one(
        TEMPLATE, "SECRET", input={"promotion": {"reference": "default"}, "letter": {"body": "{{ " + "[" * 9_000}})),
    Attack("A3", "letter template, 9,000 numbers", one(
        TEMPLATE, "SECRET", input={"promotion": {"reference": "default"}, "letter": {"body": "{{ " + "1." * 9_000}})),
    Attack("A13", "99 × `generateCodes` of one code", one("mutation {" + aliases(99, GENERATE % 1) + "}", "SECRET")),
    Attack("A13", "`generateCodes` of 10,000 codes", one("mutation {" + GENERATE % 10_000 + "}", "SECRET")),
    Attack("A11", "a dry run for nearly all texts of a style", one(
        "mutation {" + GENERATE % "4000000 dryRun: true" + "}", "SECRET")),
    Attack("A6", "Lancero: a body of nothing but commas", raw('{"a":"' + ',"' * 1_900_000 + "}", "/codes/claim")),
    Attack("A6", "Lancero: `code` of 4 MB", raw(json.dumps({"code": "x" * 4_000_000, "email": "a@b.de"}), "/codes/claim")),
    Attack("A6", "Lancero: brackets 2,000,000 deep", raw("[" * 2_000_000, "/codes/claim")),
    Attack("A6", "Lancero: 1,300,000 objects", raw("[" + ",".join(["{}"] * 1_300_000) + ",]", "/codes/claim")),
    Attack("A6", "Lancero: 100,000 codes to delete", raw(
        json.dumps({"codes": [f"c{n}" for n in range(300_000)]}), "/codes/delete", "SECRET")),
    Attack("A6", "WalletApp: a body of nothing but brackets", raw(
        '{"a":' + "[" * 2_000_000, "/webshop-promotions/webshopcode", "SECRET")),
    Attack("A10", "200 exports at once", lambda: [HostileRequest("/export/codes.csv", None, "SECRET", "GET")] * 200),
]  # fmt: skip

LANCERO_LEAD = {"email": "eve@example.com", "firstname": "Eve"}
BODIES = [
    Attack("A6", "Lancero: `referralCode` of 90 kB", raw(json.dumps({**LANCERO_LEAD, "referralCode": "a" * 90_000}), "/leads/create")),
    Attack("A6", "Lancero: `referralCode` of 4 MB, SECRET", raw(
        json.dumps({**LANCERO_LEAD, "referralCode": "a" * 4_000_000}), "/leads/create", "SECRET")),
    Attack("A6", "Lancero: 64 kB that need the lenient reader", raw("[" + ",]" * 32_000, "/codes/claim", "SECRET")),
    Attack("A6", "Lancero: 33,000 lists, no more than may be", raw(
        '{"a":[' + ",".join(["[]"] * 33_000) + "]}", "/codes/claim", "SECRET")),
    Attack("A6", "Lancero: 10,000 codes made", raw(json.dumps({"amount": 10_000}), "/codes/generate", "SECRET")),
    Attack("A6", "Lancero: a code sent to 10,000", raw(
        json.dumps({"code": "HONEST", "emails": [f"lead{n}@example.com" for n in range(10_000)]}), "/codes/send", "SECRET")),
    Attack("A12", "Lancero: `GET /leads`, 20 at once", lambda: [HostileRequest("/leads", None, "SECRET", "GET")] * 20),
]  # fmt: skip


def over(data: bytes, times: int) -> Callable[[], Sequence[HostileRequest]]:
    """A row of connections over which this is sent, and no more."""
    return lambda: [HostileRequest("", None, raw=data)] * times


CONNECTIONS = [
    Attack("A4", "300 connections with half a head", over(b"POST /graphql HTTP/1.1\r\nHost: x\r\n", 300)),
    Attack("A4", "20 heads of 8 MB", over(b"GET / HTTP/1.1\r\na: " + b"a" * 8_000_000, 20)),
    Attack("A4", "20 heads of 100,000 headers", over(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100_000, 20)),
    Attack("A4", "20 connections of 10,000 requests at once", over(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 10_000, 20)),
    Attack("A4", "20 bodies in chunks of a byte", over(
        b"POST /nowhere HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 500_000, 20)),
    Attack("A4", "20 trailers of 4 MB", over(
        b"POST /nowhere HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: " + b"a" * 4_000_000, 20)),
]  # fmt: skip

ATTACKS = [*DOCUMENTS, *VARIABLES, *ANSWERS, *DOORS, *BODIES, *CONNECTIONS]
