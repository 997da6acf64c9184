"""Claiming: who may, how often, in which order the no's come, and what a retry is answered."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from db.enums import DiscountKind
from db.models import Claim, Code, Customer, Organization, Promotion, UsageStat
from resolvers import activate, claim, create, delete, exchange, find, generate, release, update, verify
from resolvers.domain import params, refusals
from resolvers.domain.code_format import Format, Style
from resolvers.domain.money import Money
from resolvers.domain.refusals import (
    AlreadyClaimed,
    CustomerLimitReached,
    Disabled,
    Ended,
    FullyClaimed,
    IdempotencyMismatch,
    InvalidInput,
    NotActivated,
    NotStarted,
    OrderTooSmall,
    PromotionSpent,
    ReservedForAnother,
    TooManyAttempts,
    UnknownCode,
    UnknownToken,
    WrongCurrency,
    WrongLocation,
)
from resolvers.refusal_counter import RefusalCounter
from schema.rate_limit import AttemptGuard, RateLimits
from tests import make
from tests.make import NOW, claimed, order
from tests.resolvers.refused import everything, refused

LATER = NOW + timedelta(days=1)
ADA, BEN, CLEO = "ada@example.com", "ben@example.com", "cleo@example.com"
PATTERN = Format(Style.PATTERN, "TEST-9")


async def counts(code: Code) -> tuple[int, int, int]:
    """What code and promotion count, and the claims that stand."""
    code = await Code.get(id=code.id).select_related("promotion")
    standing = await Claim.filter(code_id=code.id, released_at=None).count()
    return code.claim_count, code.promotion.claim_count, standing


async def test_a_claim_is_stored_with_its_order_and_discount(organization: Organization) -> None:
    """A claim keeps the customer, the order, the place and what it took off, as the promotion was then."""
    shop = await create.location(organization, 7, "Dam 1", False, NOW)
    code = await make.code(organization)
    answer = await claimed(
        organization, order=params.Order("R-1", Money(Decimal("33.35"), "EUR"), 3), location_number=7
    )
    claim = await Claim.get(id=answer.claim.id).select_related("customer")
    assert (claim.customer.email, claim.customer.joined_at) == (ADA, NOW)
    assert (claim.order_reference, claim.order_total, claim.currency, claim.order_quantity) == ("R-1", 3335, "EUR", 3)
    assert (claim.discount, claim.discount_kind, claim.discount_value) == (500, DiscountKind.PERCENTAGE, 150_000)
    assert (claim.location_id, claim.code_id, claim.promotion_id) == (shop.id, code.id, code.promotion_id)
    assert (claim.created_at, claim.released_at) == (NOW, None)
    assert not answer.replayed
    assert await counts(code) == (1, 1, 1)
    assert await verify.counters(organization) == []


async def test_a_claim_without_an_order_has_no_amounts(organization: Organization) -> None:
    """Without an order the discount is not known, which is not the same as nothing."""
    await make.code(organization)
    claim = (await claimed(organization)).claim
    assert (claim.order_reference, claim.order_total, claim.currency, claim.discount) == (None, None, None, None)


@pytest.mark.parametrize("typed", ["hello15", "HELLO–15", "hello 15", " Hello\u00a015 ", "HEL\u00adLO-15"])
async def test_a_code_is_claimed_as_people_type_it(organization: Organization, typed: str) -> None:
    """Case, spaces and dashes of every kind don't matter."""
    code = await make.code(organization, "HELLO-15")
    assert (await claimed(organization, typed)).claim.code_id == code.id


# ------------------------------------------------------------------ each rule alone


async def test_an_unknown_code_is_refused_as_it_was_typed(organization: Organization) -> None:
    """A text that is no code here is unknown, under the text that was said."""
    await make.code(organization)
    async with refused(UnknownCode) as no:
        await claimed(organization, "hello-16")
    assert (no.value.text, no.value.promotion_id) == ("hello-16", None)


