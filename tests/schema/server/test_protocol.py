"""What may be sent over a connection, how slowly, and by how many at once: real sockets, and nothing that answers 500."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from schema import app as http_app
from schema import limits
from schema.context import Services
from schema.server import connection_limit, protocol
from schema.server.connection_limit import ConnectionLimit
from tests.conftest import serving

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest_asyncio.fixture
async def connect(services: Services, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    """Opens connections to every door and to three routes of the test's own; nobody asks the database."""
    connections = ConnectionLimit(100)
    monkeypatch.setattr(protocol, "process_connections", lambda: connections)

    async def length(request: Request) -> Response:
        return Response(str(len(await limits.read_body(request))))

    async def trailers(request: Request) -> Response:
        await limits.read_body(request)
        return Response(",".join(request.headers))

    async def long(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(1_000):
                yield b"x" * 2**16

        return StreamingResponse(pieces())

    app = http_app.create_app(services)
    app.add_route("/length", length, methods=["POST"])
    app.add_route("/trailers", trailers, methods=["POST"])
    app.add_route("/long", long)
    opened = []
    async with serving(app) as address:
        host, port = address.removeprefix("http://").split(":")

        async def open() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection(host, int(port))
            opened.append(writer)
            return reader, writer

        yield open
        for writer in opened:
            writer.transport.abort()


async def exchange(connect: Connect, *pieces: bytes) -> bytes:
    """What comes back until the connection is closed."""
    reader, writer = await connect()
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    return await all_of(reader)


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """Everything until the other side closes or resets."""
    received = bytearray()
    async with asyncio.timeout(10):
        try:
            while piece := await reader.read(2**16):
                received += piece
        except ConnectionResetError:
            pass
    return bytes(received)


def statuses(answer: bytes) -> list[int]:
    """The statuses of all answers of a connection."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


# ------------------------------------------------------------------ what is no request

MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a bare line": b"HELLO\r\n\r\n",
    "a NUL in the address": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
    "letters that are no ASCII": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no slash": b"GET healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "an absolute address without a path": b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n",
    "another version": b"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
    "HTTP/2 with prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown method": b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel": b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "both lengths": b"POST /codes/claim HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /codes/claim HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a negative length": b"POST /codes/claim HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "a huge length": b"POST /codes/claim HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "a coding that is none of HTTP's": b"POST /codes/claim HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "a chunk without a size": b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
}


@pytest.mark.case("A4")
@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_request_is_refused(name: str, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """It is 400, the connection is closed, and no stack is logged."""
    assert statuses(await exchange(connect, MALFORMED[name])) == [400]
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []


ODD = {
    "percent signs of nothing": (b"GET /%zz%2 HTTP/1.1", 404),
    "a NUL behind percent": (b"GET /codes/%00 HTTP/1.1", 401),
    "no UTF-8 behind percent": (b"GET /codes/%ff%fe HTTP/1.1", 401),
    "an absolute address": (b"GET http://evil.example/healthz HTTP/1.1", 200),
    "two slashes": (b"GET //evil.example/healthz HTTP/1.1", 404),
    "an asterisk": (b"OPTIONS * HTTP/1.1", 404),
    "HEAD": (b"HEAD /healthz HTTP/1.1", 200),
    "OPTIONS": (b"OPTIONS /healthz HTTP/1.1", 405),
    "a method of WebDAV": (b"PROPFIND /graphql HTTP/1.1", 405),
    "TRACE": (b"TRACE /graphql HTTP/1.1", 405),
    "a query of nothing": (b"GET /healthz?%ff=%00&&=;%zz HTTP/1.1", 200),
    "a query to GraphQL": (b"GET /graphql?query=%ff%00 HTTP/1.1", 401),
    "a query to a download": (b"GET /export/codes.csv?promotion=%ff HTTP/1.1", 401),
    "dots": (b"GET /codes/../../etc/passwd HTTP/1.1", 404),
}


@pytest.mark.case("A4")
@pytest.mark.parametrize("name", ODD)
async def test_odd_requests_are_answered(name: str, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """What is odd and yet HTTP is answered by a door, and is nobody's fault."""
    line, status = ODD[name]
    assert statuses(await exchange(connect, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")) == [status]
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []


@pytest.mark.case("A4")
@pytest.mark.parametrize("protocols", [b"h2c", b"websocket"])
async def test_other_protocols_are_not_taken_up(
    protocols: bytes, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Who offers another protocol is answered in this one, also what follows at once; Java's client always offers."""
    asks = b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: " + protocols + b"\r\nHTTP2-Settings: AAMAAABk\r\n"
    with_body = b"POST /length HTTP/1.1\r\nContent-Length: 3" + asks + b"\r\nabc"
    answer = await exchange(connect, with_body + b"GET /healthz HTTP/1.1" + asks + b"\r\n" + LAST)
    assert statuses(answer) == [200, 200, 200]
    assert caplog.records == []


# ------------------------------------------------------------------ what is too large

LONG = protocol.MAX_HEAD_BYTES + 2**18  # more than a socket is read at a time
TOO_LARGE = {
    "an address": b"GET /" + b"a" * LONG,
    "a header's name": b"GET / HTTP/1.1\r\n" + b"a" * LONG,
    "a header's value": b"GET / HTTP/1.1\r\na: " + b"a" * LONG,
    "many headers": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n",
    "a head that is there at once": b"GET / HTTP/1.1\r\na: " + b"a" * protocol.MAX_HEAD_BYTES + b"\r\n\r\n",
    "empty lines before it": b"\r\n" * LONG,
    "a trailer": b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: " + b"a" * LONG,
    "trailers": b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 110,
    "a chunk's extension": b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=" + b"a" * LONG,
}


@pytest.mark.case("A4")
@pytest.mark.parametrize("name", TOO_LARGE)
async def test_heads_and_what_is_like_them_are_bounded(name: str, connect: Connect) -> None:
    """More than a head may be is 431, or the connection is gone before that can be read."""
    assert statuses(await exchange(connect, TOO_LARGE[name])) in ([431], [])


@pytest.mark.case("A4")
@pytest.mark.parametrize("name", TOO_LARGE)
async def test_too_much_in_small_pieces(name: str, connect: Connect) -> None:
    """It is counted over all pieces."""
    whole = TOO_LARGE[name]
    pieces = (whole[start : start + 2**13] for start in range(0, len(whole), 2**13))
    with contextlib.suppress(ConnectionError):  # it was closed while we went on
        assert statuses(await exchange(connect, *pieces)) in ([431], [])


@pytest.mark.case("A4")
async def test_the_largest_head_is_taken(connect: Connect) -> None:
    """A head of 60 kB and 99 headers is none too large, nor is one that comes byte by byte."""
    large = LAST[:-2] + b"".join(b"a%d: %s\r\n" % (number, b"b" * 600) for number in range(97)) + b"\r\n"
    assert statuses(await exchange(connect, large)) == [200]
    assert statuses(await exchange(connect, *(bytes([byte]) for byte in LAST))) == [200]


@pytest.mark.case("A4")
async def test_bodies_do_not_count_as_heads(connect: Connect) -> None:
    """A body of 3 MB is read, by its length or in chunks, and the next request on that connection too."""
    body = b"x" * 3 * 2**20
    by_length = b"POST /length HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    in_chunks = b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    reader, writer = await connect()
    for request in (by_length, in_chunks):
        writer.write(request)
        assert (await reader.readuntil(b"3145728")).startswith(b"HTTP/1.1 200")
    writer.write(LAST)
    assert statuses(await all_of(reader)) == [200]


@pytest.mark.case("A4")
async def test_trailers_are_no_headers(connect: Connect) -> None:
    """What stands behind a body is not taken for what stands before it."""
    head = b"POST /trailers HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await exchange(connect, head, b"0\r\nauthorization: Bearer x\r\n\r\n")
    assert answer.endswith(b"host,connection,transfer-encoding")


@pytest.mark.case("A4")
async def test_a_body_in_crumbs_is_refused(connect: Connect) -> None:
    """So are a million chunks of a byte: each costs as much as a large one."""
    head = b"POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(ConnectionError):  # noqa: PT012 (either of them may hear of it)
        answer = await exchange(connect, head, b"1\r\na\r\n" * 100_000)
        assert statuses(answer) in ([400], [])
        raise ConnectionError


@pytest.mark.case("A4")
async def test_many_requests_at_once_are_not_queued_without_end(connect: Connect) -> None:
    """A connection asks some requests ahead of their answers, and no thousands."""
    ahead = protocol.MAX_PIPELINED // 2
    assert statuses(await exchange(connect, GET * ahead + LAST)) == [200] * (ahead + 1)
    with contextlib.suppress(ConnectionError):
        assert len(statuses(await exchange(connect, GET * 10_000))) < 10_000


# ------------------------------------------------------------------ what is too slow


@pytest.mark.case("A4")
@pytest.mark.parametrize("half", [b"G", b"GET /healthz HTTP/1.1\r\nHo", b"\r\n", GET + b"GET /healthz HTTP/1.1\r\n"])
async def test_half_a_head_is_not_waited_for(
    half: bytes, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is 408 and closed, and a line of log says so, one for all of them."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(protocol, "slow_requests", connection_limit.ThrottledWarning("too slow"))
    for answer in await asyncio.gather(*(exchange(connect, half) for _ in range(10))):
        assert statuses(answer) == [*([200] if half.startswith(GET) else []), 408]
    assert len([record for record in caplog.records if "too slow" in record.message]) == 1


@pytest.mark.long
@pytest.mark.case("A4")
async def test_a_head_byte_by_byte_gains_no_time(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is for the whole head, however its pieces come."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    reader, writer = await connect()

    async def drip() -> None:
        while True:
            writer.write(b"a")
            await asyncio.sleep(0.01)

    writer.write(b"GET /healthz HTTP/1.1\r\nx: ")
    dripping = asyncio.create_task(drip())
    assert statuses(await all_of(reader)) in ([408], [])
    dripping.cancel()


@pytest.mark.case("A4")
async def test_a_connection_without_a_request_is_closed(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who says nothing hears nothing."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    assert await exchange(connect) == b""


@pytest.mark.case("A4")
async def test_half_a_body_is_not_waited_for(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """A door stops reading when its seconds are over, and a connection whose body nobody reads is closed too."""
    monkeypatch.setattr(protocol, "BODY_SECONDS", 0.05)
    half = b"POST /length HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"
    assert statuses(await exchange(connect, half)) == [408]


@pytest.mark.case("A4")
async def test_a_body_that_goes_on_after_its_answer_is_not_read_for_ever(connect: Connect) -> None:
    """Who was answered before the body was there keeps the connection no longer than who says nothing more."""
    reader, writer = await connect()
    writer.write(b"POST /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 405")
    [connection] = list(protocol.process_connections()._idle)
    assert isinstance(connection, protocol.HttpProtocol)
    handle = connection.timeout_keep_alive_task
    assert handle is not None
    writer.write(b"1\r\na\r\n")
    await writer.drain()
    connection.data_received(b"1\r\na\r\n")
    assert connection.timeout_keep_alive_task is handle
    assert not handle.cancelled()


@pytest.mark.case("A4")
async def test_an_answer_that_nobody_takes_is_ended(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who asks for much and reads nothing loses the connection."""
    monkeypatch.setattr(protocol, "SEND_SECONDS", 0.05)
    monkeypatch.setattr(protocol, "slow_responses", connection_limit.ThrottledWarning("not taken"))
    _, writer = await connect()
    writer.write(b"GET /long HTTP/1.1\r\n\r\n")
    connections = protocol.process_connections()
    async with asyncio.timeout(10):
        while connections.open or not caplog.records:
            await asyncio.sleep(0)
    assert "not taken" in caplog.text
    assert [record for record in caplog.records if record.exc_info] == []


# ------------------------------------------------------------------ how many


@pytest.mark.long
@pytest.mark.case("A4")
async def test_one_too_many_closes_whom_the_server_has_waited_for_longest(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Half heads and idle connections go, the oldest first, and who asks is answered; one line of log for all."""
    idle_reader, idle = await connect()
    idle.write(GET)
    await idle_reader.readuntil(b'"ok"}')
    half = [await connect() for _ in range(300)]
    for _, writer in half:
        writer.write(b"GET /healthz HTTP/1.1\r\nHo")
        assert statuses(await exchange(connect, LAST)) == [200]
    connections = protocol.process_connections()
    assert await all_of(idle_reader) == b""
    assert connections.open <= connections.most == 100
    assert len([record for record in caplog.records if "connections" in record.message]) == 1


@pytest.mark.case("A4")
async def test_new_requests_are_rejected_while_all_connections_are_busy(connect: Connect) -> None:
    """It is 503 with Retry-After, quickly; once there is room again, all is well."""
    connections = protocol.process_connections()
    connections.open += 100  # that many are busy, and none is idle
    answer = await exchange(connect, LAST)
    assert statuses(answer) == [503]
    assert b"retry-after: 1\r\n" in answer
    connections.open -= 100
    assert statuses(await exchange(connect, LAST)) == [200]
    assert connections.open == 0


async def test_work_is_not_closed_for_newcomers(connect: Connect) -> None:
    """A connection whose request is being answered does not count as waiting."""
    connections = protocol.process_connections()
    reader, writer = await connect()
    writer.write(b"POST /length HTTP/1.1\r\nContent-Length: 3\r\n\r\nab")
    async with asyncio.timeout(10):
        while not any(getattr(one, "cycle", None) for one in connections._idle):
            await asyncio.sleep(0)
    assert len(connections._idle) == 1
    writer.write(b"c")
    await reader.readuntil(b"\r\n\r\n3")
    assert len(connections._idle) == 1  # answered: the client's turn again


@pytest.mark.parametrize(("files", "most"), [(256, 192), (1_024, 896), (20_000, 10_000), (64, 16)])
def test_connections_leave_room_for_files(files: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are fewer than files that may be open."""
    monkeypatch.setattr(connection_limit.resource, "getrlimit", lambda _: (files, files))
    assert connection_limit.max_connections() == most
