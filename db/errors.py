"""What a database can fail with that is nobody's fault: it is away, or two transactions stood in each other's way."""

import asyncio
import functools
import random
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, ParamSpec, TypeVar

import asyncpg
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.connection import get_connection
from tortoise.exceptions import DBConnectionError

from db.clients import pool

TRIES = 6
PAUSE = 0.01
"""Seconds before the second try, doubled each time, and anything between half and all of it."""

P = ParamSpec("P")
T = TypeVar("T")


class Locked(Exception):
    """Raised where a row is locked by a transaction that doesn't end: what was to be done there is not done."""


class Unanswered(Exception):
    """Raised where the database has not answered in time: what it was asked to do may be done or not."""


_AWAY = (
    Locked,
    Unanswered,
    pool.InDoubt,
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
"""What the driver says of a connection that has ended between two statements."""
_CONFLICT = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,  # somebody was quicker: asked again, the verb finds what they made
    asyncpg.ForeignKeyViolationError,  # the same of what they deleted
)


def is_away(error: BaseException) -> bool:
    """Whether the database could not be asked at all; the same request may succeed when it is back."""
    return any(isinstance(one, _AWAY) or _is_closed(one) or _is_stuck(one) for one in _behind(error))


def is_locked(error: BaseException) -> bool:
    """Whether a row was waited for in vain that another transaction has locked; nothing is done then."""
    return any(isinstance(one, asyncpg.LockNotAvailableError) for one in _behind(error))


def is_conflict(error: BaseException) -> bool:
    """Whether PostgreSQL ended a transaction for the sake of another; done again, it sees what that one did."""
    return any(isinstance(one, _CONFLICT) for one in _behind(error))


def retried(verb: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Do a verb again, up to TRIES times in all, while its transaction is ended for the sake of another.

    A verb that takes part in another's transaction is not retried by itself: the other one is.
    """

    @functools.wraps(verb)
    async def tried(*said: P.args, **named: P.kwargs) -> T:
        pause = PAUSE
        for _ in range(0 if is_inside() else TRIES - 1):
            try:
                return await verb(*said, **named)
            except Exception as error:
                if not is_conflict(error):
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 (keeps rivals apart)
            pause *= 2
        return await verb(*said, **named)

    return tried


def is_inside() -> bool:
    """Whether the present task is inside a transaction already."""
    return isinstance(get_connection("default"), TransactionalDBClient)


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised for: Tortoise keeps the driver's own as its cause or its argument."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, *one.args[:1]]


def _is_closed(error: BaseException) -> bool:
    return isinstance(error, asyncpg.InterfaceError) and any(word in str(error) for word in _CLOSED)


def _is_stuck(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _BUSY_OR_BROKEN
