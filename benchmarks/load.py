"""Load from another process, over loopback, on a bounded number of connections that stay open.

`most` asks as fast as answers come: by wrk where the system has it, else by the client below; a run uses one of them
for all of its figures. `paced` asks at a given rate whatever the answers do, and counts an answer's time from when it
was due, so that no pause of the server's goes unseen. A wrong answer ends the run: what is refused is no speed.
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
    good: str
    """What every good answer holds."""
    key: str = ""
    texts: Sequence[str] = ("--------",)

    @property
    def template(self) -> str:
        """The request as it is sent."""
        length = len((self.body or "").replace("<text>", "-" * 8).replace("<n>", "-" * 10))
        head = [
            f"{'GET' if self.body is None else 'POST'} {self.path} HTTP/1.1",
            f"Host: {urlsplit(self.address).netloc}",
            "Accept: */*",
            *([f"Authorization: Bearer {self.key}"] if self.key else []),
            *([] if self.body is None else ["Content-Type: application/json", f"Content-Length: {length}"]),
        ]
        return "\r\n".join([*head, "", self.body or ""])

    def written(self, start: int) -> Iterator[bytes]:
        """One request after another."""
        template = self.template.encode()
        for n in range(start + 1, sys.maxsize):
            text = self.texts[n % len(self.texts)].encode()
            yield template.replace(b"<text>", text).replace(b"<n>", b"%010d" % n)


@dataclass(frozen=True)
class Answers:
    """What came of it: how many, how many a second; milliseconds that half, and 99 of 100, took at most."""

    answered: int
    rate: float
    p50: float
    p99: float


def client() -> str:
    """What asks as fast as it can, and its version."""
    if WRK is None:
        return "the asyncio client of benchmarks/load.py"
    version = subprocess.run([WRK, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return " ".join(version.split()[:2])


def most(request: LoadRequest, seconds: float, start: int) -> Answers:
    """As much as is answered on all connections; the numbers begin after `start`."""
    if WRK is None:
        return uvloop.run(_Client(request, start).closed(seconds))
    with TemporaryDirectory() as folder:
        template, texts = Path(folder) / "template", Path(folder) / "texts"
        template.write_bytes(request.template.encode())
        texts.write_text("\n".join(request.texts))
        words = [WRK, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(LUA)]
        arguments = [request.address, "--", str(template), str(texts), str(start), request.good]
        ran = subprocess.run([*words, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    found = SUMMARY.search(ran.stdout)
    if found is None:
        sys.exit(f"wrk has not ended well: {ran.stdout}{ran.stderr}")
    requests, micros, unanswered, wrong, p50, p99 = map(int, found.groups())
    if unanswered or wrong:
        sys.exit(f"{request.path}: {unanswered} unanswered, {wrong} wrong answers, such as {ran.stdout[found.end() :]}")
    return Answers(requests, requests / micros * 1e6, p50 / 1000, p99 / 1000)


def paced(request: LoadRequest, seconds: float, rate: float, start: int) -> Answers:
    """`rate` requests a second, evenly, on as many connections; none is left out when answers are late."""
    return uvloop.run(_Client(request, start).open(seconds, rate))


class _Connection(asyncio.Protocol):
    """Sends what it is given, and tells of each whole answer."""

    def __init__(self, answered: Callable[["_Connection", bytes], None]) -> None:
        self.answered = answered
        self.read = b""
        self.gone = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = transport.write  # type: ignore[attr-defined]
        self.close = transport.close

    def connection_lost(self, why: Exception | None) -> None:
        self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.read += data
        ends = self.read.find(b"\r\n\r\n")
        length = LENGTH.search(self.read, 0, ends + 1) if ends >= 0 else None
        if length is not None and len(self.read) >= ends + 4 + int(length[1]):
            answer, self.read = self.read, b""
            self.answered(self, answer)


async def _close(connections: Sequence[_Connection]) -> None:
    for connection in connections:
        connection.close()
    await asyncio.gather(*(connection.gone for connection in connections))


class _Client:
    """What wrk does, and pacing."""

    def __init__(self, request: LoadRequest, start: int) -> None:
        self.request, self.good = request, request.good.encode()
        self.written = request.written(start)
        self.due: dict[_Connection, float] = {}
        self.took: list[float] = []
        self.waiting: deque[float] = deque()
        self.idle: asyncio.Queue[_Connection] = asyncio.Queue()
        self.until = float("inf")
        self.wrong = ""

    async def closed(self, seconds: float) -> Answers:
        connections = await self._connect(self._again)
        began = time.perf_counter()
        self.until = began + seconds
        for connection in connections:
            self._send(connection, time.perf_counter())
        await asyncio.sleep(seconds)
        seconds = time.perf_counter() - began
        await _close(connections)
        return self._answers(seconds)

    async def open(self, seconds: float, rate: float) -> Answers:
        for connection in await self._connect(self._free):
            self.idle.put_nowait(connection)
        began = time.perf_counter()
        for number in range(round(seconds * rate)):
            due = began + number / rate
            if due > (now := time.perf_counter()):
                await asyncio.sleep(due - now)
            now = time.perf_counter()  # a timer that wakes late is no fault of the server's
            if self.idle.empty():
                self.waiting.append(now)
            else:
                self._send(self.idle.get_nowait(), now)
        connections = [await self.idle.get() for _ in range(CONNECTIONS)]
        seconds = time.perf_counter() - began
        await _close(connections)
        return self._answers(seconds)

    async def _connect(self, answered: Callable[[_Connection, bytes], None]) -> list[_Connection]:
        loop = asyncio.get_running_loop()
        host, _, port = urlsplit(self.request.address).netloc.partition(":")
        made = [loop.create_connection(lambda: _Connection(answered), host, int(port)) for _ in range(CONNECTIONS)]
        return [connection for _, connection in await asyncio.gather(*made)]

    def _send(self, connection: _Connection, due: float) -> None:
        self.due[connection] = due
        connection.write(next(self.written))

    def _count(self, connection: _Connection, answer: bytes) -> None:
        if not answer.startswith(b"HTTP/1.1 200") or self.good not in answer:
            self.wrong = answer.decode(errors="replace")
        if time.perf_counter() < self.until:
            self.took.append(time.perf_counter() - self.due[connection])

    def _again(self, connection: _Connection, answer: bytes) -> None:
        self._count(connection, answer)
        if time.perf_counter() < self.until:
            self._send(connection, time.perf_counter())

    def _free(self, connection: _Connection, answer: bytes) -> None:
        self._count(connection, answer)
        if self.waiting:
            self._send(connection, self.waiting.popleft())
        else:
            self.idle.put_nowait(connection)

    def _answers(self, seconds: float) -> Answers:
        if self.wrong:
            sys.exit(f"{self.request.path}: wrong answers, such as {self.wrong}")
        cuts = statistics.quantiles(self.took, n=100)
        return Answers(len(self.took), len(self.took) / seconds, cuts[49] * 1000, cuts[98] * 1000)
