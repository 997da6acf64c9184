"""A store that is moved away, replaced, or out of room under a running service: 503, red, and nothing lost."""

import asyncio
import csv
import io
import logging
import resource
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from tortoise.connection import get_connection

import db
from db import errors as db_errors
from db.clients import sqlite
from db.clients.sqlite_file import FileGone
from db.enums import KeyKind
from db.models import Claim, Organization
from resolvers import delete, verify
from schema import app as http_app
from schema import errors
from schema.context import Services
from tests import make
from tests.conftest import serving
from tests.installation import Installation, wait_until_listening
from tests.postgres import Postgres, free_port
from tests.test_survival import DOORS, prepared

CLAIM = """mutation ($input: ClaimCodeInput!) { claimCode(input: $input) { __typename } }"""


def claim(reference: str, text: str = "HOT") -> dict[str, object]:
    """A claim, as GraphQL hears it."""
    claim_input = {"text": text, "customer": {"email": f"{reference}@example.com"}, "order": {"reference": reference}}
    return {"query": CLAIM, "variables": {"input": claim_input}}


# ------------------------------------------------------------------ SQLite


@pytest.fixture
def file(migrated: Path, tmp_path: Path) -> Path:
    """A store's file in a folder of its own."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    return Path(shutil.copy(migrated, folder / "tessera.db"))


@pytest_asyncio.fixture
async def hot(file: Path) -> AsyncIterator[Organization]:
    """An organization with a code for everybody, in the open file."""
    async with db.opened(f"sqlite://{file}"):
        organization = await make.organization()
        await make.code(organization, "HOT", per_code=None)
        await make.claimed(organization, "HOT", "first@example.com", make.order("O-0"))
        yield organization


@pytest_asyncio.fixture
async def client(hot: Organization, services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who speaks to a service on that file."""
    async with (
        serving(http_app.create_app(services)) as address,
        httpx.AsyncClient(base_url=address, timeout=30, verify=False) as client,  # noqa: S501
    ):
        yield client


def back(moved: Path, to: Path) -> None:
    moved.rename(to)


def moved_away(file: Path) -> Callable[[], None]:
    file.rename(file.with_name("elsewhere.db"))
    return lambda: back(file.with_name("elsewhere.db"), file)


def replaced(file: Path) -> Callable[[], None]:
    put_back = moved_away(file)
    shutil.copy(file.with_name("elsewhere.db"), file)
    return put_back


def emptied(file: Path) -> Callable[[], None]:
    put_back = moved_away(file)
    file.touch()
    return put_back


def unmounted(file: Path) -> Callable[[], None]:
    file.parent.rename(file.parent.with_name("unmounted"))
    return lambda: back(file.parent.with_name("unmounted"), file.parent)


def without_its_journal(file: Path) -> Callable[[], None]:
    journal = Path(f"{file}-wal")
    journal.rename(journal.with_name("elsewhere-wal"))
    return lambda: back(journal.with_name("elsewhere-wal"), journal)


@pytest.mark.long
@pytest.mark.case("F7")
@pytest.mark.parametrize("go", [moved_away, replaced, emptied, unmounted, without_its_journal])
async def test_a_file_that_is_gone_is_503_at_every_door_until_it_is_back(
    client: httpx.AsyncClient, hot: Organization, file: Path, go: Callable[[Path], Callable[[], None]]
) -> None:
    key, account = await make.key(hot), await make.key(hot, KeyKind.ACCOUNT)

    async def ask(method: str, path: str, body: object) -> int:
        headers = {"Authorization": f"Bearer {account if '/v1/' in path else key}", "X-Api-User-Id": "1"}
        return (await client.request(method, path, json=body, headers=headers)).status_code

    requests = [(method, path, body) for method, path, body, _ in DOORS] + [("POST", "/graphql", claim("O-1"))]
    before = [await ask(*one) for one in requests]
    assert max(before) < 500
    put_back = go(file)
    assert [await ask(*one) for one in requests] == [503] * len(requests)
    await asyncio.sleep(1)  # a probe's answer is good for a second
    assert (await client.get("/readyz")).json() == {"status": "no database", "error": "FileGone"}
    assert (await client.get("/healthz")).status_code == 200
    put_back()
    assert [await ask(*one) for one in requests] == before
    await asyncio.sleep(1)
    assert (await client.get("/readyz")).status_code == 200
    assert await Claim.all().count() == 2
    assert await verify.counters(hot) == []


