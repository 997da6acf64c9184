"""Deleting: for good, with what hangs on it, and no place or sum is given back."""

import pytest

from db.models import Account, Claim, Code, Customer, Delivery, Organization, Promotion, UsageStat
from resolvers import create, delete, find, generate, release, send, update, verify
from resolvers.domain import params
from resolvers.domain.refusals import (
    InvalidInput,
    PromotionSpent,
    ReservedForAnother,
    UnknownCode,
    UnknownCustomer,
    UnknownPromotion,
)
from tests import make
from tests.make import NOW, claimed, order
from tests.resolvers.refused import everything, refused

SPRING = params.PromotionRef(reference="spring")


async def spring(organization: Organization, **limits: int | None) -> Promotion:
    """A promotion with a claimed, released and sent code A1 and a claimed code A2."""
    limited = params.Limits(**{"per_code": None, "per_customer_and_code": None, **limits})
    made = await make.promotion(organization, "A1", "A2", reference="spring", limits=limited)
    await claimed(organization, "A1", order=order("R-1", "20"))
    await claimed(organization, "A1", "ben@example.com")
    gone = await claimed(organization, "A1")
    await release.claim(organization, gone.claim.id, "cancelled", NOW)
    await claimed(organization, "A2", order=order(total="1000", currency="JPY"))
    await send.code(organization, "A1", [params.Person("cleo@example.com")], None, False, False, None, NOW, True)
    return made


async def test_a_code_goes_with_its_claims_and_letters(organization: Organization) -> None:
    """Nothing of the code is left, the promotion's other codes are, and verify balances."""
    promotion = await spring(organization)
    result = await delete.code(organization, " a–1 ", dry_run=False)
    assert (result.name, result.codes, result.claims, result.dry_run) == ("A1", 1, 3, False)
    assert await Code.all().values_list("text", flat=True) == ["A2"]
    assert (await Claim.all().count(), await Delivery.all().count()) == (1, 0)
    row = await Promotion.get(id=promotion.id)
    assert (row.claim_count, row.rowless_claim_count) == (3, 2)
    assert await verify.counters(organization) == []


async def test_a_deleted_code_leaves_its_usage(organization: Organization) -> None:
    """Usage keeps the share of the standing claims that went, and remembers how much that is."""
    await spring(organization)
    before = {(row.id, row.claims, row.order_total, row.discount_total) for row in await UsageStat.all()}
    await delete.code(organization, "A1", dry_run=False)
    rows = await UsageStat.all()
    assert {(row.id, row.claims, row.order_total, row.discount_total) for row in rows} == before
    share = {row.currency: (row.deleted_claims, row.deleted_order_total, row.deleted_discount_total) for row in rows}
    assert share == {"EUR": (1, 2000, 300), "": (1, 0, 0), "JPY": (0, 0, 0)}


async def test_deleting_gives_no_place_of_the_promotion_back(organization: Organization) -> None:
    """A spent promotion stays spent when its codes are deleted."""
    await spring(organization, per_promotion=3)
    await delete.code(organization, "A1", dry_run=False)
    async with refused(PromotionSpent):
        await claimed(organization, "A2", "cleo@example.com")


async def test_a_deleted_text_can_be_made_again(organization: Organization) -> None:
    """The same text is a new code, with nothing of the old one."""
    await spring(organization)
    await delete.code(organization, "A1", dry_run=False)
    code = await make.code(organization, "a-1")
    assert (await claimed(organization, "A1", order=order("R-1"))).replayed is False
    assert (await Code.get(id=code.id)).claim_count == 1
    assert await verify.counters(organization) == []


async def test_a_dry_run_says_what_would_go(organization: Organization) -> None:
    """A dry run tells the same numbers and deletes nothing."""
    await spring(organization)
    before = await everything()
    code = await delete.code(organization, "a1", dry_run=True)
    promotion = await delete.promotion(organization, SPRING, dry_run=True)
    assert (code.name, code.codes, code.claims, code.dry_run) == ("A1", 1, 3, True)
    assert (promotion.name, promotion.codes, promotion.claims, promotion.dry_run) == ("spring", 2, 4, True)
    assert await everything() == before


@pytest.mark.parametrize("dry_run", [False, True])
async def test_what_is_not_there_can_not_be_deleted(organization: Organization, dry_run: bool) -> None:
    """Unknown codes and promotions, another organization's among them, are refused."""
    other = await make.organization("other", account=2)
    await spring(other)
    async with refused(UnknownCode):
        await delete.code(organization, "A1", dry_run)
    async with refused(UnknownPromotion):
        await delete.promotion(organization, SPRING, dry_run)


