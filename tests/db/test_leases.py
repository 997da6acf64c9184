"""Leases: a row is one worker's until its lease ends, which a heartbeat renews while the work goes on.

The same laws hold for every table that is leased.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from tortoise.models import Model
from tortoise.transactions import in_transaction

from db import leases
from db.enums import DeliveryStatus
from db.leases import LeaseLost, LeaseQueue
from db.models import Delivery, Job, Organization
from db.queries import deliveries, jobs
from tests import make
from tests.conftest import Clock
from tests.make import NOW

LONG, SHORT = timedelta(seconds=30), timedelta(seconds=0.05)


@pytest.fixture(autouse=True)
def quick_renewals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand renewals in a lease's length."""
    monkeypatch.setattr(leases, "RENEWALS_PER_LEASE", 1_000)


def answering(*answers: bool | Exception) -> tuple[Callable[[], Awaitable[bool]], asyncio.Event]:
    """A `renew` that returns or raises these, and an event that is set at the last of them."""
    left, last = list(answers), asyncio.Event()

    async def renew() -> bool:
        answer = left.pop(0)
        if not left:
            last.set()
            left.append(True)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return renew, last


async def test_a_lease_is_renewed_while_the_work_goes_on() -> None:
    """Renewals go on beside the work, those that fail included, and end with it."""
    renew, last = answering(True, OSError("away"), True, True)
    async with leases.heartbeat(LONG, renew):
        await last.wait()
    assert {task.get_coro().__name__ for task in asyncio.all_tasks()}.isdisjoint({"_renew_until_lost"})  # type: ignore[union-attr]


async def test_a_lease_that_another_worker_has_ends_the_work() -> None:
    """The work is cancelled where it is, and does no more."""
    renew, _ = answering(True, False)
    with pytest.raises(LeaseLost):
        async with leases.heartbeat(LONG, renew):
            await asyncio.Event().wait()


async def test_a_lease_that_cannot_be_renewed_is_over() -> None:
    """A worker without the database can't know whether it has the row any more."""

    async def renew() -> bool:
        raise OSError("away")

    with pytest.raises(LeaseLost):
        async with leases.heartbeat(SHORT, renew):
            await asyncio.Event().wait()


@pytest.mark.parametrize("fault", [ValueError, TimeoutError, LeaseLost])
async def test_what_the_work_raises_is_raised(fault: type[Exception]) -> None:
    """A fault of the work is its own, a time-out too."""
    renew, _ = answering(True)
    with pytest.raises(fault, match="its own"):
        async with leases.heartbeat(LONG, renew):
            raise fault("its own")


async def test_a_lease_that_was_slow_to_come_is_renewed_sooner() -> None:
    """The first renewal counts from the lease's beginning; one that is over is not worked under."""
    renew, last = answering(True)
    async with leases.heartbeat(timedelta(days=999), renew, remaining=timedelta(days=998)), asyncio.timeout(5):
        await last.wait()
    with pytest.raises(LeaseLost):
        async with leases.heartbeat(LONG, renew, remaining=timedelta(seconds=-1)):
            await asyncio.Event().wait()


# ------------------------------------------------------------------ queues


class Leased(NamedTuple):
    """A queue under test: how to add rows to it, and how to finish them."""

    queue: LeaseQueue[Any]
    add: Callable[[Organization, Sequence[datetime]], Awaitable[None]]
    finished: dict[str, object]


async def add_jobs(organization: Organization, due: Sequence[datetime]) -> None:
    for at in due:
        await Job.create(
            organization_id=organization.id,
            promotion_id=1,
            style="PATTERN",
            pattern="X-9",
            prefix="",
            needs_activation=False,
            total=1,
            created_at=at,
        )


async def add_letters(organization: Organization, due: Sequence[datetime]) -> None:
    code = await make.code(organization)
    for number, at in enumerate(due):
        await Delivery.create(
            organization_id=organization.id,
            code_id=code.id,
            recipient=f"c{number}@example.com",
            recipient_key=f"c{number}@example.com",
            due_at=at,
            created_at=NOW,
        )


QUEUES = {
    "jobs": Leased(jobs.QUEUE, add_jobs, {"finished_at": NOW}),
    "letters": Leased(deliveries.QUEUE, add_letters, {"status": DeliveryStatus.SENT, "due_at": None}),
}
LENGTH = timedelta(seconds=10)


@pytest.fixture(params=QUEUES)
def leased(request: pytest.FixtureRequest) -> Leased:
    return QUEUES[request.param]


