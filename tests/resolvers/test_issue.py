"""Issuing: one code made and activated in one transaction."""

from datetime import timedelta
from typing import Any

import pytest

from db.models import Code, Organization
from resolvers import delete, find, issue, update
from resolvers.domain import params
from resolvers.domain.refusals import (
    Disabled,
    Ended,
    IdempotencyMismatch,
    InvalidInput,
    PromotionSpent,
    UnknownPromotion,
)
from tests import make
from tests.make import NOW, claimed
from tests.resolvers.refused import everything, refused

SPRING = params.PromotionRef(reference="spring")
ADA = params.Person("ada@example.com", "Ada")
DAY = timedelta(days=1)


async def issued(organization: Organization, **more: Any) -> Code:
    args = {"ref": SPRING, "customer": ADA, "off_peak": False, "idempotency_key": None, "now": NOW, **more}
    location = await find.location(organization.id, args.pop("location_number", None))
    product = await find.product(organization.id, args.pop("product_number", None))
    return await issue.code(organization, location=location, product=product, **args)


async def test_an_issued_code_is_made_and_activated(organization: Organization) -> None:
    """The code is new, the promotion's, the person's, and can be claimed by them at once."""
    promotion = await make.promotion(organization, reference="spring", limits=params.Limits(code_lifetime_days=2))
    code = await issued(organization)
    issued_code = await Code.get(id=code.id)
    assert (issued_code.promotion_id, issued_code.activated_at, issued_code.ends_at) == (
        promotion.id,
        NOW,
        make.life(2),
    )
    assert (issued_code.reserved_for_id, issued_code.allowed_claims, issued_code.needs_activation) == (
        issued_code.activated_by_id,
        1,
        True,
    )
    assert (await claimed(organization, issued_code.text)).claim.code_id == issued_code.id


async def test_a_key_gives_back_the_same_code(organization: Organization) -> None:
    """A retry issues no second code; another call with the key, or a deleted code, is a mismatch."""
    await make.promotion(organization, reference="spring")
    first = await issued(organization, idempotency_key="K")
    before = await everything()
    assert (await issued(organization, idempotency_key="K")).id == first.id
    assert await everything() == before
    async with refused(IdempotencyMismatch):
        await issued(organization, idempotency_key="K", off_peak=True)
    await delete.code(organization, first.text, dry_run=False)
    async with refused(IdempotencyMismatch):
        await issued(organization, idempotency_key="K")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (update.PromotionChange(is_enabled=False), Disabled),
        (update.PromotionChange(window=params.Window(ends_at=NOW)), Ended),
        (update.PromotionChange(limits=params.Limits(per_promotion=1)), PromotionSpent),
        (
            update.PromotionChange(limits=params.Limits(per_promotion=1), window=params.Window(starts_at=NOW + DAY)),
            PromotionSpent,
        ),
    ],
    ids=["disabled", "ended", "spent", "spent before it starts"],
)
async def test_a_promotion_that_is_off_over_or_spent_issues_nothing(
    organization: Organization, change: update.PromotionChange, refusal: Any
) -> None:
    """No code is made that nobody could ever claim."""
    await make.promotion(organization, "A1", reference="spring")
    await claimed(organization, "A1")
    await update.promotion(organization, SPRING, None, change, NOW)
    async with refused(refusal):
        await issued(organization)


async def test_a_promotion_that_starts_later_issues_now(organization: Organization) -> None:
    """Codes may be given out before they are good."""
    await make.promotion(organization, reference="spring", window=params.Window(starts_at=NOW + DAY))
    assert (await issued(organization)).activated_at == NOW


async def test_what_does_not_fit_issues_nothing(organization: Organization) -> None:
    """An unknown promotion, location or product and an impossible address leave no code behind."""
    await make.promotion(organization, reference="spring")
    async with refused(UnknownPromotion):
        await issued(organization, ref=params.PromotionRef(reference="nope"))
    for args, path in (
        ({"location_number": 9}, ("location_number",)),
        ({"product_number": 9}, ("product_number",)),
        ({"customer": params.Person("ada")}, ("customer", "email")),
        ({"customer": params.Person("ada@example.com", "x" * 201)}, ("customer", "first_name")),
    ):
        async with refused(InvalidInput) as no:
            await issued(organization, **args)
        assert no.value.path == path
