"""Group commit and micro-batching: concurrent requests of one kind are processed as one batch, with no timer.

    async def process(batch: Sequence[ClaimRequest]) -> list[Claimed | Exception]:
        async with statements.planned_transaction():
            await lock(batch)
            admit_late(batch)
            return [...]  # one for each request, in their order

    claimed = await submit(process, request)  # from any number of tasks

Requests that come while a batch is processed wait for the next one, or join it late where it waits for a lock. A
request that comes alone is a batch of one, at once. As batches come one after another, each has a time limit, where
the database has one for it (`sql.batch_seconds`): one that hangs is given up, and the next has another connection.
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

MAX_REQUESTS = 100
"""Requests of one batch: enough to share the cost of a commit, few enough that the next one starts soon."""

QUIET_TICKS = 2
"""Passes of the event loop without a new request, after which no more are waited for."""

Request = TypeVar("Request")
Result = TypeVar("Result")
ProcessBatch = Callable[[Sequence[Request]], Awaitable[Sequence[Result | Exception]]]
"""Processes a batch: one result for each request, in their order; an exception is raised to the request's caller.

What it raises itself is a fault of the batch: each request is then processed alone, unless the database is unavailable.
"""

Pending = list[tuple[Request, asyncio.Future[Result]]]
"""Requests, each with the future that its caller awaits."""

Queue = deque[tuple[Request, asyncio.Future[Result]]]
"""The same, for batches to come."""

log = logging.getLogger("tessera")


class Deferred(Exception):
    """What `process` returns for a request that does not fit: it is in the next batch, before all others."""


class Batch(list[Request], Generic[Request, Result]):
    """The requests that are processed together; with the pending ones they come from, and the queue for the next."""

    def __init__(self, pending: Pending[Request, Result], queue: Queue[Request, Result]) -> None:
        super().__init__(request for request, _ in pending)
        self.pending, self.queue = pending, queue


def admit_late(batch: Sequence[Request], fits: Callable[[Request], bool] = lambda _: True) -> None:
    """Append queued requests to the batch that `process` was called with, after it has waited for a lock.

    Until it is full, the queue is empty, or the next one does not fit. `process` then owes a result for each of these
    too. A sequence that is no `Batch` has no queue, and stays as it is: `process` may be called with any.
    """
    while isinstance(batch, Batch) and batch.queue and len(batch) < MAX_REQUESTS and fits(batch.queue[0][0]):
        queued = batch.queue.popleft()
        if not queued[1].done():
            batch.pending.append(queued)
            batch.append(queued[0])


class Batcher(Generic[Request, Result]):
    """A queue of requests, processed one batch after another by `process`, in a task of its own."""

    def __init__(
        self, process: ProcessBatch[Request, Result], gathers: bool = False, seconds: float | None = None
    ) -> None:
        """`seconds` is how long a batch may take; None is as long as it takes. For `gathers` see `submit` below.

        The first request starts the task, which ends when the queue is empty.
        """
        self._process, self._gathers, self._seconds = process, gathers, seconds
        self.started_at: float | None = None
        """When the present batch began, by the loop's clock; None between batches."""
        self.failed_at: float | None = None
        """When the last batch failed because the database is unavailable; None where it did not."""
        self._queue: Queue[Request, Result] = deque()
        self._task: asyncio.Task[None] | None = None

    async def submit(self, request: Request) -> Result:
        """The request's result; an exception that is its result is raised.

        Raises DatabaseTimeout when its batch has not been processed in time. A caller that is cancelled before its
        batch begins is left out of it; afterwards the request is processed all the same, and the others don't notice.
        """
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append((request, result))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await result

    async def _run(self) -> None:
        pending: Pending[Request, Result] = []
        try:
            if self._gathers:
                await self._gather()
            pending = self._next_batch()
            while pending:
                self.started_at = asyncio.get_running_loop().time()
                await self._process_batch(pending)
                pending = self._next_batch()
        finally:
            self._task = self.started_at = None
            for _, result in (*pending, *self._queue):  # some only when this task is cancelled: its loop is closing
                result.cancel()
            self._queue.clear()

    async def _gather(self) -> None:
        """Wait while passes of the event loop add requests: those that came together are not read in one pass.

        This is no timer: a pass that adds none takes some microseconds.
        """
        number = quiet = 0
        while quiet < QUIET_TICKS and number < MAX_REQUESTS:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._queue) == number else 0
            number = len(self._queue)

    def _next_batch(self) -> Pending[Request, Result]:
        pending: Pending[Request, Result] = []
        while self._queue and len(pending) < MAX_REQUESTS:
            request, result = self._queue.popleft()
            if not result.done():
                pending.append((request, result))
        return pending

    async def _process_batch(self, pending: Pending[Request, Result], admits_late: bool = True) -> None:
        """Process requests together or, where that fails, in halves, and so on down to a single request.

        So a fault reaches the request that causes it, and an unavailable database all of them. Of a hundred requests
        one that fails costs some fourteen more batches, and the others, whoever sent them, don't notice.
        """
        results: Sequence[Result | Exception]
        try:
            results = await self._process_in_time(Batch(pending, self._queue if admits_late else deque()))
            self.failed_at = None
        except Exception as fault:
            is_unavailable = db_errors.is_unavailable(fault)
            self.failed_at = asyncio.get_running_loop().time() if is_unavailable else None
            if len(pending) > 1 and not is_unavailable:
                if admits_late:  # not one half of a batch that failed before
                    log.warning("a batch of %s requests failed, and is processed in halves: %r", len(pending), fault)
                await self._process_halves(pending)
                return
            results = [fault] * len(pending)
        deferred: Pending[Request, Result] = []
        for (request, future), result in zip(pending, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Deferred):
                deferred.append((request, future))
            elif isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        self._queue.extendleft(reversed(deferred))

    async def _process_halves(self, pending: Pending[Request, Result]) -> None:
        middle = len(pending) // 2
        for half in (pending[:middle], pending[middle:]):
            waiting = [(request, result) for request, result in half if not result.done()]
            if self.failed_at is not None:  # these would wait as long as the others did, one batch after another
                message = "The database has become unavailable meanwhile; this request was not sent to it."
                for _, result in waiting:
                    result.set_exception(db_errors.DatabaseTimeout(message))
            elif waiting:
                await self._process_batch(waiting, admits_late=False)

    async def _process_in_time(self, batch: Batch[Request, Result]) -> Sequence[Result | Exception]:
        """The batch's results. Raises DatabaseTimeout where they don't come in time; nobody knows what was done."""
        try:
            async with asyncio.timeout(self._seconds) as limit:
                return await self._process(batch)
        except TimeoutError:
            if limit.expired():
                message = f"The database has not answered within {self._seconds} seconds."
                raise db_errors.DatabaseTimeout(message) from None
            raise


