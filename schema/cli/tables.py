"""How the command line shows what it lists: a table for people, JSON for programs.

Nothing is cut, as an identifier is what another command wants. Where somebody looks, only prose is folded; what is
piped is as wide as it has to be.
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

NARROWEST_PROSE = 16
"""Characters that prose is folded to, and no further."""

_WIDE = 1_000_000


def show(columns: Sequence[str], rows: Sequence[Sequence[Cell]], as_json: bool, prose: Collection[str] = ()) -> None:
    """Print rows, whose cells stand in the columns' order; JSON is a list of objects with these names.

    `prose` names columns that may be folded where the terminal is narrow.
    """
    if as_json:
        print(json_text([dict(zip(columns, map(_for_programs, row), strict=True)) for row in rows]))
        return
    table = _table(columns, rows, prose)
    natural = _width(table)
    console = Console()
    if console.is_terminal:
        may_give = sum(
            max(0, _width(_table([name], [[row[at]] for row in rows], ())) - NARROWEST_PROSE)
            for at, name in enumerate(columns)
            if name in prose
        )
        natural = max(min(console.width, natural), natural - may_give)
    Console(width=natural).print(table)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], prose: Collection[str]) -> Table:
    table = Table()
    for name in columns:
        table.add_column(name.upper().replace("_", " "), no_wrap=name not in prose, overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(_for_people(cell))) for cell in row))
    return table


def _width(table: Table) -> int:
    console = Console(width=_WIDE)
    return Measurement.get(console, console.options, table).maximum


def _for_people(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return f"{cell.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return "" if cell is None else str(cell)


def _for_programs(cell: Cell) -> object:
    return cell.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(cell, datetime) else cell
