"""Delivering: who has a letter, for how long, and what is written down of it."""

import asyncio
import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import db
from db.enums import DeliveryStatus
from db.models import Delivery, Organization
from resolvers import deliver, send
from resolvers.deliver import Outcome, OutcomeKind
from resolvers.domain import params
from tests import make
from tests.make import NOW

ROOT = Path(__file__).parents[2]
SENT, PUT_OFF = Outcome(OutcomeKind.SENT), Outcome(OutcomeKind.RETRY_LATER, "451 Later")


async def queue(organization: Organization, number: int, now: datetime = NOW) -> None:
    people = [params.Person(f"c{n}@example.com") for n in range(number)]
    await send.code(organization, "HELLO-15", people, None, True, False, None, now)


async def test_a_batch_is_what_is_due_longest(organization: Organization) -> None:
    """At most twenty, the oldest first, none of them twice; what is not due yet is left."""
    await make.code(organization)
    await queue(organization, 25)
    await queue(organization, 1, NOW + timedelta(hours=1))
    first, second, third = [await deliver.lease_due("one", NOW + timedelta(seconds=number)) for number in range(3)]
    assert [len(batch.letters) for batch in (first, second, third)] == [20, 5, 0]
    ids = [letter.id for batch in (first, second) for letter in batch.letters]
    assert ids == sorted(set(ids))
    assert (first.letters[0].code.promotion.name, first.letters[0].organization.identifier) == ("Spring sale", "demo")
    assert await deliver.are_due(NOW + timedelta(minutes=1))
    assert not await deliver.are_due(NOW - timedelta(seconds=1))


async def test_the_late_have_no_say(organization: Organization) -> None:
    """Whoever comes back after the lease, when another has taken the letter, changes nothing."""
    await make.code(organization)
    await queue(organization, 1)
    late = await deliver.lease_due("late", NOW)
    again = await deliver.lease_due("again", NOW + deliver.LEASE)
    [letter] = again.letters
    await deliver.record(late, {letter.id: Outcome(OutcomeKind.REFUSED, "550 No")}, NOW + deliver.LEASE)
    row = await Delivery.get()
    assert (row.status, row.attempts, row.last_error) == (DeliveryStatus.SENDING, 2, None)
    await deliver.record(again, {letter.id: SENT}, NOW + deliver.LEASE)
    await deliver.record(late, {letter.id: PUT_OFF}, NOW + deliver.LEASE)
    row = await Delivery.get()
    assert (row.status, row.sent_at, row.due_at) == (DeliveryStatus.SENT, NOW + deliver.LEASE, None)


async def test_what_kills_its_sender_is_given_up(organization: Organization) -> None:
    """A letter that eight processes took and never came back with is not given to a ninth."""
    await make.code(organization)
    await queue(organization, 1)
    now = NOW
    for number in range(deliver.MAX_ATTEMPTS):
        assert len((await deliver.lease_due(str(number), now)).letters) == 1
        now += deliver.LEASE
    assert (await deliver.lease_due("ninth", now)).letters == []
    row = await Delivery.get()
    assert (row.status, row.due_at) == (DeliveryStatus.FAILED, None)
    assert "died" in str(row.last_error)


@pytest.mark.parametrize("attempts", range(1, deliver.MAX_ATTEMPTS))
def test_waits_grow_and_differ(attempts: int) -> None:
    """Each wait is four times the one before, a fifth more or less, so that letters don't come back all at once."""
    waits = {deliver.retry_delay(attempts) for _ in range(200)}
    middle = deliver.FIRST_RETRY_DELAY * 4 ** (attempts - 1)
    assert 0.8 * middle <= min(waits) < 0.9 * middle
    assert 1.1 * middle < max(waits) <= 1.2 * middle


def test_all_waits_are_about_a_day() -> None:
    """Eight tries are over after some 23 hours."""
    middles = [deliver.FIRST_RETRY_DELAY * 4**number for number in range(deliver.MAX_ATTEMPTS - 1)]
    assert timedelta(hours=22) < sum(middles, timedelta()) < timedelta(hours=25)


TAKER = """
import asyncio, json, os, sys
import db
from resolvers import deliver
from resolvers.deliver import Outcome, OutcomeKind
from tests.make import NOW

async def main():
    taken = []
    async with db.opened(sys.argv[1]):
        print("ready", flush=True)
        sys.stdin.readline()
        while True:
            batch = await deliver.lease_due(str(os.getpid()), NOW)
            if not batch.letters:
                break
            taken += [letter.id for letter in batch.letters]
            await deliver.record(batch, {letter.id: Outcome(OutcomeKind.SENT) for letter in batch.letters}, NOW)
    print(json.dumps(taken))

asyncio.run(main())
"""


@pytest.mark.processes
async def test_no_letter_is_taken_twice(database_url: str) -> None:
    """Three processes that take from one queue as fast as they can share it, and leave nothing."""
    async with db.opened(database_url):
        await make.code(await make.organization())
        await queue(await Organization.get(), 300)
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, database_url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    try:
        for taker in takers:
            assert taker.stdout
            assert await asyncio.to_thread(taker.stdout.readline) == "ready\n"
        outputs = await asyncio.gather(*(asyncio.to_thread(taker.communicate, "go\n", 60) for taker in takers))
    finally:
        for taker in takers:
            taker.kill()
            taker.wait()
    taken = [number for out, _ in outputs for number in json.loads(out)]
    assert len(taken) == len(set(taken)) == 300
    async with db.opened(database_url):
        assert await Delivery.filter(status=DeliveryStatus.SENT, attempts=1).count() == 300
