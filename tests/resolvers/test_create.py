"""Creating: promotions, places, products, people, organizations and keys."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from db.enums import DiscountKind, KeyKind
from db.models import Account, ApiKey, Code, Customer, Organization, Promotion
from resolvers import authenticate, create, delete, find, generate
from resolvers.create import NewPromotion
from resolvers.domain import params
from resolvers.domain.money import Money
from resolvers.domain.refusals import (
    CodeTaken,
    EmailTaken,
    IdempotencyMismatch,
    InvalidInput,
    ReferenceTaken,
    UnknownLocation,
)
from tests import make
from tests.make import NOW
from tests.resolvers.refused import everything, refused

NEW = NewPromotion("Spring sale")


async def created(organization: Organization, new: NewPromotion = NEW, key: str | None = None) -> Promotion:
    return await create.promotion(organization, new, key, NOW)


async def test_a_promotion_takes_the_documented_defaults(organization: Organization) -> None:
    """Only a name is needed; the rest is drawn, or what the schema says."""
    row = await Promotion.get(id=(await created(organization)).id)
    assert (row.number, row.reference, len(row.identifier)) == (2, "promotion-2", 36)
    assert (row.is_enabled, row.position, row.metadata, row.version) == (True, 0, {}, 1)
    assert (row.discount_kind, row.discount_value, row.currency) == (DiscountKind.NONE, 0, None)
    assert (row.per_promotion, row.per_code, row.per_customer, row.per_customer_and_code) == (None, 1, None, 1)
    assert (row.code_lifetime_days, row.starts_at, row.ends_at, row.claim_count) == (91, None, None, 0)


async def test_a_promotions_codes_are_made_with_it(organization: Organization) -> None:
    """Texts that are given are codes as issued, each with the promotion's limit."""
    promotion = await created(organization, replace(NEW, codes=(" HELLO-15 ", "bye"), limits=params.Limits(per_code=4)))
    codes = await Code.filter(promotion_id=promotion.id).order_by("id")
    assert [(code.text, code.text_key, code.allowed_claims) for code in codes] == [
        ("HELLO-15", "hello15", 4),
        ("bye", "bye", 4),
    ]


async def test_a_taken_text_makes_no_promotion(organization: Organization) -> None:
    """A text that is a code already, however it is spelled, refuses the whole."""
    await make.promotion(organization, "HELLO-15")
    async with refused(CodeTaken) as no:
        await created(organization, replace(NEW, codes=("NEW", "hello–15")))
    assert no.value.text == "hello–15"
    async with refused(InvalidInput) as twice:
        await created(organization, replace(NEW, codes=("NEW", "OTHER", "n e w")))
    assert twice.value.path == ("codes", "2")


@pytest.mark.parametrize(
    ("new", "path"),
    [
        (NewPromotion(" "), ("name",)),
        (replace(NEW, number=0), ("number",)),
        (replace(NEW, number=1), ("number",)),
        (replace(NEW, identifier="x" * 65), ("identifier",)),
        (replace(NEW, position=2**31), ("position",)),
        (replace(NEW, window=params.Window(NOW, NOW)), ("window", "ends_at")),
        (replace(NEW, limits=params.Limits(per_code=0)), ("limits", "per_code")),
        (replace(NEW, discount=params.Discount(minimum_order=Money(Decimal("0.001"), "EUR"))), ("discount", "minimum_order", "amount")),
        (replace(NEW, metadata={"a": "x" * 20_001}), ("metadata",)),
        (replace(NEW, codes=("A", " - ")), ("codes",)),
        (replace(NEW, codes=tuple(f"C{n}" for n in range(1_001))), ("codes",)),
    ],
)  # fmt: skip
async def test_an_invalid_promotion_is_not_created(
    organization: Organization, new: NewPromotion, path: tuple[str, ...]
) -> None:
    """InvalidInput leads to the field, and neither the promotion nor its codes are there."""
    async with refused(InvalidInput) as no:
        await created(organization, new)
    assert no.value.path[: len(path)] == path


