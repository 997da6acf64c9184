"""Set-up on machines that are not as they should be: the real Makefile, in a folder with a project that needs nothing."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]

PROJECT = """
[project]
name = "fresh"
version = "1"
requires-python = ">=3.11"
dependencies = [{dependencies}]
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

BACKEND = '''
"""Builds the project without any package: its one module is where it is."""
import zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{wheel_directory}/fresh-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("fresh-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: fresh\\nVersion: 1\\n" + REQUIRES)
        wheel.writestr("fresh-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("fresh-1.dist-info/RECORD", "")
    return "fresh-1-py3-none-any.whl"

REQUIRES = "".join(f"Requires-Dist: {name}\\n" for name in [DEPENDENCIES])
'''


@dataclass
class Newcomer:
    """Somebody with a fresh clone, and programs of their own before the machine's."""

    folder: Path
    programs: Path
    environment: dict[str, str] = field(default_factory=dict)

    def python(self, script: str) -> None:
        """What `python3` is here: a shell script; `$REAL` is the Python of the tests."""
        program = self.programs / "python3"
        program.write_text(f"#!/bin/sh\nREAL={sys.executable}\n{script}\n")
        program.chmod(0o755)

    def make(self, *words: str, code: int = 0) -> list[str]:
        """The lines that `make` prints."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        environment |= {"PATH": f"{self.programs}:{os.environ['PATH']}", **self.environment}
        done = subprocess.run(["make", *words], cwd=self.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout.splitlines()

    def needs(self, *dependencies: str) -> None:
        """Write the project, with these dependencies."""
        quoted = ", ".join(f'"{name}"' for name in dependencies)
        (self.folder / "pyproject.toml").write_text(PROJECT.format(dependencies=quoted))
        (self.folder / "backend.py").write_text(BACKEND.replace("DEPENDENCIES", quoted))


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    folder, programs = tmp_path / "clone of tessera", tmp_path / "programs"
    playground = folder / "schema/graphql/playground"
    (playground / "node_modules").mkdir(parents=True)
    programs.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "main.py").write_text("print('serving')\n")
    (folder / "constraints.txt").touch()
    (playground / "package.json").touch()
    (playground / "node_modules/installed").touch()
    newcomer = Newcomer(folder, programs)
    newcomer.needs()
    newcomer.python('exec "$REAL" "$@"')
    return newcomer


@pytest.mark.case("F15")
@pytest.mark.parametrize(
    ("python", "words", "expected"),
    [
        ('echo "Python 3.9.18"', (), "3.11 or newer, and python3 is 3.9.18: name a newer one, as in 'make run PYTHON="),
        ('echo "Python 3.1.5"', (), "python3 is 3.1.5"),
        ('echo "Python 2.7.18" >&2', (), "python3 is 2.7.18"),
        ("echo no version is set >&2; exit 127", (), "there is no python3 here"),
        ('exec "$REAL" "$@"', ("PYTHON=python3.99",), "there is no python3.99 here"),
        ('[ "$1" = -c ] && exit 1; exec "$REAL" "$@"', (), "apt install python3-venv"),
    ],
    ids=["3.9", "3.1", "2.7", "none of pyenv's", "none", "without venv"],
)
@pytest.mark.parametrize("goal", ["run", "install"])
def test_a_python_that_will_not_do(
    newcomer: Newcomer, python: str, words: tuple[str, ...], expected: str, goal: str
) -> None:
    """One sentence says what is there, what is needed and what to do; nothing is made, nothing that is there is lost."""
    newcomer.python(python)
    [line] = newcomer.make(goal, *words, code=2)
    assert expected in line
    assert not (newcomer.folder / ".venv").exists()
    (newcomer.folder / ".venv").mkdir()
    assert newcomer.make(goal, *words, code=2) == [line]
    assert (newcomer.folder / ".venv").exists()


@pytest.mark.case("F15")
@pytest.mark.slow
def test_what_is_broken_heals_by_itself(newcomer: Newcomer) -> None:
    """Whatever became of .venv, the next `make` serves; a .venv that is sound is left as it is, whatever `python3` is now."""
    venv = newcomer.folder / ".venv"
    (venv / "bin").mkdir(parents=True)  # as one leaves it who is interrupted
    assert newcomer.make("run")[-1] == "serving"
    made = (venv / "pyvenv.cfg").stat().st_mtime_ns

    newcomer.python('echo "Python 3.9.18"')
    assert newcomer.make("run") == ["serving"]
    assert (venv / "pyvenv.cfg").stat().st_mtime_ns == made
    newcomer.python('exec "$REAL" "$@"')

    (venv / "unfinished").touch()
    assert newcomer.make("run")[-1] == "serving"
    assert (venv / "pyvenv.cfg").stat().st_mtime_ns != made

    newcomer.folder = newcomer.folder.rename(newcomer.folder.with_name("moved"))
    venv = newcomer.folder / ".venv"
    assert newcomer.make("run")[0] == "The .venv here is unfinished, moved or of another Python: it is made anew."
    pip = subprocess.run([venv / "bin/pip", "list"], capture_output=True, text=True, check=True)
    assert "fresh" in pip.stdout

    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to("/nowhere/python3.10")
    assert newcomer.make("run")[-1] == "serving"


@pytest.mark.case("F15")
@pytest.mark.slow
def test_without_a_way_to_the_package_index(newcomer: Newcomer) -> None:
    """One sentence, and the next `make` goes on where this one stopped."""
    newcomer.needs("a-package-of-the-index")
    newcomer.environment = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_FIND_LINKS": ""}
    lines = newcomer.make("run", code=2)
    assert "no way to the package index" in lines[-1]
    assert not any("Traceback" in line or "WARNING" in line for line in lines)
    newcomer.needs()
    assert newcomer.make("run")[-1] == "serving"


# ------------------------------------------------------------------ CI


def test_ci_installs_what_the_readme_names(newcomer: Newcomer) -> None:
    """The Debian packages of the README that are missing come before both gates, which know that they are CI's."""
    (newcomer.folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", newcomer.folder / ".ci")
    paragraph = "Debian packages that tests use: `chromium`, `pgbouncer`, `wrk`. Else `CI` skips nothing."
    (newcomer.folder / "README.md").write_text(f"# Tessera\n\n{paragraph}\n")
    for name, script in {
        "dpkg-query": "[ $4 = pgbouncer ] && echo 'install ok installed'",
        "apt-get": 'echo "apt-get $*"; [ -z "$NO_WAY" ] || exit 100',
        "sudo": 'exec "$@"',
        "make": 'echo "make $* in CI=$CI"',
    }.items():
        (newcomer.programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (newcomer.programs / name).chmod(0o755)

    def run() -> tuple[int, list[str]]:
        environment = {**os.environ, "PATH": f"{newcomer.programs}:{os.environ['PATH']}", **newcomer.environment}
        environment.pop("CI", None)
        done = subprocess.run([newcomer.folder / ".ci/run"], env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout.splitlines()

    assert run() == (
        0,
        [
            "Installing chromium wrk …",
            "apt-get update -q",
            "apt-get install -y -q --no-install-recommends chromium wrk",
            "make test test-all in CI=true",
        ],
    )
    newcomer.environment["NO_WAY"] = "yes"
    assert run() == (100, ["Installing chromium wrk …", "apt-get update -q"])


def test_the_readme_names_the_packages_that_tests_ask_for() -> None:
    """Each package that a test would skip without is in the README's line."""
    [line] = re.findall(
        r"^Debian packages that tests use: (.*?)\.", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    asked = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r'packages\.program\("([\w-]+)"', path.read_text(encoding="utf-8"))
    }
    assert asked >= {"chromium", "pgbouncer", "wrk"}
    assert asked - set(re.findall(r"`([\w-]+)`", line)) == set()
