"""Checking: what a claim would be answered, with every rule that says no."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from db.models import Organization
from resolvers import check, claim, update
from resolvers.check import CheckResult
from resolvers.domain import params
from resolvers.domain.money import Money
from resolvers.domain.refusals import CustomerLimitReached, InvalidInput, Refusal, TooManyAttempts, UnknownCode
from resolvers.refusal_counter import RefusalCounter
from schema.rate_limit import AttemptGuard, RateLimits
from tests import make
from tests.make import NOW, claimed, order
from tests.resolvers.claim.test_claim import BEN, unclaimable
from tests.resolvers.refused import everything

ADA = params.Person("ada@example.com")


async def checked(organization: Organization, text: str = "HELLO-15", **more: Any) -> CheckResult:
    args = {"customer": ADA, "order": None, "location_number": None, "guard": None, "now": NOW, **more}
    return await check.code(organization, text, **args)


def names(answer: CheckResult) -> list[str]:
    return [type(refusal).__name__ for refusal in answer.refusals]


async def test_every_rule_that_says_no_is_named_in_order(organization: Organization) -> None:
    """A code that everything speaks against is refused by every rule, in the order in which a claim asks."""
    await unclaimable(organization)
    args = {"customer": params.Person(BEN), "order": order(total="1", currency="USD"), "location_number": 2}
    before = await everything()
    answer = await checked(organization, "A1", **args)
    assert names(answer) == [
        "Disabled",
        "NotActivated",
        "NotStarted",
        "Ended",
        "ReservedForAnother",
        "WrongLocation",
        "WrongCurrency",
        "AlreadyClaimed",
        "CustomerLimitReached",
        "FullyClaimed",
        "PromotionSpent",
    ]
    assert answer.discount is None
    assert await everything() == before
    small = await checked(organization, "A1", **{**args, "order": order(total="1")})
    assert names(small)[6] == "OrderTooSmall"


async def test_a_claimable_code_shows_the_discount(organization: Organization) -> None:
    """The discount is that of the claim, in the order's currency; without a total there is none."""
    code = await make.code(organization)
    answer = await checked(organization, "hello 15", order=order(total="33.35"))
    assert answer.code is not None
    assert (names(answer), answer.discount, answer.code.id) == ([], Money(Decimal("5.00"), "EUR"), code.id)
    assert (await checked(organization)).discount is None


async def test_without_a_customer_it_is_what_holds_for_anybody(organization: Organization) -> None:
    """Nobody in particular has no claims and is not shut out by a reservation."""
    await make.code(organization, per_code=None)
    await claimed(organization)
    await update.code(organization, "HELLO-15", update.CodeChange(reserved_for=ADA), NOW)
    assert names(await checked(organization)) == ["AlreadyClaimed"]
    assert names(await checked(organization, customer=None)) == []
    assert names(await checked(organization, customer=params.Person(BEN))) == ["ReservedForAnother"]


async def test_a_claim_that_stands_on_the_order_is_answered_as_its_retry(organization: Organization) -> None:
    """The same order is claimable by its customer, and another's is a mismatch and nothing else."""
    await make.code(organization)
    await claimed(organization, order=order("R-1"))
    assert names(await checked(organization, order=order("R-1"))) == []
    mine = await checked(organization, order=order("R-1"), customer=params.Person(BEN))
    assert names(mine) == ["IdempotencyMismatch"]


async def test_another_moment_may_be_checked(organization: Organization) -> None:
    """Windows are compared with the moment that is given."""
    await make.promotion(organization, "HELLO-15", window=params.Window(starts_at=NOW + timedelta(days=1)))
    assert names(await checked(organization)) == ["NotStarted"]
    assert names(await checked(organization, now=NOW + timedelta(days=1))) == []


async def test_two_limits_of_a_customer_are_two_noes(organization: Organization) -> None:
    """The limit a code and the limit over the promotion each name their number."""
    await make.code(organization, per_code=None, per_customer=3, per_customer_and_code=2)
    await claimed(organization)
    await claimed(organization)
    [no] = (await checked(organization)).refusals
    assert isinstance(no, CustomerLimitReached)
    assert no.limit == 2


async def test_guesses_by_checking_are_counted_too(organization: Organization) -> None:
    """An unknown code, and a rule's no, count against whoever guesses; then it is TooManyAttempts."""
    code = await make.code(organization)
    guard = AttemptGuard(RateLimits(2), organization, "192.0.2.1")
    assert names(await checked(organization, guard=guard)) == []
    assert names(await checked(organization, "NOPE", guard=guard)) == ["UnknownCode"]
    await update.code(organization, code.text, update.CodeChange(is_enabled=False), NOW)
    assert names(await checked(organization, guard=guard)) == ["Disabled"]
    [no] = (await checked(organization, guard=guard)).refusals
    assert isinstance(no, TooManyAttempts)


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"text": " "},
        {"text": "NOPE"},
        {"email": "ada"},
        {"email": BEN},
        {"order": order("R-1")},
        {"order": order("R-1"), "email": BEN},
        {"order": order(total="1.001")},
        {"location_number": 9},
        {"person": params.Person("ada@example.com", "x" * 201)},
        {"person": params.Person("ada@example.com", None, "a\x00")},
    ],
)
async def test_the_first_no_is_the_claims(organization: Organization, args: dict[str, Any]) -> None:
    """What is checked is answered first with what a claim is then refused by, nonsense included."""
    await make.code(organization, per_code=2)
    await claimed(organization, order=order("R-1"))
    person = args.get("person", params.Person(args.get("email", "ada@example.com")))
    text, its_order, place = args.get("text", "HELLO-15"), args.get("order"), args.get("location_number")
    answer = await checked(organization, text, customer=person, order=its_order, location_number=place)
    try:
        await claim.code(organization, text, person, its_order, place, None, None, RefusalCounter(), NOW)
        claim_refusal: Refusal | None = None
    except Refusal as refusal:
        claim_refusal = refusal
    first = answer.refusals[0] if answer.refusals else None
    assert (type(first), getattr(first, "path", None)) == (type(claim_refusal), getattr(claim_refusal, "path", None))


async def test_invalid_input_is_a_result(organization: Organization) -> None:
    """Nonsense is told in the answer, and tells nothing of a code."""
    [no] = (await checked(organization, " ")).refusals
    assert isinstance(no, InvalidInput)
    [unknown] = (await checked(organization, "Nope 1")).refusals
    assert isinstance(unknown, UnknownCode)
    assert unknown.text == "Nope 1"
