"""A search finds by every alphabet's case, composed or not, and by a whole name, on both databases alike."""

# ruff: noqa: S608 (statements of its own names)

import pytest
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.migrations.api.migrate import migrate

import db
from db.models import Customer, Organization, Promotion
from resolvers import create, listing, update
from resolvers.domain import params
from resolvers.update import PromotionChange
from tests import make
from tests.graphql_client import GraphQLClient
from tests.make import NOW

pytestmark = [pytest.mark.case("W7"), pytest.mark.both_databases]
PROMOTIONS = [
    "Österreich",
    "ΣΊΣΥΦΟΣ",
    "Скидка ЛЕТО",
    "İSTANBUL",
    "Straße",
    "Cafe\u0301",
    "100% off_now",
    "ՀԱՅԱՍՏԱՆ",
    "ﬁnale",
]
FINDS = [
    ("österreich", "Österreich"),
    ("ÖSTERREICH", "Österreich"),
    ("o\u0308sterreich", "Österreich"),
    ("STERREI", "Österreich"),
    ("σίσυφος", "ΣΊΣΥΦΟΣ"),
    ("σίσυφοσ", "ΣΊΣΥΦΟΣ"),
    ("лето скид", "Скидка ЛЕТО"),
    ("istanbul", "İSTANBUL"),
    ("ıstanbul", "İSTANBUL"),
    ("STRASSE", "Straße"),
    ("CAFÉ", "Cafe\u0301"),
    ("café", "Cafe\u0301"),
    ("100%", "100% off_now"),
    ("f_n", "100% off_now"),
    ("OFF", "100% off_now"),
    ("հայաստան", "ՀԱՅԱՍՏԱՆ"),
    ("FIN", "ﬁnale"),
]
NOTHING = ["osterreich", "100_", "x_n", "%%", "лето зима", "\\"]


async def test_promotions_are_found(secret: GraphQLClient, organization: Organization) -> None:
    """By name and by reference; what LIKE reads otherwise stands for itself."""
    for name in PROMOTIONS:
        await make.promotion(organization, name=name)
    document = "query ($of: String!) { promotions(filter: {search: $of}) { nodes { name } totalCount } }"
    for search, name in FINDS:
        page = (await secret.ask(document, of=search))["promotions"]
        assert (page["nodes"], page["totalCount"]) == ([{"name": name}], 1), search
    for search in NOTHING:
        assert (await secret.ask(document, of=search))["promotions"]["totalCount"] == 0, search


async def test_search_finds_a_renamed_promotion_under_its_new_name(organization: Organization) -> None:
    """Also by a reference, beyond ASCII or back in it."""

    async def total_count(search: str) -> int:
        return await listing.promotions(organization.id, listing.PromotionFilter(search=search), NOW).count()

    await make.promotion(organization, name="Spring", reference="spring")
    for change, new, old in (
        (PromotionChange(name="ÖSTLICH"), "östlich", "Springs"),
        (PromotionChange(reference="WESTÖSTLICH"), "westöst", "spring"),
        (PromotionChange(name="Plain", reference="plain"), "PLAIN", "östlich"),
    ):
        [spring] = await Promotion.filter(organization_id=organization.id).exclude(reference="default")
        await update.promotion(organization, params.PromotionRef(id=spring.id), None, change, NOW)
        assert (await total_count(new), await total_count(old)) == (1, 0)


CUSTOMERS = [
    ("grace@example.com", "Grace", "Hopper"),
    ("X@österreich.at", "JÖRG", "ÅNGSTRÖM"),
    ("zoë@example.com", None, "أحمد"),
    ("ada@example.com", "Ada", None),
]


