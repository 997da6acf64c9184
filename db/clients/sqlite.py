"""Tortoise's client for SQLite: how a transaction begins and ends, and a second connection for reading.

    SqliteClient               a file: one connection that writes, one that reads
      ├─ SELECT outside a transaction     runs on the reading one
      ├─ any other statement              runs on the writing one, and commits by itself
      └─ ImmediateContext                 `async with` around a transaction: takes the writing one for its length
           └─ ImmediateTransaction        what statements of the block are run by

A connection is a thread of its own (aiosqlite), which each statement is a trip to: `execute_each` makes one of many.

Tortoise opens SQLite with a deferred BEGIN: the first statement that writes asks for the lock then, and
when another process wrote meanwhile it is refused at once, busy time-out or not. Here BEGIN IMMEDIATE
takes the lock before the first statement, so a transaction has the database to itself.

A request whose time is up may be cancelled in BEGIN or COMMIT as well. Whatever happens, the connection leaves
a transaction committed or rolled back, and its lock is released.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType

import aiosqlite
from filelock import AsyncFileLock
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite import client as tortoise_sqlite
from tortoise.backends.sqlite.client import SqliteTransactionContext, SqliteTransactionWrapper, translate_exceptions
from tortoise.connection import get_connections

from db import private
from db.clients.sqlite_file import OpenedFile

log = logging.getLogger("tessera")

ABANDON_SECONDS = 1
"""How long a cancelled request waits for its transaction to end; after that it ends in the background."""

_background_tasks: set["asyncio.Task[None]"] = set()


def _in_background(coroutine: Coroutine[object, object, None]) -> "asyncio.Task[None]":
    task = asyncio.get_running_loop().create_task(coroutine)
    _background_tasks.add(task)
    task.add_done_callback(_background_tasks.discard)
    return task


@asynccontextmanager
async def migrating(path: Path) -> AsyncIterator[None]:
    """`async with` around a migration: one process migrates a file at a time, the others wait here.

    The lock is a file of its own beside the database, whose own locks a migration needs for itself. Afterwards the
    files are for their owner alone: SQLite gives -wal and -shm the mode of the database.
    """
    files = [Path(f"{path}{end}") for end in ("", "-wal", "-shm", ".migrating")]
    private.restrict_to_owner(*files)
    async with AsyncFileLock(files[-1], mode=0o600):
        yield
        private.restrict_to_owner(*files)


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that holds the write lock from its beginning."""

    is_read_only = False

    async def begin(self) -> None:
        await self._connection.execute("BEGIN" if self.is_read_only else "BEGIN IMMEDIATE")

    @translate_exceptions
    async def execute_each(
        self, statements: Sequence[tuple[str, Sequence[object], Sequence[Sequence[object]] | None]]
    ) -> list[list[dict[str, object]]]:
        """The rows of each of several statements, in their order, by one call of the thread.

        A statement is (text, values, None), or (text, …, rows) to be run for each of these rows, which has no result:

            await execute_each([("SELECT 1 AS a", [], None), ("INSERT INTO t VALUES (?)", [], [[1], [2]])])
            # [[{"a": 1}], []]

        aiosqlite has no function for that. With a call for each statement the thread waits for the event loop
        between any two.
        """
        connection = self._connection

        def each() -> list[list[dict[str, object]]]:
            run, run_many = connection._conn.execute, connection._conn.executemany
            cursors = (run(text, values) if rows is None else run_many(text, rows) for text, values, rows in statements)
            return [[dict(row) for row in cursor.fetchall()] for cursor in cursors]

        for text, values, rows in statements:
            self.log.debug("%s: %s", text, values if rows is None else rows)
        return await connection._execute(each)  # type: ignore[no-any-return, no-untyped-call]


class ImmediateContext(SqliteTransactionContext):
    """`async with` around an ImmediateTransaction; the connection's lock keeps the tasks of this process apart."""

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

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        get_connections().reset(self.token)
        if exc_val is not None:
            await self._abandon(exc_val)
            return
        try:
            await self.connection.commit()
        except BaseException as fault:
            await self._abandon(fault)
            raise
        self._trxlock.release()
        self.connection._parent.file.check()  # what went into a file that is gone must not be answered as written

    async def _abandon(self, fault: BaseException) -> None:
        """Roll back, and release the lock. A cancelled caller waits for it a moment only: a BEGIN may take long."""
        if isinstance(fault, asyncio.CancelledError):
            await asyncio.wait([_in_background(self._roll_back())], timeout=ABANDON_SECONDS)
        else:
            await self._roll_back()

    async def _roll_back(self) -> None:
        # aiosqlite runs calls in order: this undoes even a BEGIN whose caller no longer waits.
        try:
            if self.connection._connection:
                await self.connection._connection.rollback()
        except (sqlite3.Error, ValueError) as fault:  # the connection is closed, and with it the transaction
            log.warning("a transaction could not be rolled back: %r", fault)
        finally:
            self._trxlock.release()


