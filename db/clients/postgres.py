"""Tortoise's client for PostgreSQL: connecting, and how a transaction begins and ends.

    PostgresClient             a pool of connections (asyncpg's)
      ├─ StatementConnection              `async with` around one statement, which commits by itself
      ├─ TransactionConnection            the same in a transaction, for `prepared=no`
      └─ PooledConnectionContext          `async with` around a transaction
           ├─ TransactionWrapper          Tortoise's own
           └─ PlannedTransaction          one whose plans are kept (`planned_transaction`)

Each takes a connection by `pool.acquire`, for a limited time, and listens to whether its commit is confirmed. All else
is speed: PlannedTransaction, and `_use_custom_plans` for what is outside of it.

The address is libpq's, read by the driver: host, port or socket directory, several hosts, `sslmode` and its
files, `application_name` and whatever else the server knows. Two options are ours: `connections`, the most that
one process opens, and `prepared=no`, for a PgBouncer that carries no prepared statements from one server
connection to another.

A request may be cancelled anywhere. Whatever happens, its place in the pool is free again, and nothing goes on in
the transaction: db/clients/pool.py drops the connection.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TypedDict
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg
from pypika_tortoise.context import SqlContext
from pypika_tortoise.enums import SqlTypes
from pypika_tortoise.functions import Cast
from pypika_tortoise.terms import Criterion, Function, Term
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.asyncpg.executor import AsyncpgExecutor
from tortoise.backends.base.client import (
    PoolConnectionWrapper,
    TransactionalDBClient,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections
from tortoise.filters import Like, escape_like, insensitive_contains

from db.clients import pool
from db.clients.pool import AcquiredConnection, CommitNotices

DEFAULT_CONNECTIONS = 10
MIGRATION_LOCK = 0x7E55E7A
"""The advisory lock of a migration: any number that nothing else in the database uses."""


class Credentials(TypedDict):
    """The arguments of PostgresClient: libpq's address, the most connections, and whether statements are prepared."""

    dsn: str
    connections: int
    prepared: bool


def credentials(url: str) -> Credentials:
    """The arguments of PostgresClient, read from an address. Raises ValueError, which names what makes no sense.

    credentials("postgres://u:p@h/d?connections=4&sslmode=require")
    # {"dsn": "postgres://u:p@h/d?sslmode=require", "connections": 4, "prepared": True}
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    connections = options.pop("connections", str(DEFAULT_CONNECTIONS))
    if not connections.isdecimal() or int(connections) < 2:
        raise ValueError(f"connections={connections} in the database's address is no number of at least 2")
    prepared = options.pop("prepared", "yes")
    if prepared not in ("yes", "no"):
        raise ValueError(f"prepared={prepared} in the database's address is neither yes nor no")
    dsn = f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{urlencode(options)}" if options else "")
    return {"dsn": dsn, "connections": int(connections), "prepared": prepared == "yes"}


@contextlib.asynccontextmanager
async def migrating(url: str) -> AsyncIterator[None]:
    """`async with` around a migration: one process migrates at a time, the others wait here.

    The lock is a transaction's, not a session's, so that it holds behind PgBouncer too.
    """
    connection = await pool.connect(credentials(url)["dsn"], statement_cache_size=0)
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            yield
    finally:
        await connection.close()


class PooledConnectionContext(TransactionContextPooled):
    """`async with` around a transaction on a connection of the pool."""

    acquired: AcquiredConnection

    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        self.acquired = await pool.acquire(self.client._parent._pool)
        self.client._connection = self.acquired.connection
        try:
            await self.client.begin()
        except BaseException as fault:
            await self.acquired.release(fault)
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        get_connections().reset(self.token)
        fault: BaseException | None = exc_val
        try:
            if exc_val is None:
                with CommitNotices(self.acquired.connection, is_commit=True):
                    await self.client.commit()
            elif not isinstance(exc_val, asyncio.CancelledError):
                # A connection that is lost can't roll back, and need not: the error before it is the one to report.
                with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await self.client.rollback()
        except BaseException as error:
            fault = error
            raise
        finally:
            await self.acquired.release(fault)


class StatementConnection(PoolConnectionWrapper[asyncpg.Connection]):
    """A connection of the pool for one statement, which commits by itself."""

    acquired: AcquiredConnection

    async def __aenter__(self) -> asyncpg.Connection:
        await self.ensure_connection()
        self.acquired = await pool.acquire(self.client._pool)
        self.notices = CommitNotices(self.acquired.connection, is_commit=False)
        self.notices.__enter__()
        return self.acquired.connection

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        fault: BaseException | None = exc_val
        try:
            self.notices.__exit__(exc_type, exc_val, exc_tb)
        except pool.UnconfirmedCommit as error:
            fault = error
            raise
        finally:
            await self.acquired.release(fault)


class TransactionConnection(StatementConnection):
    """A connection whose statements share a transaction, so that a pooler keeps them on one server connection."""

    async def __aenter__(self) -> asyncpg.Connection:
        connection = await super().__aenter__()
        self.transaction = connection.transaction()
        try:
            await self.transaction.start()
        except BaseException as fault:
            await super().__aexit__(type(fault), fault, None)
            raise
        return connection

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        fault: BaseException | None = exc_val
        try:
            if not isinstance(exc_val, asyncio.CancelledError):
                await self.transaction.__aexit__(exc_type, exc_val, exc_tb)
        except BaseException as error:
            fault = error
            raise
        finally:
            await super().__aexit__(type(fault) if fault else None, fault, None)


GENERIC_PLAN_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_sort": "off",
    "jit": "off",  # which would be for what has to be sorted all the same
}
"""Settings of a transaction whose statements have generic plans, kept for the connection; foreign key checks too.