async def test_a_promotion_goes_with_its_codes_and_leaves_its_usage(organization: Organization) -> None:
    """Codes, claims and letters go; the sums stay under its id; verify balances."""
    promotion = await spring(organization)
    before = {(row.id, row.promotion_id, row.claims, row.order_total) for row in await UsageStat.all()}
    result = await delete.promotion(organization, SPRING, dry_run=False)
    assert (result.codes, result.claims) == (2, 4)
    counts = [await table.all().count() for table in (Code, Claim, Delivery)]
    assert counts == [0, 0, 0]
    assert await Promotion.all().values_list("reference", flat=True) == ["default"]
    assert {(row.id, row.promotion_id, row.claims, row.order_total) for row in await UsageStat.all()} == before
    assert {row.promotion_id for row in await UsageStat.all()} == {promotion.id}
    assert await verify.counters(organization) == []


@pytest.mark.parametrize("dry_run", [False, True])
async def test_the_default_promotion_stays(organization: Organization, dry_run: bool) -> None:
    """The organization's own promotion can't be deleted."""
    async with refused(InvalidInput) as no:
        await delete.promotion(organization, params.PromotionRef(reference="default"), dry_run)
    assert no.value.path == ("promotion",)


async def test_a_deleted_promotions_reference_can_be_made_again(organization: Organization) -> None:
    """Reference and codes are free again, and the new promotion begins at nothing."""
    first = await spring(organization)
    await delete.promotion(organization, SPRING, dry_run=False)
    again = await spring(organization)
    assert again.id != first.id
    assert (await Promotion.get(id=again.id)).claim_count == 3
    assert await verify.counters(organization) == []


async def test_a_customer_with_claims_leaves_them_nameless(organization: Organization) -> None:
    """Claims stay under a row without a name, no count changes, and the address is free."""
    promotion = await spring(organization)
    result = await delete.customer(organization, "ADA@example.com", NOW)
    assert result.email == "ada@example.com"
    row = await Customer.get(id=result.id)
    assert (row.email, row.email_key, row.first_name, row.last_name, row.particulars) == (
        None,
        None,
        None,
        None,
        {},
    )
    assert await Claim.filter(customer_id=result.id).count() == 3
    assert (await Promotion.get(id=promotion.id)).claim_count == 3
    assert await verify.counters(organization) == []
    again = await create.customer(organization, params.Person("ada@example.com"), {}, NOW)
    assert again.id != result.id
    async with refused(UnknownCustomer):
        await delete.customer(organization, "nobody@example.com", NOW)


async def test_two_nameless_customers_are_two(organization: Organization) -> None:
    """Forgetting one customer does not stand in the way of forgetting another."""
    await spring(organization)
    for email in ("ada@example.com", "ben@example.com"):
        await delete.customer(organization, email, NOW)
    assert await Customer.filter(email_key=None).count() == 2


async def test_a_customer_without_claims_is_gone(organization: Organization) -> None:
    """Nothing refers to them, so no row stays."""
    await create.customer(organization, params.Person("ada@example.com", "Ada"), {"a": 1}, NOW)
    assert (await delete.customer(organization, "ada@example.com", NOW)).first_name == "Ada"
    assert await Customer.all().count() == 0


async def test_somebody_only_spoken_of_can_not_be_deleted(organization: Organization) -> None:
    """A reservation makes no customer that an operator knows of."""
    options = generate.CodeOptions(reserved_for=params.Person("ada@example.com"))
    await generate.codes(organization, None, 1, generate.Format(), options, False, None, NOW)
    async with refused(UnknownCustomer):
        await delete.customer(organization, "ada@example.com", NOW)


async def test_a_code_reserved_for_the_forgotten_is_nobodys(organization: Organization) -> None:
    """A reservation stays with the nameless row: nobody else gets the code by it."""
    await make.code(organization)
    await create.customer(organization, params.Person("ada@example.com"), {}, NOW)
    change = update.CodeChange(reserved_for=params.Person("ada@example.com"))
    await update.code(organization, "HELLO-15", change, NOW)
    await delete.customer(organization, "ada@example.com", NOW)
    assert (await find.code(organization.id, "HELLO-15")).reserved_for_id is not None
    async with refused(ReservedForAnother):
        await claimed(organization)


async def test_an_organization_is_deleted_alone(organization: Organization) -> None:
    """Another of the same account stays, and so does the account, until it is its last."""
    other = await make.organization("other", account=1)
    await make.code(other)
    await make.claimed(other)
    await make.key(other)
    await delete.organization(other)
    assert [row.identifier for row in await Organization.all()] == ["demo"]
    assert (await Account.all().count(), await Claim.all().count()) == (1, 0)
    await delete.organization(organization)
    assert (await Account.all().count(), await Organization.all().count()) == (0, 0)