_batchers: WeakKeyDictionary[BaseDBAsyncClient, dict[object, Batcher[Any, Any]]] = WeakKeyDictionary()


async def submit(process: ProcessBatch[Request, Result], request: Request, gathers: bool = False) -> Result:
    """The result of a request that `process` processes in a batch with others; an exception is raised.

    `process` is a function of a module, the same object each time, as requests are batched by it. Each opened
    database has one batcher for each `process` function. With `gathers` its first batch begins once all requests of the
    same moment are in: what those ask the database next is one batch as well.

    Inside a transaction the request is processed alone, in the transaction: a batch would go on beside it, and
    outlive it.
    """
    connection = get_connection("default")
    if isinstance(connection, TransactionalDBClient):
        [result] = await process([request])
        if isinstance(result, Exception):
            raise result
        return result
    try:
        batcher: Batcher[Request, Result] = _batchers[connection][process]
    except KeyError:
        batcher = _batchers.setdefault(connection, {})[process] = Batcher(process, gathers, sql.batch_seconds())
    return await batcher.submit(request)


def longest_running() -> float:
    """For how many seconds the batch has been running that began first; 0 where none is."""
    running = _batchers.get(get_connection("default"), {}).values()
    started = [batcher.started_at for batcher in running if batcher.started_at is not None]
    return asyncio.get_running_loop().time() - min(started) if started else 0.0


def has_failed_within(seconds: float) -> bool:
    """Whether a batcher's last batch failed within so many seconds because the database is unavailable."""
    since = asyncio.get_running_loop().time() - seconds
    return any((batcher.failed_at or 0) > since for batcher in _batchers.get(get_connection("default"), {}).values())
