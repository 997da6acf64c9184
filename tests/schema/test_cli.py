"""The command line, as an operator types it: real processes on a real file."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]


class Operator:
    """Somebody who runs `python main.py …` from a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")},
            "TESSERA_DATABASE_URL": f"sqlite://{folder / 'store.db'}",
            "COLUMNS": "160",
        }

    def run(self, *words: str, code: int = 0) -> str:
        """What a command prints; a failure prints a sentence and no stack."""
        done = self.start(*words)
        out, err = done.communicate(timeout=60)
        assert done.returncode == code, err
        assert "Traceback" not in err
        return out if code == 0 else err + out

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def serving(self, *words: str) -> Iterator[tuple[str, str]]:
        """The printed text of a start, and the address that answers."""
        process = self.start("serve", "--port", "0", *words)
        try:
            assert process.stdout
            assert process.stderr
            printed = ""
            while "Playground:" not in printed:
                line = process.stdout.readline()
                assert line, process.stderr.read()
                printed += line
            for line in process.stderr:
                if found := re.search(r"running on (http://\S+)", line):
                    listening(found[1])
                    yield printed, found[1]
                    break
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def listening(address: str) -> None:
    """Wait until workers have taken over the socket that their parent has bound."""
    for _ in range(200):
        try:
            httpx.get(f"{address}/healthz")
            return
        except httpx.ConnectError:
            time.sleep(0.05)
    raise TimeoutError(address)


def keys_in(printed: str) -> dict[str, str]:
    return dict(re.findall(r"^  (\w+) +(\S+)$", printed, re.MULTILINE))


def test_a_first_start_prints_keys_once(operator: Operator) -> None:
    """An empty database gets `demo` with a key of each kind, printed once with the playground's address."""
    with operator.serving() as (printed, address):
        keys = keys_in(printed)
        assert sorted(keys) == ["ACCOUNT", "DEVICE", "PUBLIC", "SECRET"]
        assert re.search(rf"Playground: http://\S+/graphql#key={keys['SECRET']}$", printed, re.MULTILINE)
        for kind in ("SECRET", "ACCOUNT"):
            asked = httpx.post(
                f"{address}/graphql",
                json={"query": "{ organization { number identifier currency timeZone } promotions { totalCount } }"},
                headers={"Authorization": f"Bearer {keys[kind]}"},
            )
            assert asked.json()["data"] == {
                "organization": {"number": 1, "identifier": "demo", "currency": "EUR", "timeZone": "UTC"},
                "promotions": {"totalCount": 1},
            }
        assert httpx.get(f"{address}/readyz").json() == {"status": "ok"}
        assert "<title>Tessera playground</title>" in httpx.get(f"{address}/graphql").text
    with operator.serving("--workers", "2") as (printed, address):
        assert keys_in(printed) == {}
        assert httpx.get(f"{address}/healthz").status_code == 200


def test_python_main_py_alone_serves(operator: Operator) -> None:
    """Without a command it serves, which is what `--help` says too."""
    assert "serve" in operator.run("--help")
    operator.environment["TESSERA_FAILED_ATTEMPTS_PER_MINUTE"] = "many"
    assert "TESSERA_FAILED_ATTEMPTS_PER_MINUTE" in operator.run(code=1)


def test_organizations_and_keys(operator: Operator) -> None:
    """A shop that moves brings its numbers and keys along; `key add` prints the key and nothing else."""
    operator.run(
        "organization", "add", "--name", "Käserei", "--number", "11111", "--identifier", "kaese", "--account", "123",
        "--currency", "CHF", "--time-zone", "Europe/Zurich",
    )  # fmt: skip
    assert "11111" in operator.run("organization", "list")
    drawn = operator.run("key", "add", "--organization", "kaese", "--kind", "secret")
    assert re.fullmatch(r"sk_[0-9a-f]{48}\n", drawn)
    brought = "0123456789abcdef0123456789abcdef0123456789abcdef"
    assert operator.run("key", "add", "--account", "123", "--kind", "account", "--value", brought) == f"{brought}\n"
    listed = operator.run("key", "list")
    assert drawn.strip() not in listed
    assert brought not in listed
    assert "kaese" in listed
    with operator.serving() as (printed, address):
        assert keys_in(printed) == {}  # there is an organization already
        for key in (drawn.strip(), brought):
            asked = httpx.post(
                f"{address}/graphql",
                json={"query": "{ organization { number currency } }"},
                headers={"Authorization": f"Bearer {key}"},
            )
            assert asked.json() == {"data": {"organization": {"number": 11111, "currency": "CHF"}}}
    assert "revoked" in operator.run("key", "revoke", "1")
    assert "no working key 1" in operator.run("key", "revoke", "1", code=1)


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        ("organization add --name N --currency XYZ", "currency", 1),
        ("organization add --name N --time-zone Mars/Olympus", "time_zone", 1),
        ("organization add --name N --number 0", "number", 1),
        ("organization add", "--name", 2),
        ("key add --organization nowhere --kind secret", "nowhere", 1),
        ("key add --kind secret", "--organization", 2),
        ("key add --organization x --kind golden", "--kind", 2),
        ("key add --account 7 --kind account", "7", 1),
        ("nonsense", "nonsense", 2),
    ],
)
def test_a_command_that_makes_no_sense(operator: Operator, words: str, says: str, code: int) -> None:
    """A wrong command is a sentence that names what is wrong, and an exit code."""
    assert says in operator.run(*words.split(), code=code)


def test_a_database_that_makes_no_sense(operator: Operator) -> None:
    """A database address of no known kind is told so."""
    operator.environment["TESSERA_DATABASE_URL"] = "mysql://nowhere/x"
    assert "no database address" in operator.run("migrate", code=1)


def test_the_schema_is_printed(operator: Operator) -> None:
    """`schema` prints what is committed."""
    assert operator.run("schema") == (ROOT / "schema/graphql/schema.graphql").read_text(encoding="utf-8")


def test_verify_says_where_counters_drift(operator: Operator) -> None:
    """`verify` is content with a fresh store, and exits with 1 where a counter was spoiled."""
    import sqlite3

    operator.run("organization", "add", "--name", "N", "--identifier", "n")
    assert "equals" in operator.run("verify")
    spoiled = sqlite3.connect(operator.folder / "store.db")
    spoiled.execute("UPDATE promotion SET claim_count = 1")
    spoiled.commit()
    spoiled.close()
    assert "n: promotion default: counts 1 claims, has 0" in operator.run("verify", code=1)
