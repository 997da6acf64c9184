"""HTTP/1.1 over a connection: uvicorn's protocol, with limits on a request's size and on the time of a client.

The members of uvicorn's class that are used here are listed in tests/schema/server/test_uvicorn.py;
docs/operations.md describes how proxies fit in.
"""

import asyncio
from functools import cache

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from schema.server.connection_limit import ConnectionLimit, ThrottledWarning, max_connections

HEAD_SECONDS = 10
"""Time limit from the beginning of a connection, or of a later request, to the end of the request's head."""

BODY_SECONDS = 30
"""Time limit from there to the end of the body; applications stop sooner (`limits.REQUEST_SECONDS`)."""

SEND_SECONDS = 20
MIN_SENT_BYTES = 10_000
"""Bytes of a long answer that a client has to take in each SEND_SECONDS."""

MAX_HEAD_BYTES = 64 * 2**10
"""Bytes of a request's first line and headers together, and of the framing between two pieces of its body."""

MAX_HEADERS = 100
MAX_CHUNKS = 20_000
MAX_PIPELINED = 100

BAD, TIMEOUT, TOO_LARGE = "400 Bad Request", "408 Request Timeout", "431 Request Header Fields Too Large"

slow_requests = ThrottledWarning("a request did not come in time, and its connection was closed")
slow_responses = ThrottledWarning("an answer was not taken in time, and its connection was closed")
bad_requests = ThrottledWarning("a request was not valid HTTP, or had too many headers, and its connection was closed")


class RequestRefused(Exception):
    """Raised in the parser's callbacks to stop it; `HttpProtocol._refused_status` is the answer."""


@cache
def process_connections() -> ConnectionLimit:
    """The connection limit of this process."""
    return ConnectionLimit(max_connections())


async def busy_app(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application that answers 503 with `Retry-After`."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"5"), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": 503, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": b"Busy\n"})


class HttpProtocol(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connections = process_connections()
        self._application = self.app
        self._refused_status: str | None = None
        self._is_receiving = True  # a request has not arrived completely
        self._is_in_head = True  # nor has its head
        self._began_in_piece = False  # the head or a part of the body began in the current piece
        self._piece = 0  # bytes in the current piece
        self._size = 0  # bytes in earlier pieces since the head or a part of the body began
        self._chunks = 0
        self._receive_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------ the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer of the first request."""
        super().connection_made(transport)
        self._receive_timer = self.loop.call_later(HEAD_SECONDS, self._receive_timed_out)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._connections.remove(self)
        self._unset_keepalive_if_required()
        self._stop_receive_timer()
        self._stop_send_timer()
        super().connection_lost(exc)

    def _close(self, status: str) -> None:
        """Close the connection: earlier requests are answered first, and this one with a status."""
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
        self._start_send_timer()

    # ------------------------------------------------------------------ receiving

    def data_received(self, data: bytes) -> None:
        """Receive a piece of a request; one that is too large or too slow is refused."""
        if self._refused_status is not None:
            return
        self._piece = len(data)
        try:
            self._parse(data)
            if self._is_receiving:
                self._check_size()
        except (httptools.HttpParserError, RequestRefused):
            self._refused_status = self._refused_status or BAD
            bad_requests.count()
            self._close(self._refused_status)

    def _parse(self, data: bytes) -> None:
        """Parse a piece. A request that offers a protocol upgrade is parsed again without it, as it may have a body."""
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if self.parser.get_method() == b"CONNECT":
                    self._refuse(BAD)
                data = self._head_without_upgrade() + data[upgrade.args[0] :]

    def _head_without_upgrade(self) -> bytes:
        """The parsed head, without the offer of a protocol upgrade."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                value = b",".join(each for each in value.split(b",") if each.strip().lower() != b"upgrade")
            if name != b"upgrade":
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])

    def _check_size(self) -> None:
        """Check the size and start the timer, after a piece that is not a request's last. Raises RequestRefused."""
        self._size = 0 if self._began_in_piece else self._size + self._piece
        self._began_in_piece = False
        if self._size > MAX_HEAD_BYTES:
            self._refuse(TOO_LARGE)
        if self._receive_timer is None:
            seconds = HEAD_SECONDS if self._is_in_head else BODY_SECONDS
            self._receive_timer = self.loop.call_later(seconds, self._receive_timed_out)

    def _refuse(self, status: str) -> None:
        self._refused_status = status
        raise RequestRefused

    def _receive_timed_out(self) -> None:
        self._receive_timer = None
        if self.flow.read_paused:  # the server is slow, not the client
            self._receive_timer = self.loop.call_later(BODY_SECONDS, self._receive_timed_out)
        elif self._is_in_head and not self._size and not self.scope:
            self.transport.close()  # nothing was sent at all
        else:
            slow_requests.count()
            self._close(TIMEOUT)

    def _stop_receive_timer(self) -> None:
        if self._receive_timer is not None:
            self._receive_timer.cancel()
            self._receive_timer = None

    # ------------------------------------------------------------------ the parser's callbacks

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._unset_keepalive_if_required()
        self._is_receiving = self._is_in_head = self._began_in_piece = True
        self._size = self._chunks = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer behind a body."""
        if len(self.headers) >= MAX_HEADERS:
            self._refuse(TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A request's head is complete."""
        if self.parser.should_upgrade():
            return
        if self._size + self._piece > MAX_HEAD_BYTES and self._head_size() > MAX_HEAD_BYTES:
            self._refuse(TOO_LARGE)
        if len(self.pipeline) >= MAX_PIPELINED:
            self._refuse(BAD)
        self._is_in_head = False
        self._stop_receive_timer()
        if self._connections.is_exceeded:
            self._connections.count_rejected()
            self.app = busy_app
        else:
            self.app = self._application
        super().on_headers_complete()
        self.headers = []  # trailers are not the request's headers

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def on_chunk_header(self) -> None:
        """A chunk of a body begins."""
        self._chunks += 1
        if self._chunks > MAX_CHUNKS:
            self._refuse(BAD)

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._began_in_piece = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is complete."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._is_receiving = False
        self._stop_receive_timer()
        if not self.cycle.response_complete:
            self._connections.set_busy(self)

    # ------------------------------------------------------------------ sending

    def on_response_complete(self) -> None:
        """An answer is written; the client may not have taken all of it."""
        has_next = bool(self.pipeline) and not self._is_receiving
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_send_timer()
            return
        if not has_next:
            self._connections.set_idle(self)
        if self._is_receiving and self._is_in_head:
            self._unset_keepalive_if_required()  # the next one has begun

    def timeout_keep_alive_handler(self) -> None:
        """No further request has come."""
        super().timeout_keep_alive_handler()
        self._start_send_timer()

    def pause_writing(self) -> None:
        """The client reads more slowly than the answer is written."""
        super().pause_writing()
        self._connections.set_idle(self)
        self._start_send_timer()

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        if not self.cycle.response_complete:
            self._connections.set_busy(self)
        self._stop_send_timer()

    def _start_send_timer(self) -> None:
        """Restart the timer that closes the connection if the client takes too little of the answer."""
        self._stop_send_timer()
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            self._send_timer = self.loop.call_later(SEND_SECONDS, self._check_send_progress, unsent)

    def _check_send_progress(self, unsent_before: int) -> None:
        if self.transport.get_write_buffer_size() > unsent_before - MIN_SENT_BYTES:
            slow_responses.count()
            self.transport.abort()
        else:
            self._start_send_timer()

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
