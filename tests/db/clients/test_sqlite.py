"""SQLite's client: answered claims are on disk, and a cancelled request leaves nothing half done."""

import asyncio
import json
import subprocess
import sys
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest
from tortoise.connection import get_connection
from tortoise.exceptions import OperationalError
from tortoise.transactions import in_transaction

import db
from db.models import Claim, Code, Organization
from resolvers import delete, find, generate, release, verify
from resolvers.claim import batch as claim_batch
from resolvers.domain.code_format import Format, Style
from resolvers.generate import batch as generate_batch
from tests import make
from tests.make import NOW, claimed

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ROOT = Path(__file__).parents[3]
PRAGMAS = {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000}


async def pragmas() -> dict[str, Any]:
    """The connection's present settings."""
    connection = get_connection("default")
    settings = {}
    for name in PRAGMAS:
        [row] = await connection.execute_query_dict(f"PRAGMA {name}")
        [settings[name]] = row.values()
    return settings


async def test_the_connection_is_durable_patient_and_keeps_foreign_keys(store: str) -> None:
    """A commit is synced to disk, a busy database waited for, and no row points at nothing."""
    assert await pragmas() == PRAGMAS


async def test_a_reader_waits_for_no_writer(organization: Organization) -> None:
    """Outside of a transaction a query is answered while another task writes, with the committed rows."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def writing() -> None:
        async with in_transaction():
            await Organization.filter(id=organization.id).update(name="Later")
            begun.set()
            await go_on.wait()
            assert (await Organization.get()).name == "Later"

    writer = asyncio.create_task(writing())
    await begun.wait()
    assert (await asyncio.wait_for(Organization.get(), 2)).name == "demo"
    go_on.set()
    await writer
    assert (await Organization.get()).name == "Later"


async def test_the_reading_connection_is_read_only(store: str) -> None:
    """It changes nothing, and has the same busy time-out and LIKE as the other."""
    client = get_connection("default")
    [row] = await client.execute_query_dict("SELECT timeout, 'A' LIKE 'a' AS alike FROM pragma_busy_timeout")
    assert tuple(row.values()) == (30_000, 0)
    with pytest.raises(OperationalError, match="readonly"):
        await client._read("INSERT INTO account (number, created_at) VALUES (1, '')", [])


async def kill_while_claiming(url: str, name: str, answers: int) -> list[int]:
    """Claims of a process that is killed right after that many answers; those that were answered."""
    command = [sys.executable, "-m", "schema.cli.selftest_workers"]
    calls = [["claim_code", "HELLO-15", f"{name}c{n}@example.com"] for n in range(2_000)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        race = {"organization": "demo", "calls": calls, "concurrency": 2, "now": NOW.isoformat()}
        process.stdin.writelines(json.dumps(line) + "\n" for line in (url, race, "go"))
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        answered = [json.loads(await asyncio.to_thread(process.stdout.readline)) for _ in range(answers)]
        process.kill()
        rest = [json.loads(line) for line in process.stdout if line.endswith("\n")]
        assert process.wait() == -9
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
    assert {what for _, what, _ in [*answered, *rest]} == {"done"}
    return [claim_id for _, _, claim_id in [*answered, *rest]]


@pytest.mark.processes
async def test_an_answered_claim_survives_a_kill(database_url: str) -> None:
    """After kill -9 every answered claim is there, at most those in the air beside them, and counters agree."""
    async with db.opened(database_url):
        organization = await make.organization()
        await make.code(organization, per_code=None)
    answered: list[int] = []
    for number, answers in enumerate((1, 7, 20, 33, 50)):
        before = len(answered)
        answered += await kill_while_claiming(database_url, f"r{number}", answers)
        assert len(answered) >= before + answers
        async with db.opened(database_url):
            stored = set(await Claim.all().values_list("id", flat=True))
            assert set(answered) <= stored
            assert len(stored) - len(answered) <= 2 * (number + 1)
            assert (await Code.get()).claim_count == len(stored)
            assert await verify.counters(organization) == []


# ------------------------------------------------------------------ cut off at every await


@types.coroutine
def _cut(operation: Coroutine[Any, Any, Any], cuts: set[int], awaits: list[int]) -> Generator[Any, Any, Any]:
    """Run a coroutine; its task is cancelled while it waits the n-th time, for each n of `cuts`."""
    result, error = None, None
    while True:
        try:
            waiting = operation.send(result) if error is None else operation.throw(error)
        except StopIteration as done:
            return done.value
        awaits[0] += 1
        if awaits[0] in cuts and (task := asyncio.current_task()):
            task.cancel()
        result, error = None, None
        try:
            result = yield waiting
        except BaseException as thrown:
            error = thrown


async def cut_off(operation: Coroutine[Any, Any, Any], *cuts: int) -> int:
    """Run an operation that is cancelled at those awaits; how often it waited."""
    awaits = [0]

    async def request() -> None:
        await _cut(operation, set(cuts), awaits)

    await asyncio.gather(asyncio.create_task(request()), return_exceptions=True)
    return awaits[0]


Interruptible = Callable[[Organization, int], Awaitable[Coroutine[Any, Any, Any]]]


async def a_claim(organization: Organization, number: int) -> Coroutine[Any, Any, Any]:
    return claimed(organization, email=f"cut{number}@example.com", order=make.order(f"R-{number}", "5"))


async def a_batch(organization: Organization, number: int) -> Coroutine[Any, Any, Any]:
    """Processing a batch of one claim: a cancelled request cancels no batch, but a closing loop may."""
    return claim_batch.process(
        [make.claim_request(organization, email=f"cut{number}@example.com", order=make.order(f"R-{number}", "5"))]
    )


async def a_release(organization: Organization, number: int) -> Coroutine[Any, Any, Any]:
    outcome = await claimed(organization, email=f"cut{number}@example.com")
    return release.claim(organization, outcome.claim.id, "cut", NOW)


MANY = generate.MAX_CODES_BATCHED + 2
"""Codes that are made in a transaction of their own."""


async def a_generation(organization: Organization, number: int) -> Coroutine[Any, Any, Any]:
    pattern = Format(Style.PATTERN, "X-####")
    return generate.codes(organization, None, MANY, pattern, generate.CodeOptions(), False, f"K{number}", NOW)


async def a_batch_of_codes(organization: Organization, number: int) -> Coroutine[Any, Any, Any]:
    """Processing a batch that makes a few codes; as with claims, a cancelled request cancels no batch."""
    pattern, promotion = Format(Style.PATTERN, "X-####"), find.valid_ref(None)
    return generate_batch.process([generate_batch.GenerateRequest(organization, promotion, MANY, pattern, NOW)])


async def a_deletion(organization: Organization, number: int) -> Coroutine[Any, Any, Any]:
    await make.promotion(organization, f"GONE-{number}")
    await claimed(organization, f"GONE-{number}")
    return delete.code(organization, f"GONE-{number}", dry_run=False)


@pytest.mark.long
@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("operation", [a_batch, a_release, a_generation, a_batch_of_codes, a_deletion])
async def test_an_operation_cut_off_anywhere_is_done_or_undone(
    organization: Organization, operation: Interruptible, twice: bool
) -> None:
    """Cancelled at any await, and while that is undone, nothing is half done and the next claim goes through."""
    await make.code(organization, per_code=None)
    awaits = await cut_off(await operation(organization, 0))
    assert awaits > 3  # a batch begins, reads, writes and commits
    for number in range(1, awaits + 1):
        await cut_off(await operation(organization, number), number, *([number + 1] if twice else []))
        outcome = await asyncio.wait_for(claimed(organization, email=f"next{number}@example.com"), 5)
        assert not outcome.replayed
        assert await verify.counters(organization) == []
        assert await Code.filter(text__startswith="X-").count() % MANY == 0


async def test_a_claim_cut_off_before_its_commit_is_not_there(organization: Organization) -> None:
    """A claim that was cancelled and is there all the same is there once, with its answer on a retry."""
    await make.code(organization, per_code=None)
    for number in range(1, 1 + await cut_off(await a_batch(organization, 0))):
        await cut_off(await a_batch(organization, number), number)
        before = await Claim.filter(order_reference=f"R-{number}").count()
        retried = await (await a_claim(organization, number))
        assert retried.replayed is (before == 1)
        assert await Claim.filter(order_reference=f"R-{number}").count() == 1


async def test_a_first_request_cut_off_leaves_a_connection_with_its_settings(database_url: str) -> None:
    """Whoever is cancelled while the connection is made, those after have one that is durable and patient."""
    for number in range(1, 30):
        async with db.opened(database_url):
            waited = await cut_off(_count(), number)
            assert await asyncio.wait_for(pragmas(), 2) == PRAGMAS, number
        if waited < number:
            return


async def _count() -> int:
    return await Claim.all().count()