async def test_a_reference_and_an_identifier_are_one_promotions(organization: Organization) -> None:
    """What is taken is refused, and free in another organization."""
    new = replace(NEW, reference="spring", identifier="id-1")
    await created(organization, new)
    async with refused(ReferenceTaken) as no:
        await created(organization, replace(NEW, reference=" spring "))
    assert no.value.reference == "spring"
    async with refused(InvalidInput) as identifier:
        await created(organization, replace(NEW, identifier="id-1"))
    assert identifier.value.path == ("identifier",)
    other = await make.organization("other", account=2)
    assert (await created(other, new)).reference == "spring"


async def test_numbers_are_unambiguous_over_an_account(organization: Organization) -> None:
    """A chosen number is refused where any site of the account has it, and the drawn ones go round it."""
    sister = await make.organization("sister")
    assert (await find.promotion(sister.id, None)).number == 2
    await created(organization, replace(NEW, number=4))
    async with refused(InvalidInput) as no:
        await created(sister, replace(NEW, number=4))
    assert no.value.path == ("number",)
    assert [(await created(sister)).number, (await created(organization)).number] == [3, 5]
    stranger = await make.organization("stranger", account=2)
    assert (await created(stranger, replace(NEW, number=4))).number == 4


async def test_a_drawn_reference_goes_round_a_chosen_one(organization: Organization) -> None:
    """A reference that somebody chose like the next drawn one is no reason to refuse."""
    await created(organization, replace(NEW, reference="promotion-3"))
    drawn = (await created(organization)).reference
    assert drawn.startswith("promotion-3-")


async def test_a_key_gives_back_the_same_promotion(organization: Organization) -> None:
    """A retry makes no second promotion; other words with the key, or a deleted promotion, are a mismatch."""
    new = replace(NEW, codes=("A1",))
    first = await created(organization, new, "K")
    before = await everything()
    assert (await created(organization, new, "K")).id == first.id
    assert await everything() == before
    async with refused(IdempotencyMismatch):
        await created(organization, replace(new, position=1), "K")
    await delete.promotion(organization, params.PromotionRef(id=first.id), dry_run=False)
    async with refused(IdempotencyMismatch):
        await created(organization, new, "K")


async def test_locations_are_linked_by_number(organization: Organization) -> None:
    """Unknown numbers refuse the whole, another organization's among them."""
    other = await make.organization("other", account=2)
    await create.location(other, 5, "Theirs", False, NOW)
    ours = await create.location(organization, None, "Ours", False, NOW)
    promotion = await created(organization, replace(NEW, location_numbers=(1, 1)))
    linked = await find.locations_of_promotions(organization.id, [promotion.id])
    assert [place.id for place in linked[promotion.id]] == [ours.id]
    async with refused(UnknownLocation):
        await created(organization, replace(NEW, location_numbers=(1, 5)))


async def test_the_default_location_is_one(organization: Organization) -> None:
    """A new default takes that place from the one before; numbers are drawn after the highest."""
    first = await create.location(organization, 7, " Dam 1 ", True, NOW)
    second = await create.location(organization, None, "Dam 2", True, NOW)
    places = await find.locations_of_organization(organization.id)
    assert [(place.number, place.name, place.is_default) for place in places] == [
        (7, "Dam 1", False),
        (8, "Dam 2", True),
    ]
    assert first.id != second.id


@pytest.mark.parametrize("thing", [create.location, create.product])
async def test_a_number_is_one_place_or_product(organization: Organization, thing: Any) -> None:
    """A taken or impossible number and an empty name are refused."""
    more = (False,) if thing is create.location else ()
    await thing(organization, 7, "One", *more, NOW)
    for number, name, path in ((7, "Two", "number"), (0, "Two", "number"), (2**31, "Two", "number"), (8, " ", None)):
        async with refused(InvalidInput) as no:
            await thing(organization, number, name, *more, NOW)
        assert no.value.path == (path or ("name" if more else "title"),)


async def test_a_customer_signs_up_once(organization: Organization) -> None:
    """A second sign-up with the address is EmailTaken, however it is written."""
    first = await create.customer(organization, params.Person("Ada@Example.com", "Ada"), {"a": 1}, NOW)
    async with refused(EmailTaken):
        await create.customer(organization, params.Person("ada@example.com", "Other"), {"a": 2}, NOW)
    row = await Customer.get(id=first.id)
    assert (row.email, row.first_name, row.joined_at, row.particulars) == ("Ada@example.com", "Ada", NOW, {"a": 1})


