"""Leases: renewed by a heartbeat while work goes on, and lost at once when another worker has the row."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from db import leases
from db.leases import LeaseLost

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
