"""A whole store, read and filled a table at a time.

It goes past Tortoise, whose models know one kind of database in a process at a time. A row is a tuple in the
order of its table's columns, of the same plain values from either kind: str, int, bool, None, and instants
that are aware and in UTC.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeAlias

import db
from db.transfer import postgres, sqlite
from db.transfer.tables import Table

Row: TypeAlias = tuple[str | int | bool | datetime | None, ...]


class Source(Protocol):
    """A store as it was at one moment."""

    async def migrations(self) -> set[str]:
        """The names of those that it has been through; none where there are no tables."""

    async def count(self, table: Table) -> int:
        """How many rows there are."""

    def rows(self, table: Table) -> AsyncIterator[list[Row]]:
        """All of them by their ids, in lists that are as long from any store, but for the last."""

    async def last_id(self, table: Table) -> int:
        """The highest id that was given out so far, its row deleted or not; 0 when none was."""


class Target(Source, Protocol):
    """A store that is filled in one transaction: nobody sees any of it before all is there."""

    async def hold(self, tables: Sequence[Table]) -> None:
        """Nobody else writes to these tables now."""

    async def fill(self, table: Table, batches: AsyncIterator[list[Row]]) -> None:
        """Write these rows. Raises ValueError for one that the table can't keep."""

    async def finish(self, table: Table, last_id: int) -> None:
        """The table is filled: its next row gets an id above this one."""


def reading(url: str) -> AbstractAsyncContextManager[Source]:
    """A store for as long as the block lasts; it is not changed, and who uses it goes on."""
    return sqlite.reading(db.file_of(url)) if db.is_sqlite(url) else postgres.reading(url)


def filling(url: str) -> AbstractAsyncContextManager[Target]:
    """A store to fill, which has its tables; what the block did not end well is undone."""
    return sqlite.filling(db.file_of(url)) if db.is_sqlite(url) else postgres.filling(url)
