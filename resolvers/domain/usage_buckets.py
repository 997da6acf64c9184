"""Usage buckets: the hours, days, weeks and months of an organization's time zone.

A bucket is named by the UTC instant at which it begins there, so a day with daylight saving is 23 or 25
hours long. Weeks begin on Monday.
"""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from db.enums import UsageLevel
from db.values import Bucket


class BucketSize(StrEnum):
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    TOTAL = "TOTAL"


def start_of_day(day: date, zone: str) -> datetime:
    """The first instant of a day in a time zone; where midnight is skipped, the instant of the jump."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def start(size: BucketSize, at: datetime, zone: str) -> datetime:
    """The start of the bucket that contains an instant; of TOTAL, the start of the hour."""
    return _start(size, at.replace(microsecond=0), zone)


@lru_cache(maxsize=1024)  # claims of one second have the same buckets
def _start(size: BucketSize, at: datetime, zone: str) -> datetime:
    local = at.astimezone(ZoneInfo(zone))
    if size in (BucketSize.HOUR, BucketSize.TOTAL):
        return (at - timedelta(minutes=local.minute, seconds=local.second)).astimezone(UTC)
    day = local.date()
    if size is BucketSize.WEEK:
        day -= timedelta(days=day.weekday())
    elif size is BucketSize.MONTH:
        day = day.replace(day=1)
    return start_of_day(day, zone)


def end(size: BucketSize, started: datetime, zone: str) -> datetime:
    """The end of a bucket that starts at `started`, which is the start of the next one."""
    if size in (BucketSize.HOUR, BucketSize.TOTAL):
        return start(BucketSize.HOUR, started + timedelta(minutes=61), zone)
    day = started.astimezone(ZoneInfo(zone)).date()
    days = {BucketSize.DAY: 1, BucketSize.WEEK: 7, BucketSize.MONTH: 32}[size]
    later = day + timedelta(days=days)
    return start_of_day(later.replace(day=1) if size is BucketSize.MONTH else later, zone)


def hour_and_day(
    organization_id: int, promotion_id: int, currency: str | None, at: datetime, zone: str
) -> list[Bucket]:
    """The buckets of the hour and the day in which something at that instant is counted."""
    return [
        Bucket(organization_id, promotion_id, level, start(BucketSize(level), at, zone), currency or "")
        for level in UsageLevel
    ]
