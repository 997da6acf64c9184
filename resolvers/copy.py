"""Copies a whole store into an empty one, of the other kind of database or of the same.

Ids, numbers, hashes of keys, secrets of signed links and counters stay the same. So keys, links and the ids that
clients hold go on working.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import db
from db import transfer
from db.transfer import Source, Target, tables
from db.transfer.tables import Row, Table
from resolvers import find, verify
from resolvers.domain.refusals import InvalidInput

OnProgress = Callable[[str, int], None]
"""Called with the current step, in a word or two, and the number of rows done since the last call."""


@dataclass(frozen=True)
class CopyResult:
    """The number of rows by table, and the drifts of counters in the copy, which the source has too."""

    rows: dict[str, int]
    drifts: list[str]


async def store(source: str, target: str, on_total: Callable[[int], None], on_progress: OnProgress) -> CopyResult:
    """Copy the source as it is at this moment, all or nothing, and read both again to compare each row.

    `on_total` is called with the number of rows that `on_progress` will count. Claims that are made in the source
    meanwhile are not in the copy. Raises InvalidInput for a source that is no store or not of this version, and for a
    target that has rows; ValueError for a row that the target can't store or has stored otherwise.
    """
    async with transfer.open_source(source) as old:
        migrations = await old.migrations()
        if not migrations:
            raise InvalidInput("There is no store of Tessera's.", "from")
        await db.migrate(target)
        async with transfer.open_target(target) as new:
            _check_versions(migrations, await new.migrations())
            counts = await _copy(old, new, on_total, on_progress)
    with db.time_limit():
        async with db.opened(target):
            return CopyResult(counts, await _drifts(on_progress))


def _check_versions(source: set[str], target: set[str]) -> None:
    if target - source:
        raise InvalidInput("The source is of an earlier version: bring it up to date with `migrate` first.", "from")
    if source - target:
        raise InvalidInput("The source is of a later version than this program: install that one first.", "from")


async def _copy(old: Source, new: Target, on_total: Callable[[int], None], on_progress: OnProgress) -> dict[str, int]:
    every = tables.all_tables()
    await new.lock(every)
    if any([await new.count(table) for table in every]):
        raise InvalidInput("The target is not empty. A store is copied into an empty database.", "to")
    counts = {table.name: await old.count(table) for table in every}
    on_total(2 * sum(counts.values()))
    for table in every:
        await new.fill(table, _with_progress(old.rows(table), f"copying {table.name}", on_progress))
        await new.finish(table, await old.last_id(table))
    for table in every:
        if await new.count(table) != counts[table.name]:
            raise ValueError(f"The table {table.name} has not as many rows as in the source. Nothing was kept.")
        await _compare(old, new, table, on_progress)
    return counts


async def _with_progress(
    batches: AsyncIterator[list[Row]], step: str, on_progress: OnProgress
) -> AsyncIterator[list[Row]]:
    on_progress(step, 0)
    async for batch in batches:
        yield batch
        on_progress(step, len(batch))


async def _compare(old: Source, new: Target, table: Table, on_progress: OnProgress) -> None:
    copied = new.rows(table)
    async for batch in _with_progress(old.rows(table), f"comparing {table.name}", on_progress):
        if batch != await anext(copied, None):
            raise ValueError(f"The table {table.name} has a row that is not as in the source. Nothing was kept.")


async def _drifts(on_progress: OnProgress) -> list[str]:
    drifts = []
    for organization in await find.all_organizations():
        on_progress(f"recounting {organization.identifier}", 0)
        drifts += [f"{organization.identifier}: {drift}" for drift in await verify.counters(organization)]
    return drifts