async def test_another_organizations_code_is_unknown(organization: Organization) -> None:
    """A code is known in its own organization only."""
    other = await make.organization("other", account=2)
    await make.code(other)
    async with refused(UnknownCode):
        await claimed(organization)


async def test_a_code_switched_off_is_disabled(organization: Organization) -> None:
    """A code's own switch refuses alone."""
    await make.code(organization)
    await update.code(organization, "HELLO-15", update.CodeChange(is_enabled=False), NOW)
    async with refused(Disabled):
        await claimed(organization)


async def test_a_promotion_switched_off_disables_its_codes(organization: Organization) -> None:
    """The promotion's switch refuses alone."""
    await make.promotion(organization, "HELLO-15", is_enabled=False)
    async with refused(Disabled):
        await claimed(organization)


async def test_a_code_that_is_not_activated_is_refused_until_it_is(organization: Organization) -> None:
    """A code made non-activated can't be claimed before its activation, and can after it."""
    code = await non_activated(organization)
    async with refused(NotActivated):
        await claimed(organization, code.text)
    await activate.code(organization, code.text, None, params.Person(ADA), None, None, False, NOW)
    assert (await claimed(organization, code.text)).claim.code_id == code.id


async def non_activated(organization: Organization) -> Code:
    options = generate.CodeOptions(activated=False)
    return (await generate.codes(organization, None, 1, PATTERN, options, False, None, NOW)).codes[0]


@pytest.mark.parametrize("whose", ["code", "promotion"])
@pytest.mark.parametrize(
    ("window", "refusal"),
    [
        (params.Window(starts_at=NOW + timedelta(microseconds=1)), NotStarted),
        (params.Window(starts_at=NOW), None),
        (params.Window(ends_at=NOW), Ended),
        (params.Window(ends_at=NOW + timedelta(microseconds=1)), None),
    ],
)
async def test_windows_are_half_open(
    organization: Organization, whose: str, window: params.Window, refusal: type[refusals.Rule] | None
) -> None:
    """Code and promotion are open from their first instant to just before their end."""
    await make.promotion(organization, "HELLO-15", window=window if whose == "promotion" else params.Window())
    if whose == "code":
        await update.code(organization, "HELLO-15", update.CodeChange(window=window), NOW)
    if refusal is None:
        assert (await claimed(organization)).claim.created_at == NOW
        return
    async with refused(refusal) as no:
        await claimed(organization)
    bound = {NotStarted: window.starts_at, Ended: window.ends_at}[refusal]
    assert bound == (no.value.starts_at if isinstance(no.value, NotStarted) else no.value.ended_at)


async def test_of_two_windows_the_later_start_and_the_earlier_end_count(organization: Organization) -> None:
    """NotStarted names the instant from which both are open, Ended the one at which the first closed."""
    first, second = params.Window(starts_at=NOW + timedelta(hours=1)), params.Window(starts_at=LATER)
    await make.promotion(organization, "HELLO-15", window=first)
    await update.code(organization, "HELLO-15", update.CodeChange(window=second), NOW)
    async with refused(NotStarted) as not_started:
        await claimed(organization)
    assert not_started.value.starts_at == LATER
    first, second = params.Window(ends_at=NOW - timedelta(hours=1)), params.Window(ends_at=NOW - timedelta(hours=2))
    await make.promotion(organization, "OLD", window=first)
    await update.code(organization, "OLD", update.CodeChange(window=second), NOW)
    async with refused(Ended) as ended:
        await claimed(organization, "OLD")
    assert ended.value.ended_at == NOW - timedelta(hours=2)


async def test_a_reserved_code_is_one_customers(organization: Organization) -> None:
    """A reserved code refuses everybody else, whether they are known here or not."""
    await make.code(organization, per_code=None)
    change = update.CodeChange(reserved_for=params.Person(ADA))
    await update.code(organization, "HELLO-15", change, NOW)
    async with refused(ReservedForAnother):
        await claimed(organization, email=BEN)
    assert (await claimed(organization, email="ADA@example.com")).replayed is False


