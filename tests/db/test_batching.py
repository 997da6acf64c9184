"""Gathering: what waits rides in the next round, alone is at once, a fault is its own rider's, who leaves is let go."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from db import batching
from db import errors as db_errors
from db.batching import Batcher

Settle = Callable[[Sequence[int]], Awaitable[list[int | Exception]]]


class Line:
    """Settles by doubling, a round at a time, each when it is told to; `rounds` are those it was asked."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.go = asyncio.Semaphore(0)
        self.wrong: dict[int, Exception] = {}

    async def settle(self, asked: Sequence[int]) -> list[int | Exception]:
        self.rounds.append(list(asked))
        await self.go.acquire()
        for number in asked:
            if number in self.wrong:
                raise self.wrong[number]
        return [ValueError(str(number)) if number < 0 else 2 * number for number in asked]

    def let(self, rounds: int) -> None:
        for _ in range(rounds):
            self.go.release()


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def submit(rounds: Batcher[int, int], *asked: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(rounds.submit(number)) for number in asked]


async def test_who_comes_alone_is_a_round_of_one() -> None:
    """No timer waits for company."""
    line = Line()
    line.let(1)
    assert await Batcher(line.settle).submit(4) == 8
    assert line.rounds == [[4]]


async def comes(rounds: Batcher[int, int], number: int, after: int) -> int:
    """Ride after so many passes of the event loop."""
    for _ in range(after):
        await asyncio.sleep(0)
    return await rounds.submit(number)


async def test_a_first_question_waits_while_every_pass_of_the_loop_brings_somebody() -> None:
    """Who comes in the same moment is let in, up to a full round; nobody is waited for, and other questions don't wait."""
    line, other = Line(), Line()
    line.let(3)
    other.let(batching.LARGEST)
    first = Batcher(line.settle, is_first=True)
    await asyncio.gather(*(comes(first, number, after) for number, after in enumerate([0, 1, 2, 4, 20])))
    assert line.rounds == [[0, 1, 2, 3], [4]]
    line.rounds.clear()
    crowd = range(batching.LARGEST + 5)
    line.let(3)
    await asyncio.gather(*(comes(first, number, number) for number in crowd))
    assert line.rounds[0] == [*crowd[: batching.LARGEST]]
    await asyncio.gather(*(comes(Batcher(other.settle), number, number) for number in range(3)))
    assert other.rounds[0] == [0]


async def test_who_comes_while_a_round_goes_on_rides_in_the_next_in_order() -> None:
    """The next round has all who came meanwhile, in the order they came, and only them."""
    line = Line()
    rounds = Batcher(line.settle)
    first = submit(rounds, 1)
    await settled()
    others = submit(rounds, 5, 3, 4)
    await settled()
    assert line.rounds == [[1]]
    line.let(2)
    assert await asyncio.gather(*first, *others) == [2, 10, 6, 8]
    assert line.rounds == [[1], [5, 3, 4]]


async def test_a_round_takes_no_more_than_the_largest() -> None:
    """Who does not fit in rides in the one after."""
    line = Line()
    line.let(2)
    answers = await asyncio.gather(*submit(Batcher(line.settle), *range(batching.LARGEST + 3)))
    assert answers == [2 * number for number in range(batching.LARGEST + 3)]
    assert [len(asked) for asked in line.rounds] == [batching.LARGEST, 3]


async def test_an_answer_that_is_an_exception_is_raised_to_its_own_asker() -> None:
    """A refusal is a value in its round, and nobody else hears of it."""
    line = Line()
    line.let(1)
    told = await asyncio.gather(*submit(Batcher(line.settle), 1, -2, 3), return_exceptions=True)
    assert (told[0], str(told[1]), type(told[1]), told[2]) == (2, "-2", ValueError, 6)
    assert line.rounds == [[1, -2, 3]]


async def test_a_fault_is_its_own_riders(caplog: pytest.LogCaptureFixture) -> None:
    """A round that fails is asked one by one, and only the guilty one hears of it."""
    line = Line()
    line.wrong[2] = RuntimeError("two")
    line.let(4)
    told = await asyncio.gather(*submit(Batcher(line.settle), 1, 2, 3), return_exceptions=True)
    assert (told[0], repr(told[1]), told[2]) == (2, "RuntimeError('two')", 6)
    assert line.rounds == [[1, 2, 3], [1], [2], [3]]
    assert "settled one by one" in caplog.text


async def test_an_absent_database_is_asked_once() -> None:
    """Where the database is away, each rider hears so at once: asking a hundred times more would take long."""
    line = Line()
    line.wrong[1] = ConnectionRefusedError()
    line.let(1)
    told = await asyncio.gather(*submit(Batcher(line.settle), 1, 2, 3), return_exceptions=True)
    assert [type(error) for error in told] == [ConnectionRefusedError] * 3
    assert line.rounds == [[1, 2, 3]]


async def test_who_leaves_before_the_round_begins_is_left_out() -> None:
    """A request whose time is up leaves the queue unsettled."""
    line = Line()
    rounds = Batcher(line.settle)
    first = submit(rounds, 1)
    await settled()
    gone, stays = submit(rounds, 2, 3)
    await settled()
    gone.cancel()
    line.let(2)
    assert await asyncio.gather(*first, stays) == [2, 6]
    assert line.rounds == [[1], [3]]
    assert gone.cancelled()


async def test_who_leaves_during_the_round_rides_along_unheard() -> None:
    """The round goes on, and the others are answered."""
    line = Line()
    rounds = Batcher(line.settle)
    gone, stays = submit(rounds, 1, 2)
    await settled()
    gone.cancel()
    await settled()
    assert gone.cancelled()
    line.let(1)
    assert await stays == 4
    assert line.rounds == [[1, 2]]


