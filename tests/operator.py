"""Somebody who runs `python main.py …`: real processes on a real database."""

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

import db

ROOT = Path(__file__).resolve().parents[1]


class Operator:
    """Somebody with a folder of their own, and a database; without one, an SQLite file there."""

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")},
            "TESSERA_DATABASE_URL": database_url or f"sqlite://{folder / 'store.db'}",
            "COLUMNS": "160",
        }

    def with_store(self) -> "Operator":
        """The same, whose database has its tables, as `migrate` makes them."""
        asyncio.run(db.migrate(self.environment["TESSERA_DATABASE_URL"]))
        return self

    def run(self, *words: str, code: int = 0) -> str:
        """What a command prints; a failure prints a sentence and no stack."""
        done = self.start(*words)
        out, err = done.communicate(timeout=120)
        assert done.returncode == code, err
        assert "Traceback" not in err
        return out if code == 0 else err + out

    def start(self, *words: str, **more: Any) -> "subprocess.Popen[str]":
        """A command that is not waited for; both of its outputs are pipes unless said otherwise."""
        said = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        command = [sys.executable, str(ROOT / "main.py"), *words]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, text=True, **said)

    def watch(self, *words: str) -> str:
        """What somebody at a terminal sees of a command on standard error."""
        ours, theirs = pty.openpty()
        self.environment["TERM"] = "xterm"
        process = self.start(*words, stderr=theirs)
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the terminal is gone with its process
            while True:
                seen += os.read(ours, 4096)
        os.close(ours)
        process.communicate(timeout=60)
        assert process.returncode == 0
        return seen.decode()

    @contextmanager
    def serving(self, *words: str, **more: Any) -> Iterator[tuple[str, str]]:
        """The printed text of a start, and the address that answers."""
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
                if found := re.search(r"running on (http://\S+)", line):
                    listening(found[1])
                    yield printed, found[1]
                    break
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def listening(address: str) -> None:
    """Wait until workers have taken over the socket that their parent has bound."""
    with httpx.Client(verify=False) as client:  # noqa: S501 (nothing here is encrypted)
        for _ in range(2_400):
            with contextlib.suppress(httpx.TransportError):
                client.get(f"{address}/healthz")
                return
            time.sleep(0.05)
    raise TimeoutError(address)


def keys_in(printed: str) -> dict[str, str]:
    return dict(re.findall(r"^  (\w+) +(\S+)$", printed, re.MULTILINE))