@pytest.mark.parametrize(
    ("search", "email"),
    [
        ("Grace Hopper", "grace@example.com"),
        ("hopper  grace", "grace@example.com"),
        ("GRACE", "grace@example.com"),
        ("ce hop", "grace@example.com"),
        ("grace@EXAMPLE", "grace@example.com"),
        ("jörg ångström", "X@österreich.at"),
        ("JO\u0308RG", "X@österreich.at"),
        ("ÖSTERREICH.AT", "X@österreich.at"),
        ("ZOË@", "zoë@example.com"),
        ("أحمد", "zoë@example.com"),
        ("ada example", "ada@example.com"),
        ("grace ada", None),
        ("angstrom", None),
        ("a b c d e f g h i j k", None),
    ],
)
async def test_customers_are_found(
    secret: GraphQLClient, organization: Organization, search: str, email: str | None
) -> None:
    """By address and names, each word of a search somewhere in them."""
    for customer in CUSTOMERS:
        await make.customer(organization, *customer)
    document = "query ($of: String!) { customers(search: $of) { nodes { email } totalCount } }"
    answer = (await secret.ask(document, of=search))["customers"]
    assert [row["email"] for row in answer["nodes"]] == ([email] if email else [])


async def test_a_name_that_is_filled_in_is_found(organization: Organization) -> None:
    """Names told later, in one round or in several, and only those that were kept."""
    await make.promotion(organization, "HELLO-15", limits=params.Limits(per_code=None, per_customer_and_code=None))

    async def total_count(search: str) -> int:
        return await listing.customers(organization.id, search).count()

    await make.claimed(organization)
    person = params.Person("ada@example.com", "Åda", None)
    await create.customer(organization, params.Person("bo@example.com", "Bø", None), {}, NOW)
    for named in (
        person,
        params.Person("ada@example.com", "Émile", "LØVELACE"),
        params.Person("bo@example.com", None, "ĽI"),
    ):
        await make.claimed_by(organization, named)
    assert [await total_count(search) for search in ("åda løvelace", "émile", "bø ľi", "LØVELACE ada@")] == [1, 0, 1, 1]
    row = await Customer.get(email="ada@example.com")
    assert (row.email_folded, row.first_name_folded, row.last_name_folded) == (None, "åda", "løvelace")


@pytest.mark.long
async def test_an_older_stores_rows_are_found(bare_url: str) -> None:
    """The migration folds what was there."""
    at = "2026-01-01 00:00:00+00:00"
    try:
        await migrate(config=db.address.config(bare_url), target="models.0008_keys")
        connection = get_connection("default")
        dollar = "$" if connection.capabilities.dialect == "postgres" else "?"
        for statement in (
            f"INSERT INTO account (id, number, last_promotion_number, created_at) VALUES (1, 1, 1, '{at}')",
            f"""INSERT INTO organization (id, account_id, number, identifier, name, time_zone, currency, page_secret, created_at)
                VALUES (1, 1, 1, 'o', 'o', 'UTC', 'EUR', 's', '{at}')""",
            f"""INSERT INTO promotion (id, organization_id, number, reference, identifier, name, discount_kind, discount_value,
                is_enabled, position, claim_count, deleted_claim_count, version, metadata, particulars, created_at, updated_at)
                VALUES (1, 1, 1, 'default', 'i', 'ÖSTLICH', 'NONE', 0, true, 0, 0, 0, 1, '{{}}', '{{}}', '{at}', '{at}')""",
        ):
            await connection.execute_script(statement)
        await connection.execute_many(
            f"""INSERT INTO customer (id, organization_id, email, email_key, first_name, last_name, particulars, created_at,
                updated_at) VALUES ({dollar}1, 1, {dollar}2, {dollar}2, {dollar}3, {dollar}4, '{{}}', '{at}', '{at}')""",
            [(number, f"{number}@example.com", "ÅSA" if number % 2 else "Ann", None) for number in range(1, 12_000)],
        )
    finally:
        await Tortoise.close_connections()
    await db.migrate(bare_url)
    async with db.opened(bare_url):
        assert await listing.promotions(1, listing.PromotionFilter(search="östlich"), NOW).count() == 1
        assert await listing.customers(1, "åsa").count() == 6_000
        assert await Customer.filter(first_name_folded__not_isnull=True).count() == 6_000
