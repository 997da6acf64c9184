"""What commands share: the settings and functions from main.py, and the database opened for a command."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from socket import socket
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import typer

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

MAX_URL_CHARACTERS = 500
_FORBIDDEN_IN_URLS = set(" \"'<>\\^`{}|") | {chr(number) for number in (*range(0x21), *range(0x7F, 0xA1))}


@dataclass(frozen=True)
class Runtime:
    """The settings of the process, and the functions of main.py that commands call.

    `serve` takes listening sockets and a number of workers. With `may_create` a missing store is created without
    `--create`. `misspelt_settings` has a sentence for each name in the environment that is almost a setting's.
    """

    database_url: str
    clock: Callable[[], datetime]
    serve: Callable[[list[socket], int], None]
    environment: MutableMapping[str, str]
    may_create: bool = False
    misspelt_settings: Sequence[str] = ()

    def refuse_misspelt_settings(self) -> None:
        """Exit with 1 if a setting is misspelt, as its value is not used."""
        if self.misspelt_settings:
            sys.exit("error: " + "; ".join(self.misspelt_settings))


def with_database(
    context: typer.Context, work: Callable[[datetime], Coroutine[object, object, T]], is_read_only: bool = False
) -> T:
    """The result of a coroutine that is called with the time and an open database of this version.

    Nothing is created or migrated. With `is_read_only`, an SQLite file keeps every byte. Raises UnusableStore.
    """
    import db  # here, as its import takes longer than printing help or a usage error

    runtime: Runtime = context.obj

    async def run() -> T:
        await db.store_version.require_current(runtime.database_url)
        with db.time_limit():  # a person watches, who can end it
            async with db.opened(runtime.database_url, is_read_only):
                return await work(runtime.clock())

    return asyncio.run(run())


def read_public_url(url: str) -> str:
    """A URL that browsers open, without the slash at its end. Raises ValueError."""
    example = "write the address by which customers reach you, such as https://codes.example"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        if host and ":" not in host:
            host.encode("idna")
    except ValueError as error:
        raise ValueError(f"{url!r} is no address ({error}): {example}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{url[:100]!r} is no address: {example}")
    if parts.query or parts.fragment or "?" in url or "#" in url or parts.username is not None:
        raise ValueError(f"{url[:100]!r} has more than a scheme, a host, a port and a path: {example}")
    if len(url) > MAX_URL_CHARACTERS or _FORBIDDEN_IN_URLS & set(url):
        raise ValueError(
            f"{url[:100]!r} is longer than {MAX_URL_CHARACTERS}, or has letters that no address has: {example}"
        )
    return url.rstrip("/")
