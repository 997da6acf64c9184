"""What the command line works with: the process it runs in, and its database."""

import asyncio
from collections.abc import Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import typer

import db

T = TypeVar("T")


@dataclass(frozen=True)
class Process:
    """What the command line is lent by the process it runs in."""

    database_url: str
    clock: Callable[[], datetime]
    serve: Callable[[str, int, int], None]
    environment: MutableMapping[str, str]


def with_database(context: typer.Context, work: Callable[[datetime], Coroutine[Any, Any, T]]) -> T:
    """Bring the database up to date, and do some work with it."""
    process: Process = context.obj

    async def do() -> T:
        await db.migrate(process.database_url)
        async with db.opened(process.database_url):
            return await work(process.clock())

    return asyncio.run(do())
