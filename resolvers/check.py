"""Checks a code: would a claim succeed, and if not, every rule that says no."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.models import Code, Organization
from resolvers import claim, find
from resolvers import guard as guards
from resolvers.claim import batch, state
from resolvers.claim.state import ClaimRequest, ClaimState
from resolvers.domain import money, params, validate
from resolvers.domain.money import Money
from resolvers.domain.refusals import IdempotencyMismatch, InvalidInput, Refusal, TooManyAttempts, UnknownCode
from resolvers.guard import Attempt


@dataclass(frozen=True)
class CheckResult:
    """`discount` is what a claim would take off the order; None without a total or where a rule says no."""

    refusals: Sequence[Refusal]
    discount: Money | None = None
    code: Code | None = None


async def code(
    organization: Organization,
    text: str,
    customer: params.Person | None,
    order: params.Order | None,
    location_number: int | None,
    guard: guards.Guard | None,
    now: datetime,
    proof: str | None = None,
    asked_at: datetime | None = None,
) -> CheckResult:
    """What `claim.code` would answer at `now`; without a customer, what would hold for a new one.

    Nothing is changed, and nothing promised: somebody else may claim in between. What makes no sense is a
    refusal in the answer as well. `proof` is what a TooManyAttempts has asked for, and `asked_at` the present where
    `now` is another moment.
    """
    try:
        request = await _read(organization, text, customer, order, location_number, now, guard is not None)
        guess = Attempt(request.text_key, request.person, request.order.reference, proof, asked_at or now)
        taken = await guard.take(guess) if guard is not None else None
    except (InvalidInput, TooManyAttempts) as refusal:
        return CheckResult([refusal])
    checked = CheckResult([])
    try:
        checked = _look(await batch.read([request]), request)
    finally:
        if taken is not None and not checked.refusals:
            taken.give_back()
    if taken is not None and checked.refusals:
        try:
            await taken.fail()
        except TooManyAttempts as refusal:
            return CheckResult([refusal])
    return checked


def _look(known: ClaimState, request: ClaimRequest) -> CheckResult:
    try:
        found, promotion = known.found(request)
    except UnknownCode as refusal:
        return CheckResult([refusal])
    try:
        if known.standing(request, found) is not None:
            return CheckResult([], code=found)
    except IdempotencyMismatch as refusal:
        return CheckResult([refusal], code=found)
    objections = list(known.objections(request, found, promotion))
    off = None if objections else state.order_discount(promotion, request.order)
    discount = money.of_minor(off, request.order.currency or "") if off is not None else None
    return CheckResult(objections, discount, found)


async def _read(
    organization: Organization,
    text: str,
    customer: params.Person | None,
    order: params.Order | None,
    location_number: int | None,
    now: datetime,
    in_public: bool,
) -> ClaimRequest:
    key = await find.code_key(organization.id, text)
    person = validate.person(customer, "customer") if customer else None
    checked = validate.order(order, "order")
    location = await claim.location_by_number(organization, location_number)
    return ClaimRequest(organization, text, key, person, checked, location, None, now, in_public)
