"""Reports usage: sums of claims that were stored while claiming, a row for each bucket and currency."""

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from db.enums import UsageLevel
from db.models import Organization, RefusalStat, UsageStat
from db.queries import claims, usage
from db.values import EMPTY_SHARE, Share
from resolvers.domain import money, usage_buckets
from resolvers.domain.refusals import InvalidInput
from resolvers.domain.usage_buckets import BucketSize

MAX_ROWS = 10_000
EARLIEST, LATEST = datetime(1, 3, 1, tzinfo=UTC), datetime(9999, 10, 31, tzinfo=UTC)
"""Between these every bucket begins and ends within the calendar, in every zone."""


@dataclass(frozen=True)
class UsageQuery:
    """The size of buckets and their period; `start` and `end` are widened to whole ones. None: first use, and now."""

    size: BucketSize = BucketSize.TOTAL
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class UsageRow:
    """One bucket in one currency; the currency is None for claims and refusals without an order total."""

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
    organization: Organization, query: UsageQuery, with_customers: bool, now: datetime
) -> list[UsageRow]:
    """The usage of all promotions of an organization, deleted ones included. Raises InvalidInput."""
    return await _rows(organization, None, query, with_customers, now)


async def promotion_usage(
    organization: Organization, promotion_id: int, query: UsageQuery, with_customers: bool, now: datetime
) -> list[UsageRow]:
    """The usage of one promotion. Raises InvalidInput."""
    return await _rows(organization, promotion_id, query, with_customers, now)


async def _rows(
    organization: Organization, promotion_id: int | None, query: UsageQuery, with_customers: bool, now: datetime
) -> list[UsageRow]:
    start = query.start or await usage.first_hour(organization.id, promotion_id) or now
    end = now + timedelta(microseconds=1) if query.end is None else query.end  # what happens now is in it
    if query.end is not None and end <= start:
        raise InvalidInput("`to` must be after `from`.", "to")
    bounds = _bounds(query.size, start, end, organization.time_zone)
    level = _level(query)
    first = usage_buckets.start(BucketSize(level), bounds[0], organization.time_zone)
    scope = (organization.id, promotion_id)
    shares = _shares(bounds, await usage.between(*scope, level, first, bounds[-1]))
    refused = _refused(bounds, await usage.refusals_between(*scope, level, first, bounds[-1]))
    currencies = sorted({currency for _, currency in shares.keys() | refused.keys()}) or [""]
    if len(currencies) * (len(bounds) - 1) > MAX_ROWS:
        raise _too_many()
    rows = []
    for index, (begins, ends) in enumerate(pairwise(bounds)):
        for currency in currencies:
            has_customers = with_customers and (index, currency) in shares
            people = await claims.distinct_customers(*scope, currency or None, begins, ends) if has_customers else 0
            share, refusals = shares.get((index, currency), EMPTY_SHARE), refused.get((index, currency), Counter())
            rows.append(UsageRow(begins, ends, currency or None, share, dict(refusals), people))
    return rows


def _shares(bounds: list[datetime], rows: list[UsageStat]) -> dict[tuple[int, str], Share]:
    """The sums by the index of their bucket and by currency."""
    shares: dict[tuple[int, str], Share] = defaultdict(lambda: EMPTY_SHARE)
    for row in rows:
        shares[_bucket_index(bounds, row.starts_at), row.currency] += usage.total_share(row)
    return shares


def _refused(bounds: list[datetime], rows: list[RefusalStat]) -> dict[tuple[int, str], Counter[str]]:
    """The refusals by the index of their bucket and by currency, counted by reason."""
    refused: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        refused[_bucket_index(bounds, row.starts_at), row.currency][row.reason] += row.count
    return refused


def _bucket_index(bounds: list[datetime], starts_at: datetime) -> int:
    return max(0, bisect_right(bounds, starts_at) - 1)


def _level(query: UsageQuery) -> UsageLevel:
    """The level of the stored sums: days for whole days and for all time, else hours."""
    of_days = query.size in (BucketSize.DAY, BucketSize.WEEK, BucketSize.MONTH)
    of_all_time = query.size is BucketSize.TOTAL and query.start is None and query.end is None
    return UsageLevel.DAY if of_days or of_all_time else UsageLevel.HOUR


def _bounds(size: BucketSize, start: datetime, end: datetime, zone: str) -> list[datetime]:
    """The start of each bucket, and the end of the last one."""
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
