"""The database: its tables, queries and migrations; here it is opened and migrated. Its address is in address.py."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, suppress

from tortoise import Tortoise
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.connection import get_connection
from tortoise.exceptions import OperationalError
from tortoise.migrations.api.migrate import migrate as apply_migrations

from db import address, errors, store_version
from db.clients import pool, postgres, sqlite
from db.queries import codes

RETRY_SECONDS = 0.5
"""Seconds between two attempts to connect to a database that is unavailable."""


async def migrate(url: str, report: Callable[[str], None] = lambda name: None) -> None:
    """Bring the database's tables up to date; makes an SQLite file that is not there, but no folder.

    However many processes start at the same moment, one migrates and the others wait. `report` is called with the name
    of each migration that begins. Raises store_version.UnusableStore for what can't be, or become, a store of this
    version.
    """
    await store_version.require_not_newer(url)
    async with _migrating(url):
        await store_version.require_not_newer(url)  # another process that was first may be of a later version
        try:
            with time_limit():
                await apply_migrations(config=address.config(url), progress=_progress_report(report))
        finally:
            await Tortoise.close_connections()


def time_limit(seconds: float | None = None) -> AbstractContextManager[None]:
    """Within the block a statement or transaction may take so many seconds on PostgreSQL; None is without a limit.

    Elsewhere it is given up after `pool.STATEMENT_SECONDS`, as a server that hangs would never answer.
    """
    return pool.time_limit(seconds)


def _progress_report(report: Callable[[str], None]) -> Callable[[str, str, str], None]:
    def on_progress(event: str, app: str, name: str) -> None:
        if event == "apply_start":
            report(name)

    return on_progress


def _migrating(url: str) -> AbstractAsyncContextManager[object]:
    return sqlite.migrating(address.file_of(url)) if address.is_sqlite(url) else postgres.migrating(url)


@asynccontextmanager
async def opened(url: str, is_read_only: bool = False, patience_seconds: float = 0) -> AsyncIterator[None]:
    """`async with` around the use of a database, by all tasks of this process.

    One that is unavailable is tried again for `patience_seconds`; then its error is raised.

    It is connected before the block begins: Tortoise leaves a connection locked and without its pragmas when the
    first request, which would connect it, is cancelled meanwhile.
    """
    await Tortoise.init(config=address.config(url, is_read_only), _enable_global_fallback=True)
    codes.reset_clashing()
    try:
        await _connect(patience_seconds)
        with suppress(OperationalError):  # of a store without the table yet; then it is read when it is needed
            await codes.clashing_texts()
        yield
    finally:
        await Tortoise.close_connections()
        EXECUTOR_CACHE.clear()  # else a database of the other kind, opened next, would get this one's statements


async def _connect(patience_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_seconds
    while True:
        try:
            await get_connection("default").execute_query("SELECT 1")
            return
        except Exception as error:
            if not errors.is_unavailable(error) or loop.time() >= deadline:
                raise
        await asyncio.sleep(RETRY_SECONDS)
