"""`prove`, as an operator runs it: it races, reports the results, and leaves nothing behind."""

import asyncio
import re
import signal
import sqlite3
import time
from pathlib import Path

import pytest

import db
from tests import make
from tests.installation import Installation
from tests.make import claimed
from tests.resolvers.test_copy import KINDS


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Installation:
    """An installation whose store has an organization with a claim in it."""

    async def begin() -> None:
        async with db.opened(database_url):
            organization = await make.organization("theirs")
            await make.code(organization)
            await claimed(organization)

    asyncio.run(begin())
    return Installation(tmp_path, database_url)


def rows(url: str) -> dict[str, int]:
    """How many rows each table has."""

    async def count() -> dict[str, int]:
        async with db.opened(url):
            return {kind.__name__: await kind.all().count() for kind in KINDS}

    return asyncio.run(count())


def test_every_limit_holds_and_nothing_is_left(installation: Installation, database_url: str) -> None:
    """Each race is a line with as many granted as allowed; afterwards all tables are as they were."""
    before = rows(database_url)
    output = installation.run("prove", "--processes", "2", "--claims", "80")
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines() if "│" in line]
    assert {holds for *_, holds in lines} == {"yes"}
    assert [(tried, allowed, granted, refused) for _, tried, allowed, granted, refused, _ in lines[:5]] == [
        ("80", "20", "20", "60 FullyClaimed"),
        ("80", "20", "20", "60 CustomerLimitReached"),
        ("80", "20", "20", "60 PromotionSpent"),
        ("40", "40", "40", ""),
        ("40", "4", "4", "36 AlreadyActivated"),
    ]
    assert [allowed for _, _, allowed, _, _, _ in lines[5:]] == ["as it comes", "as it comes", "20"]
    assert output.endswith("Every limit held, and every counter equals its claims.\n")
    assert rows(database_url) == before


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_what_is_interrupted_leaves_nothing(installation: Installation, database_url: str, how: signal.Signals) -> None:
    """Ended in the middle of a race it removes what it had made, and ends its workers."""
    before = rows(database_url)
    process = installation.start("prove", "--processes", "2", "--claims", "2000")
    try:
        wait_for_claims(database_url)
        workers = children(process.pid)
        assert len(workers) == 2
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "Traceback" not in err
    assert rows(database_url) == before
    assert [pid for pid in workers if Path(f"/proc/{pid}/cmdline").exists()] == []


def wait_for_claims(url: str) -> None:
    """Wait until the race is on."""
    for _ in range(300):
        if rows(url)["Claim"] > 20:
            return
        time.sleep(0.1)
    raise TimeoutError


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_named_beside_the_setting(installation: Installation, database_url: str) -> None:
    """`--database` is where it is done, and an unreachable one is a sentence."""
    installation.environment["TESSERA_DATABASE_URL"] = f"sqlite://{installation.folder / 'other.db'}"
    assert "no database address" in installation.run("prove", "--database", "mysql://x/y", code=1)
    away = installation.run("prove", "--database", "postgres://nobody@127.0.0.1:1/nothing", code=1)
    assert "can't be reached" in away
    assert not (installation.folder / "other.db").exists()
    assert "--claims" in installation.run("prove", "--claims", "1", code=2)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_breaks_the_promise_fails_the_selftest(installation: Installation, database_url: str) -> None:
    """Where a claim vanishes after it was answered, the proof fails, says which and cleans up all the same."""
    with sqlite3.connect(db.address.file_of(database_url)) as connection:
        connection.execute(
            """
            CREATE TRIGGER vanish AFTER INSERT ON claim WHEN new.id % 7 = 0 BEGIN
                DELETE FROM claim WHERE id = new.id;
            END
            """
        )
    connection.close()
    before = rows(database_url)
    output = installation.run("prove", "--processes", "2", "--claims", "80", code=1)
    assert re.search(r"^one code with 20 places: \d+ claims stand, where 20 must$", output, re.MULTILINE)
    assert re.search(r"^one code with 20 places: code ONE: counts 20 claims, has 1\d$", output, re.MULTILINE)
    assert "│ no " in output
    assert rows(database_url) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_progress_is_shown_to_somebody_who_looks(installation: Installation) -> None:
    """On a terminal a bar tells what is raced for and how far it is."""
    seen = installation.watch("prove", "--processes", "1", "--claims", "40")
    assert "one code with 10 places" in seen
    assert re.search(r"\d+/40\b", seen)
