"""The sender: what is queued arrives at a real mail server, once, whatever that server says at first."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from db import leases
from db.enums import DeliveryStatus
from db.models import Delivery, Organization
from resolvers import deliver, send, suppress
from resolvers.domain import params
from schema.outgoing import letters
from schema.outgoing.letters import compose, smtp
from schema.outgoing.letters.mailer import Mailer
from schema.outgoing.letters.sender import Sender
from tests import make, post_office
from tests.conftest import Clock
from tests.post_office import PostOffice


@pytest_asyncio.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with post_office.opened() as opened:
        yield opened


def connections(office: PostOffice, number: int = 4, query: str = "") -> list[Mailer]:
    server = smtp.read_url(f"smtp://127.0.0.1:{office.port}{query}")
    return [smtp.SmtpConnection(server) for _ in range(number)]


def sender_of(mailers: Sequence[Mailer], clock: Callable[[], datetime]) -> Sender:
    who = compose.FromAddress("", "codes@shop.example")
    return Sender(mailers, who, "https://codes.example", clock, asyncio.Event(), uuid4().hex)


async def queued(organization: Organization, *recipients: str, text: str = "HELLO-15", **more: Any) -> None:
    people = [params.Person(recipient) for recipient in recipients]
    await send.code(organization, text, people, None, more.get("resend", False), False, None, make.NOW)


def utc_now() -> datetime:
    return datetime.now(UTC)


async def states() -> list[tuple[str, DeliveryStatus, int, str | None]]:
    return [(row.recipient, row.status, row.attempts, row.last_error) for row in await Delivery.all().order_by("id")]


CROWD = [f"c{number}@example.com" for number in range(45)]


@pytest.mark.long
async def test_everybody_gets_their_letter_once(organization: Organization, office: PostOffice, clock: Clock) -> None:
    """A queue is sent batch by batch, over few connections that stay open from one to the next."""
    await make.code(organization)
    await queued(organization, *CROWD)
    sender = sender_of(connections(office), clock)
    taken = [await sender.send_batch() for _ in range(4)]
    assert taken == [(20, True), (20, True), (5, True), (0, True)]
    assert sorted(office.recipients) == sorted(CROWD)
    assert len({letter.id for letter in office.letters}) == len(CROWD)
    assert office.connections == 4
    assert set(await Delivery.all().values_list("status", "attempts", "sent_at", "due_at")) == {
        (DeliveryStatus.SENT, 1, make.NOW, None)
    }


async def test_what_is_not_now_is_later(organization: Organization, office: PostOffice, clock: Clock) -> None:
    """A 4xx is tried again when its time has come, and not before; the letter is the same one."""
    await make.code(organization)
    await queued(organization, "ada@example.com", "ben@example.com")
    office.answers["ada@example.com"] = ["451 4.7.1 Greylisted, come back"]
    sender = sender_of(connections(office), clock)
    assert await sender.send_batch() == (2, True)
    assert await states() == [
        ("ada@example.com", DeliveryStatus.QUEUED, 1, "451 4.7.1 Greylisted, come back"),
        ("ben@example.com", DeliveryStatus.SENT, 1, None),
    ]
    clock.advance(seconds=11)
    assert await sender.send_batch() == (0, True)
    clock.advance(seconds=8)
    assert await sender.send_batch() == (1, True)
    assert await states() == [
        ("ada@example.com", DeliveryStatus.SENT, 2, None),
        ("ben@example.com", DeliveryStatus.SENT, 1, None),
    ]
    assert office.recipients == ["ben@example.com", "ada@example.com"]


async def test_a_permanent_refusal_is_not_retried(organization: Organization, office: PostOffice, clock: Clock) -> None:
    """A 5xx for one recipient fails that letter at once, and no other."""
    await make.code(organization)
    await queued(organization, *CROWD[:5])
    office.answers[CROWD[2]] = ["550 5.1.1 Nobody here"] * 9
    sender = sender_of(connections(office, 1), clock)
    await sender.send_batch()
    assert (await states())[2] == (CROWD[2], DeliveryStatus.FAILED, 1, "550 5.1.1 Nobody here")
    assert office.recipients == [name for name in CROWD[:5] if name != CROWD[2]]
    clock.advance(days=2)
    assert await sender.send_batch() == (0, True)
    assert office.connections == 1


async def test_after_eight_tries_it_has_failed(organization: Organization, office: PostOffice, clock: Clock) -> None:
    """A letter that is put off again and again fails with the last thing that was said, after about a day."""
    await make.code(organization)
    await queued(organization, "ada@example.com")
    office.answers["ada@example.com"] = [f"450 4.2.0 Not now ({number})" for number in range(1, 20)]
    sender = sender_of(connections(office, 1), clock)
    for _ in range(deliver.MAX_ATTEMPTS):
        [row] = await Delivery.all()
        assert row.due_at is not None
        clock.now = row.due_at
        assert await sender.send_batch() == (1, True)
    assert await states() == [("ada@example.com", DeliveryStatus.FAILED, 8, "450 4.2.0 Not now (8)")]
    assert timedelta(hours=18) < clock.now - make.NOW < timedelta(hours=28)


async def test_nobody_is_written_to_against_their_will(
    organization: Organization, office: PostOffice, clock: Clock
) -> None:
    """Who wants no letters after theirs was queued gets none; the letter says why it failed, and counts no try."""
    await make.code(organization)
    await queued(organization, "ada@example.com", "ben@example.com")
    await suppress.recipient(organization, "ADA@example.com", make.NOW)
    await sender_of(connections(office), clock).send_batch()
    assert office.recipients == ["ben@example.com"]
    assert (await states())[0] == (
        "ada@example.com",
        DeliveryStatus.FAILED,
        0,
        "This recipient is suppressed: they get no more letters.",
    )


async def test_a_server_that_is_away(organization: Organization, clock: Clock) -> None:
    """While no letter can be handed over few are tried, and the others wait as they were; then all are sent."""
    await make.code(organization)
    await queued(organization, *CROWD)
    async with post_office.opened() as office:
        pass  # and gone again
    sender = sender_of(connections(office), clock)
    assert await sender.send_batch() == (20, False)
    tried = [row for row in await states() if row[2]]
    assert len(tried) == 4
    assert all(
        state is DeliveryStatus.QUEUED and f"127.0.0.1:{office.port}" in str(error) for _, state, _, error in tried
    )
    assert await Delivery.filter(status=DeliveryStatus.QUEUED).count() == len(CROWD)
    async with post_office.opened(office):
        clock.advance(minutes=1)
        while (await sender.send_batch())[0]:
            pass
        assert sorted(office.recipients) == sorted(CROWD)
    assert await Delivery.filter(status=DeliveryStatus.SENT).count() == len(CROWD)


async def test_two_senders_share_the_work(organization: Organization, office: PostOffice, clock: Clock) -> None:
    """However many take at once, nobody gets two letters."""
    await make.code(organization)
    await queued(organization, *CROWD)
    senders = [sender_of(connections(office, 2), clock) for _ in range(3)]

    async def work(sender: Sender) -> None:
        while (await sender.send_batch())[0]:
            pass

    await asyncio.gather(*(work(sender) for sender in senders))
    assert sorted(office.recipients) == sorted(CROWD)


async def test_what_was_taken_by_the_dead_is_taken_again(
    organization: Organization, office: PostOffice, clock: Clock
) -> None:
    """A letter whose taker never came back is nobody else's until the lease is over, and then is sent."""
    await make.code(organization)
    await queued(organization, "ada@example.com")
    await deliver.lease_due("dead", clock())
    sender = sender_of(connections(office), clock)
    clock.advance(seconds=29)
    assert await sender.send_batch() == (0, True)
    clock.advance(seconds=1)
    assert await sender.send_batch() == (1, True)
    assert await states() == [("ada@example.com", DeliveryStatus.SENT, 2, None)]


