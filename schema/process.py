"""What the command line works with: the process it runs in, and its database."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import typer

T = TypeVar("T")


@dataclass(frozen=True)
class Process:
    """What the command line is lent by the process it runs in."""

    database_url: str
    clock: Callable[[], datetime]
    serve: Callable[[str, int, int], None]
    environment: MutableMapping[str, str]


@contextmanager
def reaching() -> Iterator[None]:
    """A database that can't be reached is a sentence and exit code 1, not a stack trace."""
    try:
        yield
    except Exception as error:
        from db import trouble

        if not trouble.is_away(error):
            raise
        sys.exit(f"error: a database can't be reached: {error}")


def with_database(context: typer.Context, work: Callable[[datetime], Coroutine[Any, Any, T]]) -> T:
    """Bring the database up to date, and do some work with it."""
    import db  # here, as all that a command needs: who asks for help, or mistypes, does not wait for it

    process: Process = context.obj

    async def do() -> T:
        await db.migrate(process.database_url)
        with db.unhurried():  # somebody looks on, who can end it
            async with db.opened(process.database_url):
                return await work(process.clock())

    return asyncio.run(do())
