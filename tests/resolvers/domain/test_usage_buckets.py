"""Buckets: hours, days, weeks and months as they are where the organization is."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from db.enums import UsageLevel
from resolvers.domain import usage_buckets
from resolvers.domain.usage_buckets import BucketSize

AMSTERDAM, KOLKATA = "Europe/Amsterdam", "Asia/Kolkata"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("size", "zone", "at", "start", "end"),
    [
        (BucketSize.HOUR, AMSTERDAM, utc(2026, 7, 1, 10, 59, 59, 999_999), utc(2026, 7, 1, 10), utc(2026, 7, 1, 11)),
        (BucketSize.HOUR, AMSTERDAM, utc(2026, 7, 1, 11), utc(2026, 7, 1, 11), utc(2026, 7, 1, 12)),
        (BucketSize.HOUR, KOLKATA, utc(2026, 7, 1, 10, 29), utc(2026, 7, 1, 9, 30), utc(2026, 7, 1, 10, 30)),
        (BucketSize.HOUR, KOLKATA, utc(2026, 7, 1, 10, 30), utc(2026, 7, 1, 10, 30), utc(2026, 7, 1, 11, 30)),
        (BucketSize.HOUR, "Asia/Kathmandu", utc(2026, 7, 1, 10, 14), utc(2026, 7, 1, 9, 15), utc(2026, 7, 1, 10, 15)),
        (BucketSize.DAY, AMSTERDAM, utc(2026, 7, 1, 21, 59), utc(2026, 6, 30, 22), utc(2026, 7, 1, 22)),
        (BucketSize.DAY, AMSTERDAM, utc(2026, 7, 1, 22), utc(2026, 7, 1, 22), utc(2026, 7, 2, 22)),
        (BucketSize.DAY, AMSTERDAM, utc(2026, 3, 29, 12), utc(2026, 3, 28, 23), utc(2026, 3, 29, 22)),  # 23 hours
        (BucketSize.DAY, AMSTERDAM, utc(2026, 10, 25, 12), utc(2026, 10, 24, 22), utc(2026, 10, 25, 23)),  # 25 hours
        (BucketSize.DAY, KOLKATA, utc(2026, 7, 1, 18, 29), utc(2026, 6, 30, 18, 30), utc(2026, 7, 1, 18, 30)),
        (
            BucketSize.DAY,
            "Africa/Cairo",
            utc(2026, 4, 24, 9),
            utc(2026, 4, 23, 22),
            utc(2026, 4, 24, 21),
        ),  # no midnight
        (BucketSize.WEEK, AMSTERDAM, utc(2026, 11, 22, 12), utc(2026, 11, 15, 23), utc(2026, 11, 22, 23)),
        (BucketSize.WEEK, AMSTERDAM, utc(2026, 11, 22, 23), utc(2026, 11, 22, 23), utc(2026, 11, 29, 23)),
        (BucketSize.WEEK, AMSTERDAM, utc(2026, 3, 29, 12), utc(2026, 3, 22, 23), utc(2026, 3, 29, 22)),
        (BucketSize.WEEK, "UTC", utc(2027, 1, 1), utc(2026, 12, 28), utc(2027, 1, 4)),
        (BucketSize.MONTH, AMSTERDAM, utc(2026, 3, 31, 22), utc(2026, 3, 31, 22), utc(2026, 4, 30, 22)),
        (BucketSize.MONTH, AMSTERDAM, utc(2026, 3, 31, 21, 59), utc(2026, 2, 28, 23), utc(2026, 3, 31, 22)),
        (BucketSize.MONTH, "UTC", utc(2028, 2, 29, 23), utc(2028, 2, 1), utc(2028, 3, 1)),
        (BucketSize.MONTH, "UTC", utc(2026, 12, 31), utc(2026, 12, 1), utc(2027, 1, 1)),
        (BucketSize.TOTAL, AMSTERDAM, utc(2026, 7, 1, 10, 59), utc(2026, 7, 1, 10), utc(2026, 7, 1, 11)),
    ],
)
def test_an_instant_is_in_its_bucket(size: BucketSize, zone: str, at: datetime, start: datetime, end: datetime) -> None:
    """A bucket begins and ends where the organization's clock says so, named by UTC instants."""
    assert usage_buckets.start(size, at, zone) == start
    assert usage_buckets.end(size, start, zone) == end
    assert usage_buckets.start(size, at, zone).utcoffset() == timedelta(0)


@pytest.mark.parametrize("zone", [AMSTERDAM, KOLKATA, "UTC", "America/St_Johns"])
@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 28), 24), ((2026, 3, 29), 23), ((2026, 10, 25), 25)])
def test_a_days_hours_fill_the_day(zone: str, day: tuple[int, int, int], hours: int) -> None:
    """The hours of a day follow each other without gap or overlap, 23 or 25 of them where clocks change."""
    first = usage_buckets.start(BucketSize.DAY, datetime(*day, 12, tzinfo=UTC), zone)
    over = usage_buckets.end(BucketSize.DAY, first, zone)
    starts = [first]
    while (following := usage_buckets.end(BucketSize.HOUR, starts[-1], zone)) < over:
        assert usage_buckets.start(BucketSize.HOUR, following, zone) == following
        starts.append(following)
    assert following == over
    if zone == AMSTERDAM:
        assert len(starts) == hours
    assert {after - before for before, after in pairwise(starts)} == {timedelta(hours=1)}


def test_the_hour_that_is_there_twice_is_two_hours() -> None:
    """When clocks go back each of the two hours from 2 to 3 is a bucket of its own."""
    assert usage_buckets.start(BucketSize.HOUR, utc(2026, 10, 25, 0, 30), AMSTERDAM) == utc(2026, 10, 25, 0)
    assert usage_buckets.start(BucketSize.HOUR, utc(2026, 10, 25, 1, 30), AMSTERDAM) == utc(2026, 10, 25, 1)


def test_something_is_counted_in_its_hour_and_its_day() -> None:
    """What happens at an instant goes into one bucket of each level, without a currency under ''."""
    buckets = usage_buckets.hour_and_day(1, 2, None, utc(2026, 10, 25, 23, 30), AMSTERDAM)
    assert {(bucket.level, bucket.starts_at, bucket.currency) for bucket in buckets} == {
        (UsageLevel.HOUR, utc(2026, 10, 25, 23), ""),
        (UsageLevel.DAY, utc(2026, 10, 25, 23), ""),
    }
    assert len(buckets) == 2
