"""Updating: what was not said stays, what was said to be nothing is cleared."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from db.enums import DiscountKind
from db.models import Code, Organization, Promotion
from resolvers import create, find, update, verify
from resolvers.domain import params
from resolvers.domain.money import Money
from resolvers.domain.refusals import (
    CodeTaken,
    InvalidInput,
    ReferenceTaken,
    UnknownCode,
    UnknownLocation,
    UnknownPromotion,
    VersionConflict,
)
from resolvers.update import CodeChange, PromotionChange
from tests import make
from tests.make import NOW, claimed, order
from tests.resolvers.refused import refused

LATER = NOW + timedelta(days=1)
SPRING = params.PromotionRef(reference="spring")
EUR = "EUR"


async def spring(organization: Organization, *codes: str) -> Promotion:
    """A promotion that says something in every field."""
    await create.location(organization, 1, "Dam 1", False, NOW)
    return await make.promotion(
        organization,
        *codes,
        reference="spring",
        position=3,
        discount=params.Discount(
            DiscountKind.PERCENTAGE,
            Decimal("12.5"),
            minimum_order=Money(Decimal(10), EUR),
            maximum_discount=Money(Decimal(5), EUR),
        ),
        window=params.Window(NOW, LATER),
        limits=params.Limits(9, 8, 7, 6, 5),
        location_numbers=(1,),
        metadata={"a": 1},
    )


def columns(promotion: Promotion) -> dict[str, Any]:
    return {
        name: getattr(promotion, name)
        for name in Promotion._meta.db_fields
        if name not in ("version", "updated_at", "id")
    }


async def changed(organization: Organization, change: PromotionChange) -> dict[str, Any]:
    """Which columns a change of the promotion `spring` changes, as the database holds them."""
    before = columns(await find.promotion(organization.id, SPRING))
    await update.promotion(organization, SPRING, None, change, LATER)
    after = columns(await Promotion.get(number=before["number"]))
    return {name: value for name, value in after.items() if value != before[name]}


async def test_a_change_of_nothing_changes_nothing_but_the_version(organization: Organization) -> None:
    """Absent keeps every field; version and instant tell that somebody was there."""
    await spring(organization)
    assert await changed(organization, PromotionChange()) == {}
    row = await find.promotion(organization.id, SPRING)
    assert (row.version, row.updated_at, row.created_at) == (2, LATER, NOW)
    assert [place.number for place in (await find.locations_of_promotions(organization.id, [row.id]))[row.id]] == [1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (PromotionChange(reference="summer"), {"reference": "summer"}),
        (PromotionChange(name=" Summer "), {"name": "Summer"}),
        (PromotionChange(is_enabled=False), {"is_enabled": False}),
        (PromotionChange(position=-4), {"position": -4}),
        (PromotionChange(discount=params.Discount(value=Decimal("0.0001"))), {"discount_value": 1}),
        (PromotionChange(discount=params.Discount(minimum_order=None)), {"minimum_order": None}),
        (PromotionChange(discount=params.Discount(maximum_discount=None)), {"maximum_discount": None}),
        (PromotionChange(window=params.Window(starts_at=None)), {"starts_at": None}),
        (PromotionChange(window=params.Window(ends_at=None)), {"ends_at": None}),
        (
            PromotionChange(window=params.Window(ends_on=date(2026, 12, 24))),
            {"ends_at": datetime(2026, 12, 24, 23, 0, tzinfo=UTC)},
        ),
        (PromotionChange(limits=params.Limits(per_promotion=None)), {"per_promotion": None}),
        (PromotionChange(limits=params.Limits(per_code=1, per_customer=None)), {"per_code": 1, "per_customer": None}),
        (PromotionChange(limits=params.Limits(per_customer_and_code=None)), {"per_customer_and_code": None}),
        (PromotionChange(limits=params.Limits(code_lifetime_days=None)), {"code_lifetime_days": None}),
        (PromotionChange(metadata={"b": "é"}), {"metadata": {"b": "é"}}),
        (PromotionChange(metadata=None), {"metadata": {}}),
    ],
)
async def test_present_fields_change_and_absent_ones_stay(
    organization: Organization, change: PromotionChange, expected: dict[str, Any]
) -> None:
    """Each field changes alone, and null clears it."""
    await spring(organization)
    if change.reference == "summer":
        answer = await update.promotion(organization, SPRING, None, change, LATER)
        assert (await Promotion.get(id=answer.id)).reference == "summer"
    else:
        assert await changed(organization, change) == expected


async def test_linked_locations_are_exactly_those_given(organization: Organization) -> None:
    """A list of numbers replaces the links, an empty one clears them, an unknown one changes nothing."""
    row = await spring(organization)
    await create.location(organization, 2, "Dam 2", False, NOW)
    await update.promotion(organization, SPRING, None, PromotionChange(location_numbers=(2,)), LATER)
    assert [place.number for place in (await find.locations_of_promotions(organization.id, [row.id]))[row.id]] == [2]
    async with refused(UnknownLocation):
        await update.promotion(organization, SPRING, None, PromotionChange(location_numbers=(1, 9)), LATER)
    await update.promotion(organization, SPRING, None, PromotionChange(location_numbers=()), LATER)
    assert (await find.locations_of_promotions(organization.id, [row.id])).get(row.id, []) == []


async def test_a_version_seen_before_is_a_conflict(organization: Organization) -> None:
    """Whoever changes what they have not seen hears the present version, and nothing is changed."""
    await spring(organization)
    assert (await update.promotion(organization, SPRING, 1, PromotionChange(position=1), NOW)).version == 2
    async with refused(VersionConflict) as no:
        await update.promotion(organization, SPRING, 1, PromotionChange(position=2), NOW)
    assert no.value.current == 2
    assert (await update.promotion(organization, SPRING, 2, PromotionChange(position=2), NOW)).version == 3


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (("name",), PromotionChange(name=None)),
        (("name",), PromotionChange(name=" ")),
        (("discount", "value"), PromotionChange(discount=params.Discount(value=None))),
        (("reference",), PromotionChange(reference=None)),
        (("window", "ends_at"), PromotionChange(window=params.Window(ends_at=NOW))),
        (("window", "ends_at"), PromotionChange(window=params.Window(starts_at=LATER))),
        (("window", "ends_on"), PromotionChange(window=params.Window(ends_on=date(2026, 1, 1)))),
        (("discount", "value"), PromotionChange(discount=params.Discount(value=Decimal(101)))),
        (("discount", "minimum_order", "amount"), PromotionChange(discount=params.Discount(minimum_order=Money(Decimal("0.001"), EUR)))),
        (("discount", "currency"), PromotionChange(discount=params.Discount(minimum_order=Money(Decimal(1), "USD")))),
        (("limits", "per_code"), PromotionChange(limits=params.Limits(per_code=0))),
        (("metadata",), PromotionChange(metadata={"long": "x" * 20_001})),
    ],
)  # fmt: skip
async def test_invalid_input_changes_nothing(
    organization: Organization, path: tuple[str, ...], change: PromotionChange
) -> None:
    """InvalidInput leads to the field, and the promotion stays at its version."""
    await spring(organization)
    async with refused(InvalidInput) as no:
        await update.promotion(organization, SPRING, None, change, LATER)
    assert no.value.path == path


async def test_amounts_never_lose_their_currency(organization: Organization) -> None:
    """Clearing the currency while an amount is kept makes no sense: a minimum without a currency is none."""
    await spring(organization)
    async with refused(InvalidInput) as no:
        await update.promotion(
            organization, SPRING, None, PromotionChange(discount=params.Discount(currency=None)), LATER
        )
    assert no.value.path == ("discount", "currency")


async def test_a_promotion_moves_to_another_currency_with_all_its_amounts(organization: Organization) -> None:
    """Saying every amount anew, or clearing it, moves a promotion to another currency in one change."""
    await spring(organization)
    discount = params.Discount(currency="USD", minimum_order=Money(Decimal(20), "USD"), maximum_discount=None)
    answer = await update.promotion(organization, SPRING, None, PromotionChange(discount=discount), LATER)
    row = await Promotion.get(id=answer.id)
    assert (row.currency, row.minimum_order, row.maximum_discount) == ("USD", 2000, None)


async def test_a_reference_is_one_promotions(organization: Organization) -> None:
    """Another promotion's reference is taken, one's own is not, and the default one keeps its own."""
    await spring(organization)
    async with refused(ReferenceTaken) as no:
        await update.promotion(organization, SPRING, None, PromotionChange(reference="default"), LATER)
    assert no.value.reference == "default"
    assert (await update.promotion(organization, SPRING, None, PromotionChange(reference="spring"), LATER)).version == 2
    async with refused(InvalidInput) as row:
        own = params.PromotionRef(reference="default")
        await update.promotion(organization, own, None, PromotionChange(reference="mine"), LATER)
    assert row.value.path == ("reference",)


async def test_what_is_not_there_can_not_be_changed(organization: Organization) -> None:
    """Unknown promotions and codes, another organization's among them, are refused."""
    other = await make.organization("other", account=2)
    theirs = await spring(other, "A1")
    for ref in (SPRING, params.PromotionRef(id=theirs.id)):
        async with refused(UnknownPromotion):
            await update.promotion(organization, ref, None, PromotionChange(), LATER)
    async with refused(UnknownCode) as no:
        await update.code(organization, "A1", CodeChange(), LATER)
    assert no.value.text == "A1"


