"""Pure rules: the status of codes and promotions, and every reason why a code can't be claimed. Time is an argument."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from db.models import Claim, Code, Promotion
from resolvers.domain import money, refusals
from resolvers.domain.validate import ValidOrder


def is_open(starts_at: datetime | None, ends_at: datetime | None, at: datetime) -> bool:
    """Whether an instant is in a half-open window."""
    return (starts_at is None or starts_at <= at) and (ends_at is None or at < ends_at)


def window(code: Code, promotion: Promotion) -> tuple[datetime | None, datetime | None]:
    """The half-open window in which a code can be claimed: the intersection of its own and its promotion's."""
    starts = [at for at in (code.starts_at, promotion.starts_at) if at is not None]
    ends = [at for at in (code.ends_at, promotion.ends_at) if at is not None]
    return max(starts, default=None), min(ends, default=None)


def is_unfinished(code: Code, promotion: Promotion) -> bool:
    """Whether the job that makes a code is unfinished: until it is done the code counts as disabled."""
    return code.job_id is not None and code.job_id == promotion.unfinished_job_id


def promotion_status(promotion: Promotion, now: datetime) -> str:
    """DISABLED, SCHEDULED, ENDED or SPENT, the first that holds; else ACTIVE."""
    if not promotion.is_enabled:
        return "DISABLED"
    if promotion.starts_at is not None and now < promotion.starts_at:
        return "SCHEDULED"
    if promotion.ends_at is not None and promotion.ends_at <= now:
        return "ENDED"
    spent = promotion.per_promotion is not None and promotion.claim_count >= promotion.per_promotion
    return "SPENT" if spent else "ACTIVE"


_STATUS_OF = {
    refusals.Disabled: "DISABLED",
    refusals.NotActivated: "NOT_ACTIVATED",
    refusals.NotStarted: "SCHEDULED",
    refusals.Ended: "EXPIRED",
}


def code_status(code: Code, promotion: Promotion, now: datetime) -> str:
    """DISABLED, NOT_ACTIVATED, SCHEDULED, EXPIRED or EXHAUSTED, the first that holds; else CLAIMABLE."""
    for refusal in switches(code, promotion, now):
        return _STATUS_OF[type(refusal)]
    return "EXHAUSTED" if any(_places(code, promotion)) else "CLAIMABLE"


# ------------------------------------------------------------------ objections to a claim


class ClaimFacts(NamedTuple):
    """The facts of a claim that the rules need: customer, order, location, and the customer's standing claims.

    With `is_anonymous` the rules are those that hold for anybody; a customer without an id is new.
    """

    is_anonymous: bool
    customer_id: int | None
    order: ValidOrder
    location_id: int | None
    claims_of_code: int
    claims_of_promotion: int
    standing: Claim | None


def objections(
    code: Code, promotion: Promotion, location_ids: set[int], facts: ClaimFacts, now: datetime
) -> Iterator[refusals.Rule]:
    """Every rule that refuses the claim, in the one documented order; none when the code may be claimed."""
    for refusal in _objections(code, promotion, location_ids, facts, now):
        refusal.promotion_id = promotion.id
        yield refusal


def _objections(
    code: Code, promotion: Promotion, location_ids: set[int], facts: ClaimFacts, now: datetime
) -> Iterator[refusals.Rule]:
    yield from switches(code, promotion, now)
    reserved = code.reserved_for_id is not None and code.reserved_for_id != facts.customer_id
    if reserved and not facts.is_anonymous:
        yield refusals.ReservedForAnother()
    if location_ids and facts.location_id is not None and facts.location_id not in location_ids:
        yield refusals.WrongLocation()
    yield from _money(promotion, facts.order)
    yield from _limits(code, promotion, facts)


def switches(code: Code, promotion: Promotion, now: datetime) -> Iterator[refusals.Rule]:
    """The rules that depend on code, promotion and time alone, not on the customer or the order."""
    if not (code.is_enabled and promotion.is_enabled) or is_unfinished(code, promotion):
        yield refusals.Disabled()
    if code.needs_activation and code.activated_at is None:
        yield refusals.NotActivated()
    starts_at, ends_at = window(code, promotion)
    if starts_at is not None and now < starts_at:
        yield refusals.NotStarted(starts_at)
    if ends_at is not None and ends_at <= now:
        yield refusals.Ended(ends_at)


def final_objections(code: Code, promotion: Promotion, now: datetime) -> Iterator[refusals.Rule]:
    """The reasons why a code can't be claimed any more unless it is changed: disabled, ended or used up."""
    final = (refusals.Disabled, refusals.Ended)
    yield from (refusal for refusal in switches(code, promotion, now) if isinstance(refusal, final))
    yield from _places(code, promotion)


def _money(promotion: Promotion, order: ValidOrder) -> Iterator[refusals.Rule]:
    if promotion.currency and order.currency and order.currency != promotion.currency:
        yield refusals.WrongCurrency(promotion.currency)
    elif promotion.minimum_order and (order.total is None or order.total < promotion.minimum_order):
        yield refusals.OrderTooSmall(money.of_minor(promotion.minimum_order, promotion.currency or ""))


def _limits(code: Code, promotion: Promotion, facts: ClaimFacts) -> Iterator[refusals.Rule]:
    per_code = promotion.per_customer_and_code
    if per_code is not None and facts.claims_of_code >= per_code:
        if per_code == 1 and facts.standing is not None:
            yield refusals.AlreadyClaimed(facts.standing)
        else:
            yield refusals.CustomerLimitReached(per_code)
    if promotion.per_customer is not None and facts.claims_of_promotion >= promotion.per_customer:
        yield refusals.CustomerLimitReached(promotion.per_customer)
    yield from _places(code, promotion)


def _places(code: Code, promotion: Promotion) -> Iterator[refusals.Rule]:
    if code.allowed_claims is not None and code.claim_count >= code.allowed_claims:
        yield refusals.FullyClaimed(code.allowed_claims)
    if promotion.per_promotion is not None and promotion.claim_count >= promotion.per_promotion:
        yield refusals.PromotionSpent(promotion.per_promotion)
