"""Measures what claims amount to: sums that were kept while claiming, read a bucket and currency at a time."""

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from db.models import Organization, UsageLevel
from db.queries import claims, usage
from db.queries.usage import NOTHING, Share
from resolvers import buckets, money, sense
from resolvers.buckets import Size
from resolvers.refusals import InvalidInput

MOST_ROWS = 10_000


@dataclass(frozen=True)
class Asked:
    """Which buckets; `start` and `end` are widened to whole ones. Absent: from the first use to now."""

    size: Size = Size.TOTAL
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Measured:
    """One bucket in one currency; None for claims and refusals whose order total was not told."""

    start: datetime
    end: datetime
    currency: str | None
    share: Share
    refusals: dict[str, int]
    customers: int | None

    def amount(self, minor: int) -> Decimal:
        """A sum with its currency's decimals."""
        return money.of_minor(minor, self.currency).amount if self.currency else Decimal(0)


async def organization_usage(
    organization: Organization, asked: Asked, with_customers: bool, now: datetime
) -> list[Measured]:
    """What all promotions of an organization, deleted ones included, have brought. Raises InvalidInput."""
    return await _measure(organization, None, asked, with_customers, now)


async def promotion_usage(
    organization: Organization, promotion_id: int, asked: Asked, with_customers: bool, now: datetime
) -> list[Measured]:
    """What one promotion has brought. Raises InvalidInput."""
    return await _measure(organization, promotion_id, asked, with_customers, now)


async def _measure(
    organization: Organization, promotion_id: int | None, asked: Asked, with_customers: bool, now: datetime
) -> list[Measured]:
    start = asked.start or await usage.first_hour(organization.id, promotion_id) or now
    end = now + timedelta(microseconds=1) if asked.end is None else asked.end  # what happens now is in it
    if asked.end is not None and end <= start:
        raise InvalidInput("`to` must be after `from`.", "to")
    bounds = _bounds(asked.size, start, end, organization.time_zone)
    unbounded = asked.start is None and asked.end is None
    level = UsageLevel.HOUR if asked.size is Size.HOUR or not (unbounded or _is_of_days(asked)) else UsageLevel.DAY
    first = buckets.start(Size(level), bounds[0], organization.time_zone)
    shares: dict[tuple[int, str], Share] = defaultdict(lambda: NOTHING)
    refused: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for row in await usage.between(organization.id, promotion_id, level, first, bounds[-1]):
        place = max(0, bisect_right(bounds, row.starts_at) - 1)
        shares[place, row.currency] += Share(row.claims, row.order_total, row.order_quantity, row.discount_total)
    for no in await usage.refusals_between(organization.id, promotion_id, level, first, bounds[-1]):
        refused[max(0, bisect_right(bounds, no.starts_at) - 1), no.currency][no.reason] += no.count
    currencies = sorted({currency for _, currency in shares.keys() | refused.keys()}) or [""]
    if len(currencies) * (len(bounds) - 1) > MOST_ROWS:
        raise _too_many()
    return [
        Measured(
            start=bounds[place],
            end=bounds[place + 1],
            currency=currency or None,
            share=shares.get((place, currency), NOTHING),
            refusals=dict(refused.get((place, currency), {})),
            customers=(
                await claims.distinct_customers(
                    organization.id, promotion_id, currency or None, bounds[place], bounds[place + 1]
                )
                if with_customers and (place, currency) in shares
                else 0
            ),
        )
        for place in range(len(bounds) - 1)
        for currency in currencies
    ]


def _is_of_days(asked: Asked) -> bool:
    return asked.size in (Size.DAY, Size.WEEK, Size.MONTH)


def _bounds(size: Size, start: datetime, end: datetime, zone: str) -> list[datetime]:
    """Where each bucket begins, and at last where the last one ends."""
    sense.in_range(start, "from")
    sense.in_range(end, "to")
    bounds = [buckets.start(size, start, zone)]
    if size is Size.TOTAL:
        closed = buckets.start(size, end, zone)
        return [*bounds, closed if closed == end and end > bounds[0] else buckets.end(size, closed, zone)]
    while bounds[-1] < end or len(bounds) == 1:
        bounds.append(buckets.end(size, bounds[-1], zone))
        if len(bounds) > MOST_ROWS + 1:
            raise _too_many()
    return bounds


def _too_many() -> InvalidInput:
    return InvalidInput(f"These are more than {MOST_ROWS} rows: ask for a shorter time or larger buckets.", "bucket")
