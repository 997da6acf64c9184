"""Sending: one letter a recipient, and nobody is written to twice unless that is asked for."""

from datetime import timedelta
from typing import Any

import pytest

from db.enums import DeliveryStatus
from db.models import Delivery, Organization
from resolvers import delete, send
from resolvers.domain import params
from resolvers.domain.refusals import IdempotencyMismatch, InvalidInput, UnknownCode
from resolvers.send import SendResult
from tests import make
from tests.make import NOW
from tests.resolvers.refused import everything, refused

ADA, BEN = params.Person("ada@example.com", "Ada"), params.Person("ben@example.com")


async def sent(organization: Organization, *people: params.Person, **more: Any) -> SendResult:
    args = {"message": None, "resend": False, "dry_run": False, "idempotency_key": None, "now": NOW, **more}
    return await send.code(
        organization, more.pop("text", "HELLO-15"), people, **{k: args[k] for k in args if k != "text"}
    )


def summary(answer: SendResult) -> tuple[list[str], int, int, int]:
    letters = [letter.recipient for letter in answer.deliveries]
    return letters, answer.received, answer.queued, answer.already_sent


async def test_each_recipient_gets_one_letter(organization: Organization) -> None:
    """A letter is queued for each, with names and message; an address named twice counts once."""
    code = await make.code(organization)
    answer = await sent(organization, ADA, BEN, params.Person("ADA@Example.com"), message=" For you ")
    assert summary(answer) == (["ada@example.com", "ben@example.com"], 2, 2, 0)
    rows = await Delivery.all().order_by("id")
    assert [(row.recipient, row.first_name, row.message) for row in rows] == [
        ("ada@example.com", "Ada", "For you"),
        ("ben@example.com", None, "For you"),
    ]
    assert {(row.code_id, row.status, row.attempts, row.created_at) for row in rows} == {
        (code.id, DeliveryStatus.QUEUED, 0, NOW)
    }


async def test_nobody_is_written_to_twice(organization: Organization) -> None:
    """Who has the letter, or is about to, is told of as already sent."""
    await make.code(organization)
    await sent(organization, ADA)
    assert summary(await sent(organization, params.Person("ADA@example.com"), BEN)) == (["ben@example.com"], 2, 1, 1)
    before = await everything()
    assert summary(await sent(organization, ADA, BEN)) == ([], 2, 0, 2)
    assert await everything() == before


async def test_another_code_is_another_letter(organization: Organization) -> None:
    """Having been sent one code does not keep anybody from another."""
    await make.promotion(organization, "A1", "A2")
    await sent(organization, ADA, text="A1")
    assert summary(await sent(organization, ADA, text="A2")) == (["ada@example.com"], 1, 1, 0)


@pytest.mark.parametrize("seconds", [0, 1])
async def test_resending_is_asked_for(organization: Organization, seconds: int) -> None:
    """With `resend` each recipient gets one more letter, and the answer tells of the new ones only."""
    await make.code(organization)
    first = await sent(organization, ADA)
    again = await sent(organization, ADA, resend=True, now=NOW + timedelta(seconds=seconds))
    assert summary(again) == (["ada@example.com"], 1, 1, 0)
    assert again.deliveries[0].id != first.deliveries[0].id
    assert await Delivery.all().count() == 2


async def test_a_failed_letter_is_no_letter(organization: Organization) -> None:
    """Whom a letter did not reach is written to again without being asked twice."""
    await make.code(organization)
    await sent(organization, ADA)
    await Delivery.all().update(status=DeliveryStatus.FAILED)
    assert summary(await sent(organization, ADA, now=NOW + timedelta(seconds=1))) == (["ada@example.com"], 1, 1, 0)


async def test_a_dry_run_writes_to_nobody(organization: Organization) -> None:
    """A dry run tells who would be written to, and changes nothing."""
    await make.code(organization)
    await sent(organization, ADA)
    before = await everything()
    answer = await sent(organization, ADA, BEN, dry_run=True, idempotency_key="K")
    assert summary(answer) == (["ben@example.com"], 2, 1, 1)
    assert answer.dry_run
    assert await everything() == before


async def test_a_key_gives_back_the_same_letters(organization: Organization) -> None:
    """A retry queues nothing more, resend or not; another call with the key is a mismatch."""
    await make.code(organization)
    await sent(organization, ADA)
    first = await sent(organization, ADA, BEN, idempotency_key="K")
    before = await everything()
    again = await sent(organization, ADA, BEN, idempotency_key="K")
    assert [letter.id for letter in again.deliveries] == [letter.id for letter in first.deliveries]
    assert summary(again) == summary(first) == (["ben@example.com"], 2, 1, 1)
    assert await everything() == before
    async with refused(IdempotencyMismatch):
        await sent(organization, ADA, idempotency_key="K")
    await delete.code(organization, "HELLO-15", dry_run=False)
    async with refused(IdempotencyMismatch):
        await sent(organization, ADA, BEN, idempotency_key="K")


async def test_what_can_not_be_sent_is_refused(organization: Organization) -> None:
    """No recipient, too many, an impossible address or an endless message queue nothing."""
    await make.code(organization)
    crowd = [params.Person(f"c{number}@example.com") for number in range(10_001)]
    for people, args, path in (
        ([], {}, ("recipients",)),
        (crowd, {}, ("recipients",)),
        ([ADA, params.Person("ben")], {}, ("recipients", "1", "email")),
        ([ADA], {"message": "x" * 10_001}, ("message",)),
    ):
        for dry_run in (False, True):
            async with refused(InvalidInput) as no:
                await sent(organization, *people, dry_run=dry_run, **args)
            assert no.value.path == path
    for dry_run in (False, True):
        async with refused(UnknownCode):
            await sent(organization, ADA, text="NOPE", dry_run=dry_run)


@pytest.mark.long
async def test_ten_thousand_are_written_to_in_one_call(organization: Organization) -> None:
    """As many recipients as are allowed get their letters at once."""
    await make.code(organization)
    crowd = [params.Person(f"c{number}@example.com") for number in range(10_000)]
    answer = await sent(organization, *crowd)
    assert (len(answer.deliveries), answer.queued, await Delivery.all().count()) == (10_000, 10_000, 10_000)
