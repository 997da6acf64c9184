"""Cooperative scheduling of long responses: they are made in chunks, and between two the event loop serves others."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

from graphql import GraphQLError
from graphql.pyutils import gather_with_cancel

LONG_RESPONSE_VALUES = 2_000
"""Values from which a response is long."""
LONG_LIST_ROWS = 200
"""Rows from which a list is made in chunks, however short its document seems."""
CHUNK_VALUES = 200
"""Values that are made in one pass of the event loop."""

LARGE_RESPONSE_VALUES = 20_000
"""Values from which a response is large: few of those are made at the same time, as their memory adds up."""
MAX_LARGE_RESPONSES = 2
"""Large responses that are made at the same time."""
MAX_WAKEUPS = 50
"""Waiting responses that go on in one pass of the event loop."""

NO_WAIT: AbstractAsyncContextManager[None] = nullcontext()


class _LoopScheduler:
    """The state that all responses of one event loop share: values made in the present pass, and the waiting ones."""

    def __init__(self) -> None:
        self.made = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.large = asyncio.Semaphore(MAX_LARGE_RESPONSES)

    async def wait_for_pass(self) -> None:
        """Wait for a pass in which fewer than CHUNK_VALUES are made yet."""
        loop = asyncio.get_running_loop()
        while self.made >= CHUNK_VALUES:
            if not self.waiting:
                loop.call_soon(self._begin_pass)
            wakeup = loop.create_future()
            self.waiting.append(wakeup)
            await wakeup

    def _begin_pass(self) -> None:
        self.made = 0
        for _ in range(min(MAX_WAKEUPS, len(self.waiting))):
            wakeup = self.waiting.popleft()
            if not wakeup.done():
                wakeup.set_result(None)
        if self.waiting:
            asyncio.get_running_loop().call_soon(self._begin_pass)


_loop_schedulers: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopScheduler] = WeakKeyDictionary()


class ResponseScheduler:
    """Schedules the work on one response: all responses together make one chunk in a pass of the event loop.

    The first values of each, as many as a short response has, are made without waiting. `values` is the most that the
    document allows, `max_values` the number that the response may not pass, if there is one.
    """

    def __init__(self, values: int = 0, max_values: int | None = None) -> None:
        self.is_long = values > LONG_RESPONSE_VALUES
        self._is_large = values > LARGE_RESPONSE_VALUES
        self._max_values, self._counted, self._made = max_values, 0, 0

    def admit(self) -> AbstractAsyncContextManager[None]:
        """A context to make the response in; a large one waits there until there is room for it."""
        return self._of_loop().large if self._is_large else NO_WAIT

    def _of_loop(self) -> _LoopScheduler:
        return _loop_schedulers.setdefault(asyncio.get_running_loop(), _LoopScheduler())

    def count(self, values: int) -> None:
        """Count values that are about to be made. Raises GraphQLError where the response gets too many."""
        self._counted += values
        if self._max_values is not None and self._counted > self._max_values:
            raise GraphQLError(f"This answer has more than {self._max_values} values. Ask for less at once.")

    async def wait(self, values: int) -> None:
        """Wait until that many values may be made."""
        shared = self._of_loop()
        if self._made >= LONG_RESPONSE_VALUES and shared.made >= CHUNK_VALUES:
            await shared.wait_for_pass()
        shared.made += values
        self._made += values


async def gathered(results: Any, pending: Sequence[Any]) -> Any:
    """The same results, once all pending ones are there."""
    if len(pending) == 1:
        results[pending[0]] = await results[pending[0]]
        return results
    for key, result in zip(pending, await gather_with_cancel(*(results[key] for key in pending)), strict=True):
        results[key] = result
    return results
