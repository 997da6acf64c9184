"""Real processes and a real mail server: what a kill costs, what several processes share, what a stop leaves."""

import asyncio
import re
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

import db
from db.enums import DeliveryStatus
from db.models import Delivery
from schema.outgoing import letters
from tests import post_office
from tests.graphql_client import GraphQLClient
from tests.installation import Installation, keys_in, wait_until_listening
from tests.post_office import PostOffice

pytestmark = pytest.mark.processes


@pytest.fixture
def installation(tmp_path: Path, bare_url: str) -> Installation:
    return Installation(tmp_path, bare_url)


@asynccontextmanager
async def serving(
    installation: Installation, *words: str
) -> AsyncIterator[tuple["subprocess.Popen[str]", str, dict[str, str]]]:
    """A server's process, its address, and the keys it printed; it is gone when the block ends."""
    process = installation.start("serve", "--create", "--port", "0", *words)
    try:
        address, keys = await asyncio.to_thread(_started, process)
        yield process, address, keys
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.communicate, timeout=30)


def _started(process: "subprocess.Popen[str]") -> tuple[str, dict[str, str]]:
    assert process.stdout
    assert process.stderr
    printed = ""
    while "Playground:" not in printed:
        printed += process.stdout.readline()
    for line in process.stderr:
        if match := re.search(r"running on (http://\S+)", line):
            wait_until_listening(match[1])
            return match[1], keys_in(printed)
    raise AssertionError(printed)


async def send(address: str, key: str, number: int) -> None:
    """A code for that many people."""
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        graphql = GraphQLClient(client, key)
        input = {"name": "Spring", "codes": ["HELLO-15"]}
        assert (await graphql.mutate("createPromotion", "", input))["__typename"] == "PromotionChanged"
        people = [{"email": f"c{n}@example.com", "firstName": "Ada"} for n in range(number)]
        answer = await graphql.mutate(
            "sendCode", "... on CodeSent { queued }", {"text": "HELLO-15", "recipients": people}
        )
        assert answer["queued"] == number


async def all_sent(url: str) -> dict[DeliveryStatus, int]:
    """How many letters are in each state, once none is on its way any more."""
    async with db.opened(url), asyncio.timeout(30):
        while await Delivery.filter(due_at__isnull=False).exists():
            await asyncio.sleep(0.05)
        return dict(Counter([row.status for row in await Delivery.all()]))


@pytest.mark.slow
async def test_a_kill_loses_no_letter(installation: Installation) -> None:
    """Of 1,000 letters none is lost to `kill -9`; those in flight, 20 at most, may come twice and say so."""
    url = installation.environment["TESSERA_DATABASE_URL"]
    async with post_office.opened() as office:
        installation.environment["TESSERA_SMTP_URL"] = f"smtp://127.0.0.1:{office.port}"
        async with serving(installation) as (process, address, keys):
            await send(address, keys["SECRET"], 1_000)
            await office.received(300, seconds=60)
            process.kill()
            await asyncio.to_thread(process.wait)
        before = len(office.letters)
        assert before < 1_000
        async with db.opened(url):  # the dead process's lease runs out, for which we don't wait
            abandoned = await Delivery.filter(status=DeliveryStatus.SENDING)
            for row in abandoned:
                assert row.leased_until
                await Delivery.filter(id=row.id).update(leased_until=row.leased_until - timedelta(seconds=30))
        assert len(abandoned) <= 20
        async with serving(installation):
            assert await all_sent(url) == {DeliveryStatus.SENT: 1_000}
    assert set(office.recipients) == {f"c{n}@example.com" for n in range(1_000)}
    assert len(office.letters) - 1_000 <= 20
    assert len({letter.id for letter in office.letters}) == 1_000
    assert len({(letter.id, letter.recipient) for letter in office.letters}) == 1_000


async def test_several_processes_share_the_work(installation: Installation) -> None:
    """With two workers every letter is sent once, by one of them."""
    url = installation.environment["TESSERA_DATABASE_URL"]
    office = PostOffice()
    office.seconds_a_letter = 0.02
    async with post_office.opened(office):
        installation.environment["TESSERA_SMTP_URL"] = f"smtp://127.0.0.1:{office.port}"
        async with serving(installation, "--workers", "2") as (_, address, keys):
            await send(address, keys["SECRET"], 300)
            assert await all_sent(url) == {DeliveryStatus.SENT: 300}
    assert len(office.letters) == len(set(office.recipients)) == 300
    assert office.connections > letters.MAX_CONNECTIONS


