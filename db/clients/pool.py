"""PostgreSQL's connections: how they are opened, lent for a limited time, and dropped where they hang or lie.

A server that hangs closes nothing: whoever waits for its answer waits for ever. So a connection is lent for so many
seconds, and whatever is not answered by then, or is not waited for any more, ends with its connection. A statement
is never cancelled: a COMMIT that waits for a synchronous standby would be answered as done, and isn't safe.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg

CONNECT_SECONDS = 5
BATCH_SECONDS = 4
"""How long a batch may take (`db/batching.py`): one that hangs must not hold up the next for long."""
LOCK_SECONDS = 3
"""How long a batch waits for a row that another transaction has locked; it is less than the whole batch may take."""
STATEMENT_SECONDS = 60
"""How long a connection is lent for anything else, unless `at_most` says otherwise. A request's own limit is less."""
SUSPECT_SECONDS = 2
"""A connection that was waited for so long in vain raises doubts about all others."""
PAUSE_SECONDS = 0.5
"""How long nobody tries to connect after a refusal: each try asks every host, which may be about to take over."""

PRIMARIES = ("primary", "read-write")
"""Values of `target_session_attrs` for which all hosts may be asked at once, as one at most fits."""

log = logging.getLogger("tessera")

_seconds: ContextVar[float | None] = ContextVar("seconds", default=STATEMENT_SECONDS)


class UnconfirmedCommit(Exception):
    """Raised where a commit is answered that no standby has confirmed: it stands, and a failover may lose it."""


class Refused(ConnectionError):
    """Raised where the database could not be connected to a moment ago."""


@contextlib.contextmanager
def at_most(seconds: float | None) -> Iterator[None]:
    """Within the block a connection is lent for so many seconds; None is as long as it takes."""
    before = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(before)


# ------------------------------------------------------------------ opening


class Connector:
    """Opens a pool's connections, but for a moment after it could not."""

    def __init__(self) -> None:
        self._closed_until = 0.0

    async def __call__(self, dsn: str, **more: Any) -> asyncpg.Connection:
        """A new connection. Raises what the driver raises, or Refused."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._closed_until:
            raise Refused("The database could not be connected to a moment ago.")
        try:
            return await connected(dsn, **more)
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched):
            self._closed_until = loop.time() + PAUSE_SECONDS
            raise


async def connected(dsn: str, **more: Any) -> asyncpg.Connection:
    """A connection to the database, or to the first of its hosts that is its primary.

    Hosts are asked at once where one at most can be meant: asked one after another, one that hangs takes all of the
    time. Raises what the driver raises, of the host that tells most.
    """
    several = hosts(dsn)
    if len(several) < 2:
        return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, **more)
    tries = [
        asyncio.create_task(asyncpg.connect(dsn, host=host, port=port, timeout=CONNECT_SECONDS, **more))
        for host, port in several
    ]
    faults: list[Exception] = []
    chosen = None
    try:
        for answered in asyncio.as_completed(tries):
            try:
                chosen = await answered
                return chosen
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as fault:
                faults.append(fault)
        raise next((one for one in faults if not isinstance(one, asyncpg.TargetServerAttributeNotMatched)), faults[0])
    finally:
        for one in tries:
            one.cancel()
        for other in await asyncio.gather(*tries, return_exceptions=True):
            if isinstance(other, asyncpg.Connection) and other is not chosen:
                other.terminate()


def hosts(dsn: str) -> list[tuple[str, int]]:
    """The hosts of an address that may be asked at once, with their ports; none where the driver is to choose."""
    parts = urlsplit(dsn)
    words = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if words.get("target_session_attrs") not in PRIMARIES:
        return []
    if "host" in words:
        names, ports = words["host"].split(","), words.get("port", "").split(",")
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


# ------------------------------------------------------------------ lending


class Lent:
    """A connection of a pool, for one statement or one transaction, and for a limited time."""

    __slots__ = ("_began", "_loop", "_pool", "_watch", "connection")

    def __init__(self, pool: asyncpg.Pool, connection: asyncpg.Connection) -> None:
        self.connection, self._pool = connection, pool
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        seconds = _seconds.get()
        self._watch = None if seconds is None else self._loop.call_later(seconds, self._hangs)

    async def give_back(self, fault: BaseException | None) -> None:
        """Let others have it; not if it was not waited for until its answer, or lied, which nobody can use."""
        if self._watch is not None:
            self._watch.cancel()
        if not isinstance(fault, asyncio.CancelledError | UnconfirmedCommit):
            await self._pool.release(self.connection)
            return
        self._end()
        if self._loop.time() - self._began > SUSPECT_SECONDS:
            await self._pool.expire_connections()  # before anybody is lent another that hangs

    def _hangs(self) -> None:
        log.warning("a database connection has not done with its work in time, and is dropped")
        self._end()
        task = self._loop.create_task(self._pool.expire_connections())
        _expiring.add(task)
        task.add_done_callback(_expiring.discard)

    def _end(self) -> None:
        with contextlib.suppress(asyncpg.InterfaceError):  # it has ended by itself
            self.connection.terminate()


_expiring: set["asyncio.Task[None]"] = set()


async def lend(pool: asyncpg.Pool) -> Lent:
    """The next connection that is free."""
    return Lent(pool, await pool.acquire())


class CommitNotices:
    """Listens to what the server says beside its answers, while the block commits. Raises InDoubt at its end.

    Where the block is one statement that commits by itself, a trigger's own warning comes here too; the server's
    function tells them apart.
    """

    __slots__ = ("_any", "_connection", "_doubt")

    def __init__(self, connection: asyncpg.Connection, is_commit: bool) -> None:
        self._connection, self._any, self._doubt = connection, is_commit, ""

    def __enter__(self) -> None:
        self._connection.add_log_listener(self._hear)

    def __exit__(self, kind: object, fault: BaseException | None, trace: object) -> None:
        with contextlib.suppress(asyncpg.InterfaceError):  # the connection has ended
            self._connection.remove_log_listener(self._hear)
        if self._doubt and fault is None:
            raise UnconfirmedCommit(self._doubt)

    def _hear(self, _: object, message: asyncpg.PostgresLogMessage) -> None:
        function = getattr(message, "server_source_function", None) or "SyncRepWaitForLSN"
        if message.sqlstate == "01000" and (self._any or function.startswith("SyncRep")):
            self._doubt = str(message)