@pytest.mark.long
async def test_a_slow_server_gets_a_letter_once(
    organization: Organization, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a process lives its letter is nobody else's, though the mail server takes many leases' time for it."""
    monkeypatch.setattr(deliver, "LEASE", timedelta(seconds=1))
    monkeypatch.setattr("schema.outgoing.letters.sender.MIN_LEASE_SECONDS", 0)
    await make.code(organization)
    await queued(organization, "ada@example.com")
    office.seconds_a_letter = 2.5
    mailers = connections(office, 1), connections(office, 1)
    slow, other = (sender_of(mailer, utc_now) for mailer in mailers)
    sending = asyncio.create_task(slow.send_batch())
    while not await Delivery.filter(status=DeliveryStatus.SENDING).exists():
        await asyncio.sleep(0.01)
    while not sending.done():
        assert await other.send_batch() == (0, True)
        await asyncio.sleep(0.05)
    assert await sending == (1, True)
    assert office.recipients == ["ada@example.com"]
    assert await states() == [("ada@example.com", DeliveryStatus.SENT, 1, None)]


async def test_letters_that_another_process_has_are_left_to_it(
    organization: Organization, office: PostOffice, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """A process that was stopped for longer than its lease goes on with no letter, and records none."""
    monkeypatch.setattr(leases, "RENEWALS_PER_LEASE", 1_000)
    await make.code(organization)
    await queued(organization, "ada@example.com", "ben@example.com")
    office.seconds_a_letter = 60
    sending = asyncio.create_task(sender_of(connections(office, 1), clock).send_batch())
    while not await Delivery.filter(status=DeliveryStatus.SENDING).exists():
        await asyncio.sleep(0.01)
    await Delivery.all().update(worker="another")
    async with asyncio.timeout(10):
        await sending
    assert (
        await Delivery.all().values_list("worker", "status", "attempts") == [("another", DeliveryStatus.SENDING, 1)] * 2
    )
    assert office.letters == []


@asynccontextmanager
async def running(sender: Sender) -> AsyncIterator[None]:
    async with asyncio.timeout(40), sender.running():
        yield


@pytest.mark.long
async def test_it_wakes_when_a_letter_is_queued(organization: Organization, office: PostOffice, clock: Clock) -> None:
    """A letter is on its way well within a second of being queued, in this process at once."""
    await make.code(organization)
    queued_here = asyncio.Event()
    sender = Sender(
        connections(office),
        compose.FromAddress("", "codes@shop.example"),
        "https://codes.example",
        clock,
        queued_here,
        "w",
    )
    async with running(sender):
        await asyncio.sleep(0.1)
        await queued(organization, "ada@example.com")
        queued_here.set()
        await office.received(1, seconds=0.9)
        await queued(organization, "ben@example.com")  # as another process would
        await office.received(2, seconds=3)


@pytest.mark.long
async def test_it_stops_between_letters(organization: Organization, office: PostOffice, clock: Clock) -> None:
    """Told to stop, it finishes what is on its way and gives the rest back, untried and due at once."""
    await make.code(organization)
    await queued(organization, *CROWD)
    office.seconds_a_letter = 0.3
    async with running(sender_of(connections(office, 2), clock)):
        await office.received(2)
    sent = await Delivery.filter(status=DeliveryStatus.SENT).values_list("recipient", flat=True)
    assert sorted(office.recipients) == sorted(str(name) for name in sent)
    assert 2 <= len(sent) <= 6
    left = await Delivery.filter(status=DeliveryStatus.QUEUED, attempts=0, due_at__lte=clock())
    assert len(left) == len(CROWD) - len(sent)


@pytest.mark.long
async def test_a_server_that_never_answers(
    organization: Organization, office: PostOffice, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter that is not taken in time is broken off and tried again later; the others are given back."""
    monkeypatch.setattr("schema.outgoing.letters.sender.BATCH_SECONDS", 0.3)
    monkeypatch.setattr("schema.outgoing.letters.sender.LETTER_SECONDS", 0.2)
    await make.code(organization)
    await queued(organization, *CROWD[:3])
    office.seconds_a_letter = 60
    await sender_of(connections(office, 1), clock).send_batch()
    outcomes = await states()
    assert [(state, attempts) for _, state, attempts, _ in outcomes] == [
        (DeliveryStatus.QUEUED, 1),
        (DeliveryStatus.QUEUED, 0),
        (DeliveryStatus.QUEUED, 0),
    ]
    assert "broken off" in str(outcomes[0][3])


async def test_a_lease_that_is_nearly_over(
    organization: Organization, office: PostOffice, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Letters that the database took long to give are given back: another may have them before they were sent."""
    await make.code(organization)
    await queued(organization, "ada@example.com")
    take = deliver.lease_due

    async def slow(*args: Any) -> Any:
        batch = await take(*args)
        clock.advance(seconds=26)
        return batch

    monkeypatch.setattr(deliver, "lease_due", slow)
    await sender_of(connections(office), clock).send_batch()
    assert await states() == [("ada@example.com", DeliveryStatus.QUEUED, 0, None)]
    assert office.letters == []


@pytest.mark.long
async def test_the_database_may_be_away(
    organization: Organization, office: PostOffice, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What became of a letter is written down once the database is back; the letter is not sent again."""
    await make.code(organization)
    await queued(organization, "ada@example.com")
    record, failures = deliver.record, [OSError("the database is away")]

    async def unsteady(*args: Any) -> None:
        if failures:
            raise failures.pop()
        await record(*args)

    monkeypatch.setattr(deliver, "record", unsteady)
    await sender_of(connections(office), clock).send_batch()
    assert await states() == [("ada@example.com", DeliveryStatus.SENT, 1, None)]
    assert office.recipients == ["ada@example.com"]


@pytest.mark.long
async def test_it_goes_on_after_a_fault(
    organization: Organization, office: PostOffice, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue that can't be asked now is asked again."""
    await make.code(organization)
    await queued(organization, "ada@example.com")
    take, failures = deliver.lease_due, [OSError("the database is away")]

    async def unsteady(*args: Any) -> Any:
        if failures:
            raise failures.pop()
        return await take(*args)

    monkeypatch.setattr(deliver, "lease_due", unsteady)
    async with running(sender_of(connections(office), clock)):
        await office.received(1)


async def test_words_that_can_not_be_rendered_any_more(
    organization: Organization, office: PostOffice, clock: Clock
) -> None:
    """A letter that nothing can be made of fails with the reason, and takes no other along."""
    await make.code(organization)
    await make.promotion(organization, "BROKEN")
    await queued(organization, "ada@example.com", text="BROKEN")
    await queued(organization, "ben@example.com")
    broken = await Delivery.get(recipient="ada@example.com").select_related("code__promotion")
    broken.code.promotion.letter_body = "{{ gone.with_an_update }}"
    await broken.code.promotion.save()
    await sender_of(connections(office), clock).send_batch()
    assert office.recipients == ["ben@example.com"]
    [(_, state, _, error), _] = await states()
    assert state is DeliveryStatus.FAILED
    assert "gone" in str(error)


def test_without_a_server_there_is_an_outbox(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Where letters go is said when it is a folder, and warned of when a password may go in the clear."""
    with caplog.at_level("INFO", logger="tessera"):
        assert len(letters.mailers("", tmp_path)) == 1
        assert str(tmp_path) in caplog.text
        letters.mailers("smtps://ada:secret@mail.example", tmp_path)
        assert "in the clear" not in caplog.text
        letters.mailers("smtp://ada:secret@mail.example", tmp_path)
        assert "in the clear" in caplog.text
        assert "secret" not in caplog.text


async def test_an_outbox_that_can_not_be_written_to(organization: Organization, clock: Clock, tmp_path: Any) -> None:
    """A full or forbidden folder puts letters off, like a server that is away."""
    await make.code(organization)
    await queued(organization, "ada@example.com")
    (tmp_path / "outbox").write_text("a file, where the folder should be")
    sender = sender_of(letters.mailers("", tmp_path / "outbox"), clock)
    assert await sender.send_batch() == (1, False)
    assert (await states())[0][1:3] == (DeliveryStatus.QUEUED, 1)
