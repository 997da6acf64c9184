"""`python main.py …` within this process, for tests: its output and exit code, without the start of a process."""

import sys
from dataclasses import dataclass, field
from socket import socket

import pytest

import main
from schema import cli
from schema.cli.process import Process


@dataclass
class Said:
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str


@dataclass
class CommandLine:
    """Runs commands on a database; `served` has the sockets and workers of each `serve` that came so far."""

    capture: pytest.CaptureFixture[str]
    url: str
    environment: dict[str, str] = field(default_factory=dict)
    served: list[tuple[int, int]] = field(default_factory=list)
    may_create: bool = False

    def __call__(self, *words: str) -> Said:
        """Run a command, as main.py does."""
        process = Process(
            self.url, main.utc_now, self.serve, self.environment, self.may_create, main.misspelt(self.environment)
        )
        self.capture.readouterr()
        before, sys.argv = sys.argv, ["main.py", *words]
        code = 0
        try:
            cli.run(process)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        finally:
            sys.argv = before
        printed = self.capture.readouterr()
        return Said(code, printed.out, printed.err)

    def serve(self, sockets: list[socket], workers: int) -> None:
        """Take note, and end as a server that was told to stop."""
        self.served.append((sockets[0].getsockname()[1], workers))
