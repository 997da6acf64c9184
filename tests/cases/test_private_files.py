"""What is written to disk is its owner's alone, whatever the umask."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from db import private
from schema.outgoing.letters.outbox import Outbox
from tests.installation import Installation, keys_in

pytestmark = pytest.mark.processes

PATIENCE = 60
"""Seconds in which a letter is written."""

SEND = """mutation { createPromotion(input: {reference: "p", name: "P", codes: ["HELLO-15"], discount: {kind: PERCENTAGE, value: "15"}}) { __typename }
    sendCode(input: {text: "HELLO-15", recipients: [{email: "ada@example.com"}]}) { __typename } }"""


@pytest.fixture(autouse=True)
def everything_allowed() -> Iterator[None]:
    """A umask that takes nothing from anybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """What everybody may do with each file and folder below."""
    return {
        path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.suffix != ".part"
    }


@pytest.mark.case("F12")
def test_what_a_service_writes(tmp_path: Path) -> None:
    """Store, journal, lock, outbox, letters and exports: 0600 and 0700."""
    installation = Installation(tmp_path)
    with installation.serving() as (printed, address):
        sent = httpx.post(
            f"{address}/graphql",
            json={"query": SEND},
            headers={"Authorization": f"Bearer {keys_in(printed)['SECRET']}"},
        )
        assert sent.json()["data"]["sendCode"]["__typename"] == "CodeSent"
        deadline = time.monotonic() + PATIENCE
        while not list(tmp_path.glob("outbox/*.eml")) and time.monotonic() < deadline:
            time.sleep(0.05)
        installation.run("export", "codes", "--organization", "demo", "--output", "codes.csv")
        mode_of = modes(tmp_path)
    assert mode_of.keys() >= {"store.db", "store.db-wal", "store.db-shm", "outbox", "codes.csv"}
    assert [name for name in mode_of if name.endswith(".eml")] != []
    assert {name: mode for name, mode in mode_of.items() if mode != (0o700 if name == "outbox" else 0o600)} == {}


@pytest.mark.case("F12")
def test_what_was_open_is_closed_at_the_next_start(tmp_path: Path) -> None:
    """A store that an earlier version left to everybody, and a copy of one."""
    installation = Installation(tmp_path)
    installation.run("migrate")
    (tmp_path / "store.db").chmod(0o644)
    (tmp_path / "store.db.migrating").touch()
    (tmp_path / "store.db.migrating").chmod(0o666)
    installation.run("migrate")
    installation.run("copy", "--from", f"sqlite://{tmp_path / 'store.db'}", "--to", f"sqlite://{tmp_path / 'new.db'}")
    assert {mode for name, mode in modes(tmp_path).items()} == {0o600}
    (tmp_path / "outbox").mkdir()
    Outbox(tmp_path / "outbox")
    assert modes(tmp_path)["outbox"] == 0o700


@pytest.mark.case("F12")
def test_a_file_of_another_owner_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that is not ours to change stays as it is, with a word on how its owner can."""
    (tmp_path / "theirs.db").touch()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    private.restrict_to_owner(tmp_path / "theirs.db", tmp_path / "none.db")
    assert modes(tmp_path) == {"theirs.db": 0o666}
    [record] = caplog.records
    assert "chmod go=" in record.getMessage()
