"""Bulk transfer: a whole store is read, or filled, a table at a time.

It does not use Tortoise, whose models work with one kind of database in a process at a time. A row is a tuple in the
order of its table's columns, of the same plain values from either kind: str, int, bool, None, and aware instants
in UTC.

    async with open_source(old_url) as old, open_target(new_url) as new:
        await new.lock(tables.all_tables())
        for table in tables.all_tables():
            await new.fill(table, old.rows(table))
            await new.finish(table, await old.last_id(table))

resolvers/copy.py does so for the command `copy`; db/store_version.py asks a Source for its migrations.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from db import address
from db.transfer import postgres, sqlite
from db.transfer.tables import Row, Table


class Source(Protocol):
    """A snapshot of a store, to be read."""

    async def migrations(self) -> set[str]:
        """The names of the applied migrations, such as `0001_initial`; none where there are no tables."""

    async def count(self, table: Table) -> int:
        """How many rows a table has."""

    def rows(self, table: Table) -> AsyncIterator[list[Row]]:
        """All rows by their ids, in lists of BATCH_ROWS, but for the last."""

    async def last_id(self, table: Table) -> int:
        """The highest id assigned so far, its row deleted or not; 0 when none was."""


class Target(Source, Protocol):
    """A store that is filled in one transaction."""

    async def lock(self, tables: Sequence[Table]) -> None:
        """Lock these tables against other writers."""

    async def fill(self, table: Table, batches: AsyncIterator[list[Row]]) -> None:
        """Insert rows. Raises ValueError for one that the table can't store."""

    async def finish(self, table: Table, last_id: int) -> None:
        """After the last row of a table: its next id is above this one."""


def open_source(url: str) -> AbstractAsyncContextManager[Source]:
    """`async with` around reading a store, which is not changed or locked; all of it is of one moment.

    Raises ValueError for an address that makes no sense or a file that is not there, and what the driver raises.
    """
    return sqlite.open_source(address.file_of(url)) if address.is_sqlite(url) else postgres.open_source(url)


def open_target(url: str) -> AbstractAsyncContextManager[Target]:
    """`async with` around filling a store, which has its tables: committed at the end, rolled back after a fault.

    Raises as `open_source` does.
    """
    return sqlite.open_target(address.file_of(url)) if address.is_sqlite(url) else postgres.open_target(url)
