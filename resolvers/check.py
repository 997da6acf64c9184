"""Checks a code: would a claim succeed, and if not, every rule that refuses it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.models import Code, Organization
from resolvers import find
from resolvers import guard as guards
from resolvers.claim import batch, state
from resolvers.claim.state import ClaimRequest, ClaimState
from resolvers.domain import money, params, validate
from resolvers.domain.money import Money
from resolvers.domain.refusals import IdempotencyMismatch, InvalidInput, Refusal, TooManyAttempts, UnknownCode
from resolvers.guard import Attempt


@dataclass(frozen=True)
class CheckResult:
    """`discount` is what a claim would take off the order; None without a total or where a rule refuses the claim."""

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
    present: datetime | None = None,
) -> CheckResult:
    """The result that `claim.code` would have at `now`; without a customer, for a new one.

    Nothing is changed, and nothing promised: another claim may come in between. Invalid input is a refusal in the
    result as well. `proof` solves the challenge of a TooManyAttempts; `present` is the current time where `now` is
    another moment.
    """
    try:
        request = await _request(organization, text, customer, order, location_number, now, guard is not None)
        attempt = Attempt(request.text_key, request.person, request.order.reference, proof, present or now)
        pending = await guard.take(attempt) if guard is not None else None
    except (InvalidInput, TooManyAttempts) as refusal:
        return CheckResult([refusal])
    result = CheckResult([])
    try:
        result = _result(await batch.read([request]), request)
    finally:
        if pending is not None and not result.refusals:
            pending.give_back()
    if pending is not None and result.refusals:
        try:
            await pending.fail()
        except TooManyAttempts as refusal:
            return CheckResult([refusal])
    return result


def _result(read: ClaimState, request: ClaimRequest) -> CheckResult:
    try:
        code, promotion = read.code_and_promotion(request)
    except UnknownCode as refusal:
        return CheckResult([refusal])
    try:
        if read.standing(request, code) is not None:
            return CheckResult([], code=code)
    except IdempotencyMismatch as refusal:
        return CheckResult([refusal], code=code)
    objections = list(read.objections(request, code, promotion))
    off = None if objections else state.order_discount(promotion, request.order)
    discount = money.of_minor(off, request.order.currency or "") if off is not None else None
    return CheckResult(objections, discount, code)


async def _request(
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
    valid_order = validate.order(order, "order")
    location = await find.location(organization.id, location_number)
    return ClaimRequest(organization, text, key, person, valid_order, location, None, now, in_public)
