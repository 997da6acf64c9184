"""The statuses of claims, codes and promotions, decided here and nowhere else: of rows in Python, of tables in SQL.

Each status stands once, with its condition in both languages beside each other; tests/db/test_statuses.py compares
them. A code's and a promotion's are ordered tables: the first status whose condition holds is the row's.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from tortoise.expressions import Case, F, Q, When

from db.enums import ClaimStatus, CodeStatus, PromotionStatus
from db.models import Claim, Code, Promotion

# ------------------------------------------------------------------ claims

STANDING_SQL = "claim.released_at IS NULL"
"""The condition that a claim stands, in SQL over the table `claim`."""

STANDING = Q(released_at__isnull=True)
"""The same as a filter of claims."""

_CLAIMS = {ClaimStatus.CLAIMED: STANDING, ClaimStatus.RELEASED: Q(released_at__isnull=False)}


def stands(claim: Claim) -> bool:
    """Whether a claim counts in limits and counters, is replayed and can be exchanged.

    One that doesn't stand has no `order_key` either, by which the claim of an order is found.
    """
    return claim.released_at is None


def of_claim(claim: Claim) -> ClaimStatus:
    """The status of a claim."""
    return ClaimStatus.CLAIMED if stands(claim) else ClaimStatus.RELEASED


def claim_filter(statuses: Collection[ClaimStatus]) -> Q:
    """The filter of claims with one of these statuses; all statuses filter nothing."""
    wanted = [condition for status, condition in _CLAIMS.items() if status in statuses]
    if not wanted:
        return Q(id__in=[])
    return Q() if len(wanted) == len(_CLAIMS) else Q(*wanted, join_type=Q.OR)


# ------------------------------------------------------------------ promotions


def is_spent(promotion: Promotion) -> bool:
    """Whether a promotion has as many claims as it may have."""
    return promotion.per_promotion is not None and promotion.claim_count >= promotion.per_promotion


class _PromotionRule(NamedTuple):
    """A status with its condition: of a row at an instant, and as a filter of promotions."""

    status: PromotionStatus
    holds: Callable[[Promotion, datetime], bool]
    condition: Callable[[datetime], Q]


_PROMOTIONS = (
    _PromotionRule(
        PromotionStatus.DISABLED,
        lambda promotion, _now: not promotion.is_enabled,
        lambda _now: Q(is_enabled=False),
    ),
    _PromotionRule(
        PromotionStatus.SCHEDULED,
        lambda promotion, now: _is_after(promotion.starts_at, now),
        lambda now: Q(starts_at__gt=now),
    ),
    _PromotionRule(
        PromotionStatus.ENDED,
        lambda promotion, now: _is_reached(promotion.ends_at, now),
        lambda now: Q(ends_at__lte=now),
    ),
    _PromotionRule(
        PromotionStatus.SPENT,
        lambda promotion, _now: is_spent(promotion),
        lambda _now: Q(per_promotion__not_isnull=True, claim_count__gte=F("per_promotion")),
    ),
)


def all_of_promotion(promotion: Promotion, now: datetime) -> Iterator[PromotionStatus]:
    """Every status that holds of a promotion besides ACTIVE, in the documented order."""
    for status, holds, _ in _PROMOTIONS:
        if holds(promotion, now):
            yield status


def of_promotion(promotion: Promotion, now: datetime) -> PromotionStatus:
    """The status of a promotion: the first of `all_of_promotion`, else ACTIVE."""
    return next(all_of_promotion(promotion, now), PromotionStatus.ACTIVE)


def promotion_case(now: datetime) -> Case:
    """The status of each promotion of a query, in SQL."""
    return _case(_PROMOTIONS, PromotionStatus.ACTIVE, now)


# ------------------------------------------------------------------ codes


def is_unfinished(code: Code, promotion: Promotion) -> bool:
    """Whether the job that makes a code is unfinished: until it is done the code counts as disabled."""
    return code.job_id is not None and code.job_id == promotion.unfinished_job_id


def is_full(code: Code) -> bool:
    """Whether a code has as many claims as it may have."""
    return code.allowed_claims is not None and code.claim_count >= code.allowed_claims


class _CodeRule(NamedTuple):
    """A status with its condition: of a row and its promotion at an instant, and as a filter of codes."""

    status: CodeStatus
    holds: Callable[[Code, Promotion, datetime], bool]
    condition: Callable[[datetime], Q]


_CODES = (
    _CodeRule(
        CodeStatus.DISABLED,
        lambda code, promotion, _now: not code.is_enabled or not promotion.is_enabled or is_unfinished(code, promotion),
        lambda _now: Q(is_enabled=False) | Q(promotion__is_enabled=False) | Q(job_id=F("promotion__unfinished_job_id")),
    ),
    _CodeRule(
        CodeStatus.NOT_ACTIVATED,
        lambda code, _promotion, _now: code.needs_activation and code.activated_at is None,
        lambda _now: Q(needs_activation=True, activated_at__isnull=True),
    ),
    _CodeRule(
        CodeStatus.SCHEDULED,
        lambda code, promotion, now: _is_after(code.starts_at, now) or _is_after(promotion.starts_at, now),
        lambda now: Q(starts_at__gt=now) | Q(promotion__starts_at__gt=now),
    ),
    _CodeRule(
        CodeStatus.EXPIRED,
        lambda code, promotion, now: _is_reached(code.ends_at, now) or _is_reached(promotion.ends_at, now),
        lambda now: Q(ends_at__lte=now) | Q(promotion__ends_at__lte=now),
    ),
    _CodeRule(
        CodeStatus.EXHAUSTED,
        lambda code, promotion, _now: is_full(code) or is_spent(promotion),
        lambda _now: (
            Q(allowed_claims__not_isnull=True, claim_count__gte=F("allowed_claims"))
            | Q(promotion__per_promotion__not_isnull=True, promotion__claim_count__gte=F("promotion__per_promotion"))
        ),
    ),
)


def all_of_code(code: Code, promotion: Promotion, now: datetime) -> Iterator[CodeStatus]:
    """Every status that holds of a code besides CLAIMABLE, in the documented order."""
    for status, holds, _ in _CODES:
        if holds(code, promotion, now):
            yield status


def of_code(code: Code, promotion: Promotion, now: datetime) -> CodeStatus:
    """The status of a code: the first of `all_of_code`, else CLAIMABLE."""
    return next(all_of_code(code, promotion, now), CodeStatus.CLAIMABLE)


def code_case(now: datetime) -> Case:
    """The status of each code of a query, in SQL; the query must join the promotions."""
    return _case(_CODES, CodeStatus.CLAIMABLE, now)


# ------------------------------------------------------------------ both


def _is_after(at: datetime | None, now: datetime) -> bool:
    return at is not None and now < at


def _is_reached(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def _case(rules: Sequence[_PromotionRule | _CodeRule], otherwise: CodeStatus | PromotionStatus, now: datetime) -> Case:
    whens = (When(rule.condition(now), then=rule.status.value) for rule in rules)
    return Case(*whens, default=otherwise.value)
