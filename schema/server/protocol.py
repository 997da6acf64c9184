"""HTTP/1.1 over a connection: uvicorn's protocol, with bounds on what a client may send and how long it may take.

What is leaned on of uvicorn's own class is named by tests/schema/server/test_uvicorn.py; a proxy's part is told in
docs/operations.md.
"""

import asyncio
from functools import cache
from typing import Any

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from schema.server.connection_limit import ConnectionLimit, Notice, most_connections

HEAD_SECONDS = 10
"""From a connection's or a later request's beginning until the request's head is there."""

BODY_SECONDS = 30
"""From then until its body is there; doors stop sooner (`document_limits.SECONDS`)."""

SEND_SECONDS = 20
LEAST_SENT = 10_000
"""Bytes of a long answer that a client has to take within SEND_SECONDS."""

LARGEST_HEAD = 64 * 2**10
"""Bytes of a request's first line and headers together, and of what stands between two pieces of its body."""

MOST_HEADERS = 100
MOST_CHUNKS = 20_000
MOST_PIPELINED = 100

BAD, TIMEOUT, TOO_LARGE = "400 Bad Request", "408 Request Timeout", "431 Request Header Fields Too Large"

slow = Notice("a request did not come in time, and its connection was closed")
not_taken = Notice("an answer was not taken in time, and its connection was closed")
refused = Notice("a request was no HTTP, or had too many headers, and its connection was closed")


class Refused(Exception):
    """Raised in the parser's callbacks, to stop it; the protocol's `_refusal` says why."""


@cache
def limit() -> ConnectionLimit:
    """The connections of this process."""
    return ConnectionLimit(most_connections())


async def busy(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that tells everybody to come again."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"5"), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": 503, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": b"Busy\n"})


class HttpProtocol(HttpToolsProtocol):
    """One connection of a client's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limit = limit()
        self._application = self.app
        self._refusal: str | None = None
        self._is_arriving = True  # a request is not there yet, or in part
        self._is_in_head = True  # and neither is its head
        self._is_fresh = False  # it began, or went on with its body, in the present piece
        self._piece = 0  # bytes in the present piece
        self._size = 0  # bytes in earlier pieces since it began or its body went on
        self._chunks = 0
        self._arrival: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------ the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._arrival = self.loop.call_later(HEAD_SECONDS, self._has_not_arrived)
        self._limit.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._limit.leave(self)
        self._unset_keepalive_if_required()
        self._stop_arrival()
        self._stop_sending()
        super().connection_lost(exc)

    def _close(self, status: str) -> None:
        """Close the connection; what was asked before gets its answer first, and what is wrong a status."""
        cycle = self.cycle
        is_answered = cycle is None or cycle.response_complete
        if not is_answered and not cycle.more_body and not self.pipeline:
            cycle.keep_alive = False
            return
        if self.transport.is_closing():
            return
        if is_answered or (cycle.more_body and not cycle.response_started and not self.pipeline):
            lines = [f"HTTP/1.1 {status}", "content-type: text/plain", f"content-length: {len(status) + 1}"]
            self.transport.write(("\r\n".join([*lines, "connection: close", "", status]) + "\n").encode())
        if not is_answered:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()
        self._watch_sending()

    # ------------------------------------------------------------------ what comes

    def data_received(self, data: bytes) -> None:
        """Take a piece of what a client sends; a request that is too large or too slow is refused."""
        if self._refusal is not None:
            return
        self._piece = len(data)
        try:
            self._parse(data)
            if self._is_arriving:
                self._count()
        except (httptools.HttpParserError, Refused):
            self._refusal = self._refusal or BAD
            refused.happened()
            self._close(self._refusal)

    def _parse(self, data: bytes) -> None:
        """Parse; a request that offers another protocol is parsed anew as one that does not, as it may have a body."""
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                if self.parser.get_method() == b"CONNECT":
                    self._refuse(BAD)
                data = self._without_offer() + data[offer.args[0] :]

    def _without_offer(self) -> bytes:
        """The head that is there, without the offer of another protocol."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                value = b",".join(each for each in value.split(b",") if each.strip().lower() != b"upgrade")
            if name != b"upgrade":
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])

    def _count(self) -> None:
        """After a piece that is not a request's last. Raises Refused."""
        self._size = 0 if self._is_fresh else self._size + self._piece
        self._is_fresh = False
        if self._size > LARGEST_HEAD:
            self._refuse(TOO_LARGE)
        if self._arrival is None:
            seconds = HEAD_SECONDS if self._is_in_head else BODY_SECONDS
            self._arrival = self.loop.call_later(seconds, self._has_not_arrived)

    def _refuse(self, status: str) -> None:
        self._refusal = status
        raise Refused

    def _has_not_arrived(self) -> None:
        self._arrival = None
        if self.flow.read_paused:  # it is not the client who is slow
            self._arrival = self.loop.call_later(BODY_SECONDS, self._has_not_arrived)
        elif self._is_in_head and not self._size and not self.scope:
            self.transport.close()  # nothing was asked at all
        else:
            slow.happened()
            self._close(TIMEOUT)

    def _stop_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    # ------------------------------------------------------------------ the parser's callbacks

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._unset_keepalive_if_required()
        self._is_arriving = self._is_in_head = self._is_fresh = True
        self._size = self._chunks = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer behind a body."""
        if len(self.headers) >= MOST_HEADERS:
            self._refuse(TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A request's head is there."""
        if self.parser.should_upgrade():
            return
        if self._size + self._piece > LARGEST_HEAD and self._head() > LARGEST_HEAD:
            self._refuse(TOO_LARGE)
        if len(self.pipeline) >= MOST_PIPELINED:
            self._refuse(BAD)
        self._is_in_head = False
        self._stop_arrival()
        if self._limit.is_passed:
            self._limit.turned_away()
            self.app = busy
        else:
            self.app = self._application
        super().on_headers_complete()
        self.headers = []  # trailers are not the request's headers

    def _head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def on_chunk_header(self) -> None:
        """A chunk of a body begins."""
        self._chunks += 1
        if self._chunks > MOST_CHUNKS:
            self._refuse(BAD)

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._is_fresh = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._is_arriving = False
        self._stop_arrival()
        if not self.cycle.response_complete:
            self._limit.work(self)

    # ------------------------------------------------------------------ what goes

    def on_response_complete(self) -> None:
        """An answer is written, and perhaps not taken yet."""
        is_next_there = bool(self.pipeline) and not self._is_arriving
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_sending()
            return
        if not is_next_there:
            self._limit.wait(self)
        if self._is_arriving and self._is_in_head:
            self._unset_keepalive_if_required()  # the next one has begun

    def timeout_keep_alive_handler(self) -> None:
        """No further request has come."""
        super().timeout_keep_alive_handler()
        self._watch_sending()

    def pause_writing(self) -> None:
        """The client takes less than there is for it."""
        super().pause_writing()
        self._limit.wait(self)
        self._watch_sending()

    def resume_writing(self) -> None:
        """The client has taken what there was."""
        super().resume_writing()
        if not self.cycle.response_complete:
            self._limit.work(self)
        self._stop_sending()

    def _watch_sending(self) -> None:
        """From now on, end what is not taken in time."""
        self._stop_sending()
        left = self.transport.get_write_buffer_size()
        if left:
            self._sending = self.loop.call_later(SEND_SECONDS, self._look_at_sending, left)

    def _look_at_sending(self, before: int) -> None:
        if self.transport.get_write_buffer_size() > before - LEAST_SENT:
            not_taken.happened()
            self.transport.abort()
        else:
            self._watch_sending()

    def _stop_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
