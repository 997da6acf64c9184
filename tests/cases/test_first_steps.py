"""The first steps of README and docs/first-steps.md, word for word: what a newcomer types, and what is answered."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import packages
from tests.installation import wait_until_listening
from tests.postgres import free_port

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BEGINNING = README[README.index("## Start") : README.index("## How fast it is")]
STEPS = BEGINNING + (ROOT / "docs/first-steps.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", STEPS, re.MULTILINE | re.DOTALL)

OWN = {"id", "exchangeToken", "token", "referralCode", "createdAt", "updatedAt"}
"""What every reader's answers have of their own."""

PATIENCE = 60
"""Seconds in which a letter is written and a refusal counted on a slow machine; the README says a second."""

DONE = "that was all of it"


@dataclass
class CommandBlock:
    """A block of commands, and the block that shows what they answer."""

    commands: str
    shown: str

    @property
    def may_come_later(self) -> bool:
        """Whether it looks at what is written within a second; all else is typed once."""
        return self.commands.startswith("ls ") or "usageStats" in self.commands


def steps() -> list[CommandBlock]:
    """Those that are typed, in their order."""
    blocks = []
    for place, (kind, text) in enumerate(BLOCKS):
        if kind == "sh":
            after = BLOCKS[place + 1] if place + 1 < len(BLOCKS) else ("", "")
            blocks.append(CommandBlock(text, after[1] if after[0] in ("json", "text") else ""))
    return blocks


def alike(answer: Any, name: str = "") -> Any:
    """An answer without what every reader's has of its own; the texts of drawn codes too."""
    if isinstance(answer, dict):
        return {key: alike(value, key) for key, value in answer.items()}
    if isinstance(answer, list):
        return [alike(value, name) for value in answer]
    if name in OWN:
        return f"their own {name}"
    return "a drawn code" if isinstance(answer, str) and re.fullmatch(r"[a-z]+-[a-z]+", answer) else answer


def fresh_clone(folder: Path) -> None:
    """What a clone has, and what `make install` would make there: that of the tests, with stamps of its own."""
    for name in ("main.py", "Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    for room in ("schema", "resolvers", "db"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    playground = folder / "schema/graphql/playground"
    (playground / "node_modules").mkdir()
    venv = folder / ".venv"
    venv.mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (venv / part).symlink_to(Path(sys.prefix) / part)
    (venv / "made").write_text(f"{folder.resolve()}\n")
    for stamp in (venv / "installed", playground / "node_modules/installed"):
        stamp.touch()


def environment(**more: str) -> dict[str, str]:
    """A newcomer's: nothing of Tessera's is set."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TESSERA_", "MAKE"))} | more


class Terminal:
    """A newcomer's bash, where one command follows another; port 8000 may be somebody else's here."""

    def __init__(self, folder: Path, port: int) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.bash = subprocess.Popen(["bash", "--norc"], cwd=folder, env=environment(), text=True, bufsize=1, **pipes)
        self.type(f'curl() {{ command curl "${{@//127.0.0.1:8000/127.0.0.1:{port}}}"; }}\n')

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.bash.communicate(timeout=30)

    def type(self, commands: str) -> str | None:
        """What the commands print on standard output; nothing when the last did not go well."""
        assert self.bash.stdin
        assert self.bash.stdout
        self.bash.stdin.write(f"{commands}\nprintf '\\n%s %s\\n' '{DONE}:' $?\n")
        printed = ""
        for line in self.bash.stdout:
            if line.startswith(DONE):
                return printed if line.split()[-1] == "0" else None
            printed += line
        raise EOFError(commands)


@contextmanager
def service(folder: Path, command: str, port: int) -> Iterator[str]:
    """What the first block starts, until Ctrl-C; the lines that it prints first."""
    options = {"env": environment(PORT=str(port)), "stdout": subprocess.PIPE, "text": True}
    running = subprocess.Popen(["bash", "-c", command], cwd=folder, start_new_session=True, **options)
    try:
        assert running.stdout
        printed = ""
        while "Playground:" not in printed:
            line = running.stdout.readline()
            assert line, printed
            printed += line
        wait_until_listening(f"http://127.0.0.1:{port}")
        yield printed
    finally:
        os.killpg(running.pid, signal.SIGINT)
        running.communicate(timeout=30)


@pytest.mark.case("F14")
def test_the_first_steps_run_as_they_are_printed(tmp_path: Path) -> None:
    """Every block of commands goes well in its order, and answers what is printed below it."""
    packages.program("curl")
    first, *others = steps()
    assert len(others) >= 9
    fresh_clone(tmp_path)
    port = free_port()
    with service(tmp_path, first.commands, port) as printed:
        key = re.compile(r"([spda]k)_[0-9a-f]+…?")
        expected = printed.replace(str(port), "8000").replace(str(tmp_path), "…")
        assert key.sub(r"\1_", expected).splitlines() == key.sub(r"\1_", first.shown).splitlines()
        with Terminal(tmp_path, port) as terminal:
            for step in others:
                deadline = time.monotonic() + PATIENCE
                answer = terminal.type(step.commands)
                while step.may_come_later and not is_as_shown(answer, step) and time.monotonic() < deadline:
                    time.sleep(0.1)
                    answer = terminal.type(step.commands)
                assert is_as_shown(answer, step), (step, answer)


def is_as_shown(answer: str | None, step: CommandBlock) -> bool:
    """Whether commands answered what stands below them, or behind them as a comment."""
    if answer is None:
        return False
    if step.shown.startswith("{"):
        return bool(alike(json.loads(answer)) == alike(json.loads(step.shown)))
    comment = re.search(r"# (\S+)$", step.commands)
    return answer.strip() == (comment[1] if comment else "")