async def test_a_code_linked_to_locations_is_refused_elsewhere(organization: Organization) -> None:
    """Only where the promotion has linked locations is another location wrong; none told is not wrong."""
    for number in (1, 2):
        await create.location(organization, number, f"Shop {number}", False, NOW)
    limits = params.Limits(per_code=None)
    await make.promotion(organization, "HERE", location_numbers=(1,), limits=limits)
    await make.promotion(organization, "ANYWHERE", limits=limits)
    async with refused(WrongLocation):
        await claimed(organization, "HERE", location_number=2)
    assert (await claimed(organization, "HERE", location_number=1)).claim.location_id is not None
    assert (await claimed(organization, "HERE", email=BEN)).claim.location_id is None
    assert (await claimed(organization, "ANYWHERE", location_number=2)).claim.location_id is not None


async def test_a_location_that_does_not_exist_is_invalid_input(organization: Organization) -> None:
    """A location number that names nothing is InvalidInput at that field."""
    await make.code(organization)
    async with refused(InvalidInput) as no:
        await claimed(organization, location_number=9)
    assert no.value.path == ("location_number",)


def costs(minimum: str | None = None, **options: Any) -> params.Discount:
    """15 % off, with a minimum in EUR."""
    money = Money(Decimal(minimum), "EUR") if minimum else None
    return params.Discount(DiscountKind.PERCENTAGE, Decimal(15), minimum_order=money, **options)


async def test_an_order_in_another_currency_is_refused(organization: Organization) -> None:
    """A promotion with amounts takes orders in their currency only."""
    await make.promotion(organization, "HELLO-15", discount=costs("10"))
    async with refused(WrongCurrency) as no:
        await claimed(organization, order=order(total="100", currency="USD"))
    assert no.value.expected == "EUR"


async def test_a_promotion_without_amounts_takes_every_currency(organization: Organization) -> None:
    """A plain percentage holds for an order in any currency."""
    await make.code(organization)
    claim = (await claimed(organization, order=order(total="1000", currency="JPY"))).claim
    assert (claim.order_total, claim.currency, claim.discount) == (1000, "JPY", 150)


@pytest.mark.parametrize("small", [None, order("R-1"), order(total="9.99")])
async def test_an_order_below_the_minimum_or_without_a_total_is_too_small(
    organization: Organization, small: params.Order | None
) -> None:
    """Where a minimum is set an order must be told and reach it."""
    await make.promotion(organization, "HELLO-15", discount=costs("10"))
    async with refused(OrderTooSmall) as no:
        await claimed(organization, order=small)
    assert no.value.minimum == Money(Decimal("10.00"), "EUR")


async def test_an_order_of_exactly_the_minimum_is_enough(organization: Organization) -> None:
    """The minimum itself is not too small."""
    await make.promotion(organization, "HELLO-15", discount=costs("10"))
    assert (await claimed(organization, order=order(total="10.00"))).claim.discount == 150


async def test_a_customer_claims_a_code_once(organization: Organization) -> None:
    """A code is a customer's once unless said otherwise, and the standing claim is told."""
    code = await make.code(organization, per_code=None)
    first = (await claimed(organization)).claim
    async with refused(AlreadyClaimed) as no:
        await claimed(organization)
    assert no.value.claim.id == first.id
    assert (await claimed(organization, email=BEN)).claim.id != first.id
    assert await counts(code) == (2, 2, 2)


async def test_a_customer_reaches_the_limit_of_a_code(organization: Organization) -> None:
    """With a limit above one the customer's last claim too many is CustomerLimitReached with that limit."""
    await make.code(organization, per_code=None, per_customer_and_code=2)
    for _ in range(2):
        await claimed(organization)
    async with refused(CustomerLimitReached) as no:
        await claimed(organization)
    assert no.value.limit == 2


