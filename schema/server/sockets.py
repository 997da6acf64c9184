"""Listening sockets, bound before anything else is started, so that a port in use costs no start."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

BACKLOG = 2_048
MISSING_ADDRESS_ERRORS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""Errors of an address that this machine does not have, such as `localhost` in IPv6 without IPv6."""


@contextmanager
def bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    """A context manager: the sockets of `bind`, closed at the end of the block."""
    sockets = bind(host, port)
    try:
        yield sockets
    finally:
        close(sockets)


def bind(host: str, port: int) -> list[socket.socket]:
    """Bind sockets to every address of a host name; port 0 is any free port. Raises ValueError.

    Connections are refused until `listen`.
    """
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in _addresses(host, port):
            try:
                _bind(bound, family, address, port)
            except OSError as error:
                if error.errno not in MISSING_ADDRESS_ERRORS:
                    raise
                missing = error
        if missing is not None and not bound:
            raise missing
    except (OSError, UnicodeError) as error:
        close(bound)
        raise ValueError(_bind_error(host, port, error)) from error
    return bound


def _bind(bound: list[socket.socket], family: socket.AddressFamily, address: str, port: int) -> None:
    # TCP is named, or asyncio leaves Nagle's algorithm on: a second request then waits 40 ms for an acknowledgement
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port_of(bound) or port))
        sock.set_inheritable(True)
    except OSError:
        sock.close()
        raise
    bound.append(sock)


def listen(sockets: list[socket.socket]) -> None:
    """Start listening. Raises ValueError when another process listens there meanwhile."""
    for sock in sockets:
        try:
            sock.listen(BACKLOG)
        except OSError as error:
            host, port = sock.getsockname()[:2]
            raise ValueError(_bind_error(host, port, error)) from error


def port_of(sockets: list[socket.socket]) -> int:
    """The common port of some sockets; 0 for none."""
    return int(sockets[0].getsockname()[1]) if sockets else 0


def close(sockets: list[socket.socket]) -> None:
    """Close the sockets."""
    for sock in sockets:
        sock.close()


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((socket.AddressFamily(family), str(address[0])) for family, _, _, _, address in infos))


def _bind_error(host: str, port: int, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return f"can't listen on {host}, port {port}: {reason}. Is something else listening there? --port takes another"
