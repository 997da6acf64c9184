"""A forked process of the command line behaves as one that Python starts: what it prints, how it ends, what ends it."""

import signal
from pathlib import Path

import pytest

from tests.installation import Installation

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("words", ["--version", "key add --kind golden", "key list", "migrate", "nonsense --help"])
def test_it_prints_and_ends_as_python_does(tmp_path: Path, words: str) -> None:
    """The same outputs and exit code, of what is done, refused and mistyped."""
    ends = []
    for starts_python in (False, True):
        process = Installation(tmp_path, None, starts_python).start(*words.split())
        ends.append((*process.communicate(timeout=60), process.returncode))
        (tmp_path / "store.db").unlink(missing_ok=True)
    assert ends[0] == ends[1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_signals_end_it(tmp_path: Path, number: signal.Signals) -> None:
    """A service that is killed says by its exit code which signal it was; one that is told to stop ends itself."""
    codes = []
    for starts_python in (False, True):
        process = Installation(tmp_path, None, starts_python).start("serve", "--create", "--port", "0")
        assert process.stderr
        for line in process.stderr:
            if "startup complete" in line:
                break
        process.send_signal(number)
        process.communicate(timeout=60)
        codes.append(process.returncode)
    assert codes[0] == codes[1]
