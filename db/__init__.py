"""What it is done to: the tables, and where they are.

`config(url)` is all that anybody outside this room needs to open a database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tortoise import Tortoise
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.connection import get_connection
from tortoise.migrations.api.migrate import migrate as apply_migrations

BUSY_SECONDS = 30

SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",  # an answered claim survives kill -9 and a power cut
    "foreign_keys": "ON",
    "busy_timeout": BUSY_SECONDS * 1000,
}


def config(url: str) -> dict[str, Any]:
    """Tortoise's configuration for a database address.

    `sqlite://relative/path.db`, `sqlite:///absolute/path.db` or `postgres://user:password@host:port/name`.
    Raises ValueError for any other scheme.
    """
    return {
        "connections": {"default": _connection(url)},
        "apps": {"models": {"models": ["db.models"], "migrations": "db.migrations"}},
        "use_tz": True,
        "timezone": "UTC",
    }


def _connection(url: str) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest:
        path = Path(unquote(rest))
        return {"engine": "db.sqlite", "credentials": {"file_path": str(path), **SQLITE_PRAGMAS}}
    if scheme in ("postgres", "postgresql") and rest:
        return expand_db_url(url)
    raise ValueError(
        f"{scheme}://… is no database address: use sqlite://FILE or postgres://USER:PASSWORD@HOST:PORT/NAME"
    )


async def migrate(url: str) -> None:
    """Bring the database's tables up to date; makes an SQLite file that is not there."""
    try:
        await apply_migrations(config=config(url))
    finally:
        await Tortoise.close_connections()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[None]:
    """The database, for as long as the block lasts, for every task of this process.

    It is connected before the block begins: Tortoise leaves a connection locked and without its pragmas when the
    first request, which would connect it, is cut off meanwhile.
    """
    await Tortoise.init(config=config(url), _enable_global_fallback=True)
    try:
        await get_connection("default").execute_query("SELECT 1")
        yield
    finally:
        await Tortoise.close_connections()


# For `tortoise makemigrations`, which compares the models with db/migrations and opens no database.
CONFIG = config("sqlite://:memory:")
