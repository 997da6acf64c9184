"""Copies a whole store into an empty one, of the other kind of database or of the same.

Everything is kept: ids, numbers, hashes of keys, secrets of pages, counters. Keys, addresses of codes' pages
and what clients hold of ids go on working.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import db
from db import transfer
from db.transfer import Row, Source, Target, tables
from db.transfer.tables import Table
from resolvers import find, verify
from resolvers.domain.refusals import InvalidInput

Tell = Callable[[str, int], None]
"""Hears what is going on, in a word or two, and with how many more rows."""


@dataclass(frozen=True)
class CopyResult:
    """The rows of each table, and where counters drift in the copy: there they do so in the source as well."""

    rows: dict[str, int]
    drifts: list[str]


async def store(source: str, target: str, expect: Callable[[int], None], tell: Tell) -> CopyResult:
    """Copy the source as it is at this moment, all or nothing, and read both again to compare each row.

    `expect` hears how many rows `tell` will be told of. Claims that are made in the source meanwhile are not in
    the copy. Raises InvalidInput for a source that is no store or not of this version, and for a target that
    has rows; ValueError for a row that the target can't keep or has kept otherwise.
    """
    async with transfer.reading(source) as old:
        known = await old.migrations()
        if not known:
            raise InvalidInput("There is no store of Tessera's.", "from")
        await db.migrate(target)
        async with transfer.filling(target) as new:
            _check_versions(known, await new.migrations())
            counts = await _copy(old, new, expect, tell)
    with db.unhurried():
        async with db.opened(target):
            return CopyResult(counts, await _drifts(tell))


def _check_versions(source: set[str], target: set[str]) -> None:
    if target - source:
        raise InvalidInput("The source is of an earlier version: bring it up to date with `migrate` first.", "from")
    if source - target:
        raise InvalidInput("The source is of a later version than this program: install that one first.", "from")


async def _copy(old: Source, new: Target, expect: Callable[[int], None], tell: Tell) -> dict[str, int]:
    every = tables.every()
    await new.hold(every)
    if any([await new.count(table) for table in every]):
        raise InvalidInput("The target is not empty. A store is copied into an empty database.", "to")
    counts = {table.name: await old.count(table) for table in every}
    expect(2 * sum(counts.values()))
    for table in every:
        await new.fill(table, _told(old.rows(table), f"copying {table.name}", tell))
        await new.finish(table, await old.last_id(table))
    for table in every:
        if await new.count(table) != counts[table.name]:
            raise ValueError(f"The table {table.name} has not as many rows as in the source. Nothing was kept.")
        await _compare(old, new, table, tell)
    return counts


async def _told(batches: AsyncIterator[list[Row]], what: str, tell: Tell) -> AsyncIterator[list[Row]]:
    tell(what, 0)
    async for batch in batches:
        yield batch
        tell(what, len(batch))


async def _compare(old: Source, new: Target, table: Table, tell: Tell) -> None:
    kept = new.rows(table)
    async for batch in _told(old.rows(table), f"comparing {table.name}", tell):
        if batch != await anext(kept, None):
            raise ValueError(f"The table {table.name} has a row that is not as in the source. Nothing was kept.")


async def _drifts(tell: Tell) -> list[str]:
    drifts = []
    for organization in await find.all_organizations():
        tell(f"recounting {organization.identifier}", 0)
        drifts += [f"{organization.identifier}: {drift}" for drift in await verify.counters(organization)]
    return drifts