class SqliteClient(tortoise_sqlite.SqliteClient):
    """Tortoise's SQLite client with these transactions, and a second connection for reading outside of them.

    With a WAL readers wait for no writer; on one connection they would wait for each commit. Each function raises
    FileGone where the file has been moved, deleted or replaced; one that writes asks before and after.
    """

    def __init__(self, file_path: str, **pragmas: object) -> None:
        """A client of a file, which is opened by the first statement; `pragmas` are set for both connections."""
        super().__init__(file_path, **pragmas)
        if "query_only" in self.pragmas:
            self.pragmas.pop("journal_mode", None)  # Tortoise sets it by itself, which would change the file
        self._read_only = f"{Path(file_path).absolute().as_uri()}?mode=ro"
        self._reader: aiosqlite.Connection | None = None
        self.file = OpenedFile(file_path, lambda: _in_background(self._checkpoint()))

    async def create_connection(self, with_db: bool) -> None:
        """Open the file, unless it is open; makes it where it is not there."""
        if not self._connection:
            await super().create_connection(with_db)
            self.file.remember()

    async def _checkpoint(self) -> None:
        """Write the journal into the file that has been moved away: it may be all that is left of the database."""
        log.error("the database's file %s is gone; nothing is read or written until it is put back", self.filename)
        async with self._lock:
            if self._connection:
                await self._connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    async def _reader_connection(self) -> aiosqlite.Connection:
        """The second connection; the first SELECT opens both."""
        if self._reader is None:
            async with self._lock:
                await self.create_connection(with_db=True)
                self._reader = self._reader or await self._open_reader()
        return self._reader

    async def _open_reader(self) -> aiosqlite.Connection:
        reader = await aiosqlite.connect(self._read_only, uri=True, isolation_level=None)
        reader.row_factory = sqlite3.Row
        try:
            await reader.executescript(";".join(f"PRAGMA {name}={value}" for name, value in self.pragmas.items()))
        except BaseException:
            reader.stop()
            raise
        return reader

    async def close(self) -> None:
        """Close both connections."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()
        await super().close()

    async def execute_insert(self, query: str, values: list[object]) -> int:
        """Run an INSERT of one row: the row's id."""
        self.file.check()
        row_id = await super().execute_insert(query, values)
        self.file.check()
        return row_id  # type: ignore[no-any-return]

    async def execute_many(self, query: str, values: list[list[object]]) -> None:
        """Run a statement for each of the rows, in a transaction."""
        self.file.check()
        await super().execute_many(query, values)
        self.file.check()

    async def execute_query(
        self, query: str, values: list[object] | None = None
    ) -> tuple[int, Sequence[dict[str, object]]]:
        """A statement's rows and how many there are, or how many it changed."""
        if not _is_select(query):
            self.file.check()
            result = await super().execute_query(query, values)
            self.file.check()
            return result  # type: ignore[no-any-return]
        rows = await self._read(query, values)
        return len(rows), rows

    async def execute_query_dict(self, query: str, values: list[object] | None = None) -> list[dict[str, object]]:
        """A statement's rows."""
        if not _is_select(query):
            self.file.check()
            rows = await super().execute_query_dict(query, values)
            self.file.check()
            return rows  # type: ignore[no-any-return]
        return [dict(row) for row in await self._read(query, values)]

    @translate_exceptions
    async def _read(self, query: str, values: list[object] | None) -> list[sqlite3.Row]:
        self.file.check()
        self.log.debug("%s: %s", query, values)  # as Tortoise does, so that tests that count statements count these
        return list(await (await self._reader_connection()).execute_fetchall(query, values or []))

    def _in_transaction(self) -> TransactionContext:
        transaction = ImmediateTransaction(self)
        transaction.is_read_only = "query_only" in self.pragmas  # it reads a snapshot, and could not lock
        return ImmediateContext(transaction, self._lock)


def _is_select(query: str) -> bool:
    return query.lstrip()[:6].upper() == "SELECT"


client_class = SqliteClient