async def test_when_all_have_left_the_next_is_a_new_round() -> None:
    """A line that everybody has left is no hindrance."""
    line = Line()
    rounds = Batcher(line.settle)
    tasks = submit(rounds, 1, 2)
    await settled()
    tasks += submit(rounds, 3)
    await settled()
    for task in tasks:
        task.cancel()
    line.let(2)
    await settled()
    assert await rounds.submit(4) == 8
    assert line.rounds == [[1, 2], [4]]


async def test_who_left_is_not_asked_one_by_one() -> None:
    """After a fault, nobody is asked for who no longer waits."""
    line = Line()
    rounds = Batcher(line.settle)
    line.wrong[2] = RuntimeError("two")
    first, guilty, gone = submit(rounds, 1, 2, 3)
    await settled()
    gone.cancel()
    line.let(3)
    assert await first == 2
    with pytest.raises(RuntimeError):
        await guilty
    await settled()
    assert line.rounds == [[1, 2, 3], [1], [2]]


def test_a_loop_that_is_closed_lets_those_who_wait_go() -> None:
    """A round that is cut off with its loop leaves nobody waiting."""

    async def close() -> list[asyncio.Task[int]]:
        line = Line()
        rounds = Batcher(line.settle)
        tasks = submit(rounds, 1)
        await settled()
        tasks += submit(rounds, 2)
        await settled()
        assert line.rounds == [[1]]
        return tasks

    assert all(task.cancelled() for task in asyncio.run(close()))


# ------------------------------------------------------------------ boarding


class Boarding(Line):
    """A line whose rounds board even numbers once they may go, and take none above 100 of those."""

    async def settle(self, asked: Sequence[int]) -> list[int | Exception]:
        early = len(asked)
        await self.go.acquire()
        batching.admit_late(asked, lambda number: number % 2 == 0)
        self.rounds.append(list(asked))
        for number in asked:
            if number in self.wrong:
                raise self.wrong[number]
        taken = [place < early or number <= 100 for place, number in enumerate(asked)]
        return [2 * number if takes else batching.Deferred() for number, takes in zip(asked, taken, strict=True)]


async def waiting(line: Boarding) -> tuple[Batcher[int, int], asyncio.Task[int]]:
    """Batcher whose first one, of a 1 alone, has not gone yet, and who rides in it."""
    rounds = Batcher(line.settle)
    [first] = submit(rounds, 1)
    await settled()
    return rounds, first


async def test_who_comes_while_a_round_waits_boards_it_up_to_the_first_that_does_not_fit() -> None:
    """Nobody overtakes who can't board."""
    line = Boarding()
    rounds, first = await waiting(line)
    others = submit(rounds, 4, 2, 7, 6)
    line.let(2)
    assert await asyncio.gather(first, *others) == [2, 8, 4, 14, 12]
    assert line.rounds == [[1, 4, 2], [7, 6]]


async def test_whom_a_round_could_not_take_rides_in_the_next_before_all_others() -> None:
    line = Boarding()
    rounds, first = await waiting(line)
    others = submit(rounds, 200, 4, 300, 3)
    line.let(2)
    assert await asyncio.gather(first, *others) == [2, 400, 8, 600, 6]
    assert line.rounds == [[1, 200, 4, 300], [200, 300, 3]]


async def test_a_full_round_boards_nobody() -> None:
    line = Boarding()
    rounds, first = await waiting(line)
    others = submit(rounds, *([2] * batching.LARGEST))
    line.let(2)
    await asyncio.gather(first, *others)
    assert [len(round) for round in line.rounds] == [batching.LARGEST, 1]


async def test_who_leaves_before_boarding_is_left_out() -> None:
    line = Boarding()
    rounds, first = await waiting(line)
    gone, other = submit(rounds, 2, 4)
    await settled()
    gone.cancel()
    await settled()
    line.let(1)
    assert await asyncio.gather(first, other) == [2, 8]
    assert line.rounds == [[1, 4]]


async def test_a_fault_of_who_boarded_is_not_the_others() -> None:
    """Each is settled alone then, and boards nobody."""
    line = Boarding()
    line.wrong[4] = RuntimeError("a bug")
    rounds, first = await waiting(line)
    others = submit(rounds, 4, 6)
    await settled()
    line.let(1)
    await settled()
    later = submit(rounds, 8)
    await settled()
    line.let(4)
    answers = await asyncio.gather(first, *others, *later, return_exceptions=True)
    assert [answer if isinstance(answer, int) else type(answer) for answer in answers] == [2, RuntimeError, 12, 16]
    assert line.rounds == [[1, 4, 6], [1], [4], [6], [8]]


@pytest.mark.case("A2")
async def test_when_the_database_goes_away_one_by_one_nobody_waits_for_each() -> None:
    """A round with a bug is settled one by one; the first who isn't answered in time is the last who is asked."""
    asked: list[list[int]] = []

    async def settle(round: Sequence[int]) -> list[int | Exception]:
        asked.append(list(round))
        if len(round) > 1:
            raise RuntimeError("a bug")
        await asyncio.Event().wait()
        return []

    rounds: Batcher[int, int] = Batcher(settle, is_first=True, seconds=0.05)
    answers = await asyncio.gather(*submit(rounds, 1, 2, 3), return_exceptions=True)
    assert [type(answer) for answer in answers] == [db_errors.Unanswered] * 3
    assert asked == [[1, 2, 3], [1]]
