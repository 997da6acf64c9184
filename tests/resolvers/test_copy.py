"""Copying a store: every row as it was, from either database into either, and all goes on there."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from tortoise import fields
from tortoise.connection import get_connection
from tortoise.models import Model

import db
from db import models
from db.enums import KeyKind
from db.fields import JsonText
from db.models import Organization
from db.transfer import tables
from resolvers import authenticate, copy, delete, find, release, signed_links, verify
from resolvers.copy import CopyResult
from resolvers.domain import params
from resolvers.domain.refusals import InvalidInput
from tests import make, stores
from tests.make import NOW, claimed, order
from tests.postgres import Postgres

ONE_WAY = pytest.mark.parametrize(("database_url", "bare_url"), [("sqlite", "postgres")], indirect=True)
BOTH_WAYS = pytest.mark.parametrize(
    ("database_url", "bare_url"), [("sqlite", "postgres"), ("postgres", "sqlite")], indirect=True
)

KINDS = [
    kind
    for kind in vars(models).values()
    if isinstance(kind, type) and issubclass(kind, Model) and kind not in (Model, *tables.NOT_COPIED)
]

INSTANTS = [
    datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    datetime(2999, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
]
TEXTS = ["Zoë", "", "naïve 🎟️ – \"'\\\t\n", "ＷＩＤＥ ß İ 東京"]
NUMBERS = [-1, 0, 2**31 - 1]
PAPERS: list[Any] = [{}, {"ü": [1, 2.5, None, "🎉"], "nested": {"\u0000": True}}, {"big": 10**30}]


def some(field: Any, number: int) -> Any:
    """A value for a column; another for another number, so that unique ones are."""
    if isinstance(field, JsonText):
        return PAPERS[number % len(PAPERS)]
    if isinstance(field, fields.DatetimeField):
        return INSTANTS[number % len(INSTANTS)]
    if isinstance(field, fields.BooleanField):
        return number % 2 == 0
    if isinstance(kinds := getattr(field, "enum_type", None), type) and issubclass(kinds, Enum):
        return list(kinds)[number % len(kinds)]
    if isinstance(field, fields.BigIntField):
        return 2**53 + number if number % 2 else -(2**62) + number
    if isinstance(field, fields.IntField):
        return number if field.unique else NUMBERS[number % len(NUMBERS)] - number % 2
    text = f"{number}{TEXTS[number % len(TEXTS)]}"
    return text[: getattr(field, "max_length", None)]


async def fill(kind: type[Model], number: int, nulls: bool) -> None:
    """A row with a value in every column, or in none that may be without; it refers to rows of the same number."""
    values: dict[str, Any] = {}
    for name, field in kind._meta.fields_map.items():
        if name == "id" or name in kind._meta.fk_fields or name in kind._meta.backward_fk_fields:
            continue
        referring = name.removesuffix("_id") in kind._meta.fk_fields
        if field.null and nulls:
            values[name] = None
        else:
            values[name] = number if referring else some(field, number)
    if "time_zone" in values:
        values["time_zone"] = "Europe/Amsterdam"  # which recounting asks for
    await kind.create(id=number, **values)


async def fill_all() -> None:
    """Rows in every table, whatever tables there are: some with all that can be told, some with nothing that needn't."""
    for table in tables.all_tables():
        [kind] = [kind for kind in KINDS if kind._meta.db_table == table.name]
        for number in range(1, 7):
            await fill(kind, number, nulls=number % 3 == 0)


