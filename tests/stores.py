"""Stores that are made once and copied: bringing one up to date takes longer than most tests."""

import asyncio
import atexit
import functools
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

import db

_migrate = db.migrate
_databases: dict[tuple[str, str], str] = {}
"""The PostgreSQL databases that are copied, by their server and name here."""


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tessera-stores-"))
    atexit.register(shutil.rmtree, folder)
    return folder


@functools.cache
def empty() -> Path:
    """An SQLite file with all tables and nothing in them."""
    asyncio.run(once(f"sqlite://{_folder() / 'first.db'}", "empty", db.migrate))
    return _folder() / "empty.db"


async def once(url: str, name: str, make: Callable[[str], Awaitable[None]]) -> None:
    """Fill a database without tables by `make`, which takes its address; or copy the one made earlier by that name."""
    if db.address.is_sqlite(url):
        copy = _folder() / f"{name}.db"
        if copy.exists():
            shutil.copy(copy, db.address.file_of(url))
        else:
            await make(url)
            shutil.copy(db.address.file_of(url), copy)
        return
    parts = urlsplit(url)
    database, server = parts.path[1:], parts._replace(path="/postgres").geturl()
    template = _databases.get((server, name))
    if template is None:
        await make(url)
        template = _databases[server, name] = f"{database}_{name}"
        statements = [f"CREATE DATABASE {template} TEMPLATE {database}"]
    else:
        statements = [f"DROP DATABASE {database} WITH (FORCE)", f"CREATE DATABASE {database} TEMPLATE {template}"]
    connection = await asyncpg.connect(server)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def up_to_date(url: str) -> None:
    """Make all tables in a database that has none."""
    await once(url, "empty", _migrate)


async def up_to_date_if_bare(url: str) -> None:
    """The same where a database has no tables; where it has some, as `db.migrate`."""
    if db.address.is_sqlite(url):
        file = db.address.file_of(url)
        is_bare = not file.exists() or not file.stat().st_size
    else:
        connection = await asyncpg.connect(url)
        is_bare = await connection.fetchval("SELECT to_regclass('tortoise_migrations') IS NULL")
        await connection.close()
    await (up_to_date(url) if is_bare else _migrate(url))
