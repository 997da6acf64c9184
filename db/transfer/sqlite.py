"""Bulk transfer from and to an SQLite file, where a bool is stored as a number and an instant as text."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiosqlite

from db.address import BUSY_SECONDS
from db.transfer.tables import BATCH_ROWS, Row, Table, Value


@asynccontextmanager
async def open_source(path: Path) -> AsyncIterator["SqliteStore"]:
    """A snapshot of the file. Raises ValueError when there is none."""
    async with _connect(path) as connection:
        await connection.execute("PRAGMA query_only = ON")
        await connection.execute("BEGIN")
        yield SqliteStore(connection)


@asynccontextmanager
async def open_target(path: Path) -> AsyncIterator["SqliteStore"]:
    """The file, in one transaction that the block fills; it locks out other writers from its beginning."""
    async with _connect(path) as connection:
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute("PRAGMA foreign_keys = ON")
        await connection.execute("BEGIN IMMEDIATE")
        yield SqliteStore(connection)
        await connection.commit()


def _connect(path: Path) -> aiosqlite.Connection:
    """A connection to an existing file."""
    if not path.is_file():
        raise ValueError(f"There is no file {path}.")
    return aiosqlite.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS)


class SqliteStore:
    """One transaction on a file; it ends with its connection."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self.connection = connection

    async def migrations(self) -> set[str]:
        """The names of the applied migrations; none where there are no tables."""
        try:
            rows = await self.connection.execute_fetchall("SELECT name FROM tortoise_migrations")
        except sqlite3.DatabaseError as error:  # no such table, or no database at all
            if error.sqlite_errorcode in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOTADB):
                return set()
            raise
        return {name for (name,) in rows}

    async def count(self, table: Table) -> int:
        """How many rows there are."""
        return await self._number(f'SELECT count(*) FROM "{table.name}"')  # noqa: S608 (our own names)

    async def rows(self, table: Table) -> AsyncIterator[list[Row]]:
        """All rows by their ids."""
        read = _reader(table)
        text = f'SELECT {table.column_list} FROM "{table.name}" ORDER BY "id"'  # noqa: S608 (our own names)
        async with self.connection.execute(text) as cursor:
            while batch := await cursor.fetchmany(BATCH_ROWS):
                yield [read(row) for row in batch]

    async def last_id(self, table: Table) -> int:
        """The highest id assigned so far."""
        return await self._number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?", table.name)

    async def lock(self, tables: Sequence[Table]) -> None:
        """Nothing: the transaction has locked the file already."""

    async def fill(self, table: Table, batches: AsyncIterator[list[Row]]) -> None:
        """Insert rows."""
        write = _writer(table)
        placeholders = ", ".join("?" for _ in table.columns)
        text = f'INSERT INTO "{table.name}" ({table.column_list}) VALUES ({placeholders})'  # noqa: S608 (our own names)
        async for batch in batches:
            try:
                await self.connection.executemany(text, [write(row) for row in batch])
            except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
                raise ValueError(f"The table {table.name} can't keep a row: {error}") from error

    async def finish(self, table: Table, last_id: int) -> None:
        """The table's next row gets an id above this one."""
        await self.connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
        await self.connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, last_id))

    async def _number(self, text: str, *values: str) -> int:
        [(number,)] = await self.connection.execute_fetchall(text, values)
        return int(number)


def _parse_instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _instant_text(instant: datetime) -> str:
    """An instant's text as Tortoise writes it: such texts are compared with each other."""
    return instant.isoformat(" ")


def _reader(table: Table) -> Callable[[Iterable[Value]], Row]:
    """A function that makes a row of a stored one, whose instants are texts and whose bools are numbers."""
    instants, bools = _places(table, datetime), _places(table, bool)

    def read(stored: Iterable[Value]) -> Row:
        values = list(stored)
        for place in instants:
            if isinstance(text := values[place], str):
                values[place] = _parse_instant(text)
        for place in bools:
            if (number := values[place]) is not None:
                values[place] = bool(number)
        return tuple(values)

    return read


def _writer(table: Table) -> Callable[[Row], Row]:
    """A function that makes a row as it is stored of a row; a bool is a number to SQLite already."""
    instants = _places(table, datetime)

    def write(row: Row) -> Row:
        values = list(row)
        for place in instants:
            if isinstance(instant := values[place], datetime):
                values[place] = _instant_text(instant)
        return tuple(values)

    return write


def _places(table: Table, kind: type) -> list[int]:
    """Where the columns of a type are in a row."""
    return [place for place, column in enumerate(table.columns.values()) if column is kind]
