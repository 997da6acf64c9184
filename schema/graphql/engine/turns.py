"""Long answers are made in pieces: between two of them the event loop serves everybody else."""

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

from graphql import GraphQLError

LONG = 2_000
"""Values from which an answer is long."""
LONG_LIST = 200
"""Rows of a list that is made in pieces, however short its document seems."""
PIECE = 200
"""Values that are made between two looks at what else is to be done."""


LARGE = 20_000
"""Values from which an answer is large: few of those are made at once, as their memory adds up."""
LARGE_AT_ONCE = 2
WOKEN = 50
"""Who waits for a turn and goes on in one pass at most."""

AT_ONCE: AbstractAsyncContextManager[Any] = nullcontext()


class _Shared:
    """What the long answers of one event loop share: what they have made in the present pass, and who waits."""

    def __init__(self) -> None:
        self.made = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def next_pass(self) -> None:
        """Wait for a pass in which less than a PIECE is made yet."""
        loop = asyncio.get_running_loop()
        while self.made >= PIECE:
            if not self.waiting:
                loop.call_soon(self._begin_pass)
            turn = loop.create_future()
            self.waiting.append(turn)
            await turn

    def _begin_pass(self) -> None:
        self.made = 0
        for _ in range(min(WOKEN, len(self.waiting))):
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
        if self.waiting:
            asyncio.get_running_loop().call_soon(self._begin_pass)


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


class Turns:
    """One answer's work: who is about to make a part of it waits for a turn, so that a pass of the loop has one PIECE.

    The first values of each answer, as many as short ones have, wait for nobody.
    """

    def __init__(self, values: int = 0, most: int | None = None) -> None:
        self.is_long = values > LONG
        self._is_large = values > LARGE
        self._most, self._all, self._made = most, 0, 0

    def admitted(self) -> AbstractAsyncContextManager[Any]:
        """The time in which the answer is made; that of a large one begins when there is room for it."""
        return self._of_the_loop().large if self._is_large else AT_ONCE

    def _of_the_loop(self) -> _Shared:
        return _shared.setdefault(asyncio.get_running_loop(), _Shared())

    def count(self, values: int) -> None:
        """So many values are about to be made. Raises GraphQLError where they are too many in all."""
        self._all += values
        if self._most is not None and self._all > self._most:
            raise GraphQLError(f"This answer has more than {self._most} values. Ask for less at once.")

    async def turn(self, values: int) -> None:
        """Wait until so many values may be made."""
        shared = self._of_the_loop()
        if self._made >= LONG and shared.made >= PIECE:
            await shared.next_pass()
        shared.made += values
        self._made += values
