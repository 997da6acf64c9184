"""Generating codes by the million, beside inserting as many that lie ready.

`python -m benchmarks.generation [--amount 1000000] [--rounds 5] [--databases sqlite,postgres]` measures, in turn and
each time in a fresh store and a process of its own: raw, which is 1,000,000 ready-made rows by one `executemany`
(SQLite, with our pragmas) or one `COPY` (PostgreSQL); and made, which is `generate.codes` and its job. Then it asks a
real server for claims and look-ups, before and while it makes that many.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
import httpx

import db
from db.enums import JobStatus, KeyKind
from db.models import Code, Job
from resolvers import create, find, generate, jobs
from resolvers.domain import params
from resolvers.domain.code_format import Format, Style
from tests.installation import ROOT, wait_until_listening
from tests.postgres import PostgresServer, free_port

STYLES = (Style.CREATIVE, Style.ALPHANUMERIC)
COLUMNS = (
    "organization_id promotion_id text text_key is_enabled claim_count needs_activation off_peak metadata created_at"
    " updated_at allowed_claims"
).split()
PAUSE_SECONDS = 0.02
"""Seconds between a client's claims: about a quarter of what a server can do."""


def now() -> datetime:
    return datetime.now(UTC)


async def organization(url: str, *codes: str) -> str:
    """A fresh store with an organization and these codes, which anybody may claim without limit; a key of it."""
    await db.migrate(url)
    async with db.opened(url):
        made = await create.organization("Bench", 1, "bench", 1, "EUR", "UTC", now())
        limits = params.Limits(per_code=None, per_customer_and_code=None)
        await create.promotion(made, create.NewPromotion(name="Claimed", codes=codes, limits=limits), None, now())
        return await create.key(KeyKind.SECRET, made.account_id, made.id, None, now())


# ------------------------------------------------------------------ one measurement, in a process of its own


def raw(url: str, style: Style, amount: int) -> dict[str, Any]:
    """Insert ready-made rows as fast as the driver does."""
    form = Format(style)
    texts = form.texts(random.SystemRandom().sample(range(form.capacity), amount))
    at: Any = now()
    if url.startswith("sqlite"):
        store = sqlite3.connect(url.removeprefix("sqlite://"), isolation_level=None)
        for pragma, value in db.address.SQLITE_PRAGMAS.items():
            store.execute(f"PRAGMA {pragma} = {value}")
        rows = [(1, 1, text, key, 1, 0, 0, 0, "{}", str(at), str(at), 1) for text, key in texts]
        began = time.perf_counter()
        store.execute("BEGIN")
        places = ",".join("?" * len(COLUMNS))
        store.executemany(f"INSERT INTO code ({','.join(COLUMNS)}) VALUES ({places})", rows)  # noqa: S608
        store.execute("COMMIT")
        return {"seconds": time.perf_counter() - began}
    records = [(1, 1, text, key, True, 0, False, False, "{}", at, at, 1) for text, key in texts]

    async def copy() -> float:
        store = await asyncpg.connect(url)
        began = time.perf_counter()
        await store.copy_records_to_table("code", records=records, columns=COLUMNS)
        took = time.perf_counter() - began
        await store.close()
        return took

    return {"seconds": asyncio.run(copy())}


def made(url: str, style: Style, amount: int) -> dict[str, Any]:
    """Generate, and count what is there."""

    async def go() -> dict[str, Any]:
        async with db.opened(url):
            [owner] = await find.all_organizations()
            began = time.perf_counter()
            answer = await generate.codes(
                owner, None, amount, Format(style), generate.CodeOptions(), False, None, now()
            )
            if answer.job:
                await jobs.process("bench", now, only=answer.job.id)
            took = time.perf_counter() - began
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            assert await Code.filter(promotion__reference="default").count() == amount  # noqa: S101
            assert await Job.filter(status=JobStatus.DONE).count() == (1 if answer.job else 0)  # noqa: S101
            return {"seconds": took, "megabytes": peak}

    return asyncio.run(go())


def run_in_subprocess(*arguments: str) -> dict[str, Any]:
    """The measurement of another process."""
    command = [sys.executable, "-m", __spec__.name, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)  # noqa: S603 (itself)
    return dict(json.loads(done.stdout))


# ------------------------------------------------------------------ claims and look-ups meanwhile


async def execute(client: httpx.AsyncClient, document: str, **variables: Any) -> tuple[float, Any]:
    """Seconds that a document took, and its data."""
    began = time.perf_counter()
    answer = (await client.post("/graphql", json={"query": document, "variables": variables})).json()
    assert "errors" not in answer, answer  # noqa: S101
    return time.perf_counter() - began, answer["data"]


CLAIM = """mutation C($input: ClaimCodeInput!) {
  claimCode(input: $input) { __typename ... on CodeClaimed { claim { id } } } }"""
LOOK_UP = "query L($text: String!) { code(text: $text) { text status promotion { name } } }"
MAKE = (
    "mutation G($input: GenerateCodesInput!) { generateCodes(input: $input) { ... on CodesGenerated { job { id } } } }"
)
HOW_FAR = "{ jobs { nodes { status done } } }"


