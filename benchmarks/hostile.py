"""No hostile request keeps honest ones waiting, nor takes the memory of the machine.

`python -m benchmarks.hostile [--database sqlite|postgres] [--only WORDS]` starts the real server with one worker.
While each hostile request of `benchmarks/attacks.py` is under way, honest clients claim and ask `/healthz`; printed are
the longest time that either took, the largest answer to the hostile ones, and the worker's highest memory.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import db
from benchmarks import servers, table
from benchmarks.attacks import ATTACKS, CLAIM, Attack, HostileRequest
from db.enums import KeyKind
from resolvers import create, generate
from resolvers.domain import params
from resolvers.domain.code_format import Format

CLAIMANTS = 4
PAUSE_SECONDS = 0.01
"""Seconds between an honest client's requests."""
TIMEOUT_SECONDS = 90
MAX_MS, MAX_MB, MAX_KB = 250, 300, 10
CODES = 50_000


@dataclass(frozen=True)
class TargetServer:
    """A server's address and process, and two keys of its organization."""

    address: str
    pid: int
    keys: dict[str, str]


async def fill(url: str) -> dict[str, str]:
    """A store with an organization, a code that is claimed without a limit, and many others; its keys."""
    now = datetime.now(UTC)
    await db.migrate(url)
    async with db.opened(url):
        organization = await create.organization("Bench", 1, "bench", 1, "EUR", "UTC", now)
        new = create.NewPromotion(name="Honest", codes=("HONEST",), limits=params.Limits(per_code=None))
        await create.promotion(organization, new, None, now)
        await generate.codes(organization, None, CODES, Format(), generate.CodeOptions(), False, None, now)
        return {
            kind.name: await create.key(kind, organization.account_id, organization.id, None, now)
            for kind in (KeyKind.SECRET, KeyKind.PUBLIC)
        }