Our connections plan every statement anew (see `_use_custom_plans`), and the foreign key checks of each written row,
which takes a batch as long as running them. A plan that is kept is made for tables of any size: it goes by an index,
as one that reads all of a small table would be kept when that is large. But while a table is small its indexes seem
alike. So only statements that leave no choice belong in such a transaction: new rows, and the conditions of
`sql.lateral_join`, `sql.key_condition` and `sql.in_subquery`.
"""

_PLANNED_SETTINGS = {**GENERIC_PLAN_SETTINGS, "lock_timeout": f"'{pool.LOCK_SECONDS}s'"}
_BEGIN_PLANNED = "; ".join(["BEGIN", *(f"SET LOCAL {name} = {value}" for name, value in _PLANNED_SETTINGS.items())])


class PlannedTransaction(TransactionWrapper):
    """A transaction that begins with these settings, in one round trip."""

    async def begin(self) -> None:
        """Begin, and set them."""
        await self._connection.execute(_BEGIN_PLANNED)

    async def commit(self) -> None:
        """End it; what was written stays."""
        await self._connection.execute("COMMIT")

    async def rollback(self) -> None:
        """End it; nothing was written."""
        await self._connection.execute("ROLLBACK")


class Upper(Function):
    """UPPER of the letters A to Z, as SQLite has it, whatever the database's collation does with others."""

    def __init__(self, term: Term) -> None:
        super().__init__("UPPER", term)

    def get_special_params_sql(self, ctx: SqlContext) -> str:
        """The SQL that follows the argument within the parentheses."""
        return 'COLLATE "C"'


def contains(field: Term, value: str) -> Criterion:
    """The filter `icontains`, which finds the same rows on both databases."""
    pattern = field.wrap_constant(f"%{escape_like(value)}%")
    return Like(Upper(Cast(field, SqlTypes.VARCHAR)), Upper(Cast(pattern, SqlTypes.VARCHAR)))


class PostgresExecutor(AsyncpgExecutor):
    """Tortoise's executor, with this `icontains`."""

    FILTER_FUNC_OVERRIDE = {**AsyncpgExecutor.FILTER_FUNC_OVERRIDE, insensitive_contains: contains}  # noqa: RUF012 (an instance variable to Tortoise)


class PostgresClient(AsyncpgDBClient):
    """Tortoise's PostgreSQL client with these transactions and addresses."""

    executor_class = PostgresExecutor

    def __init__(self, dsn: str, connections: int, prepared: bool, connection_name: str) -> None:
        super().__init__(connection_name=connection_name)
        self.dsn, self.prepared = dsn, prepared
        self.pool_maxsize = connections

    async def create_connection(self, with_db: bool) -> None:
        """Open the pool; its connections are opened, and opened again, as they are needed."""
        self._pool = await asyncpg.create_pool(
            self.dsn,
            min_size=1,
            max_size=self.pool_maxsize,
            connect=pool.Connector(),
            init=_prepare,
            reset=_keep_session,
            **({} if self.prepared else {"statement_cache_size": 0}),
        )

    def acquire_connection(self) -> PoolConnectionWrapper[asyncpg.Connection]:
        """A connection of the pool, for one statement."""
        wrapper = StatementConnection if self.prepared else TransactionConnection
        return wrapper(self, self._pool_init_lock)

    def _in_transaction(self) -> TransactionContext:
        return PooledConnectionContext(TransactionWrapper(self), self._pool_init_lock)

    def planned_transaction(self) -> TransactionContext:
        """`async with` around a transaction with GENERIC_PLAN_SETTINGS."""
        return PooledConnectionContext(PlannedTransaction(self), self._pool_init_lock)


CLIENT_CHECK_SECONDS = 1
"""How often the server checks that the client of a running statement is still connected."""
KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}


async def _prepare(connection: asyncpg.Connection) -> None:
    """Set up a new connection: the server soon notices that we are gone, and plans every statement anew."""
    _keep_alive(connection)
    with contextlib.suppress(asyncpg.UndefinedObjectError, asyncpg.DataError):  # before PostgreSQL 14, or not on Linux
        await connection.execute(f"SET client_connection_check_interval = '{CLIENT_CHECK_SECONDS}s'")
    await _use_custom_plans(connection)


def _keep_alive(connection: asyncpg.Connection) -> None:
    """Have the kernel notice a host that is gone: an idle connection after 25 seconds, sent bytes after 10."""
    connection_socket = connection._transport.get_extra_info("socket")
    if connection_socket is None or connection_socket.family == socket.AF_UNIX:
        return
    connection_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):  # not on every system
            connection_socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _use_custom_plans(connection: asyncpg.Connection) -> None:
    """Have every statement planned anew: no plan outlives the size of the tables that it was made for.

    A prepared statement's plan is kept from its sixth run on. One that was made while a table was nearly empty
    reads all of it when it is full, until somebody analyzes it: measured, claims slowed down to a third in ten
    seconds. Behind a pooler this reaches some server connections only, which costs speed alone.
    """
    with contextlib.suppress(asyncpg.UndefinedObjectError):  # an engine that plans in other ways
        await connection.execute("SET plan_cache_mode = force_custom_plan")


async def _keep_session(_: asyncpg.Connection) -> None:
    """Reset nothing on a released connection: it has no session state of ours.

    An open transaction is rolled back by the driver all the same. A reset would be a round trip more for
    each statement.
    """


client_class = PostgresClient
