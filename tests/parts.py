"""Parts of the tests: marks by which `make quick`, `make test` and `make test-all` choose, most of them set by themselves.

- `postgres`: needs PostgreSQL; set where a fixture of its is used. Else a test runs on SQLite, or on no database.
- `repeated`: a test of a door on PostgreSQL which also runs on SQLite. Doors know no SQL, so `make test` leaves it to `make test-all`;
  `both_databases` keeps it where the behaviour of a database is tested behind a door, and `one_database` leaves the same to
  `make test-all` of a test behind no door that takes seconds on each.
- `processes`: starts processes, as the command line, a proxy or node; `browser`: opens a page in Chromium.
- `long`: seconds in one process, which `make quick` leaves out.
- `slow`: minutes of kills, or hundreds of thousands of rows.

A test that starts a process and is not marked fails, so none is forgotten.
"""

import sys
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

DOORS = {"schema", "cases"}
"""Folders of tests that reach the store through a door."""

STARTERS = {"postgres", "processes", "browser"}
"""Marks of tests that may start processes; a PostgreSQL, or a browser, is several."""

FIXTURES = {"postgres": "postgres", "chromium": "browser", "installation": "processes"}
"""Marks by the fixtures that a test uses."""


def databases(item: pytest.Item) -> dict[str, Any]:
    """The parameters of a test that say which database it runs on."""
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return {name: value for name, value in parameters.items() if value in ("sqlite", "postgres")}


def mark(items: list[pytest.Item], root: Path) -> None:
    """Set the marks that follow from fixtures, parameters and folders."""
    for item in items:
        for fixture, name in FIXTURES.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(name)
        if "postgres" in databases(item).values():
            item.add_marker("postgres")
    on_sqlite = {_twin(item) for item in items if databases(item) and "postgres" not in databases(item).values()}
    for item in items:
        is_door = item.path.relative_to(root).parts[1] in DOORS
        has_twin = _twin(item) in on_sqlite and item.get_closest_marker("postgres") is not None
        is_of_doors = is_door and item.get_closest_marker("both_databases") is None
        if has_twin and (is_of_doors or item.get_closest_marker("one_database") is not None):
            item.add_marker("repeated")


def _twin(item: pytest.Item) -> str:
    """A test's name, the same on both databases."""
    return item.nodeid.replace("postgres", "sqlite")


def share(items: list[pytest.Item], percentage: int, seed: int) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Those that run, and those that do not: of the repeated tests so many of a hundred, as the seed has it."""

    def runs(item: pytest.Item) -> bool:
        drawn = zlib.crc32(f"{seed} {item.nodeid}".encode()) % 100
        return item.get_closest_marker("repeated") is None or drawn < percentage

    return [item for item in items if runs(item)], [item for item in items if not runs(item)]


class Watch:
    """A plugin that fails a test which starts a process without a mark."""

    def __init__(self) -> None:
        self.item: pytest.Item | None = None
        sys.addaudithook(self.see)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Take note of the test that runs, from its first fixture to its last."""
        self.item = item
        try:
            return (yield)
        finally:
            self.item = None

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise when a test starts a process and is not marked."""
        if event == "subprocess.Popen" and self.item and not any(map(self.item.get_closest_marker, STARTERS)):
            raise AssertionError(f"this test starts {arguments[0]}, and is not marked `processes` (tests/parts.py)")
