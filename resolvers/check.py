"""Checks a code: would a claim succeed, and if not, every rule that says no."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.models import Code, Organization
from db.queries import claims, codes, customers, locations, promotions
from resolvers import claim, money, rules, sense, terms
from resolvers.money import Money
from resolvers.refusals import IdempotencyMismatch, InvalidInput, Refusal, TooManyAttempts, UnknownCode


@dataclass(frozen=True)
class Checked:
    """`discount` is what a claim would take off the order; None without a total or where a rule says no."""

    refusals: Sequence[Refusal]
    discount: Money | None = None
    code: Code | None = None


async def code(
    organization: Organization,
    text: str,
    customer: terms.Person | None,
    order: terms.Order | None,
    location_number: int | None,
    guard: claim.Guard | None,
    now: datetime,
) -> Checked:
    """What `claim.code` would answer at `now`; without a customer, what would hold for a new one.

    Nothing is changed, and nothing promised: somebody else may claim in between. What makes no sense is a
    refusal in the answer as well.
    """
    try:
        key, email_key, checked = _read(text, customer, order)
        location = await claim.place(organization, location_number)
        if guard is not None:
            guard.check()
    except (InvalidInput, TooManyAttempts) as refusal:
        return Checked([refusal])
    found = await codes.by_text(organization.id, key)
    promotion = await promotions.by_id(organization.id, found.promotion_id) if found else None
    if found is None or promotion is None:
        if guard is not None:
            guard.fail()
        return Checked([UnknownCode(text)])
    standing = await _standing(organization.id, found, email_key, checked)
    if standing is not None:
        if standing and guard is not None:
            guard.fail()
        return Checked(standing, code=found)
    asked = await claim.asked_by(organization.id, email_key, promotion, found.id, checked, location)
    linked = await locations.ids_of_promotion(promotion.id)
    objections = list(rules.objections(found, promotion, linked, asked, now))
    if objections and guard is not None:
        guard.fail()
    off = None if objections else claim.taken_off(promotion, checked)
    discount = money.of_minor(off, checked.currency or "") if off is not None else None
    return Checked(objections, discount, found)


def _read(
    text: str, customer: terms.Person | None, order: terms.Order | None
) -> tuple[str, str | None, sense.CheckedOrder]:
    _, key = sense.code_text(text, "text")
    email_key = sense.person(customer, "customer").email_key if customer else None
    return key, email_key, sense.order(order, "order")


async def _standing(
    organization_id: int, found: Code, email_key: str | None, order: sense.CheckedOrder
) -> list[Refusal] | None:
    """What a claim that stands on this order already means: none stands (None), a replay ([]), or a mismatch."""
    if order.reference is None or email_key is None:
        return None
    standing = await claims.standing_on_order(organization_id, found.id, order.reference)
    if standing is None:
        return None
    customer = await customers.by_email(organization_id, email_key)
    if customer is not None and customer.id == standing.customer_id:
        return []
    return [IdempotencyMismatch("Another customer has claimed this code with this order.", by_order_reference=True)]
