"""The command `prove`, a selftest: processes race for limits on the operator's own database."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from schema.cli import tables
from schema.cli.runtime import AsJson, Runtime, with_database
from schema.cli.terminal import visible, visible_lines

if TYPE_CHECKING:
    from db.models import Organization
    from resolvers.selftest import RunCalls, ScenarioResult
    from resolvers.selftest.driver import Answer, Call
    from schema.cli.selftest_workers import SelftestWorkers

MIN_CLAIMS = 40  # resolvers/selftest/__init__.py's


def prove(
    context: typer.Context,
    database: Annotated[str | None, typer.Option(help="Its address; TESSERA_DATABASE_URL's if not said.")] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="That race each other.")] = 4,
    claims: Annotated[int, typer.Option(min=MIN_CLAIMS, help="About how many in a race.")] = 2_000,
    as_json: AsJson = False,
) -> None:
    """Prove on a database that no limit can be passed: real processes race for each. Exits with 1 if one was.

    It is done in an organization of its own, which is deleted afterwards, also when this is interrupted.
    Nothing else is touched, but who uses the database meanwhile will find it busy.
    """
    from schema.cli import selftest_workers

    runtime: Runtime = context.obj
    url = database or runtime.database_url
    context.obj = dataclasses.replace(runtime, database_url=url)
    try:
        results = with_database(context, lambda now: _run_scenarios(url, processes, claims, now))
    except asyncio.CancelledError:
        sys.exit("error: this was ended, and what it had made is removed")
    except selftest_workers.WorkerDied as error:
        sys.exit(visible_lines(f"error: {error}"))
    _print_results(results, as_json)
    breaches = [f"{result.name}: {breach}" for result in results for breach in result.breaches]
    for breach in breaches:
        print(visible(breach), file=sys.stderr if as_json else sys.stdout)
    if breaches:
        sys.exit(1)
    if not as_json:
        print("Every limit held, and every counter equals its claims.")


async def _run_scenarios(url: str, processes: int, claims: int, now: datetime) -> list[ScenarioResult]:
    from resolvers import selftest
    from schema.cli import selftest_workers

    _cancel_on_sigterm()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("getting ready", total=None)
        async with selftest_workers.running(url, processes) as workers:
            race = _run_calls(workers, processes, progress, task, now)
            return [result async for result in selftest.limits(claims, race, now)]


def _run_calls(workers: SelftestWorkers, processes: int, progress: Progress, task: TaskID, now: datetime) -> RunCalls:
    from resolvers.selftest import scenarios

    async def race(organization: Organization, name: str, calls: Sequence[Call]) -> list[Answer]:
        progress.reset(task, description=name, total=len(calls))
        shares = [calls[first::processes] for first in range(processes)]
        return await workers.race(
            organization.identifier, shares, scenarios.CONCURRENCY, lambda: progress.advance(task), now
        )

    return race


def _cancel_on_sigterm() -> None:
    """Have SIGTERM cancel this task, so that the organization is removed as after Ctrl-C."""
    if task := asyncio.current_task():
        with contextlib.suppress(NotImplementedError):  # Windows has no such signal
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _print_results(results: list[ScenarioResult], as_json: bool) -> None:
    columns = ("raced_for", "tried", "allowed", "granted", "refused", "holds")
    rows: list[tuple[tables.Cell, ...]] = []
    for result in results:
        refused = ", ".join(f"{count:,} {name}" for name, count in sorted(result.refused.items()))
        holds = not result.breaches
        if as_json:
            rows.append((result.name, result.tried, result.allowed, result.granted, refused, holds))
        else:
            allowed = "as it comes" if result.allowed is None else f"{result.allowed:,}"
            rows.append((result.name, f"{result.tried:,}", allowed, f"{result.granted:,}", refused, holds))
    tables.show(columns, rows, as_json, prose=("raced_for", "refused"))
