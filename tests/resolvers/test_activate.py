"""Activating: a code becomes a named person's, once, and its life begins."""

from datetime import timedelta
from typing import Any

import pytest

from db.models import Code, Organization, Promotion
from resolvers import activate, create, find, generate, update
from resolvers.domain import params
from resolvers.domain.code_format import Format
from resolvers.domain.refusals import (
    AlreadyActivated,
    Disabled,
    Ended,
    InvalidInput,
    ReservedForAnother,
    UnknownCode,
    UnknownPromotion,
)
from tests import make
from tests.make import NOW, claimed
from tests.resolvers.refused import refused

ADA = params.Person("ada@example.com", "Ada", "Byron")
SPRING = params.PromotionRef(reference="spring")
DAY = timedelta(days=1)


async def sleeping(organization: Organization, options: Any = None, **promotion: Any) -> Code:
    """A non-activated code of the promotion `spring`."""
    await make.promotion(organization, reference="spring", **promotion)
    options = options or generate.CodeOptions(activated=False)
    return (await generate.codes(organization, SPRING, 1, Format(), options, False, None, NOW)).codes[0]


async def activated(organization: Organization, text: str, person: params.Person = ADA, **more: Any) -> Code:
    args = {"promotion": None, "off_peak": False, "now": NOW, **more}
    location = await find.location(organization.id, args.pop("location_number", None))
    product = await find.product(organization.id, args.pop("product_number", None))
    return await activate.code(organization, text, customer=person, location=location, product=product, **args)


async def test_an_activated_code_is_a_named_persons(organization: Organization) -> None:
    """Activation keeps who, when, where and for what, and reserves the code for that person."""
    shop = await create.location(organization, 7, "Dam 1", False, NOW)
    product = await create.product(organization, 3, "Hat", NOW)
    code = await sleeping(organization)
    args = {"location_number": 7, "product_number": 3, "off_peak": True, "promotion": SPRING}
    await activated(organization, code.text.upper(), **args)
    activated_code = await Code.get(id=code.id).select_related("reserved_for")
    assert activated_code.reserved_for is not None
    assert (
        activated_code.reserved_for.email,
        activated_code.reserved_for.first_name,
        activated_code.reserved_for.joined_at,
    ) == (
        "ada@example.com",
        "Ada",
        NOW,
    )
    assert (activated_code.activated_at, activated_code.activated_by_id, activated_code.off_peak) == (
        NOW,
        activated_code.reserved_for_id,
        True,
    )
    assert (activated_code.activated_location_id, activated_code.activated_product_id) == (shop.id, product.id)
    async with refused(ReservedForAnother):
        await claimed(organization, code.text, "ben@example.com")
    assert (await claimed(organization, code.text, "ADA@example.com")).replayed is False


@pytest.mark.parametrize(
    ("days", "ends", "expected"),
    [
        (91, None, make.life(91) - NOW),
        (None, None, None),
        (None, DAY, DAY),
        (2, DAY, DAY),
        (1, 2 * DAY, make.life(1) - NOW),
        (1, None, make.life(1) - NOW),
    ],
)
async def test_a_life_ends_at_the_earlier_of_its_days_and_its_window(
    organization: Organization, days: int | None, ends: timedelta | None, expected: timedelta | None
) -> None:
    """An activated code ends after its promotion's lifetime or with its own window, whichever is earlier."""
    window = params.Window(ends_at=NOW + ends) if ends else params.Window()
    options = generate.CodeOptions(window, activated=False)
    code = await sleeping(organization, options, limits=params.Limits(code_lifetime_days=days))
    await activated(organization, code.text)
    assert (await Code.get(id=code.id)).ends_at == (NOW + expected if expected else None)


async def test_a_lifetime_is_91_days_by_default(organization: Organization) -> None:
    """The last instant of the 91st day is in it, the next is not."""
    code = await sleeping(organization)
    await activated(organization, code.text)
    async with refused(Ended):
        await claimed(organization, code.text, now=make.life(91))
    assert (await claimed(organization, code.text, now=make.life(91) - timedelta(microseconds=1))).replayed is False


async def test_a_code_is_activated_once(organization: Organization) -> None:
    """A second activation, also by the same person, hears when the first was."""
    code = await sleeping(organization)
    await activated(organization, code.text)
    for person in (ADA, params.Person("ben@example.com")):
        async with refused(AlreadyActivated) as no:
            await activated(organization, code.text, person, now=NOW + DAY)
        assert no.value.at == NOW


async def test_a_code_made_active_is_activated_already(organization: Organization) -> None:
    """What needs no activation was active from when it was made."""
    code = await make.code(organization)
    async with refused(AlreadyActivated) as no:
        await activated(organization, "HELLO-15", now=NOW + DAY)
    assert no.value.at == code.created_at


async def test_what_is_off_or_over_is_not_activated(organization: Organization) -> None:
    """Switches and ends of code and promotion refuse; what starts later may be activated before."""
    code = await sleeping(organization, window=params.Window(starts_at=NOW + DAY, ends_at=NOW + 2 * DAY))
    async with refused(Ended) as no:
        await activated(organization, code.text, now=NOW + 2 * DAY)
    assert no.value.ended_at == NOW + 2 * DAY
    for change in (update.CodeChange(is_enabled=False), update.CodeChange(is_enabled=True)):
        await update.code(organization, code.text, change, NOW)
        await Promotion.filter(id=code.promotion_id).update(is_enabled=not change.is_enabled)
        async with refused(Disabled):
            await activated(organization, code.text)
    await Promotion.filter(id=code.promotion_id).update(is_enabled=True)
    assert (await activated(organization, code.text)).activated_at == NOW


async def test_a_reserved_code_is_activated_for_that_person_only(organization: Organization) -> None:
    """Somebody else's reservation is InvalidInput at the address."""
    code = await sleeping(organization, generate.CodeOptions(activated=False, reserved_for=ADA))
    async with refused(InvalidInput) as no:
        await activated(organization, code.text, params.Person("ben@example.com"))
    assert no.value.path == ("customer", "email")
    assert (await activated(organization, code.text)).activated_at == NOW


async def test_what_does_not_fit_is_refused(organization: Organization) -> None:
    """An unknown code, promotion, location or product, and a code of another promotion, activate nothing."""
    code = await sleeping(organization)
    async with refused(UnknownCode):
        await activated(organization, "nope")
    async with refused(UnknownPromotion):
        await activated(organization, code.text, promotion=params.PromotionRef(reference="nope"))
    async with refused(UnknownCode):
        await activated(organization, code.text, promotion=params.PromotionRef(reference="default"))
    for args in ({"location_number": 9}, {"product_number": 9}):
        async with refused(InvalidInput) as no:
            await activated(organization, code.text, **args)
        assert no.value.path == tuple(args)
    async with refused(InvalidInput) as address:
        await activated(organization, code.text, params.Person("ada"))
    assert address.value.path == ("customer", "email")
    assert (await find.code(organization.id, code.text)).activated_at is None
