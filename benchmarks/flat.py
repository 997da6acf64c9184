"""Claims, look-ups and pages cost the same in a large store as in a small one.

`python -m benchmarks.flat [--few 10000] [--many 10000000] [--claims 1000000] [--rounds 5] [--database sqlite]` makes
two stores by SQL alone, starts a real server on each, and asks both in turn, over 8 connections: claims and look-ups
of codes anywhere, codes made and issued one a request, and pages 1 and 2,000 of `codes`, 5 a page. It prints requests a
second, and the large store's ratio to the small one's.
"""

import argparse
import asyncio
import json
import os
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import asyncpg

import db
from benchmarks.generation import organization, server, stores
from db.models import Code
from schema.graphql import ids

CONNECTIONS = 8
SECONDS = 2.0
PAGE, DEEP_PAGE = 5, 2_000
MULTIPLIER = 2_654_435_761
"""An odd number: multiplication by it modulo 2³² is a permutation, which scatters texts."""

NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {0}) SELECT n FROM n)",
    "postgres": "(SELECT n FROM generate_series(1::bigint, {0}) AS n)",
}
TEXT = {
    "sqlite": f"printf('%08x', n * {MULTIPLIER} % 4294967296)",
    "postgres": f"lpad(to_hex(n * {MULTIPLIER} % 4294967296), 8, '0')",
}
INSTANT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S', '2026-01-01', (n / 2500) || ' seconds') || '+00:00'",
    "postgres": "TIMESTAMPTZ '2026-01-01 00:00+00' + n / 2500 * INTERVAL '1 second'",
}


def text_of(number: int) -> str:
    """The text of a store's code with this number."""
    return f"{number * MULTIPLIER % 2**32:08x}"


