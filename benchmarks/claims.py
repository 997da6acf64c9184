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
NUMBERS_PER_ROUND = 10_000_000
PAUSE_SECONDS = 0.5
"""Seconds in which a server finishes the requests that were open when its client left."""
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
    generator = random.Random(1)  # noqa: S311 (nobody guesses these)
    texts: set[str] = set()
    while len(texts) < CODES:
        texts.add("".join(generator.choices(string.ascii_lowercase + string.digits, k=8)))
    return sorted(texts, key=lambda text: generator.random())


def document(query: str, variables: dict[str, object]) -> str:
    """A GraphQL request's body."""
    return json.dumps({"query": query, "variables": variables})


@dataclass
class ServersUnderTest:
    """The service and the bare application on one database, with keys and the codes' texts."""

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
        """Every kind of request, by its name."""
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


def set_up(life: ExitStack, url: str, workers: int, all_texts: list[str]) -> ServersUnderTest:
    """A fresh store with codes that the command line has imported, and both servers on it."""
    servers.command(url, "migrate")
    servers.command(url, "organization", "add", "--name", "Bench", "--identifier", "bench", "--number", "77")
    key, public_key = (
        servers.command(url, "key", "add", "--organization", "bench", "--kind", kind) for kind in ("secret", "public")
    )
    service = life.enter_context(servers.tessera(url, workers))
    limits = {"perCode": None, "perPromotion": None, "perCustomer": None, "perCustomerAndCode": 1}
    promotion_input = {"name": "Bench", "reference": "bench", "limits": limits, "codes": [HOT]}
    http_request = UrlRequest(f"{service.address}/graphql", document(PROMOTION, {"input": promotion_input}).encode())  # noqa: S310 (our own)
    http_request.headers = {"Authorization": f"Bearer {key}", "Content-type": "application/json"}
    with urlopen(http_request) as answer:  # noqa: S310
        body = answer.read().decode()
    if "PromotionChanged" not in body:
        sys.exit(f"no promotion: {body}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([["text"], *([text] for text in all_texts)])
        servers.command(url, "import", "codes", str(path), "--organization", "bench", "--promotion", "bench")
    bare = life.enter_context(servers.bare(url, workers))
    return ServersUnderTest(service, bare, key, public_key, 1, all_texts)


@dataclass
class Measurements:
    """The figures of all rounds, by the name of the request."""

    seconds: float
    numbers: Callable[[], int]
    rates: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    costs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def measure_rate(self, name: str, request: LoadRequest, server: MeasuredServer) -> None:
        before = server.cpu_seconds()
        answers = load.closed_loop(request, self.seconds, self.numbers())
        time.sleep(PAUSE_SECONDS)
        cost = (server.cpu_seconds() - before) / max(1, answers.answered) * 1000
        self.rates[name].append(answers.rate)
        self.costs[name].append(cost)
        print(f"  {name}: {answers.rate:,.0f}/s, {cost:.2f} ms of processor time each", flush=True)

    def row(self, what: str, name: str, against: str, floor: float, aim: float, other: str = "") -> ResultRow:
        """A row that compares two figures; `other` is the second's name in the rounds if it is not `against`."""
        other = other or against
        costs = self.costs[name], self.costs[other]
        return ResultRow(what, self.rates[name], against, self.rates[other], floor, aim, *costs)

    def clear(self) -> None:
        """Drop the figures of the warm-up."""
        self.rates.clear()
        self.costs.clear()

    def measure_latency(self, name: str, request: LoadRequest, rate: float) -> None:
        answers = load.open_loop(request, self.seconds, rate, self.numbers())
        self.rates[f"{name} p50"].append(answers.p50)
        self.rates[f"{name} p99"].append(answers.p99)
        print(f"  {name} at {rate:,.0f}/s: p50 {answers.p50:.1f} ms, p99 {answers.p99:.1f} ms", flush=True)


def sqlite_rows(rounds: int, measurements: Measurements, only: list[str], all_texts: list[str]) -> list[ResultRow]:
    """One worker on SQLite."""
    rates = measurements.rates
    with ExitStack() as life:
        folder = life.enter_context(tempfile.TemporaryDirectory())
        under_test = set_up(life, f"sqlite://{folder}/bench.db", 1, all_texts)
        requests = under_test.requests()
        wanted = {name: request for name, request in requests.items() if not only or name in only or name == "echo"}
        for number in range(rounds + 1):
            print(f"SQLite, 1 worker, {f'round {number}' if number else 'warming up'}", flush=True)
            for name, request in wanted.items():
                measurements.measure_rate(name, request, under_test.bare if name in BARE else under_test.service)
            if "spread" in wanted:
                measurements.measure_latency("claim", wanted["spread"], rates["spread"][-1] / 2)
            if not number:
                measurements.clear()
    p50, p99 = rates["claim p50"], rates["claim p99"]
    rows = [
        measurements.row("`claimCode`, spread over 100,000 codes", "spread", "echo", 0.30, 0.40),
        measurements.row("`claimCode` with a public key", "public", "spread", 0.9, 1.0),
        measurements.row("`claimCode`, one hot code", "hot", "spread", 0.9, 1.0),
        measurements.row("Lancero's `POST /codes/claim`", "lancero", "echo", 0.40, 0.50),
        measurements.row("`generateCodes` of one code", "generate", "spread", 0.5, 0.75),
        measurements.row("`issueCode`", "issue", "spread", 0.5, 0.75),
        measurements.row("WalletApp's `requestActivatePromotionCode`", "walletapp", "spread", 0.5, 0.75),
        measurements.row("`code(text:)`, its promotion and status", "code", "echo", 0.35, 0.50),
        measurements.row("page of 50 codes × 8 fields", "page", "plain route", 0.30, 0.45, "plain page"),
        ResultRow("p99 of a claim at half load", p99, "p50", p50, 5, 3, unit=" ms", less_is_better=True),
    ]
    return [row for row in rows if row.figures and row.others]


def postgres_rows(rounds: int, measurements: Measurements, all_texts: list[str]) -> tuple[list[ResultRow], str]:
    """Two workers on PostgreSQL."""
    with ExitStack() as life:
        url, version = life.enter_context(servers.postgres())
        under_test = set_up(life, url, 2, all_texts)
        requests = under_test.requests()
        for number in range(rounds + 1):
            print(f"{version}, 2 workers, {f'round {number}' if number else 'warming up'}", flush=True)
            for name in ("echo", "spread"):
                measurements.measure_rate(name, requests[name], under_test.bare if name in BARE else under_test.service)
            if not number:
                measurements.clear()
    return [measurements.row("`claimCode`, spread, PostgreSQL, 2 workers", "spread", "echo", 0.25, 0.35)], version


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds of one second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    request_names = "spread hot lancero generate issue walletapp code page 'plain page' postgres"
    parser.add_argument("--only", nargs="*", default=[], help=request_names)
    parser.add_argument("--client", choices=("wrk", "asyncio"), help="wrk where there is one, if not said")
    options = parser.parse_args()
    rounds, seconds = (2, 1.0) if options.quick else (options.rounds, options.seconds)
    if options.client == "asyncio":
        load.WRK = None
    numbers = count(0, NUMBERS_PER_ROUND)
    all_texts, rows, databases = texts(), [], [f"SQLite {sqlite3.sqlite_version}"]
    load_before = os.getloadavg()[0]
    if not options.only or options.only != ["postgres"]:
        rows += sqlite_rows(rounds, Measurements(seconds, numbers.__next__), options.only, all_texts)
    if not options.only or "postgres" in options.only:
        more_rows, version = postgres_rows(rounds, Measurements(seconds, numbers.__next__), all_texts)
        rows, databases = [*rows, *more_rows], [*databases, version]
    print(f"\n{table.markdown(rows)}\n")
    print(f"The median of {rounds} interleaved rounds of {seconds:g} s on {load.CONNECTIONS} connections.")
    print(f"{table.machine()}; {', '.join(databases)}; {load.client()}; load average {load_before:.1f} before.")


if __name__ == "__main__":
    main()
