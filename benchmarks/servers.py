"""Server processes for benchmarks: the service, the bare application that it is compared with, PostgreSQL."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import tests.postgres
from benchmarks import echo

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class MeasuredServer:
    """A running server: its address, and the id of its first process."""

    address: str
    pid: int

    def cpu_seconds(self) -> float:
        """Seconds of processor time of its processes until now (on Linux; elsewhere 0)."""
        try:
            return sum(_ticks(pid) for pid in (self.pid, *_children(self.pid))) / TICKS_PER_SECOND
        except OSError:
            return 0.0


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def command(url: str, *words: str) -> str:
    """The output of a command of the service."""
    process = subprocess.run(  # noqa: S603
        [sys.executable, "main.py", *words],
        cwd=ROOT,
        env=_environment(url),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        sys.exit(f"main.py {' '.join(words)}: {process.stdout}{process.stderr}")
    return process.stdout.strip()


@contextmanager
def tessera(url: str, workers: int) -> Iterator[MeasuredServer]:
    """The service on that database."""
    with _running(url, workers, "main.py", "serve", "--create") as server:
        yield server


@contextmanager
def bare(url: str, workers: int) -> Iterator[MeasuredServer]:
    """The bare application (benchmarks/echo.py)."""
    with _running(url, workers, "-m", "benchmarks.echo") as server:
        yield server


@contextmanager
def postgres() -> Iterator[tuple[str, str]]:
    """A PostgreSQL of its own: its address, and what it is."""
    with tests.postgres.PostgresServer().running() as server:
        yield server.url, f"PostgreSQL {tests.postgres.fetch_value(server.url, 'SHOW server_version').split()[0]}"


def _environment(url: str) -> dict[str, str]:
    return {**os.environ, "TESSERA_DATABASE_URL": url, echo.URL: url, "TESSERA_FAILED_ATTEMPTS_PER_MINUTE": "0"}


@contextmanager
def _running(url: str, workers: int, *arguments: str) -> Iterator[MeasuredServer]:
    port = tests.postgres.free_port()
    words = [sys.executable, *arguments, "--port", str(port), "--workers", str(workers)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(words, cwd=ROOT, env=_environment(url), stdout=log, stderr=log)  # noqa: S603
        try:
            _wait_until_answering(f"http://127.0.0.1:{port}", process)
            yield MeasuredServer(f"http://127.0.0.1:{port}", process.pid)
        except BaseException:
            log.seek(0)
            print(log.read(), file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait(TIMEOUT_SECONDS)


def _wait_until_answering(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urlopen(f"{address}/healthz", timeout=1).close()  # noqa: S310 (an address of our own)
            return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"{address} does not answer")