async def everything(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, as Tortoise reads it."""
    async with db.opened(url):
        return {kind.__name__: await kind.all().order_by("id").values() for kind in KINDS}


@pytest.fixture
def quick_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a target's tables copied from another store: how they are made is tested elsewhere."""
    monkeypatch.setattr(db, "migrate", stores.up_to_date_if_bare)


async def copied(source: str, target: str) -> CopyResult:
    return await copy.store(source, target, lambda rows: None, lambda what, rows: None)


@pytest.mark.long
@pytest.mark.usefixtures("quick_tables")
async def test_every_row_is_as_it_was(database_url: str, bare_url: str) -> None:
    """All columns of all tables, null and not, are kept to the letter, the microsecond and the last digit."""
    async with db.opened(database_url):
        await fill_all()
    before = await everything(database_url)
    assert {name: len(rows) for name, rows in before.items()} == {kind.__name__: 6 for kind in KINDS}
    done = await copied(database_url, bare_url)
    assert await everything(bare_url) == before
    assert await everything(database_url) == before
    assert done.rows == {kind._meta.db_table: 6 for kind in KINDS}
    assert any("claims" in drift for drift in done.drifts)  # these rows were never claims, and that is told


@pytest.fixture
def between(postgres: Postgres) -> Iterator[str]:
    """The address of a PostgreSQL database without tables."""
    with postgres.bare() as url:
        yield url


@pytest.mark.usefixtures("quick_tables")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_texts_are_kept_byte_for_byte(database_url: str, tmp_path: Path, between: str) -> None:
    """There and back again an SQLite file holds the same bytes: JSON as it was written, instants as they compare."""
    async with db.opened(database_url):
        await fill_all()
    await copied(database_url, between)
    await copied(between, f"sqlite://{tmp_path / 'back.db'}")
    dumps = []
    for file in (db.address.file_of(database_url), tmp_path / "back.db"):
        connection = sqlite3.connect(file)
        dumps.append([line for line in connection.iterdump() if "tortoise_migrations" not in line])
        connection.close()
    assert sorted(dumps[0]) == sorted(dumps[1])
    assert sum(line.startswith("INSERT") for line in dumps[0]) > 6 * len(KINDS)


async def test_tables_are_those_of_the_database(store: str) -> None:
    """What is copied is every table that there is, each behind those that it refers to."""
    listed = tables.all_tables()
    assert sorted(table.name for table in listed) == sorted(kind._meta.db_table for kind in KINDS)
    places = {table.name: place for place, table in enumerate(listed)}
    for kind in KINDS:
        for field in kind._meta.fk_fields:
            referred = kind._meta.fields_map[field].related_model._meta.db_table  # type: ignore[attr-defined]
            assert places[referred] < places[kind._meta.db_table]


async def busy(url: str) -> tuple[str, int, int]:
    """A store with some history: claims, one released, a promotion deleted; a key, and the last claim's and promotion's ids."""
    async with db.opened(url):
        organization = await make.organization("käse-🧀")
        key = await make.key(organization)
        await make.promotion(organization, "HELLO-15", "Ünïcode", reference="spring", limits=params.Limits(per_code=3))
        gone = await make.promotion(organization, "GONE", reference="gone", limits=params.Limits(per_code=3))
        await claimed(organization, order=order("R-1", "20.05"))
        released = await claimed(organization, email="ben@example.com", order=order("R-2", "9.99"))
        await release.claim(organization, released.claim.id, "Zurück", NOW)
        await claimed(organization, "Ünïcode", email="ben@example.com")
        last = await claimed(organization, "GONE", order=order("R-3", "1.00"))
        await delete.promotion(organization, params.PromotionRef(reference="gone"), dry_run=False)
        return key, last.claim.id, gone.id


@pytest.mark.usefixtures("quick_tables")
@BOTH_WAYS
async def test_all_goes_on_in_the_copy(database_url: str, bare_url: str) -> None:
    """Keys open, addresses of pages stay, retries are replayed, limits hold and no id is given out twice."""
    key, last_id, gone_id = await busy(database_url)
    async with db.opened(database_url):
        before = await find.code((await Organization.get()).id, "hello15")
        page = signed_links.code_token(await Organization.get(), before.id)
    done = await copied(database_url, bare_url)
    assert done.drifts == []
    async with db.opened(bare_url):
        holder = await authenticate.key(key)
        assert holder is not None
        organization = await authenticate.organization_of(holder, None)
        assert organization is not None
        assert signed_links.code_token(organization, (await find.code(organization.id, "hello15")).id) == page
        again = await claimed(organization, order=order("R-1", "20.05"))
        assert again.replayed
        fresh = await claimed(organization, email="cy@example.com", order=order("R-4", "5.00"))
        assert fresh.claim.id > last_id
        promotion = await make.promotion(organization, "NEW")
        await make.key(organization, KeyKind.PUBLIC)
        assert promotion.id > gone_id
        assert await verify.counters(organization) == []


@pytest.mark.usefixtures("quick_tables")
@BOTH_WAYS
async def test_a_target_that_is_not_empty_is_refused(database_url: str, bare_url: str) -> None:
    """Whatever is there already stays, and nothing comes beside it."""
    await busy(database_url)
    await stores.up_to_date(bare_url)
    async with db.opened(bare_url):
        await make.organization("theirs")
    before = await everything(bare_url)
    with pytest.raises(InvalidInput, match="not empty"):
        await copied(database_url, bare_url)
    assert await everything(bare_url) == before


@pytest.mark.usefixtures("quick_tables")
@ONE_WAY
async def test_a_row_that_cannot_be_kept_leaves_an_empty_target(database_url: str, bare_url: str) -> None:
    """SQLite keeps what PostgreSQL does not; then nothing is copied, and after it is mended all is."""
    await busy(database_url)
    rename(database_url, "HELLO-15", "x" * 201)
    with pytest.raises(ValueError, match=r"The table code can't keep a row: .*200"):
        await copied(database_url, bare_url)
    assert sum(len(rows) for rows in (await everything(bare_url)).values()) == 0
    rename(database_url, "x" * 201, "HELLO-15")
    assert (await copied(database_url, bare_url)).drifts == []


def rename(url: str, text: str, other: str) -> None:
    """Change a code's text behind everybody's back."""
    with sqlite3.connect(db.address.file_of(url)) as connection:
        connection.execute("UPDATE code SET text = ? WHERE text = ?", (other, text))
    connection.close()


@pytest.mark.usefixtures("quick_tables")
@pytest.mark.processes
@BOTH_WAYS
async def test_what_is_claimed_meanwhile_is_not_copied(database_url: str, bare_url: str) -> None:
    """The copy is of one moment: a claim that is made while tables are copied is in none of them."""
    await busy(database_url)
    before = await everything(database_url)

    def claim_meanwhile(what: str, rows: int) -> None:
        if what == "copying claim" and not rows:
            change(database_url)

    await copy.store(database_url, bare_url, lambda rows: None, claim_meanwhile)
    after = await everything(database_url)
    assert len(after["Claim"]) == len(before["Claim"]) - 1
    assert await everything(bare_url) == before


def change(url: str) -> None:
    """Take a claim away, from another process."""
    script = f"""
import asyncio, db
from db.models import Claim
async def main():
    async with db.opened({url!r}):
        await (await Claim.all().order_by("id").first()).delete()
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(db.__file__).parents[1], timeout=60)


@pytest.mark.usefixtures("quick_tables")
@BOTH_WAYS
async def test_a_source_of_another_version_is_refused(database_url: str, bare_url: str) -> None:
    """A source that is behind, or ahead, of the program is told so, and left as it is."""
    await busy(database_url)
    for statement, message in (
        (
            "INSERT INTO tortoise_migrations (app, name, applied_at) SELECT app, '9999_later', applied_at FROM tortoise_migrations LIMIT 1",
            "later",
        ),
        ("DELETE FROM tortoise_migrations WHERE name = '9999_later' OR name = '0001_initial'", "earlier|no store"),
    ):
        async with db.opened(database_url):
            await get_connection("default").execute_query(statement)
        with pytest.raises(InvalidInput, match=message):
            await copied(database_url, bare_url)
    assert sum(len(rows) for rows in (await everything(bare_url)).values()) == 0


@pytest.mark.usefixtures("quick_tables")
async def test_a_source_that_is_none(bare_url: str, tmp_path: Path) -> None:
    """A file that is not there is not made, and one that is no store is told so."""
    with pytest.raises(ValueError, match="There is no file"):
        await copied(f"sqlite://{tmp_path / 'nowhere.db'}", bare_url)
    assert not (tmp_path / "nowhere.db").exists()
    for content in (b"", b"not a database, but long enough to be taken for one" * 20):
        (tmp_path / "other.db").write_bytes(content)
        with pytest.raises(InvalidInput, match="no store"):
            await copied(f"sqlite://{tmp_path / 'other.db'}", bare_url)
