"""Making codes by the command line, and jobs that survive whoever works at them: real processes, killed for real."""

import asyncio
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import db
from db.enums import JobStatus
from db.models import Code, Job, Organization
from resolvers import listing
from tests.installation import Installation, wait_until_listening
from tests.make import NOW
from tests.postgres import free_port

MANY = 150_000


@pytest.fixture
def installation(tmp_path: Path, request: pytest.FixtureRequest) -> Installation:
    """An installation with an organization `n`, on SQLite unless the test asks for a database."""
    url = request.getfixturevalue("database_url") if "database_url" in request.fixturenames else None
    installation = Installation(tmp_path, url).with_store()
    installation.run("organization", "add", "--name", "N", "--identifier", "n")
    return installation


def read(installation: Installation, what: Any) -> Any:
    """What an awaitable of no arguments finds in the installation's database."""

    async def go() -> Any:
        async with db.opened(installation.environment["TESSERA_DATABASE_URL"]):
            return await what()

    return asyncio.run(go())


async def claimable() -> tuple[int, int, int, int]:
    """Codes there are, those of different texts, those that can be claimed, and how many the job tells of."""
    [organization] = await Organization.all()
    codes = listing.codes(organization.id, listing.CodeFilter(status=("CLAIMABLE",)), NOW)
    keys = await Code.all().values_list("text_key", flat=True)
    job = await Job.get_or_none()
    return len(keys), len(set(keys)), await codes.count(), job.done if job else 0


@pytest.mark.parametrize(
    ("words", "shape"),
    [
        ((), r"^[a-z]+-[a-z]+$"),
        (("--style", "alphanumeric", "--prefix", "vip-"), r"^vip-[a-z0-9]{6}$"),
        (("--style", "numeric"), r"^[0-9]{6}$"),
        (("--pattern", "AA-9999", "--promotion", "default"), r"^[A-Z]{2}-[0-9]{4}$"),
    ],
)
def test_a_few_codes_are_made_at_once(installation: Installation, words: tuple[str, ...], shape: str) -> None:
    """Of the style, pattern and prefix that were asked for; the only organization there is need not be named."""
    assert installation.run("generate", "--amount", "300", *words) == "300 codes made.\n"

    async def texts() -> Any:
        return await Code.all().values_list("text", flat=True)

    codes = read(installation, texts)
    assert len(codes) == len(set(codes)) == 300
    assert [text for text in codes if not re.match(shape, text)] == []


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        ("generate", "Give one of --amount and --resume.", 2),
        ("generate --amount 5 --resume 1", "Give one of --amount and --resume.", 2),
        ("generate --amount 5 --style fancy", "One of creative, alphanumeric, numeric.", 2),
        ("generate --amount -5", "error: amount: ", 1),
        ("generate --amount 11 --pattern X-9", "error: This format has 10 texts, 0 of them are taken", 1),
        ("generate --amount 5 --organization nobody", "error: organization: There is no organization 'nobody'.", 1),
        ("generate --amount 5 --promotion none", "error: There is no such promotion.", 1),
        ("generate --resume 9", "error: resume: There is no job 9.", 1),
    ],
)
def test_an_impossible_request_is_an_error_in_a_sentence(
    installation: Installation, words: str, says: str, code: int
) -> None:
    """A command that makes no sense ends with 2, one that can't be done with 1."""
    assert says in installation.run(*words.split(), code=code)


@pytest.mark.case("F17")
@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (("--pattern", "##"), "500 codes of 1,296: one in 3 guesses hits one."),
        (("--style", "numeric", "--prefix", "X-"), "500 codes of 1,000,000: one in 2,000 guesses hits one."),
        (("--pattern", "##########"), ""),
    ],
)
def test_codes_that_can_be_guessed_are_made_with_a_warning(
    installation: Installation, words: tuple[str, ...], warning: str
) -> None:
    """It says how guessable they are, on standard error, and nothing where they are not."""
    done = installation.start("generate", "--amount", "500", *words)
    out, err = done.communicate(timeout=60)
    assert (done.returncode, out) == (0, "500 codes made.\n")
    assert (f"Strangers can guess these. {warning}" in err) if warning else ("guess" not in err)


