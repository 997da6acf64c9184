"""How a transaction begins and ends on SQLite.

Tortoise opens SQLite with a deferred BEGIN: the first statement that writes asks for the lock then, and
when another process wrote meanwhile it is refused at once, busy time-out or not. Here BEGIN IMMEDIATE
takes the lock before the first question, so whoever is inside a transaction is alone with the database.

A request that is cut off (its time is up) may be cut in BEGIN or COMMIT as well. Whatever happens, the
connection leaves a transaction committed or rolled back, and its lock is given back.
"""

from pathlib import Path
from typing import Any

from filelock import AsyncFileLock
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
    translate_exceptions,
)
from tortoise.connection import get_connections


def migrating(path: Path) -> AsyncFileLock:
    """One process of all migrates a file at a time; the others wait here.

    A lock of its own beside the database, whose own locks a migration needs for itself.
    """
    return AsyncFileLock(f"{path}.migrating")


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that holds the write lock from its first moment."""

    async def begin(self) -> None:
        await self._connection.execute("BEGIN IMMEDIATE")

    @translate_exceptions
    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a statement; several may be asked for at once, as they are run in that order."""
        return [dict(row) for row in await self._connection.execute_fetchall(query, values or [])]


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
    """Tortoise's SQLite client with these transactions."""

    def _in_transaction(self) -> TransactionContext:
        return ImmediateContext(ImmediateTransaction(self), self._lock)


client_class = Client