async def test_a_customer_reaches_the_limit_of_a_promotion(organization: Organization) -> None:
    """The limit per customer counts over all codes of the promotion."""
    await make.promotion(organization, "A1", "A2", "A3", limits=params.Limits(per_customer=2))
    await claimed(organization, "A1")
    await claimed(organization, "A2")
    async with refused(CustomerLimitReached) as no:
        await claimed(organization, "A3")
    assert no.value.limit == 2
    assert (await claimed(organization, "A3", email=BEN)).replayed is False


async def test_another_promotions_claims_are_not_counted_against_a_customer(organization: Organization) -> None:
    """The limit per customer is the promotion's own."""
    await make.promotion(organization, "A1", limits=params.Limits(per_customer=1))
    await make.promotion(organization, "B1", limits=params.Limits(per_customer=1))
    await claimed(organization, "A1")
    assert (await claimed(organization, "B1")).replayed is False


async def test_a_code_is_fully_claimed(organization: Organization) -> None:
    """A code's last place is its last."""
    code = await make.code(organization, per_code=2)
    await claimed(organization, email=ADA)
    await claimed(organization, email=BEN)
    async with refused(FullyClaimed) as no:
        await claimed(organization, email=CLEO)
    assert no.value.allowed_claims == 2
    assert await counts(code) == (2, 2, 2)


async def test_a_promotion_is_spent_over_all_its_codes(organization: Organization) -> None:
    """The limit per promotion counts over all of its codes."""
    await make.promotion(organization, "A1", "A2", limits=params.Limits(per_promotion=1))
    await claimed(organization, "A1")
    async with refused(PromotionSpent) as no:
        await claimed(organization, "A2", email=BEN)
    assert no.value.limit == 1


async def test_uses_without_a_limit_are_counted(organization: Organization) -> None:
    """Limit or no limit, every use is counted."""
    code = await make.code(organization, per_code=None, per_customer_and_code=None)
    for _ in range(3):
        await claimed(organization)
    assert await counts(code) == (3, 3, 3)
    assert [row.claims for row in await UsageStat.all()] == [3, 3]
    assert await verify.counters(organization) == []


@pytest.mark.parametrize(
    ("field", "args"),
    [
        (("text",), {"text": " – "}),
        (("text",), {"text": "x" * 101}),
        (("text",), {"text": "a\x00b"}),
        (("customer", "email"), {"email": "ada"}),
        (("order", "total", "amount"), {"order": order(total="1.001")}),
        (("order", "total", "amount"), {"order": order(total="-1")}),
        (("order", "total", "currency"), {"order": order(total="1", currency="XYZ")}),
        (("order", "reference"), {"order": order("r" * 201)}),
        (("order", "quantity"), {"order": params.Order(quantity=-1)}),
        (("idempotency_key",), {"idempotency_key": " "}),
    ],
)
async def test_invalid_input_is_refused_at_its_field(
    organization: Organization, field: tuple[str, ...], args: dict[str, Any]
) -> None:
    """InvalidInput leads to the field, and nothing was claimed."""
    await make.code(organization)
    async with refused(InvalidInput) as no:
        await claimed(organization, **args)
    assert no.value.path == field


# ------------------------------------------------------------------ the first no is the answer


async def unclaimable(organization: Organization) -> Code:
    """A code that every rule says no to, for Ben with an order of 1 USD at location 2."""
    for number in (1, 2):
        await create.location(organization, number, f"Shop {number}", False, NOW)
    await make.promotion(
        organization,
        "A1",
        "A2",
        location_numbers=(1,),
        limits=params.Limits(per_promotion=2, per_code=1, per_customer=1),
    )
    await claimed(organization, "A1", email=BEN)
    await claimed(organization, "A2", email=ADA)
    code = await find.code(organization.id, "A1")
    promotion = params.PromotionRef(id=code.promotion_id)
    change = update.PromotionChange(
        is_enabled=False, window=params.Window(starts_at=LATER), discount=costs("10"), limits=params.Limits()
    )
    await update.promotion(organization, promotion, None, change, NOW)
    window = params.Window(ends_at=NOW)
    reserved = update.CodeChange(window=window, reserved_for=params.Person(CLEO))
    await update.code(organization, "A1", reserved, NOW)
    await Code.filter(id=code.id).update(needs_activation=True)
    return code