# ------------------------------------------------------------------ codes


async def full_code(organization: Organization) -> Code:
    """A code that says something in every field."""
    await make.promotion(organization, "HELLO-15")
    change = CodeChange(
        window=params.Window(NOW, LATER),
        allowed_claims=5,
        reserved_for=params.Person("ada@example.com"),
        metadata={"a": 1},
    )
    return await update.code(organization, "HELLO-15", change, NOW)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (CodeChange(), {}),
        (CodeChange(is_enabled=False), {"is_enabled": False}),
        (CodeChange(window=params.Window(starts_at=None)), {"starts_at": None}),
        (CodeChange(window=params.Window(ends_at=None)), {"ends_at": None}),
        (CodeChange(allowed_claims=None), {"allowed_claims": None}),
        (CodeChange(reserved_for=None), {"reserved_for_id": None}),
        (CodeChange(metadata=None), {"metadata": {}}),
        (CodeChange(new_text="Hello 15"), {"text": "Hello 15"}),
        (CodeChange(new_text="BYE-15"), {"text": "BYE-15", "text_key": "bye15"}),
    ],
)
async def test_a_codes_fields_change_alone(
    organization: Organization, change: CodeChange, expected: dict[str, Any]
) -> None:
    """Absent keeps and null clears; a respelling keeps the key."""
    row = await full_code(organization)
    before = {name: getattr(await Code.get(id=row.id), name) for name in Code._meta.db_fields}
    await update.code(organization, "hello15", change, LATER)
    after = await Code.get(id=row.id)
    assert {name: getattr(after, name) for name in before if getattr(after, name) != before[name]} == {
        **expected,
        "updated_at": LATER,
    }


