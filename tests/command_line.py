"""`python main.py …` within this process, for tests: its output and exit code, without the start of a process."""

import sys
from dataclasses import dataclass, field
from socket import socket

import pytest

import main
from schema import cli
from schema.cli.runtime import Runtime


@dataclass
class CommandResult:
    """The output and the exit code of a command."""

    code: int
    out: str
    err: str


@dataclass
class CommandLine:
    """Runs commands on a database; `served` has the port and the number of workers of each `serve` until now."""

    capture: pytest.CaptureFixture[str]
    url: str
    environment: dict[str, str] = field(default_factory=dict)
    served: list[tuple[int, int]] = field(default_factory=list)
    may_create: bool = False

    def __call__(self, *words: str) -> CommandResult:
        """Run a command, as main.py does."""
        runtime = Runtime(
            self.url,
            main.utc_now,
            self.serve,
            self.environment,
            self.may_create,
            main.misspelt_settings(self.environment),
        )
        self.capture.readouterr()
        old_argv, sys.argv = sys.argv, ["main.py", *words]
        code = 0
        try:
            cli.run(runtime)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        finally:
            sys.argv = old_argv
        printed = self.capture.readouterr()
        return CommandResult(code, printed.out, printed.err)

    def serve(self, sockets: list[socket], workers: int) -> None:
        """Record the call instead of serving, and return as a stopped server does."""
        self.served.append((sockets[0].getsockname()[1], workers))
