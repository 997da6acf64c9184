"""Bulk transfer from and to PostgreSQL; rows are written with COPY."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from db.clients import pool
from db.clients.postgres import credentials
from db.transfer.tables import BATCH_ROWS, Row, Table

LOCK_SECONDS = 30


@asynccontextmanager
async def open_source(url: str) -> AsyncIterator["PostgresStore"]:
    """A snapshot of the database."""
    async with _connect(url) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        yield PostgresStore(connection)


@asynccontextmanager
async def open_target(url: str) -> AsyncIterator["PostgresStore"]:
    """The database, in one transaction that the block fills."""
    async with _connect(url) as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            yield PostgresStore(connection)
        except BaseException:
            # The first error is the one to report.
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await transaction.rollback()
            raise
        with pool.CommitNotices(connection, is_commit=True):
            await transaction.commit()


@asynccontextmanager
async def _connect(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection without prepared statements, which a pooler might not keep."""
    connection = await pool.connect(credentials(url)["dsn"], statement_cache_size=0)
    try:
        yield connection
    finally:
        await connection.close()


class PostgresStore:
    """One transaction on a database; it ends with its connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def migrations(self) -> set[str]:
        """The names of the applied migrations; none where there are no tables."""
        if await self.connection.fetchval("SELECT to_regclass('tortoise_migrations') IS NULL"):
            return set()
        return {row["name"] for row in await self.connection.fetch("SELECT name FROM tortoise_migrations")}

    async def count(self, table: Table) -> int:
        """How many rows there are."""
        return int(await self.connection.fetchval(f'SELECT count(*) FROM "{table.name}"'))  # noqa: S608 (our own names)

    async def rows(self, table: Table) -> AsyncIterator[list[Row]]:
        """All rows by their ids."""
        text = f'SELECT {table.column_list} FROM "{table.name}" ORDER BY "id"'  # noqa: S608 (our own names)
        cursor = await self.connection.cursor(text)
        while batch := await cursor.fetch(BATCH_ROWS):
            yield [tuple(row) for row in batch]

    async def last_id(self, table: Table) -> int:
        """The highest id assigned so far."""
        text = f"SELECT coalesce(pg_sequence_last_value({_sequence(table)}::regclass), 0)"
        return int(await self.connection.fetchval(text))

    async def lock(self, tables: Sequence[Table]) -> None:
        """Lock these tables against other writers until the transaction ends. Raises ValueError while one is busy."""
        names = ", ".join(f'"{table.name}"' for table in tables)
        try:
            await self.connection.execute(f"LOCK TABLE {names} IN EXCLUSIVE MODE")
        except asyncpg.LockNotAvailableError as error:
            raise ValueError("Somebody is writing to the target; stop them first.") from error

    async def fill(self, table: Table, batches: AsyncIterator[list[Row]]) -> None:
        """Insert rows."""
        rows = (row async for batch in batches for row in batch)
        try:
            await self.connection.copy_records_to_table(table.name, records=rows, columns=list(table.columns))
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, OverflowError) as error:
            raise ValueError(f"The table {table.name} can't keep a row: {error}") from error

    async def finish(self, table: Table, last_id: int) -> None:
        """Set the table's next id above this one, and analyze the table for the query planner."""
        if last_id:
            await self.connection.execute(f"SELECT setval({_sequence(table)}, {last_id})")
        await self.connection.execute(f'ANALYZE "{table.name}"')


def _sequence(table: Table) -> str:
    return f"""pg_get_serial_sequence('"{table.name}"', 'id')"""
