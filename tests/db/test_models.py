"""Tables: what is below an organization can be split by it."""

import asyncio
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.models import Model

import db
from db import statements
from db.models import (
    Account,
    ApiKey,
    Claim,
    Code,
    Customer,
    Delivery,
    IdempotencyKey,
    Organization,
    RefusalStat,
    UsageStat,
)
from db.queries import claims, codes, customers, deliveries, idempotency_keys, usage
from db.values import Bucket
from resolvers import delete, generate, release, verify
from resolvers.domain.code_format import Format, Style
from tests import make
from tests.make import NOW, claimed

GLOBAL = {Account, Organization, ApiKey}
DISTRIBUTED = Path(__file__).parents[2] / "docs/distributed.sql"


async def test_every_key_below_an_organization_begins_with_it(store: str) -> None:
    """Each table but the global ones carries its organization, and none is unique without it but by id."""
    apps = Tortoise.apps
    assert apps is not None
    below = set(apps["models"].values()) - GLOBAL
    assert len(below) > 10
    for model in below:
        assert "organization_id" in model._meta.fields_db_projection
        assert not model._meta.fields_map["organization_id"].null
        assert [
            keys for keys in model._meta.unique_together if keys[0] not in ("organization", "organization_id")
        ] == []
        assert [name for name, field in model._meta.fields_map.items() if field.unique and name != "id"] == []


NEW_ROWS: list[tuple[type[Model], type]] = [
    (Claim, claims.ClaimColumns),
    (Code, codes.CodeColumns),
    (Code, codes.NewCode),
    (Code, codes.SharedColumns),
    (Customer, customers.ActingCustomer),
    (Customer, customers.MentionedCustomer),
    (Delivery, deliveries.DeliveryColumns),
    (IdempotencyKey, idempotency_keys.KeyAnswer),
    (RefusalStat, Bucket),
    (UsageStat, Bucket),
    (UsageStat, usage.ShareColumns),
]
POSTGRES_TYPES = {bool: "boolean", int: "bigint", str: "text", datetime: "timestamptz"}


@pytest.mark.parametrize(("model", "columns"), NEW_ROWS)
async def test_the_fields_of_new_rows_are_columns(store: str, model: type[Model], columns: type) -> None:
    """Each field of a class whose rows are inserted is a column of the table, and of its type."""
    meta = model._meta
    types = {column: meta.fields_map[field].field_type for field, column in meta.fields_db_projection.items()}
    wanted = {
        name: next(postgres for python, postgres in POSTGRES_TYPES.items() if issubclass(types[name], python))
        for name in columns.__annotations__
    }
    assert statements.ValuesTable.of(columns).types == wanted


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_split_database_is_the_same_to_us(database_url: str) -> None:
    """With docs/distributed.sql every key begins with the organization; two organizations live on as before."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(DISTRIBUTED.read_text())
    await connection.execute(DISTRIBUTED.read_text())  # an upgrade later: nothing left to do
    await connection.close()
    async with db.opened(database_url):
        keys = await get_connection("default").execute_query_dict(
            """
            SELECT conrelid::regclass::text AS name, contype::text AS kind, cardinality(conkey) AS columns
            FROM pg_constraint WHERE contype IN ('p', 'f') AND connamespace = 'public'::regnamespace
            """
        )
        global_tables = {model._meta.db_table for model in GLOBAL} | {"tortoise_migrations"}
        single = [key for key in keys if key["columns"] == 1 and key["name"] not in global_tables]
        assert {key["kind"] for key in single} == {"f"}  # to the organization itself
        assert any(key["columns"] == 2 and key["name"] == "claim" and key["kind"] == "f" for key in keys)
        for name in ("one", "two"):
            organization = await make.organization(name)
            await make.code(organization, per_code=3)
            granted = await asyncio.gather(*(claimed(organization, email=f"c{n}@example.com") for n in range(3)))
            await release.claim(organization, granted[0].claim.id, "fell through", NOW)
            await generate.codes(
                organization, None, 20, Format(Style.ALPHANUMERIC), generate.CodeOptions(), False, None, NOW
            )
            assert await verify.counters(organization) == []
            assert (await delete.code(organization, "HELLO-15", dry_run=False)).claims == 3
            assert await verify.counters(organization) == []