async def test_a_stop_leaves_nothing_in_the_air(installation: Installation) -> None:
    """Told to stop in the middle, a process finishes what it had begun and gives the rest back for the next one."""
    url = installation.environment["TESSERA_DATABASE_URL"]
    office = PostOffice()
    office.seconds_a_letter = 0.1
    async with post_office.opened(office):
        installation.environment["TESSERA_SMTP_URL"] = f"smtp://127.0.0.1:{office.port}"
        async with serving(installation) as (_, address, keys):
            await send(address, keys["SECRET"], 100)
            await office.received(10)
        async with db.opened(url):
            assert await Delivery.filter(status=DeliveryStatus.SENDING).count() == 0
            assert await Delivery.filter(status=DeliveryStatus.SENT).count() == len(office.letters) < 100
        office.seconds_a_letter = 0
        async with serving(installation):
            assert await all_sent(url) == {DeliveryStatus.SENT: 100}
    assert len(office.letters) == len(set(office.recipients)) == 100


async def test_a_newcomer_finds_the_letter_in_a_file(installation: Installation) -> None:
    """Without a mail server the letter is a file below ./outbox, within a moment."""
    async with serving(installation) as (_, address, keys):
        await send(address, keys["SECRET"], 1)
        async with asyncio.timeout(10):
            while not list(installation.folder.glob("outbox/*.eml")):
                await asyncio.sleep(0.05)
    [file] = installation.folder.glob("outbox/*")
    assert file.name == "0000001-c0@example.com.eml"
    assert b"HELLO-15" in file.read_bytes()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TESSERA_SMTP_URL", "mail.example", "smtp://host:25"),
        ("TESSERA_SMTP_URL", "smtp://ada:s3cret@mail.example?starttls=maybe", "starttls is auto, require or never"),
        ("TESSERA_MAIL_FROM", "Shop", "codes@shop.example"),
    ],
)
def test_invalid_settings_are_refused(tmp_path: Path, name: str, value: str, says: str) -> None:
    """A setting that letters could not be sent with ends the start with a sentence, and tells no password."""
    installation = Installation(tmp_path)
    installation.environment[name] = value
    output = installation.run("serve", code=1)
    assert output.startswith(f"error: {name}: ")
    assert says in output
    assert "s3cret" not in output


def test_the_command_line_shows_letters(installation: Installation) -> None:
    """`deliveries` shows what became of letters, `--failed` those that failed, `--retry` queues them once more."""
    installation.with_store().run("organization", "add", "--name", "N", "--identifier", "n")

    async def fail() -> None:
        from db.models import Organization
        from resolvers import send as sending
        from resolvers.domain import params
        from tests import make

        async with db.opened(installation.environment["TESSERA_DATABASE_URL"]):
            organization = await Organization.get()
            await make.promotion(organization, "HELLO-15")
            people = [params.Person("ada@example.com"), params.Person("ben@example.com")]
            await sending.code(organization, "HELLO-15", people, None, False, False, None, make.NOW)
            failed = Delivery.filter(recipient="ada@example.com")
            await failed.update(status=DeliveryStatus.FAILED, attempts=1, due_at=None, last_error="550 [1.2.3.4] no")

    assert installation.run("deliveries").strip() == "0 queued, 0 sending, 0 sent, 0 failed"
    asyncio.run(fail())
    shown = installation.run("deliveries")
    assert "ada@example.com" in shown
    assert "ben@example.com" in shown
    assert "1 queued, 0 sending, 0 sent, 1 failed" in shown
    failed = installation.run("deliveries", "--failed", "--organization", "n")
    assert "550 [1.2.3.4] no" in failed
    assert "ben@example.com" not in failed
    assert "1 queued once more." in installation.run("deliveries", "--failed", "--retry")
    assert "2 queued, 0 sending, 0 sent, 0 failed" in installation.run("deliveries")
    assert "there is no organization 'nope'" in installation.run("deliveries", "--organization", "nope", code=1).lower()
