"""The rows of a values table are in a statement as they are, however many and whatever is in them."""

from datetime import timedelta

import pytest
from tortoise.exceptions import OperationalError
from tortoise.transactions import in_transaction

from db import sql, statements
from db.models import Claim, Code, Customer, Organization
from db.queries import codes
from tests import make
from tests.make import NOW

CUSTOMERS = statements.ValuesTable(
    id="bigint",
    organization_id="bigint",
    email_key="text",
    particulars="text",
    created_at="timestamptz",
    updated_at="timestamptz",
)
VALUES = statements.ValuesTable(place="bigint", text="text", at="timestamptz")
TEXTS = ["plain", "", 'it\'s "quoted"', "back\\slash", "é 😀 \u2028", "$1 ?1 {values}", "null", '["x"]', None]


@pytest.mark.parametrize("many", [0, 1, 2, 5_000])
async def test_any_number_of_rows_is_one_statement(store: str, many: int) -> None:
    """Each comes once, also when there are more than a statement may have values."""
    rows = [(place, str(place), None) for place in range(many)]
    selected = await VALUES.fetch("SELECT place, text FROM {values} AS input ORDER BY place", rows)
    assert [(row["place"], row["text"]) for row in selected] == [(place, text) for place, text, _ in rows]


async def test_values_come_as_they_are(store: str) -> None:
    """No text of a row means anything to the statement."""
    rows = [(2**62 - place, text, None) for place, text in enumerate(TEXTS)]
    selected = await VALUES.fetch("SELECT place, text FROM {values} AS input ORDER BY place DESC", rows)
    assert [(row["place"], row["text"]) for row in selected] == [(place, text) for place, text, _ in rows]


async def test_further_values_stand_beside_the_rows(store: str) -> None:
    """They are named by their numbers, as in any statement, and a text of the rows is no name of one."""
    text = "SELECT place FROM {values} AS input WHERE place > $1 AND place < $2 AND text <> $3 ORDER BY place"
    rows = [(place, "$1 ?2", None) for place in range(10)]
    assert [row["place"] for row in await VALUES.fetch(text, rows, 3, 6, "$2")] == [4, 5]


async def test_written_rows_are_counted(organization: Organization) -> None:
    """The rows that the statement writes, of all in its values table."""
    text = "UPDATE organization SET name = input.text FROM {values} AS input WHERE organization.id = input.place AND $1"
    rows = [(organization.id, "new", None), (organization.id + 1, "none", None)]
    assert [await VALUES.count_written(f"{text} RETURNING id", rows, applies) for applies in (True, False)] == [1, 0]
    assert (await Organization.get()).name == "new"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_foreign_key_checks_are_not_planned_for_each_row(organization: Organization) -> None:
    """In a transaction that inserts codes, and in no other: PostgreSQL's connections plan each statement anew."""
    promotion = await make.promotion(organization)
    modes = []
    async with in_transaction():
        shared = codes.SharedColumns(organization.id, promotion.id, None, None, None, None, False, {})
        assert await codes.insert_and_count([("A", "a")], shared, NOW) == 1
        modes += await sql.rows("SHOW plan_cache_mode")
    modes += await sql.rows("SHOW plan_cache_mode")
    assert [mode["plan_cache_mode"] for mode in modes] == ["force_generic_plan", "force_custom_plan"]


async def test_an_instant_is_as_the_models_have_it(organization: Organization) -> None:
    """To the microsecond, so that what is written so and what the models write can be compared."""
    at = organization.created_at + timedelta(microseconds=1)
    text = "UPDATE organization SET created_at = input.at FROM {values} AS input WHERE organization.id = input.place"
    await VALUES.fetch(text, [(organization.id, None, at)])
    assert await Organization.filter(created_at=at).count() == 1
    assert (await Organization.get()).created_at == at


def places(*rows: int, over: int = 0) -> statements.Statement[list[int]]:
    return VALUES.statement(
        "SELECT place, text FROM {values} AS input WHERE place > $1 ORDER BY place",
        [(place, "x", None) for place in rows],
        over,
        columns=("place", "text"),
        read=lambda rows: [row["place"] for row in rows],
    )


def naming(id: int, name: str) -> statements.Statement[None]:
    text = "UPDATE organization SET name = input.text FROM {values} AS input WHERE organization.id = input.place"
    return VALUES.change(text, [(id, name, None)])


async def test_statements_run_together_have_the_results_of_each_alone(organization: Organization) -> None:
    """Also where one only writes, has values of its own, selects nothing or has no rows to be run for."""
    planned = [places(3, 1, 2), naming(organization.id, "new"), places(), places(7, over=7), places(8, 9, over=8)]
    results: list[list[int] | None] = [[1, 2, 3], None, [], [], [9]]
    assert [await statement for statement in planned] == results
    assert await statements.run_together(*planned) == tuple(results)
    assert await statements.run_together() == ()
    renamed = naming(organization.id, "newer"), naming(organization.id + 1, "none")
    assert await statements.run_together(*renamed) == (None, None)
    assert (await Organization.get()).name == "newer"


async def test_of_statements_run_together_all_or_none_are_run(organization: Organization) -> None:
    """One that fails leaves nothing of the others."""
    failing = VALUES.change("UPDATE organization SET account_id = 0, name = {values}", [(0, None, None)])
    with pytest.raises(OperationalError):
        async with in_transaction():
            await statements.run_together(naming(organization.id, "new"), failing, naming(organization.id, "newer"))
    assert (await Organization.get()).name == organization.name


async def test_ids_of_several_tables_are_one_statement(organization: Organization) -> None:
    """Each table's are ascending and unused, its first ones too; a table that needs none is not asked."""
    known = await make.customer(organization, "ada@example.com")
    async with in_transaction():
        customers, none, claims = await statements.new_ids((Customer, 3), (Code, 0), (Claim, 2))
        assert (len(customers), none, claims) == (3, [], [1, 2])
        assert customers == sorted(set(customers))
        assert min(customers) > known.id
        assert (await statements.new_ids((Code, 0)), statements.new_ids((Code, 0)).text) == ([[]], "")
        rows = [(id, organization.id, f"c{id}", "{}", NOW, NOW) for id in customers]
        await CUSTOMERS.insert("customer", rows)
    later = await make.customer(organization, "later@example.com")
    assert later.id > max(customers)
