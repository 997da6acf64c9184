"""Limits the open connections of a process: at the limit, the connection idle for the longest time is closed."""

import asyncio
import logging
import sys
import time
from typing import Protocol

if sys.platform != "win32":
    import resource

MAX_CONNECTIONS = 10_000
"""Connections of a process, however many files it may open: each costs memory."""

MAX_FILES = 16_384
"""Open files that a process requests from the system, if its limit is lower and may be raised."""

WARNING_SECONDS = 60

log = logging.getLogger("tessera")


def raise_file_limit() -> None:
    """Raise this process' limit of open files, and that of processes it starts, up to MAX_FILES."""
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        enough = MAX_FILES if hard == resource.RLIM_INFINITY else min(MAX_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < enough:
            resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def max_connections() -> int:
    """The connections that fit below this process' limit of open files, with room for the database and files."""
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(16, min(MAX_CONNECTIONS, files - max(64, files // 8)))


class ThrottledWarning:
    """A log line for frequent events: one at the first event, then one a minute with their count."""

    def __init__(self, message: str) -> None:
        self._message, self._count, self._until = message, 0, 0.0

    def count(self) -> None:
        """Count one more event."""
        self._count += 1
        now = time.monotonic()
        if now >= self._until:
            log.warning(f"{self._message} (%s since the last such line; the next one in a minute)", self._count)
            self._count, self._until = 0, now + WARNING_SECONDS


class AbortableConnection(Protocol):
    """A connection that can be closed in favour of others."""

    transport: asyncio.Transport


class ConnectionLimit:
    """The open connections of one process, at most `most`.

    A connection is idle while the client has to act: to send a request, or to take an answer. A connection beyond the
    limit closes the one that has been idle for the longest time; if none is idle, its requests are answered with 503.
    """

    def __init__(self, most: int) -> None:
        self.most, self.open = most, 0
        self._idle: dict[AbortableConnection, None] = {}  # in the order in which they became idle
        self._aborted: set[AbortableConnection] = set()
        self._closing_warning = ThrottledWarning(
            f"all {most} connections of this process are open; those idle for the longest time are closed"
        )
        self._rejecting_warning = ThrottledWarning(
            f"all {most} connections of this process are busy; new requests are answered with 503"
        )

    @property
    def is_exceeded(self) -> bool:
        """Whether more connections are open than allowed."""
        return self.open > self.most

    def add(self, connection: AbortableConnection) -> None:
        """Count a new connection, which is idle."""
        self.open += 1
        if self.is_exceeded and self._idle:
            self._closing_warning.count()
            self._abort(next(iter(self._idle)))
        self._idle[connection] = None

    def set_idle(self, connection: AbortableConnection) -> None:
        """The client has to act."""
        if connection not in self._aborted:
            self._idle[connection] = None

    def set_busy(self, connection: AbortableConnection) -> None:
        """The server has to act."""
        self._idle.pop(connection, None)

    def count_rejected(self) -> None:
        """Count a request that was answered with 503."""
        self._rejecting_warning.count()

    def remove(self, connection: AbortableConnection) -> None:
        """Forget a connection that is closed."""
        self._idle.pop(connection, None)
        if connection in self._aborted:
            self._aborted.discard(connection)
        else:
            self.open -= 1

    def _abort(self, connection: AbortableConnection) -> None:
        del self._idle[connection]
        self._aborted.add(connection)
        self.open -= 1
        connection.transport.abort()