async def test_a_renamed_code_keeps_its_claims(organization: Organization) -> None:
    """Claims, counts and replays go on under the new text, and the old text is unknown."""
    code = await make.code(organization)
    first = await claimed(organization, order=order("R-1"))
    await update.code(organization, "HELLO-15", CodeChange(new_text="BYE-15"), NOW)
    again = await claimed(organization, "bye15", order=order("R-1"))
    assert (again.claim.id, again.claim.code_id, again.replayed) == (first.claim.id, code.id, True)
    async with refused(UnknownCode):
        await claimed(organization)
    assert await verify.counters(organization) == []


async def test_a_text_is_taken_however_it_is_spelled(organization: Organization) -> None:
    """Another code's text is taken as codes are matched."""
    await make.promotion(organization, "HELLO-15", "BYE-15")
    async with refused(CodeTaken) as no:
        await update.code(organization, "BYE-15", CodeChange(new_text="hello–15"), NOW)
    assert no.value.text == "hello–15"


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (("new_text",), CodeChange(new_text=None)),
        (("new_text",), CodeChange(new_text=" - ")),
        (("allowed_claims",), CodeChange(allowed_claims=0)),
        (("window", "ends_at"), CodeChange(window=params.Window(starts_at=LATER))),
        (("reserved_for", "email"), CodeChange(reserved_for=params.Person("ada"))),
        (("metadata",), CodeChange(metadata={"long": "x" * 20_001})),
    ],
)
async def test_a_code_is_not_changed_to_invalid_values(
    organization: Organization, path: tuple[str, ...], change: CodeChange
) -> None:
    """InvalidInput leads to the field."""
    await full_code(organization)
    async with refused(InvalidInput) as no:
        await update.code(organization, "HELLO-15", change, LATER)
    assert no.value.path == path


async def test_fewer_places_than_claims_take_nothing_away(organization: Organization) -> None:
    """Lowering a limit below what was claimed leaves the claims and refuses the next."""
    code = await make.code(organization, per_code=None)
    for email in ("ada@example.com", "ben@example.com"):
        await claimed(organization, email=email)
    await update.code(organization, "HELLO-15", CodeChange(allowed_claims=1), NOW)
    assert (await Code.get(id=code.id)).claim_count == 2
    assert await verify.counters(organization) == []