@pytest.mark.case("F7")
async def test_a_claim_whose_file_goes_while_it_commits_is_not_answered(
    hot: Organization, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at after the commit: what went into a file that is deleted is lost with it."""
    committing = sqlite.ImmediateTransaction.commit

    async def commit(self: sqlite.ImmediateTransaction) -> None:
        file.unlink()
        await committing(self)

    monkeypatch.setattr(sqlite.ImmediateTransaction, "commit", commit)
    with pytest.raises(FileGone) as gone:
        await make.claimed(hot, "HOT")
    assert db_errors.is_unavailable(gone.value)


@pytest.mark.processes
@pytest.mark.case("F7")
async def test_what_is_moved_away_is_whole(hot: Organization, file: Path) -> None:
    """The journal stays behind; what only it has is written into the file, so that a copy has every claim."""
    moved_away(file)
    with pytest.raises(FileGone):
        await delete.code(hot, "HOT", dry_run=False)
    elsewhere = file.with_name("elsewhere.db")
    journal = Path(f"{file}-wal")
    async with asyncio.timeout(5):
        while journal.stat().st_size:
            await asyncio.sleep(0.005)
    copy = Path(shutil.copy(elsewhere, file.with_name("copy.db")))
    assert (
        Installation(file.parent, f"sqlite://{copy}").run("export", "claims", "--organization", "demo").count("O-0")
        == 1
    )


@pytest.mark.processes
@pytest.mark.case("F7")
async def test_a_journal_that_is_deleted_loses_nothing(hot: Organization, file: Path) -> None:
    """What only it had is written into the file; a service that is started anew goes on there."""
    Path(f"{file}-wal").unlink()
    with pytest.raises(FileGone):
        await make.claimed(hot, "HOT")
    await asyncio.gather(*sqlite._background_tasks)
    copy = Path(shutil.copy(file, file.with_name("copy.db")))
    assert (
        Installation(file.parent, f"sqlite://{copy}").run("export", "claims", "--organization", "demo").count("O-0")
        == 1
    )


@pytest.mark.processes
@pytest.mark.case("F8")
def test_a_full_disk_is_503_and_red_until_there_is_room(tmp_path: Path) -> None:
    """A file that may not grow stands for the disk. What was answered is there afterwards, and what was not is made then."""
    installation = Installation(tmp_path)
    key, port = prepared(installation), free_port()
    server = installation.start("serve", "--port", str(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_listening(f"http://127.0.0.1:{port}")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, verify=False) as client:  # noqa: S501

            def ask(reference: str) -> int:
                body = claim(reference, "SURVIVE")
                return client.post("/graphql", json=body, headers={"Authorization": f"Bearer {key}"}).status_code

            assert ask("O-0") == 200
            _, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
            room = (tmp_path / "store.db-wal").stat().st_size + 100_000
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (room, hard))
            answers = [ask("O-1")]
            while answers[-1] == 200:
                answers.append(ask(f"O-{1 + len(answers)}"))
            assert (answers[-1], client.get("/healthz").status_code) == (503, 200)
            assert client.get("/readyz").status_code == 503  # also where a single page may still find room
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (hard, hard))
            assert ask(f"O-{len(answers)}") == 200
            while client.get("/readyz").status_code != 200:
                time.sleep(0.05)
    finally:
        server.kill()
        server.communicate()
    exported = list(csv.DictReader(io.StringIO(installation.run("export", "claims", "--organization", "n"))))
    assert [row["order_reference"] for row in exported] == [f"O-{number}" for number in range(len(answers) + 1)]
    assert "equals" in installation.run("verify")


# ------------------------------------------------------------------ PostgreSQL


@pytest.fixture
def address(postgres: Postgres) -> Iterator[str]:
    """A fresh PostgreSQL database."""
    with postgres.database() as url:
        yield url


@pytest.mark.case("F8")
@pytest.mark.parametrize("state", ["53100", "58030", "53300", "57P03"])
async def test_postgres_without_room_is_503(address: str, services: Services, state: str) -> None:
    """What PostgreSQL says of a full or broken disk is no fault of ours, at any door; nor is a server that is full."""
    async with (
        db.opened(address),
        serving(http_app.create_app(services)) as served,
        httpx.AsyncClient(base_url=served, timeout=30, verify=False) as client,  # noqa: S501
    ):
        organization = await make.organization()
        await make.code(organization, "HOT", per_code=None)
        await get_connection("default").execute_script(
            f"""CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE 'could not extend file' USING ERRCODE = '{state}'; END $$;
            CREATE TRIGGER full_disk BEFORE INSERT ON claim FOR EACH ROW EXECUTE FUNCTION full_disk()"""
        )
        headers = {"Authorization": f"Bearer {await make.key(organization)}"}
        requests = [("/graphql", claim("O-1")), ("/codes/claim", {"code": "HOT", "email": "ada@example.com"})]
        for path, body in requests:
            assert (await client.post(path, json=body, headers=headers)).status_code == 503


# ------------------------------------------------------------------ the log


def test_the_log_says_once_that_the_database_is_away_and_once_that_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """However many requests hear of it; in between it is said again each minute."""
    now = [0.0]
    outage = errors.Outage(lambda: now[0])
    with caplog.at_level(logging.WARNING, logger="tessera"):
        for tick in range(700):
            now[0] = tick / 10
            outage.record(ConnectionRefusedError("no"), "/graphql")
            outage.check()
        for tick in range(700, 900):
            now[0] = tick / 10
            outage.check()
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "the database is unavailable, at /graphql: ConnectionRefusedError('no'); another line follows when it is back",
        "the database is still unavailable after 60 s, 601 failures so far: ConnectionRefusedError('no')",
        "the database is back; it was unavailable for 70 s, with 700 failures",
    ]