async def ids_of(model: type[Model]) -> list[int]:
    return [int(row.pk) for row in await model.all().order_by("id")]


async def test_two_workers_never_hold_one_row(organization: Organization, leased: Leased) -> None:
    """However many take at the same time, each row is one worker's, and none is left."""
    await leased.add(organization, [NOW] * 50)

    async def take_all(worker: str) -> list[int]:
        taken = []
        while ids := await leased.queue.take(3, worker, NOW, LENGTH):
            assert len(ids) <= 3
            assert await leased.queue.held(ids, worker).count() == len(ids)
            taken += ids
        return taken

    taken = await asyncio.gather(*(take_all(f"worker {number}") for number in range(5)))
    assert sorted(id for ids in taken for id in ids) == await ids_of(leased.queue.model)
    for number, ids in enumerate(taken):
        assert await leased.queue.model.filter(worker=f"worker {number}").count() == len(ids)
    assert await leased.queue.available(NOW, 1) == []


async def test_workers_do_not_wait_for_each_other(organization: Organization, leased: Leased) -> None:
    """A transaction that has taken rows and not committed keeps no other from taking the next ones on PostgreSQL."""
    await leased.add(organization, [NOW] * 4)
    async with in_transaction() as connection:
        first = await leased.queue.take(2, "one", NOW, LENGTH)
        if connection.capabilities.dialect == "postgres":
            async with asyncio.timeout(10):
                second = await asyncio.create_task(leased.queue.take(4, "two", NOW, LENGTH), context=Context())
    if connection.capabilities.dialect == "sqlite":
        second = await leased.queue.take(4, "two", NOW, LENGTH)
    assert (len(first), len(second)) == (2, 2)
    assert sorted(first + second) == await ids_of(leased.queue.model)


async def test_the_first_in_order_are_taken(organization: Organization, leased: Leased) -> None:
    """Due rows in the queue's order, as they are shown by `available`; no more than asked for."""
    await leased.add(organization, [NOW + timedelta(seconds=number) for number in (1, 2, 3, 4, 5)])
    now = NOW + timedelta(seconds=5)
    ids = await ids_of(leased.queue.model)
    assert await leased.queue.available(now, 3) == ids[:3]
    assert sorted(await leased.queue.take(2, "one", now, LENGTH)) == ids[:2]
    assert await leased.queue.available(now, 9) == ids[2:]
    assert await leased.queue.available(now, 9, "one") == ids
    assert sorted(await leased.queue.take(9, "two", now, LENGTH)) == ids[2:]


async def test_death_frees_a_row(organization: Organization, leased: Leased) -> None:
    """A worker that renews nothing loses its row when its lease ends, to the instant; another takes it."""
    await leased.add(organization, [NOW])
    [id] = await leased.queue.take(1, "dead", NOW, LENGTH)
    almost = NOW + LENGTH - timedelta(microseconds=1)
    assert await leased.queue.take(1, "two", almost, LENGTH) == []
    assert not await leased.queue.take_one(id, "two", almost, LENGTH)
    assert await leased.queue.available(almost, 1) == []
    assert await leased.queue.available(NOW + LENGTH, 1) == [id]
    assert await leased.queue.take(1, "two", NOW + LENGTH, LENGTH) == [id]
    row = await leased.queue.model.get()
    assert (row.worker, row.leased_until) == ("two", NOW + 2 * LENGTH)


async def test_one_row_is_taken_again_by_its_worker(organization: Organization, leased: Leased) -> None:
    """Taking a row by its id is repeatable for its worker, and for no other while the lease lasts."""
    await leased.add(organization, [NOW, NOW])
    first, second = await ids_of(leased.queue.model)
    assert await leased.queue.take_one(second, "one", NOW, LENGTH)
    assert await leased.queue.take_one(second, "one", NOW, LENGTH)
    assert not await leased.queue.take_one(second, "two", NOW, LENGTH)
    assert await leased.queue.take(2, "one", NOW, LENGTH) == [first]


