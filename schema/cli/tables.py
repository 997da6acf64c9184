"""Prints lists of the command line: a table for people, JSON for programs.

No cell is cut, as another command may need it as an identifier. On a terminal only prose is folded; piped output is as
wide as its cells.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from schema.cli.terminal import json_text, visible

Cell: TypeAlias = str | int | bool | datetime | None

MIN_PROSE_WIDTH = 16
"""The least width in characters to which prose is folded."""

_UNLIMITED_WIDTH = 1_000_000


def show(columns: Sequence[str], rows: Sequence[Sequence[Cell]], as_json: bool, prose: Collection[str] = ()) -> None:
    """Print rows, with a cell for each column in order. JSON is a list of objects with the columns as keys.

    `prose` names columns that may be folded on a narrow terminal.
    """
    if as_json:
        print(json_text([dict(zip(columns, map(_json_value, row), strict=True)) for row in rows]))
        return
    table = _table(columns, rows, prose)
    width = _width(table)
    console = Console()
    if console.is_terminal:
        foldable = sum(
            max(0, _width(_table([name], [[row[at]] for row in rows], ())) - MIN_PROSE_WIDTH)
            for at, name in enumerate(columns)
            if name in prose
        )
        width = max(min(console.width, width), width - foldable)
    Console(width=width).print(table)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], prose: Collection[str]) -> Table:
    table = Table()
    for name in columns:
        table.add_column(name.upper().replace("_", " "), no_wrap=name not in prose, overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(_text(cell))) for cell in row))
    return table


def _width(table: Table) -> int:
    console = Console(width=_UNLIMITED_WIDTH)
    return Measurement.get(console, console.options, table).maximum


def _text(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return f"{cell.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return "" if cell is None else str(cell)


def _json_value(cell: Cell) -> object:
    return cell.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(cell, datetime) else cell
