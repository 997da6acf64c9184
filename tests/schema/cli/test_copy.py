"""`copy`, as an operator outgrows one machine: real processes, real stores, real kills."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

import db
from tests.installation import ROOT, Installation, keys_in
from tests.postgres import Postgres


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An installation with a store on SQLite."""
    return Installation(tmp_path).with_store()


@pytest.fixture
def target(postgres: Postgres) -> Iterator[str]:
    """The address of a PostgreSQL database without tables."""
    with postgres.bare() as url:
        yield url


def source(installation: Installation) -> str:
    return installation.environment["TESSERA_DATABASE_URL"]


CLAIM = """mutation ($text: String!, $email: String!) { claimCode(input: { text: $text, customer: { email: $email } }) {
    __typename ... on CodeClaimed { claim { id code { url claimCount } } } } }"""
MAKE = """mutation { createPromotion(input: { name: "Frühling 🌷", codes: ["HELLO-15"], limits: { perCode: 2 } }) { __typename } }"""


def ask(address: str, key: str, query: str, **variables: str) -> dict[str, object]:
    answer = httpx.post(
        f"{address}/graphql",
        json={"query": query, "variables": variables},
        headers={"Authorization": f"Bearer {key}"},
        timeout=30,
    )
    data: dict[str, object] = answer.json()["data"]
    return data


def test_a_shop_goes_on_where_it_was_copied_to(installation: Installation, target: str) -> None:
    """Its key opens, a code's page has its address, the last place is claimed once, and `verify` is content."""
    installation.environment["TESSERA_PUBLIC_URL"] = "https://codes.example"
    with installation.serving() as (printed, address):
        key = keys_in(printed)["SECRET"]
        ask(address, key, MAKE)
        before = ask(address, key, CLAIM, text="hello15", email="ada@example.com")
    output = installation.run("copy", "--from", source(installation), "--to", target)
    assert output.endswith("rows copied, and read again to compare each.\nEvery counter equals its claims.\n")
    assert "│ claim " in output
    installation.environment["TESSERA_DATABASE_URL"] = target
    with installation.serving() as (printed, address):
        assert keys_in(printed) == {}
        after = ask(address, key, CLAIM, text="hello15", email="ben@example.com")
        url = str(before["claimCode"]["claim"]["code"]["url"])  # type: ignore[index]
        assert after["claimCode"]["claim"]["code"] == {"url": url, "claimCount": "2"}  # type: ignore[index]
        assert after["claimCode"]["claim"]["id"] != before["claimCode"]["claim"]["id"]  # type: ignore[index]
        refused = ask(address, key, CLAIM, text="hello15", email="cy@example.com")
        assert refused == {"claimCode": {"__typename": "FullyClaimed"}}
        page = httpx.get(address + url.removeprefix("https://codes.example"))
        assert page.status_code == 200
        assert "HELLO-15" in page.text
    assert "equals" in installation.run("verify")


CODES = """
    INSERT INTO code (organization_id, promotion_id, text, text_key, is_enabled, allowed_claims, claim_count,
        needs_activation, off_peak, metadata, created_at, updated_at)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    SELECT 1, 1, 'Winged-Digit-' || i, 'wingeddigit' || i, 1, 1, 0, 0, 0, '{"batch":"🎉"}', created_at, created_at
    FROM n, organization
    """


def with_codes(installation: Installation, amount: int) -> None:
    """Let the store have an organization with that many codes."""
    installation.run("organization", "add", "--name", "N")
    with sqlite3.connect(db.address.file_of(source(installation))) as connection:
        connection.execute(CODES, (amount,))
    connection.close()


async def counted(url: str) -> int | None:
    """Codes of a PostgreSQL store; None where it has no such table."""
    connection = await asyncpg.connect(url)
    try:
        if await connection.fetchval("SELECT to_regclass('code') IS NULL"):
            return None
        return int(await connection.fetchval("SELECT count(*) FROM code"))
    finally:
        await connection.close()


