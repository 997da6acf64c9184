"""The command `copy`, which copies a store into another database: from SQLite to PostgreSQL, for example."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from schema.cli import tables
from schema.cli.runtime import AsJson
from schema.cli.terminal import visible

if TYPE_CHECKING:
    from resolvers.copy import CopyResult


def store(
    source: Annotated[str, typer.Option("--from", help="The store: sqlite://FILE or postgres://….")],
    target: Annotated[str, typer.Option("--to", help="An empty database of either kind; gets its tables here.")],
    as_json: AsJson = False,
) -> None:
    """Copy a whole store into an empty database, keys and counters and all.

    Stop the service first: what is claimed in the source meanwhile is not copied.
    The source stays as it is, and the target gets everything or nothing.
    If this is killed, run it again.
    """
    copied = asyncio.run(_copy(source, target))
    _show(copied, as_json)
    if copied.drifts:
        sys.exit("error: everything was copied, and counts wrongly what it counted wrongly before")


async def _copy(source: str, target: str) -> CopyResult:
    import db
    from resolvers import copy

    for url in (source, target):
        await db.store_version.require_not_newer(url)  # a wrong address is refused before anything is done
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("looking", total=None)
        return await copy.store(
            source,
            target,
            lambda rows: progress.update(task, total=rows),
            lambda table, rows: progress.update(task, description=table, advance=rows, refresh=True),
        )


def _show(copied: CopyResult, as_json: bool) -> None:
    rows = [(name, rows if as_json else f"{rows:,}") for name, rows in copied.rows.items()]
    tables.show(("table", "rows"), rows, as_json)
    summary_file = sys.stderr if as_json else sys.stdout
    print(f"{sum(copied.rows.values()):,} rows copied, and read again to compare each.", file=summary_file)
    for drift in copied.drifts:
        print(visible(drift), file=summary_file)
    if not copied.drifts:
        print("Every counter equals its claims.", file=summary_file)
