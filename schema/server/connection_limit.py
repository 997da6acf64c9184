"""How many connections a process holds: fewer than the files it may open, those that wait for their client go first."""

import asyncio
import logging
import sys
import time
from typing import Protocol

if sys.platform != "win32":
    import resource

MOST = 10_000
"""Connections of a process, however many files it may open: each costs memory."""

FILES = 16_384
"""Files that a process asks the system for, where it has fewer and may have more."""

EPISODE_SECONDS = 60

log = logging.getLogger("tessera")


def raise_file_limit() -> None:
    """Let this process, and those that it starts, open as many files as the system lets it, up to FILES."""
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        enough = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < enough:
            resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def most_connections() -> int:
    """The connections that fit below this process' limit of open files, with room for the database and files."""
    if sys.platform == "win32":
        return MOST
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files == resource.RLIM_INFINITY else max(16, min(MOST, files - max(64, files // 8)))


class Notice:
    """A log line of what happens to many connections: one when it begins, and a count each minute while it goes on."""

    def __init__(self, message: str) -> None:
        self._message, self._count, self._until = message, 0, 0.0

    def happened(self) -> None:
        """It happened to one more connection."""
        self._count += 1
        now = time.monotonic()
        if now >= self._until:
            log.warning(f"{self._message} (%s since the last such line; the next one in a minute)", self._count)
            self._count, self._until = 0, now + EPISODE_SECONDS


class Connection(Protocol):
    """What can be closed for the sake of others."""

    transport: asyncio.Transport


class ConnectionLimit:
    """The connections of one process.

    A connection waits while it is the client's turn: to send a request, or to take an answer. One too many closes the
    connection that has waited longest. Where none waits, who comes is let in to be told 503.
    """

    def __init__(self, most: int) -> None:
        self.most, self.open = most, 0
        self._waiting: dict[Connection, None] = {}
        self._closed: set[Connection] = set()
        self._full = Notice(f"all {most} connections of this process are taken; those that wait longest are closed")
        self._busy = Notice(f"all {most} connections of this process are at work; who comes now is told 503")

    @property
    def is_passed(self) -> bool:
        """Whether there are more than there may be."""
        return self.open > self.most

    def enter(self, connection: Connection) -> None:
        """A connection is made: the client's turn."""
        self.open += 1
        if self.is_passed and self._waiting:
            self._full.happened()
            self._close(next(iter(self._waiting)))
        self._waiting[connection] = None

    def wait(self, connection: Connection) -> None:
        """It is the client's turn."""
        if connection not in self._closed:
            self._waiting[connection] = None

    def work(self, connection: Connection) -> None:
        """It is our turn."""
        self._waiting.pop(connection, None)

    def turned_away(self) -> None:
        """A request was told 503."""
        self._busy.happened()

    def leave(self, connection: Connection) -> None:
        """A connection is lost."""
        self._waiting.pop(connection, None)
        if connection in self._closed:
            self._closed.discard(connection)
        else:
            self.open -= 1

    def _close(self, connection: Connection) -> None:
        del self._waiting[connection]
        self._closed.add(connection)
        self.open -= 1
        connection.transport.abort()