LIFTED: list[tuple[type[refusals.Rule], dict[str, Any], dict[str, Any]]] = [
    (Disabled, {}, {"is_enabled": True}),
    (NotActivated, {"activated_at": NOW}, {}),
    (NotStarted, {}, {"starts_at": None}),
    (Ended, {"ends_at": None}, {}),
    (ReservedForAnother, {"reserved_for_id": None}, {}),
    (WrongLocation, {}, {}),
    (WrongCurrency, {}, {}),
    (OrderTooSmall, {}, {}),
    (AlreadyClaimed, {}, {"per_customer_and_code": None}),
    (CustomerLimitReached, {}, {"per_customer": None}),
    (FullyClaimed, {"allowed_claims": None}, {}),
    (PromotionSpent, {}, {"per_promotion": None}),
]


async def test_the_first_no_of_the_documented_order_is_the_answer(organization: Organization) -> None:
    """With every rule against it a claim is refused by the first; as each is lifted, by the next."""
    code = await unclaimable(organization)
    place, its_order = 2, order(total="1", currency="USD")
    for refusal, of_code, of_promotion in LIFTED:
        async with refused(refusal):
            await claimed(organization, "A1", email=BEN, order=its_order, location_number=place)
        if of_code:
            await Code.filter(id=code.id).update(**of_code)
        if of_promotion:
            await Promotion.filter(id=code.promotion_id).update(**of_promotion)
        if refusal is WrongLocation:
            place = 1
        if refusal is WrongCurrency:
            its_order = order(total="1")
        if refusal is OrderTooSmall:
            its_order = order(total="10")
    answer = await claimed(organization, "A1", email=BEN, order=its_order, location_number=place)
    assert (answer.replayed, answer.claim.discount) == (False, 150)
    assert await verify.counters(organization) == []


async def test_nonsense_is_answered_before_the_throttle_and_the_throttle_before_any_rule(
    organization: Organization,
) -> None:
    """InvalidInput comes first, then TooManyAttempts, then what the code says."""
    guard = AttemptGuard(RateLimits(1), organization, "192.0.2.1")
    async with refused(UnknownCode):
        await claimed(organization, "NOPE", guard=guard)
    async with refused(TooManyAttempts):
        await claimed(organization, "NOPE", guard=guard)
    async with refused(InvalidInput):
        await claimed(organization, " ", guard=guard)


async def test_a_replay_is_answered_before_any_rule(organization: Organization) -> None:
    """A retry of a claim that stands is answered with it, though the code could not be claimed any more."""
    await make.code(organization)
    first = await claimed(organization, order=order("R-1"))
    change = update.CodeChange(is_enabled=False, window=params.Window(ends_at=NOW))
    await update.code(organization, "HELLO-15", change, NOW)
    again = await claimed(organization, order=order("R-1"))
    assert (again.claim.id, again.replayed) == (first.claim.id, True)


async def test_a_refusal_carries_the_promotion_it_is_counted_for(organization: Organization) -> None:
    """A rule's no names its promotion, and is tallied under it in the order's currency."""
    code = await make.code(organization)
    await claimed(organization)
    async with refused(AlreadyClaimed) as no:
        await claimed(organization)
    assert no.value.promotion_id == code.promotion_id


# ------------------------------------------------------------------ a retry is the same claim


async def test_the_same_order_gives_back_the_same_claim(organization: Organization) -> None:
    """Code, order reference and customer give back one claim, whatever totals come with the retry."""
    code = await make.code(organization, per_code=None)
    first = await claimed(organization, order=order("R-1", "20"))
    again = await claimed(organization, "hello 15", "ADA@Example.com", order(" R-1 ", "30"), now=LATER)
    assert (again.claim.id, again.replayed) == (first.claim.id, True)
    assert again.exchange_token != first.exchange_token
    claim = await Claim.get(id=first.claim.id)
    assert (claim.order_total, claim.discount, claim.created_at) == (2000, 300, NOW)
    assert await counts(code) == (1, 1, 1)
    assert await verify.counters(organization) == []


