"""Migrations: the tables that they make are those that the models tell of."""

import sqlite3
from pathlib import Path

from tortoise import Tortoise
from tortoise.migrations.autodetector import MigrationAutodetector

import db


async def test_the_models_need_no_other_migration(store: str) -> None:
    """`tortoise makemigrations` finds nothing to make."""
    apps = Tortoise.apps
    assert apps is not None
    writers = await MigrationAutodetector(apps, db.config(store)["apps"]).changes()
    assert [writer.as_string() for writer in writers] == []


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    """A database that is up to date stays as it is."""
    path = Path(database_url.removeprefix("sqlite://"))

    def schema() -> list[tuple[str]]:
        with sqlite3.connect(path) as connection:
            found = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        connection.close()
        return found

    before = schema()
    await db.migrate(database_url)
    assert schema() == before
    assert len(before) > 15
