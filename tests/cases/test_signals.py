"""Signals reach what is started in the background of a shell without job control, which has it ignore SIGINT."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installation import ROOT, Installation

pytestmark = pytest.mark.processes

IGNORING = "trap '' INT TERM; exec \"$@\""

CHILD = (
    "import signal; print(*(signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGINT, signal.SIGTERM)))"
)


@pytest.mark.case("F16")
@pytest.mark.parametrize(
    ("words", "number"), [((), signal.SIGINT), ((), signal.SIGTERM), (("--workers", "2"), signal.SIGINT)]
)
def test_a_service_stops(tmp_path: Path, words: tuple[str, ...], number: signal.Signals) -> None:
    """However it was started, SIGINT and SIGTERM end a service, with one process or several."""
    installation = Installation(tmp_path)
    command = [
        "sh",
        "-c",
        IGNORING,
        "sh",
        sys.executable,
        str(ROOT / "main.py"),
        "serve",
        "--create",
        "--port",
        "0",
        *words,
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=installation.environment, **pipes) as process:
        assert process.stderr
        for line in process.stderr:
            if "startup complete" in line:
                break
        process.send_signal(number)
        process.communicate(timeout=60)


@pytest.mark.case("F16")
@pytest.mark.parametrize(
    "start",
    [
        f"import subprocess, sys, tests.conftest; subprocess.run([sys.executable, '-c', {CHILD!r}], check=True)",
        f"import main; main.restore_signals(); {CHILD}",
    ],
    ids=["what tests start", "every command"],
)
def test_the_defaults_are_back(start: str) -> None:
    """Who is started with signals ignored, and whom they start in turn, ignores none."""
    result = subprocess.run(
        ["sh", "-c", IGNORING, "sh", sys.executable, "-c", start], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout == "False False\n"
