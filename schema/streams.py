"""Long answers: written a piece at a time, in memory that does not grow with them, and few at once.

A piece is made in one short step, one step of all streams at a time, so that what else is asked goes between. What
goes wrong after the first piece ends the connection: a part never looks like the whole.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from schema import errors, limits

log = logging.getLogger("tessera")

MAX_STREAMS = 12
MAX_STREAMS_PER_ORGANIZATION = 4
"""Streams of a process at once, and of one organization."""

WAIT_SECONDS = 3


class TooManyStreams(Exception):
    """Raised when there are as many streams as there may be, and none ended within WAIT_SECONDS."""

    retry_after_seconds = 10

    def __init__(self) -> None:
        super().__init__("Too many long answers are being written just now. Try again in a moment.")


class Streams:
    """The streams of one process."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()
        self._ended = asyncio.Condition()
        self.step = asyncio.Lock()

    async def enter(self, organization_id: int) -> None:
        """One more stream of an organization's, as soon as there is room. Raises TooManyStreams."""

        def has_room() -> bool:
            return self._open.total() < MAX_STREAMS and self._open[organization_id] < MAX_STREAMS_PER_ORGANIZATION

        try:
            async with asyncio.timeout(WAIT_SECONDS), self._ended:
                await self._ended.wait_for(has_room)
                self._open[organization_id] += 1
        except TimeoutError:
            raise TooManyStreams from None

    async def next_piece(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        """The next piece of an answer, made while no other is; None after the last. Raises RequestTimeout."""
        await asyncio.sleep(0)  # others have their turn, also where a piece is made without waiting for anything
        async with self.step, limits.TimeLimit():
            return await anext(pieces, None)

    async def leave(self, organization_id: int) -> None:
        """A stream has ended."""
        self._open[organization_id] -= 1
        self._open += Counter()  # forgets those without any
        async with self._ended:
            self._ended.notify_all()


class StreamedResponse(Response):
    """An answer whose pieces are made as they are sent; it has been let in by `Streams.enter`."""

    def __init__(
        self,
        request: Request,
        streams: Streams,
        organization_id: int,
        pieces: AsyncIterator[bytes],
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._request, self._streams, self._organization_id, self._pieces = request, streams, organization_id, pieces
        self.status_code, self.media_type = 200, media_type
        self.init_headers(headers)

    def render(self, content: object) -> bytes:
        """Nothing is known beforehand."""
        return b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send piece after piece while there is somebody who takes them."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with aclosing(self._pieces):  # type: ignore[type-var]
                while (piece := await self._streams.next_piece(self._pieces)) is not None:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    if await self._request.is_disconnected():
                        return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except limits.RequestTimeout as slow:
            log.warning("%s was ended in the middle of the answer: %s", self._request.url.path, slow)
        except Exception as bug:
            errors.log_error(bug, f"{self._request.method} {self._request.url.path}, in the middle of the answer")
        finally:
            await self._streams.leave(self._organization_id)
