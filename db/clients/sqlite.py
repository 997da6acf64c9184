"""How a transaction begins and ends on SQLite.

Tortoise opens SQLite with a deferred BEGIN: the first statement that writes asks for the lock then, and
when another process wrote meanwhile it is refused at once, busy time-out or not. Here BEGIN IMMEDIATE
takes the lock before the first question, so whoever is inside a transaction is alone with the database.

A request that is cut off (its time is up) may be cut in BEGIN or COMMIT as well. Whatever happens, the
connection leaves a transaction committed or rolled back, and its lock is given back.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Sequence
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
from db.clients.sqlite_file import OpenedFile

log = logging.getLogger("tessera")

ABANDON_SECONDS = 1
"""How long a request whose time is up waits for its transaction to end; after that it ends behind its back."""

_going_on: set["asyncio.Task[None]"] = set()


def _in_background(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    task = asyncio.get_running_loop().create_task(work)
    _going_on.add(task)
    task.add_done_callback(_going_on.discard)
    return task


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

    is_read_only = False

    async def begin(self) -> None:
        await self._connection.execute("BEGIN" if self.is_read_only else "BEGIN IMMEDIATE")

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
            self.connection._parent.file.check()
            await self.connection.begin()
        except BaseException as fault:
            await self._abandon(fault)
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        return self.connection  # type: ignore[no-any-return]

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        get_connections().reset(self.token)
        if exc_type:
            await self._abandon(exc_val)
            return
        try:
            await self.connection.commit()
        except BaseException as fault:
            await self._abandon(fault)
            raise
        self._trxlock.release()
        self.connection._parent.file.check()  # what went into a file that is gone must not be answered as kept

    async def _abandon(self, fault: BaseException) -> None:
        """Roll back and let others in. Who is not waited for any more waits a moment: a BEGIN may take long."""
        if isinstance(fault, asyncio.CancelledError):
            await asyncio.wait([_in_background(self._roll_back())], timeout=ABANDON_SECONDS)
        else:
            await self._roll_back()

    async def _roll_back(self) -> None:
        # aiosqlite runs what it is given in order: this undoes even a BEGIN whose caller no longer waits.
        try:
            if self.connection._connection:
                await self.connection._connection.rollback()
        except (sqlite3.Error, ValueError) as fault:  # the connection is closed, and with it the transaction
            log.warning("a transaction could not be rolled back: %r", fault)
        finally:
            self._trxlock.release()


class Client(SqliteClient):
    """Tortoise's SQLite client with these transactions, and a second connection for questions outside of them.

    Readers wait for no writer, as the journal is a WAL; on one connection they would wait for each commit.
    """

    def __init__(self, file_path: str, **kwargs: Any) -> None:
        super().__init__(file_path, **kwargs)
        if "query_only" in self.pragmas:
            self.pragmas.pop("journal_mode", None)  # Tortoise's own wish, which would change the file
        self._read_only = f"{Path(file_path).absolute().as_uri()}?mode=ro"
        self._reader: aiosqlite.Connection | None = None
        self.file = OpenedFile(file_path, lambda: _in_background(self._make_whole()))

    async def create_connection(self, with_db: bool) -> None:
        """Open the file."""
        if not self._connection:
            await super().create_connection(with_db)
            self.file.remember()

    async def _make_whole(self) -> None:
        """Write what only the journal has into the file that has been moved away: it may be all that is left of it."""
        log.error("the database's file %s is gone; nothing is read or written until it is put back", self.filename)
        async with self._lock:
            if self._connection:
                await self._connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

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

    async def execute_insert(self, query: str, values: list[Any]) -> int:
        """A new row's id."""
        self.file.check()
        made = await super().execute_insert(query, values)
        self.file.check()
        return made  # type: ignore[no-any-return]

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        """Run a statement for each of the rows, in a transaction."""
        self.file.check()
        await super().execute_many(query, values)
        self.file.check()

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[dict[str, Any]]]:
        """A statement's rows and how many there are, or how many it changed."""
        if not _only_asks(query):
            self.file.check()
            told = await super().execute_query(query, values)
            self.file.check()
            return told  # type: ignore[no-any-return]
        rows = await self._read(query, values)
        return len(rows), rows

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        """A statement's rows."""
        if not _only_asks(query):
            self.file.check()
            told = await super().execute_query_dict(query, values)
            self.file.check()
            return told  # type: ignore[no-any-return]
        return [dict(row) for row in await self._read(query, values)]

    @translate_exceptions
    async def _read(self, query: str, values: list[Any] | None) -> list[Any]:
        self.file.check()
        self.log.debug("%s: %s", query, values)  # as Tortoise does; who counts statements counts these
        return list(await (await self._reading()).execute_fetchall(query, values or []))

    def _in_transaction(self) -> TransactionContext:
        transaction = ImmediateTransaction(self)
        transaction.is_read_only = "query_only" in self.pragmas  # it sees one moment, and could not lock
        return ImmediateContext(transaction, self._lock)


def _only_asks(query: str) -> bool:
    return query.lstrip()[:6].upper() == "SELECT"


client_class = Client