COPIED = "SELECT max(tuples_processed) > 5000 FROM pg_stat_progress_copy WHERE datname = current_database()"


async def copying(url: str) -> bool:
    """Whether somebody is filling the store's codes."""
    connection = await asyncpg.connect(url)
    try:
        return bool(await connection.fetchval(COPIED))
    finally:
        await connection.close()


@pytest.mark.slow
async def test_what_is_killed_leaves_an_empty_target(installation: Installation, target: str) -> None:
    """After kill -9 in the middle nothing is there, and the same command does it all."""
    with_codes(installation, 60_000)
    process = installation.start("copy", "--from", source(installation), "--to", target)
    try:
        until = time.monotonic() + 60
        while not await copying(target):
            assert process.poll() is None
            assert time.monotonic() < until
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    assert await counted(target) == 0
    installation.run("copy", "--from", source(installation), "--to", target)
    assert await counted(target) == 60_000
    assert "not empty" in installation.run("copy", "--from", source(installation), "--to", target, code=1)


def peak(installation: Installation, target: str) -> int:
    """The most memory that a copy takes, in bytes."""
    command = [sys.executable, str(ROOT / "main.py"), "copy", "--from", source(installation), "--to", target]
    process = subprocess.Popen(command, env=installation.environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_store(tmp_path: Path, postgres: Postgres) -> None:
    """Ten times the rows take no more memory, but for what a few batches differ by."""
    peaks = []
    for amount in (15_000, 150_000):
        (tmp_path / str(amount)).mkdir()
        installation = Installation(tmp_path / str(amount)).with_store()
        with_codes(installation, amount)
        with postgres.bare() as target:
            peaks.append(peak(installation, target))
    assert peaks[1] - peaks[0] < 20 * 2**20, peaks


def test_a_counter_that_was_wrong_is_reported(installation: Installation, target: str) -> None:
    """A store that counts wrongly is copied as it is, and the exit code says that it does."""
    installation.run("organization", "add", "--name", "N", "--identifier", "n")
    with sqlite3.connect(db.address.file_of(source(installation))) as connection:
        connection.execute("UPDATE promotion SET claim_count = 1")
    connection.close()
    output = installation.run("copy", "--from", source(installation), "--to", target, code=1)
    assert "n: promotion default: counts 1 claims, has 0" in output
    assert "Every" not in output


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        ("--from sqlite://nowhere.db --to sqlite://b.db", "There is no file nowhere.db", 1),
        ("--from mysql://x/y --to sqlite://b.db", "no database address", 1),
        ("--from sqlite://a.db --to postgres://nobody@127.0.0.1:1/x", "can't be reached", 1),
        ("--from postgres://nobody@127.0.0.1:1/x --to sqlite://b.db", "can't be reached", 1),
        ("--from sqlite://a.db --to sqlite://a.db", "The target is not empty", 1),
        ("--from sqlite://a.db", "--to", 2),
    ],
)
def test_an_invalid_copy_is_refused(installation: Installation, words: str, says: str, code: int) -> None:
    """A wrong command is a sentence that names what is wrong, and no file is made on the way."""
    asyncio.run(db.migrate(f"sqlite://{installation.folder / 'a.db'}"))
    installation.environment["TESSERA_DATABASE_URL"] = "sqlite://a.db"
    installation.run("organization", "add", "--name", "N")
    assert says in installation.run("copy", *words.split(), code=code)
    assert not (installation.folder / "b.db").exists()


def test_progress_is_shown_to_somebody_who_looks(installation: Installation) -> None:
    """On a terminal a bar tells which table is copied or compared, and of how many rows."""
    with_codes(installation, 6_000)
    seen = installation.watch(
        "copy", "--from", source(installation), "--to", f"sqlite://{installation.folder / 'b.db'}"
    )
    assert "comparing" in seen
    assert "12006/12006" in seen
