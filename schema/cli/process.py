"""What the command line works with: the process it runs in, and its database."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from socket import socket
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import typer

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

LONGEST_ADDRESS = 500
_NOT_IN_ADDRESSES = set(" \"'<>\\^`{}|") | {chr(number) for number in (*range(0x21), *range(0x7F, 0xA1))}


@dataclass(frozen=True)
class Process:
    """What the command line is lent by the process it runs in.

    `may_create` says that a store may be made where there is none; `misspelt` are sentences about settings that are
    none.
    """

    database_url: str
    clock: Callable[[], datetime]
    serve: Callable[[list[socket], int], None]
    environment: MutableMapping[str, str]
    may_create: bool = False
    misspelt: Sequence[str] = ()

    def refuse_misspelt(self) -> None:
        """End the process where a setting was misspelt: what it was to say is not known."""
        if self.misspelt:
            sys.exit("error: " + "; ".join(self.misspelt))


def with_database(
    context: typer.Context, work: Callable[[datetime], Coroutine[Any, Any, T]], is_read_only: bool = False
) -> T:
    """Do some work with the database, which is of this version: nothing is made or migrated here. Raises Unusable.

    Where it is only read, an SQLite file is left as it is to the last byte.
    """
    import db  # here, as all that a command needs: who asks for help, or mistypes, does not wait for it

    process: Process = context.obj

    async def do() -> T:
        await db.store_version.usable(process.database_url)
        with db.unhurried():  # somebody looks on, who can end it
            async with db.opened(process.database_url, is_read_only):
                return await work(process.clock())

    return asyncio.run(do())


def read_public_url(said: str) -> str:
    """An address that browsers open, without the slash at its end. Raises ValueError."""
    example = "write the address by which customers reach you, such as https://codes.example"
    try:
        parts = urlsplit(said)
        host, _ = parts.hostname, parts.port
        if host and ":" not in host:
            host.encode("idna")
    except ValueError as no:
        raise ValueError(f"{said!r} is no address ({no}): {example}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{said[:100]!r} is no address: {example}")
    if parts.query or parts.fragment or "?" in said or "#" in said or parts.username is not None:
        raise ValueError(f"{said[:100]!r} has more than a scheme, a host, a port and a path: {example}")
    if len(said) > LONGEST_ADDRESS or _NOT_IN_ADDRESSES & set(said):
        raise ValueError(
            f"{said[:100]!r} is longer than {LONGEST_ADDRESS}, or has letters that no address has: {example}"
        )
    return said.rstrip("/")
