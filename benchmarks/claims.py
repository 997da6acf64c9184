"""Claims, look-ups and pages over HTTP, as shares of what a bare FastAPI application answers in the same run.

`python -m benchmarks.claims [--quick] [--rounds 5] [--seconds 4] [--only NAME …] [--client wrk|asyncio]` starts the
real server processes on fresh stores of 100,000 codes, and loads one after the other on 32 connections, again and
again. Every claim is a new customer's; no answer may be a refusal.
"""

import argparse
import csv
import json
import os
import random
import sqlite3
import string
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

from benchmarks import load, servers, table
from benchmarks.load import LoadRequest
from benchmarks.servers import MeasuredServer
from benchmarks.table import ResultRow

CODES = 100_000
A_ROUNDS_NUMBERS = 10_000_000
REST = 0.5
"""Seconds in which a server gets done with what it was asked when its client left."""
HOT = "hot-hotx"

CLAIM = """
mutation Claim($input: ClaimCodeInput!) {
  claimCode(input: $input) {
    __typename
    ... on CodeClaimed { exchangeToken replayed claim { id status createdAt } }
    ... on Refusal { reason message }
  }
}"""
GENERATE = """
mutation Generate($input: GenerateCodesInput!) {
  generateCodes(input: $input) {
    __typename
    ... on CodesGenerated { codes { text status } }
    ... on Refusal { reason message }
  }
}"""
ISSUE = """
mutation Issue($input: IssueCodeInput!) {
  issueCode(input: $input) {
    __typename
    ... on CodeChanged { code { text status } }
    ... on Refusal { reason message }
  }
}"""
CODE = "query Code($text: String!) { code(text: $text) { id text status promotion { id name status } } }"
PAGE = """
query Page($first: Int!) {
  codes(first: $first) {
    nodes { id text allowedClaims claimCount remainingClaims isEnabled createdAt updatedAt }
    pageInfo { hasNextPage endCursor }
  }
}"""
PROMOTION = """
mutation($input: CreatePromotionInput!) {
  createPromotion(input: $input) { __typename ... on Refusal { message } }
}"""
BARE = ("echo", "plain page")
DONE = '"__typename":"CodeClaimed"'


def texts() -> list[str]:
    """The codes' texts, the same in every run."""
    drawn = random.Random(1)  # noqa: S311 (nobody guesses these)
    found: set[str] = set()
    while len(found) < CODES:
        found.add("".join(drawn.choices(string.ascii_lowercase + string.digits, k=8)))
    return sorted(found, key=lambda text: drawn.random())


def document(query: str, variables: dict[str, object]) -> str:
    """A GraphQL request's body."""
    return json.dumps({"query": query, "variables": variables})


@dataclass
class Stage:
    """One database with the service on it, and the bare application beside them."""

    service: MeasuredServer
    bare: MeasuredServer
    key: str
    public_key: str
    organization: int
    texts: list[str]

    def claims(self, texts: list[str], key: str) -> LoadRequest:
        claim_input = {"text": "<text>", "customer": {"email": "buyer-<n>@example.com"}}
        return LoadRequest(self.service.address, "/graphql", document(CLAIM, {"input": claim_input}), DONE, key, texts)

    def requests(self) -> dict[str, LoadRequest]:
        """Everything that is asked, by its name."""
        of_text = {"text": "<text>", "email": "buyer-<n>@example.com"}
        lancero = {"code": "<text>", "email": "buyer-<n>@example.com"}
        promotion, customer = {"reference": "bench"}, {"email": "buyer-<n>@example.com"}
        one = {"promotion": promotion, "amount": 1}
        sold = {
            "organization_identifier": "bench",
            "promotion_identifier": "bench",
            "firstname": "Ada",
            "lastname": "Buyer",
            "email": customer["email"],
            "off_peak_sale": False,
        }
        return {
            "echo": LoadRequest(self.bare.address, "/echo", json.dumps(of_text), '"email":', "", self.texts),
            "spread": self.claims(self.texts, self.key),
            "public": self.claims(self.texts, self.public_key),
            "hot": self.claims([HOT], self.key),
            "lancero": LoadRequest(
                self.service.address, "/codes/claim", json.dumps(lancero), '"token":', self.key, self.texts
            ),
            "generate": LoadRequest(
                self.service.address, "/graphql", document(GENERATE, {"input": one}), '"CLAIMABLE"', self.key
            ),
            "issue": LoadRequest(
                self.service.address,
                "/graphql",
                document(ISSUE, {"input": {"promotion": promotion, "customer": customer}}),
                '"CLAIMABLE"',
                self.key,
            ),
            "walletapp": LoadRequest(
                self.service.address,
                "/webshop-promotions/requestActivatePromotionCode",
                json.dumps(sold),
                '"expiration_date"',
                self.key,
            ),
            "code": LoadRequest(
                self.service.address,
                "/graphql",
                document(CODE, {"text": "<text>"}),
                '"status":"CLAIMABLE","promotion":{',
                self.key,
                self.texts,
            ),
            "plain page": LoadRequest(
                self.bare.address, f"/page?first=50&organization={self.organization}", None, '"codes":[{'
            ),
            "page": LoadRequest(
                self.service.address, "/graphql", document(PAGE, {"first": 50}), '"nodes":[{', self.key
            ),
        }


