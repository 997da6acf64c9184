"""Load from another process, over loopback, on a bounded number of connections that stay open.

`closed_loop` sends the next request as soon as an answer comes: by wrk where the system has it, else by the client
below; a run uses one of them for all of its figures. `open_loop` sends at a given rate, independently of answers, and
measures an answer's time from when its request was due, so that no pause of the server is hidden. A wrong answer ends
the run: a refusal is no throughput.
"""

import asyncio
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import uvloop

CONNECTIONS = 32
WRK = shutil.which("wrk")
LUA = Path(__file__).with_name("load.lua")
SUMMARY = re.compile(r"requests (\d+) in (\d+) us, unanswered (\d+), wrong (\d+), p50 (\d+), p99 (\d+)")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class LoadRequest:
    """A request whose <text> (of eight letters) and <n> (a number of ten digits) differ each time."""

    address: str
    path: str
    body: str | None
    expected: str
    """A part of every correct answer."""
    key: str = ""
    texts: Sequence[str] = ("--------",)

    @property
    def template(self) -> str:
        """The request as text, with its placeholders."""
        length = len((self.body or "").replace("<text>", "-" * 8).replace("<n>", "-" * 10))
        head = [
            f"{'GET' if self.body is None else 'POST'} {self.path} HTTP/1.1",
            f"Host: {urlsplit(self.address).netloc}",
            "Accept: */*",
            *([f"Authorization: Bearer {self.key}"] if self.key else []),
            *([] if self.body is None else ["Content-Type: application/json", f"Content-Length: {length}"]),
        ]
        return "\r\n".join([*head, "", self.body or ""])

    def raw_requests(self, start: int) -> Iterator[bytes]:
        """Requests without an end, each with other values."""
        template = self.template.encode()
        for n in range(start + 1, sys.maxsize):
            text = self.texts[n % len(self.texts)].encode()
            yield template.replace(b"<text>", text).replace(b"<n>", b"%010d" % n)


@dataclass(frozen=True)
class LoadResult:
    """The number of answers, answers a second, and the median and 99th percentile of latency in milliseconds."""

    answered: int
    rate: float
    p50: float
    p99: float


