"""Gathers what many ask at once, so that the database is asked once: in rounds, with no timer.

What is asked while a round goes on rides in the next, or boards the round where that waits for a lock. Whoever
comes alone is a round of one, at once. As rounds come one after another, each has a time limit, where the database
has one for it (`sql.batch_seconds`): one that hangs is given up, and the next has another connection.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.connection import get_connection

from db import errors as db_errors
from db import sql

LARGEST = 100
"""Riders of one round: enough to share the cost of a commit, few enough that the next one starts soon."""

QUIET_TICKS = 2
"""Passes of the event loop in which nobody new comes, after which nobody is at the door."""

Asked = TypeVar("Asked")
Told = TypeVar("Told")
Settle = Callable[[Sequence[Asked]], Awaitable[Sequence[Told | Exception]]]

Riders = list[tuple[Asked, asyncio.Future[Told]]]

log = logging.getLogger("tessera")


class Deferred(Exception):
    """The answer to who boarded a round that could not take them: they ride in the next, before all others."""


class Round(list[Asked]):
    """What is asked in a round, by its riders, and those who wait for the next."""

    def __init__(self, riders: Riders[Asked, Any], waiting: deque[tuple[Asked, asyncio.Future[Any]]]) -> None:
        super().__init__(asked for asked, _ in riders)
        self.riders, self.waiting = riders, waiting


def admit_late(round: Sequence[Asked], fits: Callable[[Asked], bool] = lambda _: True) -> None:
    """Let those ride along, behind the others, who came meanwhile: until the round is full, or one doesn't fit.

    What was not asked in a round of ours has nobody waiting.
    """
    while isinstance(round, Round) and round.waiting and len(round) < LARGEST and fits(round.waiting[0][0]):
        rider = round.waiting.popleft()
        if not rider[1].done():
            round.riders.append(rider)
            round.append(rider[0])


class Batcher(Generic[Asked, Told]):
    """One round after another; `settle` answers all of a round, with an exception where that is the answer."""

    def __init__(self, settle: Settle[Asked, Told], is_first: bool = False, seconds: float | None = None) -> None:
        """`seconds` is how long a round may take; None is as long as it takes."""
        self._settle, self._is_first, self._seconds = settle, is_first, seconds
        self.began: float | None = None
        """When the round began that is going on, by the loop's clock."""
        self.failed: float | None = None
        """When the last round failed because the database is away; None since one has not."""
        self._waiting: deque[tuple[Asked, asyncio.Future[Told]]] = deque()
        self._going: asyncio.Task[None] | None = None

    async def submit(self, asked: Asked) -> Told:
        """The answer to what is asked, or the exception that is its answer.

        Who stops waiting before their round begins is left out of it; afterwards they ride along unheard, and
        nobody else notices.
        """
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, told))
        if self._going is None:
            self._going = asyncio.create_task(self._go())
        return await told

    async def _go(self) -> None:
        riders: Riders[Asked, Told] = []
        try:
            if self._is_first:
                await self._let_in()
            riders = self._next()
            while riders:
                self.began = asyncio.get_running_loop().time()
                await self._settle_round(riders)
                riders = self._next()
        finally:
            self._going = self.began = None
            for _, told in (*riders, *self._waiting):  # some only when this task is cancelled: its loop is closing
                told.cancel()
            self._waiting.clear()

    async def _let_in(self) -> None:
        """Wait while passes of the event loop bring somebody: requests that came together are not read in one.

        This is no timer: a pass that brings nobody takes some microseconds.
        """
        known = quiet = 0
        while quiet < QUIET_TICKS and known < LARGEST:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == known else 0
            known = len(self._waiting)

    def _next(self) -> Riders[Asked, Told]:
        riders: Riders[Asked, Told] = []
        while self._waiting and len(riders) < LARGEST:
            asked, told = self._waiting.popleft()
            if not told.done():
                riders.append((asked, told))
        return riders

    async def _settle_round(self, riders: Riders[Asked, Told], boards: bool = True) -> None:
        """Answer them together or, where that fails, each alone: a fault is its own rider's, an absence everybody's."""
        answers: Sequence[Told | Exception]
        try:
            answers = await self._in_time(Round(riders, self._waiting if boards else deque()))
            self.failed = None
        except Exception as fault:
            is_away = db_errors.is_away(fault)
            self.failed = asyncio.get_running_loop().time() if is_away else None
            if len(riders) > 1 and not is_away:
                log.warning("a round of %s is settled one by one: %r", len(riders), fault)
                await self._settle_each(riders)
                return
            answers = [fault] * len(riders)
        late: Riders[Asked, Told] = []
        for (asked, told), answer in zip(riders, answers, strict=True):
            if told.done():
                continue
            if isinstance(answer, Deferred):
                late.append((asked, told))
            elif isinstance(answer, Exception):
                told.set_exception(answer)
            else:
                told.set_result(answer)
        self._waiting.extendleft(reversed(late))

    async def _settle_each(self, riders: Riders[Asked, Told]) -> None:
        for asked, told in riders:
            if told.done():
                continue
            if self.failed is not None:  # the others would wait as long as this one did, one after another
                told.set_exception(db_errors.Unanswered("The database has gone away meanwhile; this was not asked."))
            else:
                await self._settle_round([(asked, told)], boards=False)

    async def _in_time(self, round: Round[Asked]) -> Sequence[Told | Exception]:
        """The round's answers. Raises Unanswered where they don't come in time; nobody knows what was done."""
        try:
            async with asyncio.timeout(self._seconds) as limit:
                return await self._settle(round)
        except TimeoutError:
            if limit.expired():
                raise db_errors.Unanswered(f"The database has not answered within {self._seconds} seconds.") from None
            raise


_rounds: WeakKeyDictionary[BaseDBAsyncClient, dict[Any, Batcher[Any, Any]]] = WeakKeyDictionary()


async def submit(settle: Settle[Asked, Told], asked: Asked, is_first: bool = False) -> Told:
    """What `settle` answers to this, asked in a round with others; rounds are an opened database's own.

    What a request asks first (`is_first`) is asked once all are in who come at the same moment. They stay together
    then: what they ask next is one round as well.

    Inside a transaction it is asked alone, in the transaction: a round would go on beside it, and outlive it.
    """
    connection = get_connection("default")
    if isinstance(connection, TransactionalDBClient):
        [told] = await settle([asked])
        if isinstance(told, Exception):
            raise told
        return told
    try:
        rounds: Batcher[Asked, Told] = _rounds[connection][settle]
    except KeyError:
        rounds = _rounds.setdefault(connection, {})[settle] = Batcher(settle, is_first, sql.batch_seconds())
    return await rounds.submit(asked)


def longest_wait() -> float:
    """For how many seconds the round has been going on that began first; 0 where none is."""
    going = _rounds.get(get_connection("default"), {}).values()
    began = [rounds.began for rounds in going if rounds.began is not None]
    return asyncio.get_running_loop().time() - min(began) if began else 0.0


def failed_lately(seconds: float) -> bool:
    """Whether there are rounds of which the last one failed, so lately, because the database is away."""
    since = asyncio.get_running_loop().time() - seconds
    return any((rounds.failed or 0) > since for rounds in _rounds.get(get_connection("default"), {}).values())
