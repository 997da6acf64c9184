"""A store in an SQLite file, where a truth value is a number and an instant is a text."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite

from db import BUSY_SECONDS
from db.transfer.tables import BATCH, Table


@asynccontextmanager
async def reading(path: Path) -> AsyncIterator["Store"]:
    """The file as it is now. Raises ValueError when there is none."""
    async with _connected(path) as connection:
        await connection.execute("PRAGMA query_only = ON")
        await connection.execute("BEGIN")
        yield Store(connection)


@asynccontextmanager
async def filling(path: Path) -> AsyncIterator["Store"]:
    """The file, with everybody else's writing kept out from now on."""
    async with _connected(path) as connection:
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute("PRAGMA foreign_keys = ON")
        await connection.execute("BEGIN IMMEDIATE")
        yield Store(connection)
        await connection.commit()


def _connected(path: Path) -> aiosqlite.Connection:
    """A connection to a file that is there: none is made."""
    if not path.is_file():
        raise ValueError(f"There is no file {path}.")
    return aiosqlite.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS)


class Store:
    """One transaction on a file; it ends with its connection."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self.connection = connection

    async def migrations(self) -> set[str]:
        """The names of those that it has been through; none where there are no tables."""
        try:
            found = await self.connection.execute_fetchall("SELECT name FROM tortoise_migrations")
        except sqlite3.DatabaseError as error:  # no such table, or no database at all
            if error.sqlite_errorcode in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOTADB):
                return set()
            raise
        return {name for (name,) in found}

    async def count(self, table: Table) -> int:
        """How many rows there are."""
        return await self._number(f'SELECT count(*) FROM "{table.name}"')  # noqa: S608 (our own names)

    async def rows(self, table: Table) -> AsyncIterator[list[Any]]:
        """All rows by their ids."""
        read = _reader(table)
        asked = f'SELECT {table.listed} FROM "{table.name}" ORDER BY "id"'  # noqa: S608 (our own names)
        async with self.connection.execute(asked) as cursor:
            while batch := await cursor.fetchmany(BATCH):
                yield [read(row) for row in batch]

    async def last_id(self, table: Table) -> int:
        """The highest id that was given out so far."""
        return await self._number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?", table.name)

    async def hold(self, tables: Sequence[Table]) -> None:
        """The transaction is alone with the file as it is."""

    async def fill(self, table: Table, batches: AsyncIterator[list[Any]]) -> None:
        """Write these rows."""
        write = _writer(table)
        marks = ", ".join("?" for _ in table.columns)
        said = f'INSERT INTO "{table.name}" ({table.listed}) VALUES ({marks})'  # noqa: S608 (our own names)
        async for batch in batches:
            try:
                await self.connection.executemany(said, [write(row) for row in batch])
            except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
                raise ValueError(f"The table {table.name} can't keep a row: {error}") from error

    async def finish(self, table: Table, last_id: int) -> None:
        """The table's next row gets an id above this one."""
        await self.connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
        await self.connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, last_id))

    async def _number(self, asked: str, *values: str) -> int:
        [(number,)] = await self.connection.execute_fetchall(asked, values)
        return int(number)


def _instant(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def _text(instant: datetime) -> str:
    """As Tortoise writes it, for such texts are compared with each other."""
    return instant.isoformat(" ")


def _reader(table: Table) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    return _changing(table, {datetime: _instant, bool: bool})


def _writer(table: Table) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    return _changing(table, {datetime: _text})


def _changing(table: Table, changes: dict[type, Callable[[Any], Any]]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """What changes a row's values of these kinds, and leaves null alone."""
    places = [(place, changes[kind]) for place, kind in enumerate(table.columns.values()) if kind in changes]

    def changed(row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place, change in places:
            if values[place] is not None:
                values[place] = change(values[place])
        return tuple(values)

    return changed
