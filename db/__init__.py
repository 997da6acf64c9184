"""The database: its tables, queries and migrations; here its addresses, configuration and opening.

`opened(url)` opens a database, and `config(url)` is Tortoise's configuration for it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tortoise import Tortoise
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.connection import get_connection
from tortoise.exceptions import OperationalError
from tortoise.migrations.api.migrate import migrate as apply_migrations

from db.clients import pool, postgres, sqlite

BUSY_SECONDS = 30

SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",  # an answered claim survives kill -9 and a power cut
    "foreign_keys": "ON",
    "busy_timeout": BUSY_SECONDS * 1000,
    "case_sensitive_like": "ON",  # as LIKE is on PostgreSQL
}

READING_PRAGMAS = {
    **{name: value for name, value in SQLITE_PRAGMAS.items() if name != "journal_mode"},
    "query_only": "ON",
}
"""For reading only: neither the file nor its journal is changed."""


def config(url: str, is_read_only: bool = False) -> dict[str, Any]:
    """Tortoise's configuration for a database address.

    `sqlite://relative/path.db`, `sqlite:///absolute/path.db`, or `postgres://user:password@host:port/name` with
    the options in db/clients/postgres.py. Raises ValueError for any other.
    """
    return {
        "connections": {"default": _connection(url, is_read_only)},
        "apps": {"models": {"models": ["db.models"], "migrations": "db.migrations"}},
        "use_tz": True,
        "timezone": "UTC",
    }


def _connection(url: str, is_read_only: bool) -> dict[str, Any]:
    if is_sqlite(url):
        pragmas = READING_PRAGMAS if is_read_only else SQLITE_PRAGMAS
        return {"engine": "db.clients.sqlite", "credentials": {"file_path": str(file_of(url)), **pragmas}}
    return {"engine": "db.clients.postgres", "credentials": postgres.credentials(url)}


def is_sqlite(url: str) -> bool:
    """Whether an address is an SQLite file's, not PostgreSQL's. Raises ValueError when it is neither."""
    scheme, _, rest = url.partition("://")
    if rest and scheme in ("sqlite", "postgres", "postgresql"):
        return scheme == "sqlite"
    raise ValueError(
        f"{f'{scheme}://…' if rest else repr(scheme)} is no database address: use sqlite://FILE or"
        " postgres://USER:PASSWORD@HOST:PORT/NAME"
    )


def file_of(url: str) -> Path:
    """The file that an SQLite address names. Raises ValueError for what stands behind a `?` or `#`."""
    path = url.partition("://")[2]
    if "?" in path or "#" in path:
        raise ValueError(f"an SQLite address is sqlite://FILE and nothing more; write %3F for ? and %23 for #: {url}")
    if "\0" in unquote(path):
        raise ValueError(f"no file's name has a NUL in it: {url}")
    return Path(unquote(path))


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
                await apply_migrations(config=config(url), progress=_progress_report(report))
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
    return sqlite.migrating(file_of(url)) if is_sqlite(url) else postgres.migrating(url)


@asynccontextmanager
async def opened(url: str, is_read_only: bool = False) -> AsyncIterator[None]:
    """`async with` around the use of a database, by all tasks of this process.

    It is connected before the block begins: Tortoise leaves a connection locked and without its pragmas when the
    first request, which would connect it, is cancelled meanwhile.
    """
    await Tortoise.init(config=config(url, is_read_only), _enable_global_fallback=True)
    from db.queries import codes  # which imports this package

    codes.reset_clashing()
    try:
        await get_connection("default").execute_query("SELECT 1")
        with suppress(OperationalError):  # of a store without the table yet; then it is read when it is needed
            await codes.clashing_texts()
        yield
    finally:
        await Tortoise.close_connections()
        EXECUTOR_CACHE.clear()  # else a database of the other kind, opened next, would get this one's statements


from db import store_version  # noqa: E402 (it imports this package)

# For `tortoise makemigrations`, which compares the models with db/migrations and opens no database.
CONFIG = config("sqlite://:memory:")
