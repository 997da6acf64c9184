"""The sockets that a server listens on, bound before anything else is done: a port that is taken costs nothing then."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

BACKLOG = 2_048
NOT_HERE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""What an address says that this machine does not have, such as `localhost` in IPv6 where there is none."""


@contextmanager
def bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    """The sockets that `bind` makes, for as long as the block lasts."""
    sockets = bind(host, port)
    try:
        yield sockets
    finally:
        close(sockets)


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets for every address that a host's name stands for; port 0 is any that is free. Raises ValueError.

    Whoever connects is refused until `listen`.
    """
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in _addresses(host, port):
            try:
                _bind(bound, family, address, port)
            except OSError as error:
                if error.errno not in NOT_HERE:
                    raise
                missing = error
        if missing is not None and not bound:
            raise missing
    except (OSError, UnicodeError) as error:
        close(bound)
        raise ValueError(_told(host, port, error)) from error
    return bound


def _bind(bound: list[socket.socket], family: socket.AddressFamily, address: str, port: int) -> None:
    # named TCP, or asyncio leaves Nagle's algorithm on: a second request then waits 40 ms for an acknowledgement
    one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port_of(bound) or port))
        one.set_inheritable(True)
    except OSError:
        one.close()
        raise
    bound.append(one)


def listen(sockets: list[socket.socket]) -> None:
    """Begin to listen. Raises ValueError when somebody else was quicker."""
    for one in sockets:
        try:
            one.listen(BACKLOG)
        except OSError as error:
            host, port = one.getsockname()[:2]
            raise ValueError(_told(host, port, error)) from error


def port_of(sockets: list[socket.socket]) -> int:
    """The port that all of them have; 0 where none is bound."""
    return int(sockets[0].getsockname()[1]) if sockets else 0


def close(sockets: list[socket.socket]) -> None:
    """Give the port back."""
    for one in sockets:
        one.close()


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((socket.AddressFamily(family), str(address[0])) for family, _, _, _, address in found))


def _told(host: str, port: int, error: Exception) -> str:
    why = getattr(error, "strerror", None) or str(error)
    return f"can't listen on {host}, port {port}: {why}. Is something else listening there? --port takes another"