def stage(life: ExitStack, url: str, workers: int, known: list[str]) -> Stage:
    """A fresh store with its codes, brought as anybody would bring them, and both servers on it."""
    servers.command(url, "migrate")
    servers.command(url, "organization", "add", "--name", "Bench", "--identifier", "bench", "--number", "77")
    key, public_key = (
        servers.command(url, "key", "add", "--organization", "bench", "--kind", kind) for kind in ("secret", "public")
    )
    service = life.enter_context(servers.tessera(url, workers))
    limits = {"perCode": None, "perPromotion": None, "perCustomer": None, "perCustomerAndCode": 1}
    made = {"name": "Bench", "reference": "bench", "limits": limits, "codes": [HOT]}
    call = UrlRequest(f"{service.address}/graphql", document(PROMOTION, {"input": made}).encode())  # noqa: S310 (our own)
    call.headers = {"Authorization": f"Bearer {key}", "Content-type": "application/json"}
    with urlopen(call) as answer:  # noqa: S310
        body = answer.read().decode()
    if "PromotionChanged" not in body:
        sys.exit(f"no promotion: {body}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([["text"], *([text] for text in known)])
        servers.command(url, "import", "codes", str(path), "--organization", "bench", "--promotion", "bench")
    bare = life.enter_context(servers.bare(url, workers))
    return Stage(service, bare, key, public_key, 1, known)


@dataclass
class Rounds:
    """The figures of all rounds, by what was asked."""

    seconds: float
    numbers: Callable[[], int]
    rates: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    costs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def ask(self, name: str, request: LoadRequest, server: MeasuredServer) -> None:
        before = server.spent()
        answers = load.most(request, self.seconds, self.numbers())
        time.sleep(REST)
        cost = (server.spent() - before) / max(1, answers.answered) * 1000  # none while codes are counted at first
        self.rates[name].append(answers.rate)
        self.costs[name].append(cost)
        print(f"  {name}: {answers.rate:,.0f}/s, {cost:.2f} ms of processor time each", flush=True)

    def row(self, what: str, name: str, against: str, floor: float, aim: float, other: str = "") -> ResultRow:
        """How a figure stands to another, by its name in the table and, where that differs, in the rounds."""
        other = other or against
        costs = self.costs[name], self.costs[other]
        return ResultRow(what, self.rates[name], against, self.rates[other], floor, aim, *costs)

    def forget(self) -> None:
        """That was the warming up."""
        self.rates.clear()
        self.costs.clear()

    def pace(self, name: str, request: LoadRequest, rate: float) -> None:
        answers = load.paced(request, self.seconds, rate, self.numbers())
        self.rates[f"{name} p50"].append(answers.p50)
        self.rates[f"{name} p99"].append(answers.p99)
        print(f"  {name} at {rate:,.0f}/s: p50 {answers.p50:.1f} ms, p99 {answers.p99:.1f} ms", flush=True)


def on_sqlite(rounds: int, of: Rounds, only: list[str], known: list[str]) -> list[ResultRow]:
    """One worker on SQLite."""
    rates = of.rates
    with ExitStack() as life:
        folder = life.enter_context(tempfile.TemporaryDirectory())
        at = stage(life, f"sqlite://{folder}/bench.db", 1, known)
        asked = at.requests()
        wanted = {name: request for name, request in asked.items() if not only or name in only or name == "echo"}
        for number in range(rounds + 1):
            print(f"SQLite, 1 worker, {f'round {number}' if number else 'warming up'}", flush=True)
            for name, request in wanted.items():
                of.ask(name, request, at.bare if name in BARE else at.service)
            if "spread" in wanted:
                of.pace("claim", wanted["spread"], rates["spread"][-1] / 2)
            if not number:
                of.forget()
    p50, p99 = rates["claim p50"], rates["claim p99"]
    rows = [
        of.row("`claimCode`, spread over 100,000 codes", "spread", "echo", 0.30, 0.40),
        of.row("`claimCode` with a public key", "public", "spread", 0.9, 1.0),
        of.row("`claimCode`, one hot code", "hot", "spread", 0.9, 1.0),
        of.row("Lancero's `POST /codes/claim`", "lancero", "echo", 0.40, 0.50),
        of.row("`generateCodes` of one code", "generate", "spread", 0.5, 0.75),
        of.row("`issueCode`", "issue", "spread", 0.5, 0.75),
        of.row("WalletApp's `requestActivatePromotionCode`", "walletapp", "spread", 0.5, 0.75),
        of.row("`code(text:)`, its promotion and status", "code", "echo", 0.35, 0.50),
        of.row("page of 50 codes × 8 fields", "page", "plain route", 0.30, 0.45, "plain page"),
        ResultRow("p99 of a claim at half load", p99, "p50", p50, 5, 3, unit=" ms", less_is_better=True),
    ]
    return [row for row in rows if row.figures and row.others]


def on_postgres(rounds: int, of: Rounds, known: list[str]) -> tuple[list[ResultRow], str]:
    """Two workers on PostgreSQL."""
    with ExitStack() as life:
        url, version = life.enter_context(servers.postgres())
        at = stage(life, url, 2, known)
        asked = at.requests()
        for number in range(rounds + 1):
            print(f"{version}, 2 workers, {f'round {number}' if number else 'warming up'}", flush=True)
            for name in ("echo", "spread"):
                of.ask(name, asked[name], at.bare if name in BARE else at.service)
            if not number:
                of.forget()
    return [of.row("`claimCode`, spread, PostgreSQL, 2 workers", "spread", "echo", 0.25, 0.35)], version


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--quick", action="store_true", help="two rounds of one second")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--seconds", type=float, default=4)
    known_names = "spread hot lancero generate issue walletapp code page 'plain page' postgres"
    words.add_argument("--only", nargs="*", default=[], help=known_names)
    words.add_argument("--client", choices=("wrk", "asyncio"), help="wrk where there is one, if not said")
    options = words.parse_args()
    rounds, seconds = (2, 1.0) if options.quick else (options.rounds, options.seconds)
    if options.client == "asyncio":
        load.WRK = None
    numbers = count(0, A_ROUNDS_NUMBERS)
    known, rows, databases = texts(), [], [f"SQLite {sqlite3.sqlite_version}"]
    began = os.getloadavg()[0]
    if not options.only or options.only != ["postgres"]:
        rows += on_sqlite(rounds, Rounds(seconds, numbers.__next__), options.only, known)
    if not options.only or "postgres" in options.only:
        found, version = on_postgres(rounds, Rounds(seconds, numbers.__next__), known)
        rows, databases = [*rows, *found], [*databases, version]
    print(f"\n{table.printed(rows)}\n")
    print(f"The median of {rounds} interleaved rounds of {seconds:g} s on {load.CONNECTIONS} connections.")
    print(f"{table.machine()}; {', '.join(databases)}; {load.client()}; load average {began:.1f} before.")


if __name__ == "__main__":
    main()