def client() -> str:
    """The name and version of the client of a closed loop."""
    if WRK is None:
        return "the asyncio client of benchmarks/load.py"
    version = subprocess.run([WRK, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return " ".join(version.split()[:2])


def closed_loop(request: LoadRequest, seconds: float, start: int) -> LoadResult:
    """The throughput on CONNECTIONS connections; the numbers of requests begin after `start`."""
    if WRK is None:
        return uvloop.run(_Client(request, start).run_closed_loop(seconds))
    with TemporaryDirectory() as folder:
        template, texts = Path(folder) / "template", Path(folder) / "texts"
        template.write_bytes(request.template.encode())
        texts.write_text("\n".join(request.texts))
        words = [WRK, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(LUA)]
        arguments = [request.address, "--", str(template), str(texts), str(start), request.expected]
        process = subprocess.run([*words, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    summary = SUMMARY.search(process.stdout)
    if summary is None:
        sys.exit(f"wrk has not ended well: {process.stdout}{process.stderr}")
    requests, micros, unanswered, wrong, p50, p99 = map(int, summary.groups())
    if unanswered or wrong:
        example = process.stdout[summary.end() :]
        sys.exit(f"{request.path}: {unanswered} unanswered, {wrong} wrong answers, such as {example}")
    return LoadResult(requests, requests / micros * 1e6, p50 / 1000, p99 / 1000)


def open_loop(request: LoadRequest, seconds: float, rate: float, start: int) -> LoadResult:
    """The latency at `rate` requests a second on as many connections; none is left out when answers are late."""
    return uvloop.run(_Client(request, start).run_open_loop(seconds, rate))


class _Connection(asyncio.Protocol):
    """A connection that calls back with each whole answer."""

    def __init__(self, on_answer: Callable[["_Connection", bytes], None]) -> None:
        self.on_answer = on_answer
        self.read = b""
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = transport.write  # type: ignore[attr-defined]
        self.close = transport.close

    def connection_lost(self, why: Exception | None) -> None:
        self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.read += data
        ends = self.read.find(b"\r\n\r\n")
        length = LENGTH.search(self.read, 0, ends + 1) if ends >= 0 else None
        if length is not None and len(self.read) >= ends + 4 + int(length[1]):
            answer, self.read = self.read, b""
            self.on_answer(self, answer)


async def _close(connections: Sequence[_Connection]) -> None:
    for connection in connections:
        connection.close()
    await asyncio.gather(*(connection.closed for connection in connections))


class _Client:
    """An asyncio client for closed and open loops."""

    def __init__(self, request: LoadRequest, start: int) -> None:
        self.request, self.expected = request, request.expected.encode()
        self.raw_requests = request.raw_requests(start)
        self.due: dict[_Connection, float] = {}
        self.durations: list[float] = []
        self.waiting: deque[float] = deque()
        self.idle: asyncio.Queue[_Connection] = asyncio.Queue()
        self.until = float("inf")
        self.wrong = ""

    async def run_closed_loop(self, seconds: float) -> LoadResult:
        connections = await self._connect(self._count_and_resend)
        started = time.perf_counter()
        self.until = started + seconds
        for connection in connections:
            self._send(connection, time.perf_counter())
        await asyncio.sleep(seconds)
        seconds = time.perf_counter() - started
        await _close(connections)
        return self._result(seconds)

    async def run_open_loop(self, seconds: float, rate: float) -> LoadResult:
        for connection in await self._connect(self._count_and_release):
            self.idle.put_nowait(connection)
        started = time.perf_counter()
        for number in range(round(seconds * rate)):
            due = started + number / rate
            if due > (now := time.perf_counter()):
                await asyncio.sleep(due - now)
            now = time.perf_counter()  # a timer that wakes late is no fault of the server's
            if self.idle.empty():
                self.waiting.append(now)
            else:
                self._send(self.idle.get_nowait(), now)
        connections = [await self.idle.get() for _ in range(CONNECTIONS)]
        seconds = time.perf_counter() - started
        await _close(connections)
        return self._result(seconds)

    async def _connect(self, on_answer: Callable[[_Connection, bytes], None]) -> list[_Connection]:
        loop = asyncio.get_running_loop()
        host, _, port = urlsplit(self.request.address).netloc.partition(":")
        pairs = await asyncio.gather(
            *(loop.create_connection(lambda: _Connection(on_answer), host, int(port)) for _ in range(CONNECTIONS))
        )
        return [connection for _, connection in pairs]

    def _send(self, connection: _Connection, due: float) -> None:
        self.due[connection] = due
        connection.write(next(self.raw_requests))

    def _count(self, connection: _Connection, answer: bytes) -> None:
        if not answer.startswith(b"HTTP/1.1 200") or self.expected not in answer:
            self.wrong = answer.decode(errors="replace")
        if time.perf_counter() < self.until:
            self.durations.append(time.perf_counter() - self.due[connection])

    def _count_and_resend(self, connection: _Connection, answer: bytes) -> None:
        self._count(connection, answer)
        if time.perf_counter() < self.until:
            self._send(connection, time.perf_counter())

    def _count_and_release(self, connection: _Connection, answer: bytes) -> None:
        self._count(connection, answer)
        if self.waiting:
            self._send(connection, self.waiting.popleft())
        else:
            self.idle.put_nowait(connection)

    def _result(self, seconds: float) -> LoadResult:
        if self.wrong:
            sys.exit(f"{self.request.path}: wrong answers, such as {self.wrong}")
        cuts = statistics.quantiles(self.durations, n=100)
        return LoadResult(len(self.durations), len(self.durations) / seconds, cuts[49] * 1000, cuts[98] * 1000)
