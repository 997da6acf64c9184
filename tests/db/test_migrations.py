"""Migrations: the tables that they make are those of the models, made once however many processes start."""

import asyncio
import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.migrations.api.migrate import migrate
from tortoise.migrations.autodetector import MigrationAutodetector

import db
from db.models import Code, Customer
from resolvers import authenticate, bootstrap, deliver, find, verify
from tests import make, stores
from tests.make import NOW

pytestmark = [pytest.mark.long, pytest.mark.one_database]

ROOT = Path(__file__).parents[2]

TABLES = {
    "sqlite": "SELECT sql AS text FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name",
    "postgres": """
        SELECT table_name || column_name || data_type || is_nullable AS text FROM information_schema.columns
        WHERE table_schema = 'public' UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1
        """,
}


async def tables(url: str) -> list[str]:
    """The database's own description of its tables."""
    async with db.opened(url):
        connection = get_connection("default")
        return [row["text"] for row in await connection.execute_query_dict(TABLES[connection.capabilities.dialect])]


async def test_the_models_need_no_other_migration(store: str) -> None:
    """`tortoise makemigrations` finds nothing to make."""
    apps = Tortoise.apps
    assert apps is not None
    writers = await MigrationAutodetector(apps, db.address.config(store)["apps"]).changes()
    assert [writer.as_string() for writer in writers] == []


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    """A database that is up to date stays as it is."""
    before = await tables(database_url)
    await db.migrate(database_url)
    assert await tables(database_url) == before
    assert len(before) > 15


@pytest.mark.processes
async def test_processes_that_start_together_migrate_once(bare_url: str) -> None:
    """Six processes meet an empty database: one makes the tables and the demo, and all find them."""
    start = f"""
import asyncio, db
from resolvers import bootstrap
from tests.make import NOW
async def main():
    await db.migrate({bare_url!r})
    async with db.opened({bare_url!r}):
        print(len(await bootstrap.demo(NOW)))
asyncio.run(main())
"""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-c", start]
    started = [await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, stderr=pipe) for _ in range(6)]
    outputs = await asyncio.gather(*(process.communicate() for process in started))
    assert [stderr.decode() for _, stderr in outputs] == [""] * 6
    assert sorted(int(keys) for keys, _ in outputs) == [0, 0, 0, 0, 0, 4]
    async with db.opened(bare_url):
        assert await bootstrap.demo(NOW) == {}


async def with_the_first_release(url: str) -> None:
    """A store as the first migration left it, with rows in its tables."""
    text = (Path(__file__).parent / "first_release.sql").read_text(encoding="utf-8")
    try:
        await migrate(config=db.address.config(url), target="models.0001_initial")
        connection = get_connection("default")
        await connection.execute_script(text)
        if connection.capabilities.dialect == "postgres":
            for table in set(re.findall(r'^INSERT INTO "(\w+)"', text, re.MULTILINE)):
                await connection.execute_query(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"  # noqa: S608 (our own tables)
                )
    finally:
        await Tortoise.close_connections()


async def upgraded(url: str) -> None:
    """The same store, brought up to date."""
    await with_the_first_release(url)
    await db.migrate(url)


async def test_a_store_of_the_first_release_lives_on(bare_url: str) -> None:
    """Brought up to date, it has the tables of a new one and all of its rows, which mean what they meant."""
    await stores.once(bare_url, "upgraded", upgraded)
    async with db.opened(bare_url):
        holder = await authenticate.key("previous-release-secret")
        assert holder is not None
        organization = await authenticate.organization_of(holder, None)
        assert organization is not None
        assert (organization.identifier, organization.time_zone) == ("käserei", "Europe/Amsterdam")
        assert await verify.counters(organization) == []
        code = await find.code(organization.id, "hello 15")
        assert (code.allowed_claims, code.claim_count) == (3, 2)
        replayed = await make.claimed(organization, email="c1@exämple.com", order=make.order("R-1", "12.34"))
        assert replayed.replayed
        activated = await Code.get(text__startswith="OLD-", activated_at__not_isnull=True).select_related(
            "activated_by"
        )
        assert (activated.activated_by.last_name, activated.metadata) == ("أحمد", {"emoji": "🎄", "n": 1})
        new = await make.claimed(organization, email="new@example.com", order=make.order("R-9", "10.00"))
        assert new.claim.discount == 150
        assert await verify.counters(organization) == []
        newer = await make.promotion(organization, "NEWER")
        assert newer.number == 3


@pytest.mark.parametrize(("bare_url", "database_url"), [("sqlite", "sqlite"), ("postgres", "postgres")], indirect=True)
async def test_a_store_that_was_brought_up_to_date_has_a_new_ones_tables(bare_url: str, database_url: str) -> None:
    """Upgraded or new, the database knows the same tables, columns and indexes."""
    await stores.once(bare_url, "upgraded", upgraded)
    assert await tables(bare_url) == await tables(database_url)


async def test_who_brought_whom_is_moved(bare_url: str) -> None:
    """What a vendor's door had kept of referrers among its particulars is in the column; nothing else is taken for it."""
    await migrate(config=db.address.config(bare_url), target="models.0003_jobs")
    await Tortoise.close_connections()
    async with db.opened(bare_url):
        connection = get_connection("default")
        for statement in (
            "INSERT INTO account (id, number, last_promotion_number, created_at) VALUES (1, 1, 0, '2026-01-01 00:00:00+00:00')",
            """INSERT INTO organization (id, account_id, number, identifier, name, time_zone, currency, page_secret, created_at)
                VALUES (1, 1, 1, 'o', 'o', 'UTC', 'EUR', 's', '2026-01-01 00:00:00+00:00')""",
            """INSERT INTO customer (id, organization_id, email_key, particulars, created_at, updated_at) VALUES
                (1, 1, 'a', '{}', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00'),
                (2, 1, 'b', '{"lancero":{"notes":"","referredBy":1}}', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00'),
                (3, 1, 'c', '{"lancero":{"notes":"\\"referredBy\\":7"}}', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00')""",
        ):
            await connection.execute_script(statement)
    await db.migrate(bare_url)
    async with db.opened(bare_url):
        assert await Customer.all().order_by("id").values_list("brought_by_id", flat=True) == [None, 1, None]


async def test_a_letter_in_flight_is_left_to_its_sender(bare_url: str) -> None:
    """One that an earlier version is sending while the store is migrated is due when its lease ends, and not before."""
    await with_the_first_release(bare_url)
    await migrate(config=db.address.config(bare_url), target="models.0013_rowless_claims_of_promotions")
    await Tortoise.close_connections()
    end = NOW + timedelta(seconds=30)
    async with db.opened(bare_url):
        text = f"UPDATE delivery SET status = 'SENDING', attempts = 1, due_at = '{end}' WHERE id = 1"  # noqa: S608 (a constant)
        await get_connection("default").execute_script(text)
    await db.migrate(bare_url)
    async with db.opened(bare_url):
        assert (await deliver.lease_due("early", end - timedelta(seconds=1))).ids == []
        [letter] = (await deliver.lease_due("next", end)).letters
        assert (letter.id, letter.attempts, letter.worker, letter.leased_until) == (1, 2, "next", end + deliver.LEASE)