def fill_statements(dialect: str, codes: int, claims: int) -> list[str]:
    """Statements that make so many codes, in no order of their texts, and claims by a hundredth as many customers."""
    text, instant, people = TEXT[dialect], INSTANT[dialect], max(1, claims // 100)

    def numbers(most: int) -> str:
        return NUMBERS[dialect].format(most)

    return [
        f"""INSERT INTO code (organization_id, promotion_id, text, text_key, is_enabled, claim_count, needs_activation,
              off_peak, metadata, created_at, updated_at)
            SELECT 1, 2, {text}, {text}, true, 0, false, false, '{{}}', {instant}, {instant}
            FROM {numbers(codes)} AS numbers ORDER BY n""",
        f"""INSERT INTO customer (organization_id, email, email_key, joined_at, particulars, created_at, updated_at)
            SELECT 1, n || '@example.com', n || '@example.com', {instant}, '{{}}', {instant}, {instant}
            FROM {numbers(people)} AS numbers""",
        f"""INSERT INTO claim (organization_id, promotion_id, code_id, customer_id, discount_kind, discount_value,
              created_at)
            SELECT 1, 2, (SELECT MIN(id) FROM code WHERE promotion_id = 2) + n - 1,
              (SELECT MIN(id) FROM customer) + n % {people}, 'NONE', 0, {instant}
            FROM {numbers(claims)} AS numbers""",
        f"UPDATE code SET claim_count = 1 WHERE promotion_id = 2 AND id < {claims} + "
        "(SELECT MIN(id) FROM code WHERE promotion_id = 2)",
        f"UPDATE promotion SET claim_count = {claims} WHERE id = 2",
        "ANALYZE",
    ]  # fmt: skip


async def fill(url: str, codes: int, claims: int) -> tuple[str, str]:
    """A store with so many of both: a key of it, and the cursor before its page at PLACE."""
    key = await organization(url, "FIRST")
    dialect = urlsplit(url).scheme
    statements = fill_statements(dialect, codes, claims)
    last = f"SELECT id FROM code ORDER BY created_at, id LIMIT 1 OFFSET {(DEEP_PAGE - 1) * PAGE - 1}"
    if dialect == "sqlite":
        store = sqlite3.connect(url.removeprefix("sqlite://"), isolation_level=None)
        store.execute("PRAGMA cache_size = -1000000")
        for statement in statements:
            store.execute(statement)
        [number] = store.execute(last).fetchone()
        store.close()
    else:
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        number = await connection.fetchval(last)
        await connection.close()
    async with db.opened(url):
        row = await Code.get(id=number)
    return key, ids.cursor_of(row)


# ------------------------------------------------------------------ requests


class GraphQLConnection:
    """A connection to a server, for one request after another."""

    def __init__(self, address: str, key: str) -> None:
        parts = urlsplit(address)
        self.host, self.port = parts.hostname, parts.port
        self.head = f"HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)

    async def ask(self, query: str, variables: dict[str, Any]) -> Any:
        """The result of a GraphQL document, or of a POST to a vendor's path."""
        if query.startswith("/"):
            return await self._post(query, variables)
        answer = await self._post("/graphql", {"query": query, "variables": variables})
        assert "errors" not in answer, answer  # noqa: S101
        [result] = answer["data"].values()
        return result

    async def _post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(content)
        self.writer.write(f"POST {path} {self.head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        return dict(json.loads(await self.reader.readexactly(length)))


CLAIM = "mutation C($input: ClaimCodeInput!) { claimCode(input: $input) { __typename } }"
GENERATE = "mutation G($input: GenerateCodesInput!) { generateCodes(input: $input) { __typename } }"
ISSUE = "mutation I($input: IssueCodeInput!) { issueCode(input: $input) { __typename } }"
WALLETAPP = "/webshop-promotions/requestActivatePromotionCode"
DONE = {"CodeClaimed", "CodesGenerated", "CodeChanged"}
LOOK_UP = "query L($text: String!) { code(text: $text) { text status promotion { name } } }"
CODES = """query P($first: Int!, $after: String) { codes(first: $first, after: $after) {
  nodes { id text status isEnabled claimCount allowedClaims createdAt promotion { name } } pageInfo { endCursor } } }"""

customers = count()


def requests(codes: int, cursor: str) -> dict[str, tuple[str, Callable[[], dict[str, Any]]]]:
    """For each kind of request its document or path, and a function that makes its variables."""

    def text() -> str:
        return text_of(random.randint(1, codes))  # noqa: S311

    def claim() -> dict[str, Any]:
        return {"input": {"text": text(), "customer": {"email": f"new{next(customers)}@example.com"}}}

    def issue() -> dict[str, Any]:
        customer = {"email": f"new{next(customers)}@example.com"}
        return {"input": {"promotion": {"reference": "default"}, "customer": customer}}

    def sell() -> dict[str, Any]:
        return {
            "organization_id": 1,
            "promotion_reference": "default",
            "firstname": "Ada",
            "lastname": "Buyer",
            "email": f"new{next(customers)}@example.com",
            "off_peak_sale": False,
        }

    return {
        "claims": (CLAIM, claim),
        "generate 1": (GENERATE, lambda: {"input": {"amount": 1}}),
        "issue": (ISSUE, issue),
        "walletapp": (WALLETAPP, sell),
        "look-ups": (LOOK_UP, lambda: {"text": text()}),
        "page 1": (CODES, lambda: {"first": PAGE, "after": None}),
        f"page {DEEP_PAGE:,}": (CODES, lambda: {"first": PAGE, "after": cursor}),
    }


async def rate(address: str, key: str, query: str, make_variables: Callable[[], dict[str, Any]]) -> float:
    """Answers a second on CONNECTIONS connections."""
    answers = 0
    until = time.perf_counter() + SECONDS

    async def send_requests() -> None:
        nonlocal answers
        connection = GraphQLConnection(address, key)
        await connection.connect()
        while time.perf_counter() < until:
            result = await connection.ask(query, make_variables())
            assert result is not None, query  # noqa: S101
            assert result.get("__typename", "CodeClaimed") in DONE, result  # noqa: S101
            assert result.get("success", True) is True, result  # noqa: S101
            assert len(result.get("nodes", range(PAGE))) == PAGE, result  # noqa: S101
            answers += 1
        connection.writer.close()

    await asyncio.gather(*(send_requests() for _ in range(CONNECTIONS)))
    return answers / SECONDS


def compare_stores(kind: str, few: tuple[int, int], many: tuple[int, int], rounds: int) -> None:
    """Fill both stores, load both in turn, print the rates and their ratio."""
    with ExitStack() as life:
        servers = []
        fresh = life.enter_context(stores(kind, keep=True))
        for codes, claims in (few, many):
            url, began = next(fresh), time.perf_counter()
            key, cursor = asyncio.run(fill(url, codes, claims))
            print(
                f"{kind}: {codes:,} codes and {claims:,} claims made in {time.perf_counter() - began:.0f} s", flush=True
            )
            servers.append((life.enter_context(server(url)), key, requests(codes, cursor)))
        for name in servers[0][2]:
            rates: tuple[list[float], list[float]] = ([], [])
            for turn in range(rounds + 1):
                for (address, key, of_store), figures in zip(servers, rates, strict=True):
                    query, make_variables = of_store[name]
                    figure = asyncio.run(rate(address, key, query, make_variables))
                    if turn:  # the first is for warming up
                        figures.append(figure)
            small, large = map(statistics.median, rates)
            print(
                f"{kind:<9}{name:<11} few {small:>7,.0f}/s   many {large:>7,.0f}/s   ratio {large / small:.2f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=10_000_000)
    parser.add_argument("--claims", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--database", default="sqlite,postgres")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for kind in options.database.split(","):
        compare_stores(kind, (options.few, options.few // 10), (options.many, options.claims), options.rounds)


if __name__ == "__main__":
    main()
