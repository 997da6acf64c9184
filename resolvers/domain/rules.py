"""Pure rules: windows, and every reason why a code can't be claimed. Time is an argument.

The statuses that the reasons follow from are db/statuses.py's.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from db import statuses
from db.enums import CodeStatus, PromotionStatus
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


SWITCHES = (CodeStatus.DISABLED, CodeStatus.NOT_ACTIVATED, CodeStatus.SCHEDULED, CodeStatus.EXPIRED)
"""Statuses that depend on code, promotion and time alone, not on the claims."""

FINAL = (CodeStatus.DISABLED, CodeStatus.EXPIRED, CodeStatus.EXHAUSTED)
"""Statuses in which a code stays unless it is changed."""


def switches(code: Code, promotion: Promotion, now: datetime) -> Iterator[refusals.Rule]:
    """The refusals of SWITCHES that hold."""
    return _refusals_of(SWITCHES, code, promotion, now)


def final_objections(code: Code, promotion: Promotion, now: datetime) -> Iterator[refusals.Rule]:
    """The refusals of FINAL that hold."""
    return _refusals_of(FINAL, code, promotion, now)


def promotion_objections(promotion: Promotion, now: datetime) -> Iterator[refusals.Rule]:
    """The reasons why a promotion gives out no codes for use: disabled, ended or spent. One that starts later does."""
    for status in statuses.all_of_promotion(promotion, now):
        if status is PromotionStatus.DISABLED:
            yield refusals.Disabled()
        elif status is PromotionStatus.ENDED and promotion.ends_at is not None:
            yield refusals.Ended(promotion.ends_at)
        elif status is PromotionStatus.SPENT and promotion.per_promotion is not None:
            yield refusals.PromotionSpent(promotion.per_promotion)


def _refusals_of(
    wanted: Collection[CodeStatus], code: Code, promotion: Promotion, now: datetime
) -> Iterator[refusals.Rule]:
    for status in statuses.all_of_code(code, promotion, now):
        if status in wanted:
            yield from _REFUSALS[status](code, promotion)


def _not_started(code: Code, promotion: Promotion) -> Iterator[refusals.Rule]:
    starts_at, _ = window(code, promotion)
    if starts_at is not None:
        yield refusals.NotStarted(starts_at)


def _ended(code: Code, promotion: Promotion) -> Iterator[refusals.Rule]:
    _, ends_at = window(code, promotion)
    if ends_at is not None:
        yield refusals.Ended(ends_at)


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
    if code.allowed_claims is not None and statuses.is_full(code):
        yield refusals.FullyClaimed(code.allowed_claims)
    if promotion.per_promotion is not None and statuses.is_spent(promotion):
        yield refusals.PromotionSpent(promotion.per_promotion)


_REFUSALS: dict[CodeStatus, Callable[[Code, Promotion], Iterable[refusals.Rule]]] = {
    CodeStatus.DISABLED: lambda _code, _promotion: [refusals.Disabled()],
    CodeStatus.NOT_ACTIVATED: lambda _code, _promotion: [refusals.NotActivated()],
    CodeStatus.SCHEDULED: _not_started,
    CodeStatus.EXPIRED: _ended,
    CodeStatus.EXHAUSTED: _places,
}
"""The refusals of each status of a code but CLAIMABLE."""
