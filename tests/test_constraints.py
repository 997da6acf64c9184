"""constraints.txt, which makes an install repeatable: a bare version for each package that the project comes to."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)$", "\n".join(LINES), re.MULTILINE))
PINNED = {canonicalize_name(name): version for name, version in PINS.items()}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = [Requirement(requirement) for requirement in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]


def test_it_names_versions_and_no_addresses() -> None:
    """Each line is a comment or `name==version`: nothing tells where a package comes from."""
    assert [line for line in LINES if not line.startswith("#")] == [
        f"{name}=={version}" for name, version in PINS.items()
    ]
    assert [line for line in LINES if re.search(r"://|@|--", line)] == []


def test_it_covers_every_dependency() -> None:
    """What is installed here for the project, and for what it needs in turn, has its version; `make constraints` renews it."""
    visited: set[str] = set()
    waiting = [(need, extra) for need in DIRECT for extra in ("", *need.extras)]
    while waiting:
        need, extra = waiting.pop()
        name = canonicalize_name(need.name)
        if (need.marker and not need.marker.evaluate({"extra": extra})) or f"{name}[{extra}]" in visited:
            continue
        visited |= {name, f"{name}[{extra}]"}
        for requirement in metadata.requires(need.name) or ():
            inner = Requirement(requirement)
            if inner.marker is None or inner.marker.evaluate({"extra": extra}):
                waiting += [(Requirement(f"{inner.name}{inner.specifier}"), more) for more in ("", *inner.extras)]
    assert sorted({name for name in visited if "[" not in name} - set(PINNED)) == []


def test_its_versions_are_ones_that_the_project_takes() -> None:
    """Each version lies within the bounds of pyproject.toml."""
    assert [str(need) for need in DIRECT if not need.specifier.contains(PINNED[canonicalize_name(need.name)])] == []
