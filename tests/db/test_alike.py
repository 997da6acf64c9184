"""Both databases give the same answer to the letter: case, accents, emoji, order, instants, sums."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from db.models import Code, Organization, Promotion
from db.queries import usage
from resolvers import find, listing, usage_report
from tests import make
from tests.make import NOW, claimed, order

NAMES = [
    "Käse",
    "KÄSE",
    "kase",
    "Straße",
    "STRASSE",
    "100%",
    "a_b",
    "naïve",
    "nai\u0308ve",
    "🎄 Tree",
    "🌲 tree",
    "o'clock",
    "\\",
]


async def promotion_names(organization: Organization, search: str) -> list[str]:
    condition = listing.PromotionFilter(search=search)
    return [row.name for row in (await listing.promotions(organization.id, condition, NOW).page(make.ALL_ROWS)).rows]


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("kase", ["kase"]),
        ("KASE", ["kase"]),
        ("k", ["Käse", "KÄSE", "kase", "o'clock"]),
        ("ä", ["Käse", "KÄSE"]),
        ("Ä", ["Käse", "KÄSE"]),
        ("stra", ["Straße", "STRASSE"]),
        ("ß", ["Straße", "STRASSE"]),
        ("ï", ["naïve", "nai\u0308ve"]),
        ("I\u0308", ["naïve", "nai\u0308ve"]),
        ("%", ["100%"]),
        ("_", ["a_b"]),
        ("\\", ["\\"]),
        ("TREE", ["🎄 Tree", "🌲 tree"]),
        ("🎄", ["🎄 Tree"]),
        ("'", ["o'clock"]),
        ("nothing", []),
    ],
)
async def test_a_search(organization: Organization, search: str, names: list[str]) -> None:
    """Letters of every alphabet are found in either case, composed or not, accents as they are; nothing is a wildcard."""
    await Promotion.filter(organization_id=organization.id).update(name="D", reference="D")
    for number, name in enumerate(NAMES):
        await make.promotion(organization, name=name, reference=f"{number}")
    assert await promotion_names(organization, search) == names


async def test_a_customers_names_are_searched_alike(organization: Organization) -> None:
    for number, name in enumerate(["Zoë", "ZOË", "zoe", "أحمد"]):
        await make.customer(organization, f"c{number}@example.com", name)
    found_ids = {
        search: [one.first_name for one in (await listing.customers(organization.id, search).page(make.ALL_ROWS)).rows]
        for search in ("zo", "zoë", "أحمد", "EXAMPLE.COM")
    }
    assert found_ids == {
        "zo": ["Zoë", "ZOË", "zoe"],
        "zoë": ["Zoë", "ZOË"],
        "أحمد": ["أحمد"],
        "EXAMPLE.COM": ["Zoë", "ZOË", "zoe", "أحمد"],
    }


async def test_codes_are_one_whatever_the_collation_says(organization: Organization) -> None:
    """Folded in our own code: case and dashes don't matter, accents and other scripts do."""
    await make.promotion(organization, "KÄSE-1", "kase-1", "ΣΊΣΥΦΟΣ", "🎄-2", "ﬁve")
    for typed, text in (
        ("käse1", "KÄSE-1"),
        ("KASE 1", "kase-1"),
        ("σίσυφοσ", "ΣΊΣΥΦΟΣ"),
        ("🎄2", "🎄-2"),
        ("FIVE", "ﬁve"),
    ):
        assert (await find.code(organization.id, typed)).text == text


async def test_instants_keep_their_microseconds_and_their_order(organization: Organization) -> None:
    """What was written in any offset is read as the same instant, to the microsecond, far in the past or future."""
    code = await make.code(organization, per_code=None)
    for moment in (
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 0, 0, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ):
        await Code.filter(id=code.id).update(ends_at=moment)
        [row] = await Code.filter(id=code.id, ends_at=moment)
        assert (row.ends_at, row.ends_at.utcoffset()) == (moment, NOW.utcoffset())
        assert await Code.filter(id=code.id, ends_at__lt=moment).count() == 0


async def test_sums_are_whole_numbers(organization: Organization) -> None:
    """Orders of more cents than 32 bits hold are summed to the cent."""
    largest = Decimal("21474836.47")
    await make.code(organization, per_code=None)
    for number in range(3):
        await claimed(organization, email=f"c{number}@example.com", order=order(f"R-{number}", str(largest)))
    rows = await usage_report.organization_usage(organization, usage_report.UsageQuery(), False, NOW)
    assert [row.share.order_total for row in rows] == [3 * 2_147_483_647]
    assert {type(row.order_total) for row in await usage.all_of(organization.id)} == {int}