def test_several_organizations_want_to_be_named(installation: Installation) -> None:
    """Nobody's codes are made by mistake."""
    installation.run("organization", "add", "--name", "M", "--identifier", "m")
    assert "error: organization: Name one of the 2" in installation.run("generate", "--amount", "5", code=1)
    assert installation.run("generate", "--amount", "5", "--organization", "m") == "5 codes made.\n"


@pytest.mark.usefixtures("database_url")
def test_many_codes_are_made_while_progress_is_shown(installation: Installation) -> None:
    """More than one call makes are a job, which the command itself works at; it tells in lines how far it is."""
    process = installation.start("generate", "--amount", str(MANY), "--style", "alphanumeric")
    out, err = process.communicate(timeout=200)
    assert (process.returncode, out) == (0, f"{MANY:,} codes made.\n")
    counts = [int(line.split()[0].replace(",", "")) for line in err.splitlines()]
    assert len(counts) >= 3
    assert counts == sorted(counts)
    assert counts[-1] == MANY
    assert read(installation, claimable) == (MANY, MANY, MANY, MANY)


@pytest.mark.usefixtures("database_url")
def test_a_stopped_command_tells_how_it_goes_on(installation: Installation) -> None:
    """Ctrl-C leaves what is made, unclaimable, and says what to type."""
    process = installation.start("generate", "--amount", str(MANY))
    assert process.stderr
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert "`python main.py generate --resume 1`" in err
    made, different, can_be_claimed, done = read(installation, claimable)
    assert 0 < made == different == done < MANY
    assert can_be_claimed == 0
    assert installation.run("generate", "--resume", "1") == f"{MANY:,} codes made.\n"
    assert read(installation, claimable) == (MANY, MANY, MANY, MANY)


@contextmanager
def killable(installation: Installation) -> Iterator[tuple["subprocess.Popen[str]", httpx.Client]]:
    """A server, and who speaks to it; the server may be dead by the end."""
    port = free_port()
    process = installation.start("serve", "--create", "--port", str(port))
    try:
        for line in process.stderr or ():
            if "running on http" in line:
                break
        wait_until_listening(f"http://127.0.0.1:{port}")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate(timeout=30)


def job(client: httpx.Client, key: str) -> dict[str, Any]:
    """The only job, as it tells of itself."""
    query = {"query": "{ jobs { nodes { status total done } } }"}
    answer = client.post("/graphql", json=query, headers={"Authorization": f"Bearer {key}"}).json()
    [node] = answer["data"]["jobs"]["nodes"]
    return dict(node)


@pytest.mark.slow
@pytest.mark.usefixtures("database_url")
def test_a_job_survives_kill_9(installation: Installation) -> None:
    """A server is killed in the middle, the next one goes on: exactly as many codes, none claimable before the last."""
    key = installation.run("key", "add", "--organization", "n", "--kind", "secret").strip()
    mutation = f"mutation {{ generateCodes(input: {{ amount: {MANY} }}) {{ __typename }} }}"
    counts = []
    with killable(installation) as (process, client):
        client.post("/graphql", json={"query": mutation}, headers={"Authorization": f"Bearer {key}"})
        while not counts or counts[-1] < 20_000:
            counts.append(job(client, key)["done"])
            time.sleep(0.02)
        process.kill()
    made, different, can_be_claimed, done = read(installation, claimable)
    assert counts[-1] <= made == different == done < MANY
    assert can_be_claimed == 0
    with killable(installation) as (_, client):
        while (now := job(client, key))["status"] == JobStatus.RUNNING:
            counts.append(now["done"])
            time.sleep(0.05)
    assert now == {"status": "DONE", "total": MANY, "done": MANY}
    assert counts == sorted(counts)
    assert read(installation, claimable) == (MANY, MANY, MANY, MANY)
