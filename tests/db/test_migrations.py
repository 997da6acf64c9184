"""Migrations: the tables that they make are those that the models tell of, made once however many make them."""

import asyncio
import sys
from pathlib import Path

from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.migrations.autodetector import MigrationAutodetector

import db
from resolvers import found
from tests.make import NOW

ROOT = Path(__file__).parents[2]

TABLES = {
    "sqlite": "SELECT sql AS told FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name",
    "postgres": """
        SELECT table_name || column_name || data_type || is_nullable AS told FROM information_schema.columns
        WHERE table_schema = 'public' UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1
        """,
}


async def tables(url: str) -> list[str]:
    """What the database itself knows of its tables."""
    async with db.opened(url):
        connection = get_connection("default")
        return [row["told"] for row in await connection.execute_query_dict(TABLES[connection.capabilities.dialect])]


async def test_the_models_need_no_other_migration(store: str) -> None:
    """`tortoise makemigrations` finds nothing to make."""
    apps = Tortoise.apps
    assert apps is not None
    writers = await MigrationAutodetector(apps, db.config(store)["apps"]).changes()
    assert [writer.as_string() for writer in writers] == []


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    """A database that is up to date stays as it is."""
    before = await tables(database_url)
    await db.migrate(database_url)
    assert await tables(database_url) == before
    assert len(before) > 15


async def test_processes_that_start_together_migrate_once(bare_url: str) -> None:
    """Six processes meet an empty database: one makes the tables and the demo, and all find them."""
    start = f"""
import asyncio, db
from resolvers import found
from tests.make import NOW
async def main():
    await db.migrate({bare_url!r})
    async with db.opened({bare_url!r}):
        print(len(await found.demo(NOW)))
asyncio.run(main())
"""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-c", start]
    started = [await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, stderr=pipe) for _ in range(6)]
    said = await asyncio.gather(*(process.communicate() for process in started))
    assert [errors.decode() for _, errors in said] == [""] * 6
    assert sorted(int(keys) for keys, _ in said) == [0, 0, 0, 0, 0, 4]
    async with db.opened(bare_url):
        assert await found.demo(NOW) == {}