class HonestClients:
    """Clients that claim, and one that asks `/healthz`, one request after another, in a loop of their own."""

    def __init__(self, target: TargetServer) -> None:
        self._target = target
        self.durations: dict[str, list[tuple[float, float]]] = {"claim": [], "healthz": []}
        self.wrong = ""

    def longest_ms(self, kind: str, began: float, ended: float) -> float:
        """The longest milliseconds of a request that was under way in this time."""
        during = [end - start for start, end in self.durations[kind] if end >= began and start <= ended]
        return max(during, default=0.0) * 1000

    @contextmanager
    def running(self) -> Iterator["HonestClients"]:
        """Send requests while the block lasts."""
        self._stopped = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._ask()))
        thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            thread.join()

    async def _ask(self) -> None:
        await asyncio.gather(*(self._client("claim", n) for n in range(CLAIMANTS)), self._client("healthz", 0))

    async def _client(self, kind: str, number: int) -> None:
        host, _, port = urlsplit(self._target.address).netloc.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        count = 0
        while not self._stopped.is_set():
            count += 1
            began = time.perf_counter()
            writer.write(self._request(kind, f"{number}-{count}-{time.time_ns()}"))
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            answer = await reader.readexactly(length)
            self.durations[kind].append((began, time.perf_counter()))
            if b" 200 " not in head[:20] or (kind == "claim" and b"CodeClaimed" not in answer):
                self.wrong = (head + answer)[:500].decode(errors="replace")
            await asyncio.sleep(PAUSE_SECONDS)
        writer.close()

    def _request(self, kind: str, who: str) -> bytes:
        if kind == "healthz":
            return b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n"
        claim_input = {"text": "HONEST", "customer": {"email": f"{who}@example.com"}, "order": {"reference": who}}
        body = json.dumps({"query": CLAIM, "variables": {"input": claim_input}}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._target.keys['SECRET']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@dataclass(frozen=True)
class HostileOutcome:
    """The answer to a hostile request: its status (0 for none in time), its bytes, and whether it is a refusal."""

    status: int
    size: int
    refused: bool


def send(target: TargetServer, hostile: HostileRequest) -> HostileOutcome:
    """Send one request and read its answer to the end, keeping its beginning alone."""
    if hostile.raw is not None:
        return send_raw(target, hostile.raw)
    headers = {"Content-Type": hostile.media_type}
    if hostile.key:
        headers["Authorization"] = f"Bearer {target.keys[hostile.key]}"
    connection = http.client.HTTPConnection(urlsplit(target.address).netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(hostile.method, hostile.path, hostile.body, headers)
        answer = connection.getresponse()
        first = b""
        size = 0
        while piece := answer.read(1 << 16):
            first = first or piece
            size += len(piece)
        return HostileOutcome(answer.status, size, answer.status >= 400 or first.startswith(b'{"data":null'))
    except (OSError, http.client.HTTPException):
        return HostileOutcome(0, 0, True)
    finally:
        connection.close()


def send_raw(target: TargetServer, data: bytes) -> HostileOutcome:
    """Send these bytes over a connection, and read until the server closes it; 0 is the status where nothing came."""
    host, _, port = urlsplit(target.address).netloc.partition(":")
    first, size = b"", 0
    with (
        contextlib.suppress(OSError),
        socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS) as connection,
    ):
        connection.sendall(data)
        while piece := connection.recv(1 << 16):
            first, size = first or piece, size + len(piece)
    status = int(first[9:12]) if first.startswith(b"HTTP/1.1 ") else 0
    return HostileOutcome(status, size, status == 0 or status >= 400)


def peak_megabytes(pid: int, begin: bool = False) -> float:
    """The peak memory of a process since the last call with `begin`, in megabytes (on Linux; elsewhere 0)."""
    try:
        if begin:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def run_attack(target: TargetServer, honest: HonestClients, attack: Attack) -> tuple[str, ...]:
    """The cells of a row: one attack, and the times of honest requests during it."""
    requests = attack.requests()
    peak_megabytes(target.pid, begin=True)
    time.sleep(0.1)
    began = time.perf_counter()
    answers: list[HostileOutcome] = []
    with ThreadPoolExecutor(min(attack.concurrency, len(requests))) as senders:
        for _ in range(attack.repetitions):
            answers += senders.map(lambda one: send(target, one), requests)
    ended = time.perf_counter()
    time.sleep(0.3)  # requests that are under way at the last answer may still be late
    claim, healthz = (honest.longest_ms(kind, began, ended) for kind in ("claim", "healthz"))
    memory, size = peak_megabytes(target.pid), max(one.size for one in answers)
    refused = max((one.size for one in answers if one.refused), default=0)
    good = max(claim, healthz) <= MAX_MS and memory <= MAX_MB and refused <= MAX_KB * 1024
    statuses = ", ".join(str(one or "none") for one in sorted({one.status for one in answers}))
    cells = (attack.case, attack.what, f"{claim:,.0f} ms", f"{healthz:,.0f} ms", statuses)
    return (*cells, f"{size:,} B", f"{ended - began:.2f} s", f"{memory:,.0f} MB", "aim" if good else "MISSED")


HEAD = ("case", "hostile", "worst claim", "worst /healthz", "answered", "answer", "took", "memory", "reached")


def run_attacks(target: TargetServer, attacks: Sequence[Attack]) -> None:
    """Try each attack, and print its row as soon as it is known."""
    nothing = Attack("", "nothing, for two seconds", lambda: [])
    widths = (4, max(len(attack.what) for attack in [nothing, *attacks]), 11, 14, 10, 14, 7, 8, 7)

    def line(cells: Sequence[str]) -> None:
        print(
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |", flush=True
        )

    line(HEAD)
    print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    missed = 0
    with HonestClients(target).running() as honest:
        peak_megabytes(target.pid, begin=True)
        began = time.perf_counter()
        time.sleep(2)
        longest_ms = [f"{honest.longest_ms(kind, began + 0.5, began + 2):,.0f} ms" for kind in ("claim", "healthz")]
        line(("", nothing.what, *longest_ms, "", "", "2.00 s", f"{peak_megabytes(target.pid):,.0f} MB", ""))
        for attack in attacks:
            cells = run_attack(target, honest, attack)
            missed += cells[-1] != "aim"
            line(cells)
    if honest.wrong:
        sys.exit(f"an honest request was not answered: {honest.wrong}")
    print(f"\n{len(attacks) - missed} of {len(attacks)} as they should be: no honest request above {MAX_MS} ms,"
          f" memory within {MAX_MB} MB, a refused answer within {MAX_KB} kB.")  # fmt: skip


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    words.add_argument("--only", default="", help="rows whose case or words hold this")
    options = words.parse_args()
    attacks = [attack for attack in ATTACKS if options.only.lower() in f"{attack.case} {attack.what}".lower()]
    if not attacks:
        sys.exit(f"error: no row holds {options.only!r}")
    print(table.machine())
    with store(options.database) as (url, what):
        pause_ms = f"{PAUSE_SECONDS * 1000:.0f} ms"
        print(f"{what}, 1 worker; {CLAIMANTS} clients claim and one asks /healthz, {pause_ms} between.\n")
        keys = asyncio.run(fill(url))
        with servers.tessera(url, 1) as server:
            run_attacks(TargetServer(server.address, server.pid, keys), attacks)


@contextmanager
def store(database: str) -> Iterator[tuple[str, str]]:
    """An empty database: its address, and what it is."""
    if database == "postgres":
        with servers.postgres() as server:
            yield server
        return
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite://{folder}/hostile.db", "SQLite"


if __name__ == "__main__":
    main()
