"""PostgreSQL's connection pool: connections are opened, acquired for a limited time, and dropped where they hang.

A server that hangs closes nothing, and its answer would be waited for for ever. So a connection is acquired for so many
seconds, and a statement that is not answered by then, or not waited for any more, ends with its connection. A statement
is never cancelled: a COMMIT that waits for a synchronous standby would be answered as done, and isn't safe.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TypedDict, Unpack
from urllib.parse import parse_qs, urlsplit

import asyncpg

CONNECT_SECONDS = 5
BATCH_SECONDS = 4
"""How long a batch may take (`db/batching.py`): one that hangs must not hold up the next for long."""
LOCK_SECONDS = 3
"""How long a batch waits for a row that another transaction has locked; it is less than the whole batch may take."""
STATEMENT_SECONDS = 60
"""How long a connection is acquired for anything else, without a `time_limit`. A request's own limit is less."""
SUSPECT_SECONDS = 2
"""After a connection has not answered for so long, all others are renewed."""
RECONNECT_DELAY_SECONDS = 0.5
"""How long no connection is tried after a refused one: each try asks every host, which may be about to take over."""

PRIMARIES = ("primary", "read-write")
"""Values of `target_session_attrs` for which all hosts may be asked at once, as one at most fits."""

log = logging.getLogger("tessera")

_seconds: ContextVar[float | None] = ContextVar("seconds", default=STATEMENT_SECONDS)


class UnconfirmedCommit(Exception):
    """Raised when no standby has confirmed a commit that the server has answered: a failover may lose it."""


class ConnectionRefused(ConnectionError):
    """Raised when the database could not be connected to a moment ago, and is not tried again yet."""


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """`with` around statements: a connection that is acquired in the block is for so many seconds; None is no limit.

    It counts for the present task, and those that it starts.
    """
    before = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(before)


# ------------------------------------------------------------------ opening


class ConnectOptions(TypedDict, total=False):
    """Options of `asyncpg.connect`: what the driver's pool gives, and how many prepared statements are kept."""

    loop: asyncio.AbstractEventLoop
    connection_class: type[asyncpg.Connection]
    record_class: type[asyncpg.Record]
    statement_cache_size: int


