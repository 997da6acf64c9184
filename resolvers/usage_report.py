"""Measures what claims amount to: sums that were kept while claiming, read a bucket and currency at a time."""

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from db.enums import UsageLevel
from db.models import Organization, RefusalStat, UsageStat
from db.queries import claims, usage
from db.values import NOTHING, Share
from resolvers.domain import money, usage_buckets
from resolvers.domain.refusals import InvalidInput
from resolvers.domain.usage_buckets import BucketSize

MAX_ROWS = 10_000
EARLIEST, LATEST = datetime(1, 3, 1, tzinfo=UTC), datetime(9999, 10, 31, tzinfo=UTC)
"""Between these every bucket begins and ends within the calendar, in every zone."""


@dataclass(frozen=True)
class UsageQuery:
    """Which buckets; `start` and `end` are widened to whole ones. Absent: from the first use to now."""

    size: BucketSize = BucketSize.TOTAL
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class UsageRow:
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
    organization: Organization, asked: UsageQuery, with_customers: bool, now: datetime
) -> list[UsageRow]:
    """What all promotions of an organization, deleted ones included, have brought. Raises InvalidInput."""
    return await _measure(organization, None, asked, with_customers, now)


async def promotion_usage(
    organization: Organization, promotion_id: int, asked: UsageQuery, with_customers: bool, now: datetime
) -> list[UsageRow]:
    """What one promotion has brought. Raises InvalidInput."""
    return await _measure(organization, promotion_id, asked, with_customers, now)


async def _measure(
    organization: Organization, promotion_id: int | None, asked: UsageQuery, with_customers: bool, now: datetime
) -> list[UsageRow]:
    start = asked.start or await usage.first_hour(organization.id, promotion_id) or now
    end = now + timedelta(microseconds=1) if asked.end is None else asked.end  # what happens now is in it
    if asked.end is not None and end <= start:
        raise InvalidInput("`to` must be after `from`.", "to")
    bounds = _bounds(asked.size, start, end, organization.time_zone)
    level = _level(asked)
    first = usage_buckets.start(BucketSize(level), bounds[0], organization.time_zone)
    whose = (organization.id, promotion_id)
    shares = _shares(bounds, await usage.between(*whose, level, first, bounds[-1]))
    refused = _refused(bounds, await usage.refusals_between(*whose, level, first, bounds[-1]))
    currencies = sorted({currency for _, currency in shares.keys() | refused.keys()}) or [""]
    if len(currencies) * (len(bounds) - 1) > MAX_ROWS:
        raise _too_many()
    measured = []
    for place, (begins, ends) in enumerate(pairwise(bounds)):
        for currency in currencies:
            asks = with_customers and (place, currency) in shares
            people = await claims.distinct_customers(*whose, currency or None, begins, ends) if asks else 0
            share, no = shares.get((place, currency), NOTHING), refused.get((place, currency), Counter())
            measured.append(UsageRow(begins, ends, currency or None, share, dict(no), people))
    return measured


def _shares(bounds: list[datetime], rows: list[UsageStat]) -> dict[tuple[int, str], Share]:
    """The sums by the place of their bucket and by currency."""
    shares: dict[tuple[int, str], Share] = defaultdict(lambda: NOTHING)
    for row in rows:
        shares[_place(bounds, row.starts_at), row.currency] += usage.total_share(row)
    return shares


def _refused(bounds: list[datetime], rows: list[RefusalStat]) -> dict[tuple[int, str], Counter[str]]:
    """The refusals by the place of their bucket and by currency, counted by reason."""
    refused: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        refused[_place(bounds, row.starts_at), row.currency][row.reason] += row.count
    return refused


def _place(bounds: list[datetime], starts_at: datetime) -> int:
    return max(0, bisect_right(bounds, starts_at) - 1)


def _level(asked: UsageQuery) -> UsageLevel:
    """Whose sums are read: days make up whole days and all time, hours the rest."""
    of_days = asked.size in (BucketSize.DAY, BucketSize.WEEK, BucketSize.MONTH)
    of_all_time = asked.size is BucketSize.TOTAL and asked.start is None and asked.end is None
    return UsageLevel.DAY if of_days or of_all_time else UsageLevel.HOUR


def _bounds(size: BucketSize, start: datetime, end: datetime, zone: str) -> list[datetime]:
    """Where each bucket begins, and at last where the last one ends."""
    for instant, field in ((start, "from"), (end, "to")):
        if not EARLIEST <= instant <= LATEST:
            raise InvalidInput("This instant is out of range.", field)
    bounds = [usage_buckets.start(size, start, zone)]
    if size is BucketSize.TOTAL:
        closed = usage_buckets.start(size, end, zone)
        return [*bounds, closed if closed == end and end > bounds[0] else usage_buckets.end(size, closed, zone)]
    while bounds[-1] < end or len(bounds) == 1:
        bounds.append(usage_buckets.end(size, bounds[-1], zone))
        if len(bounds) > MAX_ROWS + 1:
            raise _too_many()
    return bounds


def _too_many() -> InvalidInput:
    return InvalidInput(f"These are more than {MAX_ROWS} rows: ask for a shorter time or larger buckets.", "bucket")
