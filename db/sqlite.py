"""How a transaction begins and ends on SQLite.

Tortoise opens SQLite with a deferred BEGIN: the first statement that writes asks for the lock then, and
when another process wrote meanwhile it is refused at once, busy time-out or not. Here BEGIN IMMEDIATE
takes the lock before the first question, so whoever is inside a transaction is alone with the database.

A request that is cut off (its time is up) may be cut in BEGIN or COMMIT as well. Whatever happens, the
connection leaves a transaction committed or rolled back, and its lock is given back.
"""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from filelock import AsyncFileLock
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
    translate_exceptions,
)
from tortoise.connection import get_connections

from db import private


@asynccontextmanager
async def migrating(path: Path) -> AsyncIterator[None]:
    """One process of all migrates a file at a time; the others wait here. Afterwards the file is its owner's alone.

    A lock of its own beside the database, whose own locks a migration needs for itself. SQLite gives its -wal and
    -shm the rights of the file.
    """
    files = [Path(f"{path}{end}") for end in ("", "-wal", "-shm", ".migrating")]
    private.keep(*files)
    async with AsyncFileLock(files[-1], mode=0o600):
        yield
        private.keep(*files)


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that holds the write lock from its first moment."""

    async def begin(self) -> None:
        await self._connection.execute("BEGIN IMMEDIATE")

    @translate_exceptions
    async def execute_each(
        self, statements: Sequence[tuple[str, Sequence[Any], Sequence[Sequence[Any]] | None]]
    ) -> list[list[dict[str, Any]]]:
        """What each statement tells, run in their order by one call of the database's thread; or for each of its rows.

        aiosqlite has no word of its own for that. A call for each statement wakes the loop as often, and the
        thread then waits for it.
        """
        connection = self._connection

        def each() -> list[list[dict[str, Any]]]:
            run, run_many = connection._conn.execute, connection._conn.executemany
            found = (run(text, values) if rows is None else run_many(text, rows) for text, values, rows in statements)
            return [[dict(row) for row in told.fetchall()] for told in found]

        for text, values, rows in statements:
            self.log.debug("%s: %s", text, values if rows is None else rows)
        return await connection._execute(each)  # type: ignore[no-any-return, no-untyped-call]


class ImmediateContext(SqliteTransactionContext):
    """`async with` around one such transaction; the connection's own lock keeps its tasks apart."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            await self._abandon()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        return self.connection  # type: ignore[no-any-return]

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        get_connections().reset(self.token)
        if exc_type:
            await self._abandon()
            return
        try:
            await self.connection.commit()
        except BaseException:
            await self._abandon()
            raise
        self._trxlock.release()

    async def _abandon(self) -> None:
        # aiosqlite runs what it is given in order: this undoes even a BEGIN whose caller no longer waits.
        try:
            if self.connection._connection:
                await self.connection._connection.rollback()
        finally:
            self._trxlock.release()


class Client(SqliteClient):
    """Tortoise's SQLite client with these transactions, and a second connection for questions outside of them.

    Readers wait for no writer, as the journal is a WAL; on one connection they would wait for each commit.
    """

    def __init__(self, file_path: str, **kwargs: Any) -> None:
        super().__init__(file_path, **kwargs)
        self._read_only = f"{Path(file_path).absolute().as_uri()}?mode=ro"
        self._reader: aiosqlite.Connection | None = None

    async def _reading(self) -> aiosqlite.Connection:
        """The second connection; the first question opens both."""
        if self._reader is None:
            async with self._lock:
                await self.create_connection(with_db=True)
                self._reader = self._reader or await self._opened()
        return self._reader

    async def _opened(self) -> aiosqlite.Connection:
        reader = await aiosqlite.connect(self._read_only, uri=True, isolation_level=None)
        reader.row_factory = sqlite3.Row
        try:
            await reader.executescript(";".join(f"PRAGMA {name}={value}" for name, value in self.pragmas.items()))
        except BaseException:
            reader.stop()
            raise
        return reader

    async def close(self) -> None:
        """Close both."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()
        await super().close()

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[dict[str, Any]]]:
        """A statement's rows and how many there are, or how many it changed."""
        if not _only_asks(query):
            return await super().execute_query(query, values)  # type: ignore[no-any-return]
        rows = await self._read(query, values)
        return len(rows), rows

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        """A statement's rows."""
        if not _only_asks(query):
            return await super().execute_query_dict(query, values)  # type: ignore[no-any-return]
        return [dict(row) for row in await self._read(query, values)]

    @translate_exceptions
    async def _read(self, query: str, values: list[Any] | None) -> list[Any]:
        self.log.debug("%s: %s", query, values)  # as Tortoise does; who counts statements counts these
        return list(await (await self._reading()).execute_fetchall(query, values or []))

    def _in_transaction(self) -> TransactionContext:
        return ImmediateContext(ImmediateTransaction(self), self._lock)


def _only_asks(query: str) -> bool:
    return query.lstrip()[:6].upper() == "SELECT"


client_class = Client