class Connector:
    """Opens a pool's connections; after a failure none for RECONNECT_DELAY_SECONDS."""

    def __init__(self) -> None:
        self._closed_until = 0.0

    async def __call__(self, dsn: str, **options: Unpack[ConnectOptions]) -> asyncpg.Connection:
        """A new connection, with the options that the driver's pool gives.

        Raises what `connect` raises, and ConnectionRefused.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._closed_until:
            raise ConnectionRefused("The database could not be connected to a moment ago.")
        try:
            return await connect(dsn, **options)
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched):
            self._closed_until = loop.time() + RECONNECT_DELAY_SECONDS
            raise


async def connect(dsn: str, **options: Unpack[ConnectOptions]) -> asyncpg.Connection:
    """A connection to the database, or to the first of its hosts that is its primary.

    Hosts are asked at once where one at most can be meant: asked one after
    another, one that hangs takes all of the time. Raises what the driver raises, of several errors the first that tells
    more than a host's role.
    """
    addresses = hosts(dsn)
    if len(addresses) < 2:
        return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, **options)
    tries = [
        asyncio.create_task(asyncpg.connect(dsn, host=host, port=port, timeout=CONNECT_SECONDS, **options))
        for host, port in addresses
    ]
    faults: list[Exception] = []
    chosen = None
    try:
        for completed in asyncio.as_completed(tries):
            try:
                chosen = await completed
                return chosen
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as fault:
                faults.append(fault)
        raise next(
            (fault for fault in faults if not isinstance(fault, asyncpg.TargetServerAttributeNotMatched)), faults[0]
        )
    finally:
        for task in tries:
            task.cancel()
        for other in await asyncio.gather(*tries, return_exceptions=True):
            if isinstance(other, asyncpg.Connection) and other is not chosen:
                other.terminate()


def hosts(dsn: str) -> list[tuple[str, int]]:
    """The hosts of an address that may be asked at once, with their ports; none where the driver is to choose.

    hosts("postgres://u@a:1,b/d?target_session_attrs=primary")  # [("a", 1), ("b", 5432)]
    """
    parts = urlsplit(dsn)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if options.get("target_session_attrs") not in PRIMARIES:
        return []
    if "host" in options:
        names, ports = options["host"].split(","), options.get("port", "").split(",")
        ports = ports * len(names) if len(ports) == 1 else ports
        pairs = list(zip(names, ports, strict=False))
    else:
        pairs = [(name, port) for name, _, port in map(_split_port, parts.netloc.rpartition("@")[2].split(","))]
    if any(not name or name.startswith("/") or not (port or "5432").isdecimal() for name, port in pairs):
        return []
    return [(name, int(port or 5432)) for name, port in pairs]


def _split_port(host: str) -> tuple[str, str, str]:
    """A host, a colon and its port, if it has one; an IPv6 address stands in brackets."""
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        return name, ":", rest.removeprefix(":")
    return host.partition(":")


# ------------------------------------------------------------------ acquiring


class AcquiredConnection:
    """A connection of a pool, for one statement or one transaction, and for a limited time; to be released.

    Its `connection` is dropped when the time is up: whoever waits for an answer then gets the driver's error.
    """

    __slots__ = ("_acquired_at", "_loop", "_pool", "_timer", "connection")

    def __init__(self, pool: asyncpg.Pool, connection: asyncpg.Connection) -> None:
        self.connection, self._pool = connection, pool
        self._loop = asyncio.get_running_loop()
        self._acquired_at = self._loop.time()
        seconds = _seconds.get()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self._on_timeout)

    async def release(self, fault: BaseException | None) -> None:
        """Return it to the pool after its work, which raised `fault` or nothing.

        It is terminated where its answer was not waited for (a cancelled task), or its commit is not confirmed.
        """
        if self._timer is not None:
            self._timer.cancel()
        if not isinstance(fault, asyncio.CancelledError | UnconfirmedCommit):
            await self._pool.release(self.connection)
            return
        self._terminate()
        if self._loop.time() - self._acquired_at > SUSPECT_SECONDS:
            await self._pool.expire_connections()  # before another that hangs is acquired

    def _on_timeout(self) -> None:
        log.warning("a database connection has not done its work in time, and is dropped")
        self._terminate()
        task = self._loop.create_task(self._pool.expire_connections())
        _background_tasks.add(task)
        task.add_done_callback(_background_tasks.discard)

    def _terminate(self) -> None:
        with contextlib.suppress(asyncpg.InterfaceError):  # it has ended by itself
            self.connection.terminate()


_background_tasks: set["asyncio.Task[None]"] = set()


async def acquire(pool: asyncpg.Pool) -> AcquiredConnection:
    """The next free connection of the pool; waits for one."""
    return AcquiredConnection(pool, await pool.acquire())


class CommitNotices:
    """`with` around a commit: listens to the server's notices meanwhile. Raises UnconfirmedCommit at its end.

    `is_commit` tells whether the block is nothing but a COMMIT.

    Where the block is one statement that commits by itself, a trigger's own warning comes here too: the name of the
    server's function distinguishes them.
    """

    __slots__ = ("_connection", "_is_commit", "_notice")

    def __init__(self, connection: asyncpg.Connection, is_commit: bool) -> None:
        self._connection, self._is_commit, self._notice = connection, is_commit, ""

    def __enter__(self) -> None:
        self._connection.add_log_listener(self._on_notice)

    def __exit__(self, kind: object, fault: BaseException | None, trace: object) -> None:
        with contextlib.suppress(asyncpg.InterfaceError):  # the connection has ended
            self._connection.remove_log_listener(self._on_notice)
        if self._notice and fault is None:
            raise UnconfirmedCommit(self._notice)

    def _on_notice(self, _: object, message: asyncpg.PostgresLogMessage) -> None:
        function = getattr(message, "server_source_function", None) or "SyncRepWaitForLSN"
        if message.sqlstate == "01000" and (self._is_commit or function.startswith("SyncRep")):
            self._notice = str(message)