async def test_somebody_only_spoken_of_may_sign_up(organization: Organization) -> None:
    """A reservation makes nobody a customer: the address is free, and the reservation theirs."""
    options = generate.CodeOptions(reserved_for=params.Person("ada@example.com"))
    [code] = (await generate.codes(organization, None, 1, generate.Format(), options, False, None, NOW)).codes
    joined = await create.customer(organization, params.Person("ada@example.com", "Ada"), {}, NOW)
    assert (joined.id, joined.joined_at, joined.first_name) == (code.reserved_for_id, NOW, "Ada")


# ------------------------------------------------------------------ organizations and keys


async def test_an_organization_is_made_with_its_default_promotion(store: str) -> None:
    """The promotion `default` is there from the first moment, and the account is made with it."""
    created = await create.organization("Shop", 12, "shop", 99, "jpy", "Asia/Tokyo", NOW)
    default = await find.promotion(created.id, None)
    assert (created.number, created.identifier, created.currency, created.time_zone) == (
        12,
        "shop",
        "JPY",
        "Asia/Tokyo",
    )
    assert (default.reference, default.number, default.per_code) == ("default", 1, 1)
    assert (await Account.get(id=created.account_id)).number == 99
    assert len(created.page_secret) == 64


async def test_numbers_and_identifiers_are_drawn(store: str) -> None:
    """Without them an organization gets the next numbers, an account of its own and 26 letters and digits."""
    first = await create.organization("One", None, None, None, "EUR", "UTC", NOW)
    second = await create.organization("Two", None, None, None, "EUR", "UTC", NOW)
    assert (first.number, second.number) == (1, 2)
    assert first.account_id != second.account_id
    assert first.identifier.isalnum()
    assert (len(first.identifier), first.identifier != second.identifier) == (26, True)


@pytest.mark.parametrize(
    ("invalid", "path"),
    [
        ({"name": " "}, "name"),
        ({"number": 1}, "number"),
        ({"number": -1}, "number"),
        ({"number": 2**31}, "number"),
        ({"identifier": "demo"}, "identifier"),
        ({"account": -1}, "account"),
        ({"currency": "XYZ"}, "currency"),
        ({"time_zone": "Mars"}, "time_zone"),
    ],
)
async def test_an_invalid_organization_is_not_created(
    organization: Organization, invalid: dict[str, Any], path: str
) -> None:
    """A taken number or identifier and an unknown currency or zone leave not even an account."""
    values = {
        "name": "N",
        "number": None,
        "identifier": None,
        "account": 77,
        "currency": "EUR",
        "time_zone": "UTC",
        **invalid,
    }
    async with refused(InvalidInput) as no:
        await create.organization(*values.values(), NOW)  # type: ignore[arg-type]
    assert no.value.path == (path,)


async def test_a_key_is_returned_once_and_stored_as_a_hash(organization: Organization) -> None:
    """Of a key only the hash and four letters are kept, and it is long."""
    value = await create.key(KeyKind.PUBLIC, organization.account_id, organization.id, None, NOW)
    row = await ApiKey.get()
    assert (row.value_hash, row.hint) == (authenticate.key_hash(value), value[-4:])
    assert (value[:3], len(value)) == ("pk_", 51)
    assert value not in str(await everything())


@pytest.mark.parametrize("value", ["", " sk", "sk x", "ключ", "a\nb"])
async def test_an_impossible_key_is_refused(organization: Organization, value: str) -> None:
    """A key travels in a header: printable ASCII without spaces."""
    async with refused(InvalidInput) as no:
        await create.key(KeyKind.SECRET, organization.account_id, organization.id, value, NOW)
    assert no.value.path == ("value",)


async def test_a_vendors_key_can_be_taken_over_once(organization: Organization) -> None:
    """A key that is known already, revoked or not, is nobody else's."""
    assert await create.key(KeyKind.SECRET, organization.account_id, organization.id, "old-key", NOW) == "old-key"
    async with refused(InvalidInput):
        await create.key(KeyKind.PUBLIC, organization.account_id, organization.id, "old-key", NOW)
