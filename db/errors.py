"""Database errors that the program is not to blame for: the database is unavailable, or two transactions conflict.

Drivers, Tortoise and the operating system raise some dozens of classes for these. `is_unavailable` and `is_conflict`
are asked of any exception: a door answers 503 to the first, `retry_on_conflict` runs again after the second. What
neither knows is a bug.

    RowLocked          a lock was waited for as long as a batch may; nothing was done
    DatabaseTimeout    no answer in time; nobody knows what was done
    pool.UnconfirmedCommit    committed, but on no standby; a failover may lose it
"""

import asyncio
import functools
import random
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from typing import ParamSpec, TypeVar

import asyncpg
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.connection import get_connection
from tortoise.exceptions import DBConnectionError

from db.clients import pool

MAX_TRIES = 6
RETRY_DELAY_SECONDS = 0.01
"""Before the second try; doubled with each further one, and anything between half and all of it."""

P = ParamSpec("P")
T = TypeVar("T")


class RowLocked(Exception):
    """Raised when a row is locked by a transaction that doesn't end; nothing was done."""


class DatabaseTimeout(Exception):
    """Raised when the database has not answered in time; the statement may have been run or not."""


_UNAVAILABLE = (
    RowLocked,
    DatabaseTimeout,
    pool.UnconfirmedCommit,
    asyncpg.LockNotAvailableError,  # a row is locked by a transaction that does not end
    OSError,  # refused, reset, no such host, no such socket
    DBConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, crashed
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
    asyncpg.PostgresSystemError,  # its files can't be read or written
    asyncpg.ReadOnlySQLTransactionError,  # a replica after a failover
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ProtocolViolationError,  # what PgBouncer says when it can't reach its server
    asyncpg.TargetServerAttributeNotMatched,
    asyncpg.InternalClientError,  # a connection that broke between two messages
)
_BUSY_OR_BROKEN = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
_CLOSED = ("closed", "closing", "released back to the pool")
"""Words of the driver's messages about a connection that has ended between two statements."""
_CONFLICT = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,  # another was quicker: run again, the verb finds the other's row
    asyncpg.ForeignKeyViolationError,  # the same of a row that was deleted
)


def is_unavailable(error: BaseException) -> bool:
    """Whether the database is unavailable: the same request may succeed when it is back."""
    return any(
        isinstance(cause, _UNAVAILABLE) or _is_closed(cause) or _is_busy_or_broken(cause) for cause in _causes(error)
    )


def is_locked(error: BaseException) -> bool:
    """Whether the time limit for a row lock that another transaction holds has passed; nothing was done then."""
    return any(isinstance(cause, asyncpg.LockNotAvailableError) for cause in _causes(error))


def is_conflict(error: BaseException) -> bool:
    """Whether PostgreSQL ended a transaction because of another one: run again, it sees the other's changes."""
    return any(isinstance(cause, _CONFLICT) for cause in _causes(error))


def retry_on_conflict(verb: Callable[P, Coroutine[object, object, T]]) -> Callable[P, Coroutine[object, object, T]]:
    """Decorator that runs an async function again after a conflict, up to MAX_TRIES times in all.

    The function is one transaction, or several of which each can be repeated; what it raised last is raised.

    A verb that takes part in another's transaction is not retried by itself: the other one is.
    """

    @functools.wraps(verb)
    async def retrying(*args: P.args, **kwargs: P.kwargs) -> T:
        delay = RETRY_DELAY_SECONDS
        for _ in range(0 if is_in_transaction() else MAX_TRIES - 1):
            try:
                return await verb(*args, **kwargs)
            except Exception as error:
                if not is_conflict(error):
                    raise
            await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311 (keeps rivals apart)
            delay *= 2
        return await verb(*args, **kwargs)

    return retrying


def is_in_transaction() -> bool:
    """Whether the present task is inside a transaction already."""
    return isinstance(get_connection("default"), TransactionalDBClient)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes: Tortoise keeps the driver's own error as its cause or its argument."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += [cause.__cause__, *cause.args[:1]]


def _is_closed(error: BaseException) -> bool:
    return isinstance(error, asyncpg.InterfaceError) and any(word in str(error) for word in _CLOSED)


def _is_busy_or_broken(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _BUSY_OR_BROKEN