async def meanwhile(address: str, key: str, amount: int) -> dict[str, tuple[list[float], list[float]]]:
    """Seconds of claims and of look-ups, alone and while a job runs in the same server."""
    headers = {"Authorization": f"Bearer {key}"}
    times: dict[str, tuple[list[float], list[float]]] = {"alone": ([], []), "meanwhile": ([], [])}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        turn = 0

        async def claim_and_look_up(into: tuple[list[float], list[float]]) -> None:
            nonlocal turn
            turn += 1
            claim_input = {"text": f"CLAIMED{turn % 1000}", "customer": {"email": f"{turn % 500}@example.com"}}
            took, data = await execute(client, CLAIM, input=claim_input)
            assert data["claimCode"]["__typename"] == "CodeClaimed", data  # noqa: S101
            into[0].append(took)
            into[1].append((await execute(client, LOOK_UP, text=f"CLAIMED{turn % 1000}"))[0])
            await asyncio.sleep(PAUSE_SECONDS)

        for _ in range(200):
            await claim_and_look_up(times["alone"])
        form = {"style": "ALPHANUMERIC"}
        await execute(client, MAKE, input={"amount": amount, "format": form})
        job: dict[str, Any] = {}
        while job.get("status") != "DONE":
            for _ in range(10 if job.get("done") else 0):
                await claim_and_look_up(times["meanwhile"])
            [job] = (await execute(client, HOW_FAR))[1]["jobs"]["nodes"]
    return times


@contextmanager
def server(url: str) -> Iterator[str]:
    port = free_port()
    environment = {**os.environ, "TESSERA_DATABASE_URL": url}
    command = [sys.executable, str(ROOT / "main.py"), "serve", "--create", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        for _ in range(100):
            try:
                wait_until_listening(f"http://127.0.0.1:{port}")
                break
            except TimeoutError:
                continue
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def percentile_ms(times: list[float], percent: int) -> float:
    """A percentile of seconds, in milliseconds."""
    return statistics.quantiles(times, n=100)[percent - 1] * 1000


# ------------------------------------------------------------------ all of it


@contextmanager
def stores(kind: str, keep: bool = False) -> Iterator[Iterator[str]]:
    """Addresses of fresh databases, one after another; each is gone when the next is asked for, unless it is kept."""

    def files(folder: Path) -> Iterator[str]:
        for number in range(10_000):
            (folder / f"{number}").mkdir()
            yield f"sqlite://{folder / str(number) / 'store.db'}"
            if not keep:
                shutil.rmtree(folder / f"{number}")

    def databases(running: PostgresServer) -> Iterator[str]:
        for number in range(10_000):
            asyncio.run(_execute(running.url, f"CREATE DATABASE bench{number}"))
            yield running.url.removesuffix("postgres") + f"bench{number}"
            if not keep:
                asyncio.run(_execute(running.url, f"DROP DATABASE bench{number} WITH (FORCE)"))

    with ExitStack() as life:
        if kind == "sqlite":
            yield files(Path(life.enter_context(tempfile.TemporaryDirectory())))
        else:
            yield databases(life.enter_context(PostgresServer().running()))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


def compare(fresh: Iterator[str], kind: str, style: Style, amount: int, rounds: int) -> None:
    """Raw and made in turn; prints the medians."""
    seconds: dict[str, list[float]] = {"raw": [], "made": []}
    megabytes = 0.0
    for _ in range(rounds):
        for how, times in seconds.items():
            url = next(fresh)
            asyncio.run(organization(url))
            measured = run_in_subprocess(how, url, style, str(amount))
            times.append(measured["seconds"])
            megabytes = max(megabytes, measured.get("megabytes", 0))
    rates = {how: amount / statistics.median(times) for how, times in seconds.items()}
    print(
        f"{kind:<9}{style:<13} raw {rates['raw']:>8,.0f} rows/s   made {rates['made']:>8,.0f} rows/s"
        f"   ratio {rates['made'] / rates['raw']:.2f}   peak {megabytes:.0f} MB",
        flush=True,
    )


def during(fresh: Iterator[str], kind: str, amount: int) -> None:
    """Claims and look-ups of a server, alone and while it makes codes."""
    url = next(fresh)
    key = asyncio.run(organization(url, *(f"CLAIMED{number}" for number in range(1_000))))
    with server(url) as address:
        times = asyncio.run(meanwhile(address, key, amount))
    for name, place in (("claims", 0), ("look-ups", 1)):
        figures = [
            f"{when}: p50 {percentile_ms(seconds[place], 50):6.1f} ms, p99 {percentile_ms(seconds[place], 99):6.1f} ms"
            for when, seconds in times.items()
        ]
        print(f"{kind:<9}{name:<13} {'   '.join(figures)}   ({len(times['meanwhile'][place])} meanwhile)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--amount", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--databases", default="sqlite,postgres")
    options = parser.parse_args()
    print(
        f"{options.amount:,} codes, median of {options.rounds} rounds in turn; Python {sys.version.split()[0]}, SQLite"
        f" {sqlite3.sqlite_version}, Tortoise {version('tortoise-orm')}, asyncpg {version('asyncpg')},"
        f" {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"
    )
    for kind in options.databases.split(","):
        with stores(kind) as fresh:
            for style in STYLES:
                compare(fresh, kind, style, options.amount, options.rounds)
            during(fresh, kind, options.amount)


if __name__ == "__main__":
    if sys.argv[1:2] in (["raw"], ["made"]):
        measure = {"raw": raw, "made": made}[sys.argv[1]]
        print(json.dumps(measure(sys.argv[2], Style(sys.argv[3]), int(sys.argv[4]))))
    else:
        main()
