"""Batches: queued requests are the next batch, one alone is processed at once, a fault is its own request's."""

import asyncio
from collections.abc import Sequence

import pytest

from db import batching
from db import errors as db_errors
from db.batching import Batcher


class Doubler:
    """Processes numbers by doubling them, one batch for each `release`; `batches` are those that have begun."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Semaphore(0)
        self.wrong: dict[int, Exception] = {}

    async def process(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(numbers))
        await self.go.acquire()
        for number in numbers:
            if number in self.wrong:
                raise self.wrong[number]
        return [ValueError(str(number)) if number < 0 else 2 * number for number in numbers]

    def release(self, batches: int) -> None:
        for _ in range(batches):
            self.go.release()


async def run_tasks() -> None:
    """Let every task run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def submit(batcher: Batcher[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(batcher.submit(number)) for number in numbers]


async def test_one_request_alone_is_a_batch_of_one() -> None:
    """No timer waits for more requests."""
    doubler = Doubler()
    doubler.release(1)
    assert await Batcher(doubler.process).submit(4) == 8
    assert doubler.batches == [[4]]


async def submit_after(batcher: Batcher[int, int], number: int, ticks: int) -> int:
    """Submit a number after so many passes of the event loop."""
    for _ in range(ticks):
        await asyncio.sleep(0)
    return await batcher.submit(number)


async def test_a_gathering_batcher_waits_while_every_pass_of_the_loop_adds_a_request() -> None:
    """Requests of the same moment are one batch, up to a full one; other batchers don't wait."""
    doubler, other = Doubler(), Doubler()
    doubler.release(3)
    other.release(batching.MAX_REQUESTS)
    gathering = Batcher(doubler.process, gathers=True)
    await asyncio.gather(*(submit_after(gathering, number, ticks) for number, ticks in enumerate([0, 1, 2, 4, 20])))
    assert doubler.batches == [[0, 1, 2, 3], [4]]
    doubler.batches.clear()
    crowd = range(batching.MAX_REQUESTS + 5)
    doubler.release(3)
    await asyncio.gather(*(submit_after(gathering, number, number) for number in crowd))
    assert doubler.batches[0] == [*crowd[: batching.MAX_REQUESTS]]
    await asyncio.gather(*(submit_after(Batcher(other.process), number, number) for number in range(3)))
    assert other.batches[0] == [0]


async def test_requests_that_come_during_a_batch_are_the_next_in_order() -> None:
    """The next batch has all that came meanwhile, in the order they came, and no others."""
    doubler = Doubler()
    batcher = Batcher(doubler.process)
    first = submit(batcher, 1)
    await run_tasks()
    others = submit(batcher, 5, 3, 4)
    await run_tasks()
    assert doubler.batches == [[1]]
    doubler.release(2)
    assert await asyncio.gather(*first, *others) == [2, 10, 6, 8]
    assert doubler.batches == [[1], [5, 3, 4]]


async def test_a_batch_has_no_more_than_max_requests() -> None:
    """The others are the batch after."""
    doubler = Doubler()
    doubler.release(2)
    results = await asyncio.gather(*submit(Batcher(doubler.process), *range(batching.MAX_REQUESTS + 3)))
    assert results == [2 * number for number in range(batching.MAX_REQUESTS + 3)]
    assert [len(batch) for batch in doubler.batches] == [batching.MAX_REQUESTS, 3]


async def test_a_result_that_is_an_exception_is_raised_to_its_own_caller() -> None:
    """A refusal is a value in its batch, and no other request gets it."""
    doubler = Doubler()
    doubler.release(1)
    results = await asyncio.gather(*submit(Batcher(doubler.process), 1, -2, 3), return_exceptions=True)
    assert (results[0], str(results[1]), type(results[1]), results[2]) == (2, "-2", ValueError, 6)
    assert doubler.batches == [[1, -2, 3]]


async def test_a_fault_is_its_own_requests(caplog: pytest.LogCaptureFixture) -> None:
    """A batch that fails is processed in halves, and only the guilty request gets the fault."""
    doubler = Doubler()
    doubler.wrong[2] = RuntimeError("two")
    doubler.release(5)
    results = await asyncio.gather(*submit(Batcher(doubler.process), 1, 2, 3), return_exceptions=True)
    assert (results[0], repr(results[1]), results[2]) == (2, "RuntimeError('two')", 6)
    assert doubler.batches == [[1, 2, 3], [1], [2, 3], [2], [3]]
    assert caplog.text.count("processed in halves") == 1


async def test_a_fault_costs_few_batches() -> None:
    """Of a hundred requests one that fails costs fourteen more batches, not a hundred; the others' order stays."""
    doubler = Doubler()
    doubler.wrong[40] = RuntimeError("forty")
    doubler.release(1000)
    numbers = range(batching.MAX_REQUESTS)
    results = await asyncio.gather(*submit(Batcher(doubler.process), *numbers), return_exceptions=True)
    assert [number for number in numbers if results[number] != 2 * number] == [40]
    assert len(doubler.batches) <= 1 + 14
    done = [batch for batch in doubler.batches if 40 not in batch]
    assert [number for batch in done for number in batch] == [number for number in numbers if number != 40]


async def test_an_unavailable_database_is_asked_once() -> None:
    """Where the database is unavailable, each request gets that at once: a hundred more tries would take long."""
    doubler = Doubler()
    doubler.wrong[1] = ConnectionRefusedError()
    doubler.release(1)
    results = await asyncio.gather(*submit(Batcher(doubler.process), 1, 2, 3), return_exceptions=True)
    assert [type(error) for error in results] == [ConnectionRefusedError] * 3
    assert doubler.batches == [[1, 2, 3]]


async def test_a_request_that_is_cancelled_before_its_batch_begins_is_left_out() -> None:
    """A request whose time is up leaves the queue unprocessed."""
    doubler = Doubler()
    batcher = Batcher(doubler.process)
    first = submit(batcher, 1)
    await run_tasks()
    gone, stays = submit(batcher, 2, 3)
    await run_tasks()
    gone.cancel()
    doubler.release(2)
    assert await asyncio.gather(*first, stays) == [2, 6]
    assert doubler.batches == [[1], [3]]
    assert gone.cancelled()


async def test_a_request_that_is_cancelled_during_its_batch_is_processed_all_the_same() -> None:
    """The batch goes on, and the others have their results."""
    doubler = Doubler()
    batcher = Batcher(doubler.process)
    gone, stays = submit(batcher, 1, 2)
    await run_tasks()
    gone.cancel()
    await run_tasks()
    assert gone.cancelled()
    doubler.release(1)
    assert await stays == 4
    assert doubler.batches == [[1, 2]]


async def test_when_all_are_cancelled_the_next_is_a_new_batch() -> None:
    """A queue of cancelled requests is no hindrance."""
    doubler = Doubler()
    batcher = Batcher(doubler.process)
    tasks = submit(batcher, 1, 2)
    await run_tasks()
    tasks += submit(batcher, 3)
    await run_tasks()
    for task in tasks:
        task.cancel()
    doubler.release(2)
    await run_tasks()
    assert await batcher.submit(4) == 8
    assert doubler.batches == [[1, 2], [4]]


async def test_a_cancelled_request_is_not_processed_again() -> None:
    """After a fault, requests without a caller are left out."""
    doubler = Doubler()
    batcher = Batcher(doubler.process)
    doubler.wrong[2] = RuntimeError("two")
    first, guilty, gone = submit(batcher, 1, 2, 3)
    await run_tasks()
    gone.cancel()
    doubler.release(3)
    assert await first == 2
    with pytest.raises(RuntimeError):
        await guilty
    await run_tasks()
    assert doubler.batches == [[1, 2, 3], [1], [2]]


def test_a_closed_loop_cancels_the_requests_that_wait() -> None:
    """A batch that is cut off with its loop leaves no caller waiting."""

    async def close() -> list[asyncio.Task[int]]:
        doubler = Doubler()
        batcher = Batcher(doubler.process)
        tasks = submit(batcher, 1)
        await run_tasks()
        tasks += submit(batcher, 2)
        await run_tasks()
        assert doubler.batches == [[1]]
        return tasks

    assert all(task.cancelled() for task in asyncio.run(close()))


# ------------------------------------------------------------------ late admission


class LateDoubler(Doubler):
    """Admits even numbers late once it is released, and defers those above 100."""

    async def process(self, numbers: Sequence[int]) -> list[int | Exception]:
        early = len(numbers)
        await self.go.acquire()
        batching.admit_late(numbers, lambda number: number % 2 == 0)
        self.batches.append(list(numbers))
        for number in numbers:
            if number in self.wrong:
                raise self.wrong[number]
        fits = [place < early or number <= 100 for place, number in enumerate(numbers)]
        return [2 * number if one_fits else batching.Deferred() for number, one_fits in zip(numbers, fits, strict=True)]


async def with_first_batch(doubler: LateDoubler) -> tuple[Batcher[int, int], asyncio.Task[int]]:
    """A batcher whose first batch, of a 1 alone, is not released yet, and the task of that request."""
    batcher = Batcher(doubler.process)
    [first] = submit(batcher, 1)
    await run_tasks()
    return batcher, first


async def test_requests_that_come_while_a_batch_waits_join_it_up_to_the_first_that_does_not_fit() -> None:
    """No request overtakes one that does not fit."""
    doubler = LateDoubler()
    batcher, first = await with_first_batch(doubler)
    others = submit(batcher, 4, 2, 7, 6)
    doubler.release(2)
    assert await asyncio.gather(first, *others) == [2, 8, 4, 14, 12]
    assert doubler.batches == [[1, 4, 2], [7, 6]]


async def test_deferred_requests_are_in_the_next_batch_before_all_others() -> None:
    doubler = LateDoubler()
    batcher, first = await with_first_batch(doubler)
    others = submit(batcher, 200, 4, 300, 3)
    doubler.release(2)
    assert await asyncio.gather(first, *others) == [2, 400, 8, 600, 6]
    assert doubler.batches == [[1, 200, 4, 300], [200, 300, 3]]


async def test_a_full_batch_admits_no_request() -> None:
    doubler = LateDoubler()
    batcher, first = await with_first_batch(doubler)
    others = submit(batcher, *([2] * batching.MAX_REQUESTS))
    doubler.release(2)
    await asyncio.gather(first, *others)
    assert [len(batch) for batch in doubler.batches] == [batching.MAX_REQUESTS, 1]


async def test_a_request_that_is_cancelled_before_it_is_admitted_is_left_out() -> None:
    doubler = LateDoubler()
    batcher, first = await with_first_batch(doubler)
    gone, other = submit(batcher, 2, 4)
    await run_tasks()
    gone.cancel()
    await run_tasks()
    doubler.release(1)
    assert await asyncio.gather(first, other) == [2, 8]
    assert doubler.batches == [[1, 4]]


async def test_a_fault_of_a_late_request_is_not_the_others() -> None:
    """The halves of a batch that failed admit no request."""
    doubler = LateDoubler()
    doubler.wrong[4] = RuntimeError("a bug")
    batcher, first = await with_first_batch(doubler)
    others = submit(batcher, 4, 6)
    await run_tasks()
    doubler.release(1)
    await run_tasks()
    later = submit(batcher, 8)
    await run_tasks()
    doubler.release(5)
    results = await asyncio.gather(first, *others, *later, return_exceptions=True)
    assert [result if isinstance(result, int) else type(result) for result in results] == [2, RuntimeError, 12, 16]
    assert doubler.batches == [[1, 4, 6], [1], [4, 6], [4], [6], [8]]


@pytest.mark.case("A2")
async def test_when_the_database_hangs_after_a_fault_the_rest_does_not_wait() -> None:
    """A batch with a bug is processed in halves; the first batch without an answer in time is the last."""
    batches: list[list[int]] = []

    async def process(batch: Sequence[int]) -> list[int | Exception]:
        batches.append(list(batch))
        if len(batch) > 1:
            raise RuntimeError("a bug")
        await asyncio.Event().wait()
        return []

    batcher: Batcher[int, int] = Batcher(process, gathers=True, seconds=0.05)
    results = await asyncio.gather(*submit(batcher, 1, 2, 3), return_exceptions=True)
    assert [type(result) for result in results] == [db_errors.DatabaseTimeout] * 3
    assert batches == [[1, 2, 3], [1]]