async def test_another_customer_on_an_order_is_a_mismatch(organization: Organization) -> None:
    """An order reference of this code is one customer's, known here or not."""
    await make.code(organization, per_code=None)
    await claimed(organization, order=order("R-1"))
    async with refused(IdempotencyMismatch) as no:
        await claimed(organization, email=BEN, order=order("R-1"))
    assert no.value.by_order_reference


async def test_order_references_differ_by_case(organization: Organization) -> None:
    """A reference is the shop's own and is compared exactly."""
    await make.code(organization, per_code=None, per_customer_and_code=None)
    first = await claimed(organization, order=order("r-1"))
    assert (await claimed(organization, order=order("R-1"))).claim.id != first.claim.id


async def test_another_code_on_the_same_order_is_another_claim(organization: Organization) -> None:
    """The natural key of a retry is code and reference together."""
    await make.promotion(organization, "A1", "A2")
    first = await claimed(organization, "A1", order=order("R-1"))
    second = await claimed(organization, "A2", order=order("R-1"))
    assert (second.claim.id != first.claim.id, second.replayed) == (True, False)


async def test_a_released_claim_is_not_replayed(organization: Organization) -> None:
    """After a release the same order takes a place anew."""
    code = await make.code(organization)
    first = await claimed(organization, order=order("R-1"))
    await release.claim(organization, first.claim.id, "cancelled", NOW)
    second = await claimed(organization, order=order("R-1"))
    assert (second.claim.id != first.claim.id, second.replayed) == (True, False)
    assert await counts(code) == (1, 1, 1)
    assert (await claimed(organization, order=order("R-1"))).claim.id == second.claim.id


async def test_a_released_order_may_be_another_customers(organization: Organization) -> None:
    """A released claim holds its order reference no longer."""
    await make.code(organization)
    first = await claimed(organization, order=order("R-1"))
    await release.claim(organization, first.claim.id, "cancelled", NOW)
    assert (await claimed(organization, email=BEN, order=order("R-1"))).replayed is False


async def test_orders_without_a_reference_are_no_retries(organization: Organization) -> None:
    """Without a reference each claim is another."""
    code = await make.code(organization, per_code=None, per_customer_and_code=None)
    for _ in range(2):
        assert (await claimed(organization, order=order(total="5"))).replayed is False
    assert await counts(code) == (2, 2, 2)


# ------------------------------------------------------------------ idempotency keys


async def test_an_idempotency_key_gives_back_the_same_claim_for_a_day(organization: Organization) -> None:
    """The same call with the same key is one claim for 24 hours, and a new one after."""
    code = await make.code(organization, per_code=None, per_customer_and_code=None)
    first = await claimed(organization, idempotency_key="K")
    again = await claimed(organization, idempotency_key=" K ", now=NOW + timedelta(hours=24))
    assert (again.claim.id, again.replayed) == (first.claim.id, True)
    after = await claimed(organization, idempotency_key="K", now=NOW + timedelta(hours=24, microseconds=1))
    assert (after.claim.id != first.claim.id, after.replayed) == (True, False)
    assert await counts(code) == (2, 2, 2)


@pytest.mark.parametrize(
    "args",
    [
        {"text": "A2"},
        {"email": BEN},
        {"order": order("R-1")},
        {"order": order(total="5")},
    ],
)
async def test_an_idempotency_key_is_for_one_call(organization: Organization, args: dict[str, Any]) -> None:
    """A key that was used for another call is a mismatch."""
    await make.promotion(organization, "A1", "A2", limits=params.Limits(per_code=None))
    await claimed(organization, **{"text": "A1", "idempotency_key": "K"})
    async with refused(IdempotencyMismatch) as no:
        await claimed(organization, **{"text": "A1", "idempotency_key": "K", **args})
    assert not no.value.by_order_reference


