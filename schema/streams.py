"""Streamed responses: long answers, made piece by piece in constant memory, and a limited number at once.

Pieces of all streams are made one at a time, so that other requests are served in between. An error after the first
piece ends the connection, so that a truncated answer never looks complete.
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
"""Concurrent streams of a process, and of one organization."""

WAIT_SECONDS = 3


class TooManyStreams(Exception):
    """Raised when the limit of streams is reached, and none has ended within WAIT_SECONDS."""

    retry_after_seconds = 10

    def __init__(self) -> None:
        super().__init__("Too many long answers are being written just now. Try again in a moment.")


class Streams:
    """The limit of streams in one process, and the lock under which their pieces are made."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()
        self._ended = asyncio.Condition()
        self.piece_lock = asyncio.Lock()

    async def acquire(self, organization_id: int) -> None:
        """Count one more stream of an organization, as soon as there is room. Raises TooManyStreams."""

        def has_room() -> bool:
            return self._open.total() < MAX_STREAMS and self._open[organization_id] < MAX_STREAMS_PER_ORGANIZATION

        try:
            async with asyncio.timeout(WAIT_SECONDS), self._ended:
                await self._ended.wait_for(has_room)
                self._open[organization_id] += 1
        except TimeoutError:
            raise TooManyStreams from None

    async def next_piece(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        """Make the next piece of an answer, under the lock; None after the last. Raises RequestTimeout."""
        await asyncio.sleep(0)  # yields to other tasks, also where making a piece awaits nothing
        async with self.piece_lock, limits.TimeLimit():
            return await anext(pieces, None)

    async def release(self, organization_id: int) -> None:
        """Count a stream as ended."""
        self._open[organization_id] -= 1
        self._open += Counter()  # drops organizations without any
        async with self._ended:
            self._ended.notify_all()


class StreamedResponse(Response):
    """A response whose pieces are made as they are sent, after `Streams.acquire`."""

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
        """No body in advance."""
        return b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces while the client is connected."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with aclosing(self._pieces):  # type: ignore[type-var]
                while (piece := await self._streams.next_piece(self._pieces)) is not None:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    if await self._request.is_disconnected():
                        return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except limits.RequestTimeout as error:
            log.warning("%s was ended in the middle of the answer: %s", self._request.url.path, error)
        except Exception as bug:
            errors.log_error(bug, f"{self._request.method} {self._request.url.path}, in the middle of the answer")
        finally:
            await self._streams.release(self._organization_id)
