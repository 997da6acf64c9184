"""An installation of the service, for tests: `python main.py …` as real processes on a real database."""

import asyncio
import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests import stores
from tests.fork_server import Forked

ROOT = Path(__file__).resolve().parents[1]


class Installation:
    """A folder, a database (by default an SQLite file in the folder) and an environment for commands.

    Processes are forked from one that has imported the service, unless `starts_python` has them start as a user's do.
    """

    def __init__(self, folder: Path, database_url: str | None = None, starts_python: bool = False) -> None:
        self.folder, self.starts_python = folder, starts_python
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")},
            "TESSERA_DATABASE_URL": database_url or f"sqlite://{folder / 'store.db'}",
            "COLUMNS": "160",
        }

    def with_store(self) -> "Installation":
        """The same installation, after `migrate`."""
        asyncio.run(stores.up_to_date(self.environment["TESSERA_DATABASE_URL"]))
        return self

    def run(self, *words: str, code: int = 0) -> str:
        """The output of a command that ends with an exit code; a failure prints a sentence and no stack."""
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, err
        assert "Traceback" not in err
        return out if code == 0 else err + out

    def start(self, *words: str, **more: Any) -> "subprocess.Popen[str]":
        """The process of a command, not waited for; both of its outputs are pipes by default."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
        if not self.starts_python:
            return Forked(words, cwd=self.folder, env=self.environment, **options)
        command = [sys.executable, str(ROOT / "main.py"), *words]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, **options)

    def watch(self, *words: str) -> str:
        """The standard error of a command that runs in a terminal."""
        terminal, inner = pty.openpty()
        self.environment["TERM"] = "xterm"
        process = self.start(*words, stderr=inner)
        os.close(inner)
        output = b""
        with contextlib.suppress(OSError):  # the terminal is gone with its process
            while True:
                output += os.read(terminal, 4096)
        os.close(terminal)
        process.communicate(timeout=60)
        assert process.returncode == 0
        return output.decode()

    @contextmanager
    def serving(self, *words: str, **more: Any) -> Iterator[tuple[str, str]]:
        """A server: the text printed at its start, and its address. Stopped at the end."""
        process = self.start("serve", "--create", "--port", "0", *words, **more)
        try:
            assert process.stdout
            assert process.stderr
            printed = ""
            while "Playground:" not in printed:
                line = process.stdout.readline()
                assert line, process.stderr.read()
                printed += line
            for line in process.stderr:
                if match := re.search(r"running on (http://\S+)", line):
                    wait_until_listening(match[1])
                    yield printed, match[1]
                    break
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def wait_until_listening(address: str) -> None:
    """Wait until the server answers: its workers have taken over the socket that their parent has bound."""
    with httpx.Client(verify=False) as client:  # noqa: S501 (nothing here is encrypted)
        for _ in range(2_400):
            with contextlib.suppress(httpx.TransportError):
                client.get(f"{address}/healthz")
                return
            time.sleep(0.05)
    raise TimeoutError(address)


def keys_in(printed: str) -> dict[str, str]:
    """The API keys that a first start has printed, by kind."""
    return dict(re.findall(r"^  (\w+) +(\S+)$", printed, re.MULTILINE))