async def test_a_refused_claim_leaves_its_key_free(organization: Organization) -> None:
    """A refusal takes no key: the same key serves once the code may be claimed."""
    await make.code(organization)
    change = update.CodeChange(is_enabled=False)
    await update.code(organization, "HELLO-15", change, NOW)
    async with refused(Disabled):
        await claimed(organization, idempotency_key="K")
    await update.code(organization, "HELLO-15", update.CodeChange(is_enabled=True), NOW)
    assert (await claimed(organization, idempotency_key="K")).replayed is False


async def test_an_idempotency_key_is_an_organizations_own(organization: Organization) -> None:
    """Two organizations may use one key."""
    other = await make.organization("other", account=2)
    for one in (organization, other):
        await make.code(one)
        assert (await claimed(one, idempotency_key="K")).replayed is False


async def test_the_key_of_a_deleted_claim_is_a_mismatch(organization: Organization) -> None:
    """A key whose claim was deleted can't be answered any more, and claims nothing new by itself."""
    await make.code(organization)
    await claimed(organization, idempotency_key="K")
    await delete.code(organization, "HELLO-15", dry_run=False)
    await make.code(organization)
    async with refused(IdempotencyMismatch):
        await claimed(organization, idempotency_key="K")


async def test_one_key_raced_by_many_tasks_is_one_claim(organization: Organization) -> None:
    """Calls with one key at the same time are one claim and its replays."""
    code = await make.code(organization, per_code=None, per_customer_and_code=None)
    answers = await asyncio.gather(*(claimed(organization, idempotency_key="K") for _ in range(20)))
    assert len({answer.claim.id for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    assert await counts(code) == (1, 1, 1)


# ------------------------------------------------------------------ who a customer is


@pytest.mark.parametrize("email", ["ADA@example.com", "ada@EXAMPLE.com", " ada@example.com\t", "Ada@Example.Com"])
async def test_a_customer_is_one_whatever_the_case_of_the_address(organization: Organization, email: str) -> None:
    """An address is trimmed and compared without regard to case."""
    await make.code(organization, per_code=None)
    await claimed(organization)
    async with refused(AlreadyClaimed):
        await claimed(organization, email=email)
    assert await Customer.all().count() == 1


async def test_a_tagged_address_is_another_customer(organization: Organization) -> None:
    """A +tag is another address, on purpose."""
    code = await make.code(organization, per_code=None)
    await claimed(organization)
    await claimed(organization, email="ada+sale@example.com")
    assert await counts(code) == (2, 2, 2)


async def test_names_are_filled_in_and_not_written_over(organization: Organization) -> None:
    """A later claim adds a missing name and leaves a known one."""
    await make.promotion(organization, "A1", "A2")
    for text, person in (("A1", params.Person(ADA, "Ada")), ("A2", params.Person(ADA, "Adele", "Byron"))):
        await claim.code(organization, text, person, None, None, None, None, RefusalCounter(), NOW)
    customer = await Customer.get()
    assert (customer.first_name, customer.last_name) == ("Ada", "Byron")


# ------------------------------------------------------------------ the exchange token


async def test_an_exchange_token_is_good_once_within_a_minute(organization: Organization) -> None:
    """A claim's token gives the claim once, until just before 60 seconds are over."""
    await make.code(organization)
    answer = await claimed(organization)
    almost = NOW + timedelta(seconds=59, microseconds=999_999)
    exchanged = await exchange.token(organization, answer.exchange_token, almost)
    assert (exchanged.id, exchanged.code.text, exchanged.customer.email) == (answer.claim.id, "HELLO-15", ADA)
    async with refused(UnknownToken):
        await exchange.token(organization, answer.exchange_token, almost)


async def test_an_exchange_token_ends_with_its_minute(organization: Organization) -> None:
    """After 60 seconds a token opens nothing."""
    await make.code(organization)
    answer = await claimed(organization)
    async with refused(UnknownToken):
        await exchange.token(organization, answer.exchange_token, NOW + timedelta(seconds=60))


async def test_a_replay_gives_a_fresh_token_and_ends_the_old(organization: Organization) -> None:
    """Of a claim's tokens only the last is good, for a minute of its own."""
    await make.code(organization)
    first = await claimed(organization, order=order("R-1"))
    again = await claimed(organization, order=order("R-1"), now=LATER)
    async with refused(UnknownToken):
        await exchange.token(organization, first.exchange_token, LATER)
    assert (await exchange.token(organization, again.exchange_token, LATER)).id == first.claim.id


async def test_a_released_claims_token_is_void(organization: Organization) -> None:
    """A token does not open a claim that was given back."""
    await make.code(organization)
    answer = await claimed(organization)
    await release.claim(organization, answer.claim.id, "cancelled", NOW)
    async with refused(UnknownToken):
        await exchange.token(organization, answer.exchange_token, NOW)


async def test_a_token_is_its_organizations_own(organization: Organization) -> None:
    """Another organization's token opens nothing here."""
    other = await make.organization("other", account=2)
    await make.code(other)
    answer = await claimed(other)
    async with refused(UnknownToken):
        await exchange.token(organization, answer.exchange_token, NOW)


async def test_only_a_tokens_hash_is_stored(organization: Organization) -> None:
    """What is in the database opens nothing."""
    await make.code(organization)
    answer = await claimed(organization)
    assert answer.exchange_token not in str(await everything())


# ------------------------------------------------------------------ many at once, in one process


async def test_a_limit_cannot_be_passed_by_many_tasks(organization: Organization) -> None:
    """Fifty tasks on five places are five claims and 45 refusals."""
    code = await make.code(organization, per_code=5)
    answers = await asyncio.gather(
        *(claimed(organization, email=f"c{number}@example.com") for number in range(50)), return_exceptions=True
    )
    assert [type(answer) for answer in answers].count(FullyClaimed) == 45
    assert await counts(code) == (5, 5, 5)
    assert await verify.counters(organization) == []


async def test_refusals_are_noted_for_their_promotion_and_currency(organization: Organization) -> None:
    """Each refused claim is tallied once, under its promotion, an unknown code under none."""
    code = await make.code(organization)
    refusal_counter = RefusalCounter()
    await claimed(organization, refusal_counter=refusal_counter)
    for text, email in (("HELLO-15", ADA), ("HELLO-15", BEN), ("NOPE", BEN)):
        with pytest.raises(refusals.Rule):
            await claimed(organization, text, email, order(total="1"), refusal_counter=refusal_counter)
    noted = {
        (bucket.promotion_id, bucket.currency, reason): count
        for (bucket, reason), count in refusal_counter._counts.items()
        if bucket.level == "DAY"
    }
    assert noted == {
        (code.promotion_id, "EUR", "ALREADY_CLAIMED"): 1,
        (code.promotion_id, "EUR", "FULLY_CLAIMED"): 1,
        (0, "EUR", "UNKNOWN_CODE"): 1,
    }


async def test_a_claims_discount_stays_as_it_was(organization: Organization) -> None:
    """A claim keeps what was taken off, whatever the promotion becomes."""
    code = await make.code(organization)
    first = (await claimed(organization, order=order(total="10"))).claim
    change = update.PromotionChange(discount=params.Discount(value=Decimal(50)))
    await update.promotion(organization, params.PromotionRef(id=code.promotion_id), None, change, NOW)
    claim = await Claim.get(id=first.id)
    assert (claim.discount, claim.discount_value) == (150, 150_000)


def test_a_public_key_sees_a_refusal_as_not_claimable() -> None:
    """A public key hears no rule and nothing of another's order, but what is its own business."""
    rules = [UnknownCode("X"), Disabled(), FullyClaimed(1), IdempotencyMismatch("", by_order_reference=True)]
    assert {refusals.for_public_key(rule).reason for rule in rules} == {"NOT_CLAIMABLE"}
    own = [InvalidInput("", "text"), TooManyAttempts(1), IdempotencyMismatch("")]
    assert [refusals.for_public_key(refusal) for refusal in own] == own