async def test_a_fence_refuses_late_writes(organization: Organization, leased: Leased) -> None:
    """Who comes back when another has the row can neither write, lock, renew nor release it."""
    await leased.add(organization, [NOW])
    [id] = await leased.queue.take(1, "late", NOW, LENGTH)
    now = NOW + LENGTH
    assert await leased.queue.held([id], "late").count() == 1  # nobody has taken it yet
    await leased.queue.take(1, "two", now, LENGTH)
    before = await leased.queue.model.get()
    assert await leased.queue.held([id], "late").update(**leased.finished) == 0
    assert await leased.queue.renew([id], "late", now + 9 * LENGTH) == 0
    assert await leased.queue.lock(id, "late", now + 9 * LENGTH) is None
    await leased.queue.release("late", now)
    assert dict(await leased.queue.model.get()) == dict(before)
    locked = await leased.queue.lock(id, "two", now + 2 * LENGTH)
    assert (locked.id, locked.leased_until) == (id, now + 2 * LENGTH)
    assert await leased.queue.held([id], "two").update(**leased.finished) == 1


async def test_a_finished_row_is_nobodys(organization: Organization, leased: Leased) -> None:
    """It is not due, not held and not renewed, also by the worker that finished it."""
    await leased.add(organization, [NOW])
    [id] = await leased.queue.take(1, "one", NOW, LENGTH)
    await leased.queue.held([id], "one").update(**leased.finished)
    assert await leased.queue.renew([id], "one", NOW + LENGTH) == 0
    assert await leased.queue.lock(id, "one", NOW + LENGTH) is None
    assert not await leased.queue.take_one(id, "one", NOW + LENGTH, LENGTH)
    assert await leased.queue.available(NOW + LENGTH, 1, "one") == []
    before = await leased.queue.model.get()
    await leased.queue.release("one", NOW)
    assert dict(await leased.queue.model.get()) == dict(before)


async def test_released_rows_are_free_at_once(organization: Organization, leased: Leased) -> None:
    """A worker that stops need not be waited for; the rows of others stay theirs."""
    await leased.add(organization, [NOW] * 3)
    released = await leased.queue.take(2, "one", NOW, LENGTH)
    [kept] = await leased.queue.take(1, "two", NOW, LENGTH)
    await leased.queue.release("one", NOW)
    assert await leased.queue.held(released, "one").count() == 0
    assert await leased.queue.held([kept], "two").count() == 1
    assert sorted(await leased.queue.take(9, "three", NOW, LENGTH)) == sorted(released)


async def test_a_heartbeat_keeps_rows(organization: Organization, leased: Leased, clock: Clock) -> None:
    """For many times their lease's length nobody else gets rows whose worker lives; then they are free."""
    await leased.add(organization, [NOW] * 2)
    ids = await leased.queue.take(2, "one", clock(), LENGTH)
    async with leased.queue.heartbeat(ids, "one", LENGTH, clock), asyncio.timeout(20):
        for _ in range(5):
            end = max(row.leased_until for row in await leased.queue.model.all())
            clock.now = end - timedelta(seconds=1)
            assert await leased.queue.take(2, "two", clock(), LENGTH) == []
            while await leased.queue.model.filter(leased_until=end).exists():
                await asyncio.sleep(0.001)
    assert clock() - NOW > 3 * LENGTH
    assert sorted(await leased.queue.take(2, "two", clock() + LENGTH, LENGTH)) == sorted(ids)


async def test_a_heartbeat_ends_work_on_rows_that_another_has(
    organization: Organization, leased: Leased, clock: Clock
) -> None:
    """The work is cancelled when none of its rows is held any more, and not while one is."""
    await leased.add(organization, [NOW] * 2)
    ids = await leased.queue.take(2, "one", NOW, LENGTH)
    await leased.queue.held(ids[:1], "one").update(worker="two")
    async with leased.queue.heartbeat(ids, "one", LENGTH, clock):
        await asyncio.sleep(0.1)
    await leased.queue.held(ids, "one").update(**leased.finished)
    with pytest.raises(LeaseLost):
        async with leased.queue.heartbeat(ids, "one", LENGTH, clock), asyncio.timeout(20):
            await asyncio.Event().wait()


async def test_letters_are_taken_when_they_are_due(organization: Organization) -> None:
    """Not before; of those that are due the one that is due longest comes first, whatever its id."""
    await add_letters(organization, [NOW + timedelta(seconds=number) for number in (3, 1, 2)])
    third, first, second = await ids_of(Delivery)
    assert await deliveries.QUEUE.available(NOW, 9) == []
    assert await deliveries.QUEUE.take(1, "one", NOW + timedelta(seconds=2), LENGTH) == [first]
    assert await deliveries.QUEUE.take(9, "one", NOW + timedelta(seconds=2), LENGTH) == [second]
    assert await deliveries.QUEUE.available(NOW + timedelta(seconds=3), 9) == [third]
    assert [row.attempts for row in await Delivery.all().order_by("id")] == [0, 1, 1]
