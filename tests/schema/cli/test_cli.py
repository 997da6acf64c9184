"""The command line, as an operator types it: real processes on a real file."""

import asyncio
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
import pytest
import typer.main

import db
from db.enums import KeyKind
from db.models import Promotion
from resolvers import selftest
from resolvers.domain.code_format import Style
from schema import cli
from schema.cli import generate
from schema.cli import selftest as cli_selftest
from tests.installation import ROOT, Installation, keys_in

pytestmark = pytest.mark.processes


@pytest.fixture
def installation(tmp_path: Path, bare_url: str) -> Installation:
    return Installation(tmp_path, bare_url)


@pytest.fixture
def established(tmp_path: Path, database_url: str) -> Installation:
    """An installation whose store has its tables, and nothing in them."""
    return Installation(tmp_path, database_url)


def test_a_first_start_prints_keys_once(installation: Installation) -> None:
    """An empty database gets `demo` with a key of each kind, printed once with the playground's address."""
    installation.starts_python = True
    with installation.serving() as (printed, address):
        keys = keys_in(printed)
        assert sorted(keys) == ["ACCOUNT", "DEVICE", "PUBLIC", "SECRET"]
        assert re.search(rf"Playground: http://\S+/graphql#key={keys['SECRET']}$", printed, re.MULTILINE)
        for kind in ("SECRET", "ACCOUNT"):
            response = httpx.post(
                f"{address}/graphql",
                json={"query": "{ organization { number identifier currency timeZone } promotions { totalCount } }"},
                headers={"Authorization": f"Bearer {keys[kind]}"},
            )
            assert response.json()["data"] == {
                "organization": {"number": 1, "identifier": "demo", "currency": "EUR", "timeZone": "UTC"},
                "promotions": {"totalCount": 1},
            }
        assert httpx.get(f"{address}/readyz").json() == {"status": "ok"}
        assert "<title>Tessera playground</title>" in httpx.get(f"{address}/graphql").text
    with installation.serving("--workers", "2") as (printed, address):
        assert keys_in(printed) == {}
        assert httpx.get(f"{address}/healthz").status_code == 200


def test_python_main_py_alone_serves(installation: Installation) -> None:
    """Without a command it serves, which is what `--help` says too."""
    installation.starts_python = True
    assert "serve" in installation.run("--help")
    installation.environment["TESSERA_FAILED_ATTEMPTS_PER_MINUTE"] = "many"
    assert "TESSERA_FAILED_ATTEMPTS_PER_MINUTE" in installation.run(code=1)


def test_the_version_is_the_projects(installation: Installation) -> None:
    """`--version` prints the version of `pyproject.toml` and opens no database."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installation.environment["TESSERA_DATABASE_URL"] = "sqlite:///nowhere/at/all.db"
    assert installation.run("--version") == f"tessera {project['version']}\n"


def test_organizations_and_keys(established: Installation) -> None:
    """A shop that moves brings its numbers and keys along; `key add` prints the key and nothing else."""
    installation = established
    installation.run(
        "organization", "add", "--name", "Käserei", "--number", "11111", "--identifier", "kaese", "--account", "123",
        "--currency", "CHF", "--time-zone", "Europe/Zurich",
    )  # fmt: skip
    assert "11111" in installation.run("organization", "list")
    drawn = installation.run("key", "add", "--organization", "kaese", "--kind", "secret")
    assert re.fullmatch(r"sk_[0-9a-f]{48}\n", drawn)
    brought = "0123456789abcdef0123456789abcdef0123456789abcdef"
    assert installation.run("key", "add", "--account", "123", "--kind", "account", "--value", brought) == f"{brought}\n"
    listed = installation.run("key", "list")
    assert drawn.strip() not in listed
    assert brought not in listed
    assert "kaese" in listed
    with installation.serving() as (printed, address):
        assert keys_in(printed) == {}  # there is an organization already
        for key in (drawn.strip(), brought):
            response = httpx.post(
                f"{address}/graphql",
                json={"query": "{ organization { number currency } }"},
                headers={"Authorization": f"Bearer {key}"},
            )
            assert response.json() == {"data": {"organization": {"number": 11111, "currency": "CHF"}}}
    assert "revoked" in installation.run("key", "revoke", "1")
    assert "no working key 1" in installation.run("key", "revoke", "1", code=1)


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
def test_an_invalid_command_is_refused(established: Installation, words: str, says: str, code: int) -> None:
    """A wrong command is a sentence that names what is wrong, and an exit code."""
    assert says in established.run(*words.split(), code=code)


HEAVY = {"db", "resolvers", "schema.graphql", "schema.outgoing.letters", "fastapi", "strawberry", "tortoise", "uvicorn"}

SPEAK = """
import json, runpy, sys
for words in json.load(sys.stdin):
    sys.argv = ["main.py", *words]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        print(json.dumps([words, end.code, sorted(sys.modules)]), file=sys.stderr)
"""


def words(group: click.Command, *before: str) -> Iterator[list[str]]:
    """The words of every command, and of every group of them."""
    yield [*before]
    for name, command in getattr(group, "commands", {}).items():
        yield from words(command, *before, name)


def test_help_and_mistakes_wait_for_nothing() -> None:
    """What is only read about or mistyped imports neither the store nor the server, at any command."""
    every = list(words(typer.main.get_command(cli.app)))
    commands = [[*one, "--help"] for one in every] + [[*one, "--mistake"] for one in every]
    commands += [["nonsense"], ["key", "add", "--kind", "golden"], ["generate", "--style", "fancy", "--amount", "1"]]
    command = [sys.executable, "-c", SPEAK]
    done = subprocess.run(command, input=json.dumps(commands), cwd=ROOT, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("[[")]
    assert [words for words, _, _ in answers] == commands
    assert [(words, code) for words, code, _ in answers if code != (0 if "--help" in words else 2)] == []
    assert {name for _, _, loaded in answers for name in loaded} & HEAVY == set()


def test_the_command_line_knows_the_words_it_takes() -> None:
    """What it names itself, so as not to import the store for it, is what there is."""
    assert {name.upper() for name in cli.KINDS} == set(KeyKind.__members__)
    assert {name.upper() for name in generate.STYLES} == set(Style.__members__) - {"PATTERN"}
    assert cli_selftest.MIN_CLAIMS == selftest.MIN_CLAIMS


def test_an_invalid_database_address_is_refused(installation: Installation) -> None:
    """A database address of no known kind is an error in a sentence."""
    installation.environment["TESSERA_DATABASE_URL"] = "mysql://nowhere/x"
    assert "no database address" in installation.run("migrate", code=1)


def test_the_schema_is_printed(installation: Installation) -> None:
    """`schema` prints what is committed."""
    assert installation.run("schema") == (ROOT / "schema/graphql/schema.graphql").read_text(encoding="utf-8")


async def spoil(url: str) -> None:
    async with db.opened(url):
        await Promotion.all().update(claim_count=1)


def test_verify_says_where_counters_drift(established: Installation, database_url: str) -> None:
    """`verify` is content with a fresh store, and exits with 1 where a counter was spoiled."""
    established.run("organization", "add", "--name", "N", "--identifier", "n")
    assert "equals" in established.run("verify")
    asyncio.run(spoil(database_url))
    assert "n: promotion default: counts 1 claims, has 0" in established.run("verify", code=1)
