"""Measuring: buckets as they are where the organization is, a row a currency, exact sums."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from db.models import Organization
from resolvers import delete, release, update, usage_report
from resolvers.domain import params
from resolvers.domain.refusals import InvalidInput, Rule
from resolvers.domain.usage_buckets import BucketSize
from resolvers.refusal_counter import RefusalCounter
from resolvers.usage_report import UsageQuery, UsageRow
from tests import make
from tests.make import NOW, claimed, order

ADA, BEN = "ada@example.com", "ben@example.com"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def measured(
    organization: Organization, size: BucketSize = BucketSize.TOTAL, *, now: datetime = NOW + HOUR / 2, **more: Any
) -> list[UsageRow]:
    return await usage_report.organization_usage(organization, UsageQuery(size, **more), True, now)


def summary(rows: list[UsageRow]) -> list[tuple[str | None, int, int, int, int, int | None]]:
    """Currency, claims, order total, quantity, discount, customers."""
    return [
        (row.currency, row.share.claims, row.share.order_total, row.share.order_quantity, row.share.discount_total, row.customers)
        for row in rows
    ]  # fmt: skip


async def busy(organization: Organization) -> int:
    """A code with three claims in EUR and none, two customers; its promotion's id."""
    code = await make.code(organization, per_code=None, per_customer_and_code=None)
    await claimed(organization, order=params.Order("R-1", make.order(total="0.70").total, 3))
    await claimed(organization, email=BEN, order=order(total="20"))
    await claimed(organization)
    return code.promotion_id


async def test_nothing_used_is_one_empty_row(organization: Organization) -> None:
    """Before the first use the total is a row of zeros without a currency."""
    [row] = await measured(organization)
    assert summary([row]) == [(None, 0, 0, 0, 0, 0)]
    assert (row.refusals, row.amount(0)) == ({}, Decimal(0))
    assert row.start <= NOW < row.end


async def test_sums_are_exact_and_by_currency(organization: Organization) -> None:
    """A claim without a total is in the row without a currency, the others under theirs with its digits."""
    await busy(organization)
    await claimed(organization, order=order(total="1000", currency="JPY"))
    rows = await measured(organization)
    assert summary(rows) == [(None, 1, 0, 0, 0, 1), ("EUR", 2, 2070, 3, 311, 2), ("JPY", 1, 1000, 0, 150, 1)]
    assert [str(row.amount(row.share.discount_total)) for row in rows] == ["0", "3.11", "150"]


async def test_a_promotion_is_measured_alone(organization: Organization) -> None:
    """One promotion's rows have nothing of another's; the organization's have all."""
    first = await busy(organization)
    second = await make.promotion(organization, "OTHER")
    await claimed(organization, "OTHER")
    query = UsageQuery()
    now = NOW + HOUR / 2
    assert summary(await usage_report.promotion_usage(organization, first, query, True, now)) == [
        (None, 1, 0, 0, 0, 1),
        ("EUR", 2, 2070, 3, 311, 2),
    ]
    assert summary(await usage_report.promotion_usage(organization, second.id, query, True, now)) == [
        (None, 1, 0, 0, 0, 1)
    ]
    assert [row.share.claims for row in await measured(organization)] == [2, 2]


@pytest.mark.parametrize(
    ("size", "claims"),
    [
        (BucketSize.HOUR, [1] + [0] * 10 + [1] + [0] * 12 + [1]),
        (BucketSize.DAY, [1, 2]),
        (BucketSize.WEEK, [1, 2]),
        (BucketSize.MONTH, [3]),
        (BucketSize.TOTAL, [3]),
    ],
)
async def test_buckets_follow_each_other_empty_ones_included(
    organization: Organization, size: BucketSize, claims: list[int]
) -> None:
    """From the first use to now each bucket has its row, and each use is in the bucket of its local time."""
    await make.code(organization, per_code=None, per_customer_and_code=None)
    for hours in (0, 11, 24):  # 13:00 and 24:00 on Sunday, 13:00 on Monday, in Amsterdam
        await claimed(organization, now=NOW + hours * HOUR)
    rows = await measured(organization, size, now=NOW + 24.5 * HOUR)
    assert [row.share.claims for row in rows] == claims
    assert all(row.end == after.start for row, after in pairwise(rows))
    assert {row.currency for row in rows} == {None}


async def test_an_empty_bucket_has_a_row_per_currency_of_the_range(organization: Organization) -> None:
    """Currencies are those seen in the range, in every bucket of it."""
    await make.code(organization, per_code=None, per_customer_and_code=None)
    await claimed(organization, order=order(total="1"))
    await claimed(organization, order=order(total="1", currency="USD"), now=NOW + 2 * DAY)
    await claimed(organization, order=order(total="1", currency="JPY"), now=NOW + 9 * DAY)
    rows = await measured(organization, BucketSize.DAY, start=NOW, end=NOW + 2 * DAY + HOUR)
    assert [(row.currency, row.share.claims) for row in rows] == [
        ("EUR", 1), ("USD", 0), ("EUR", 0), ("USD", 0), ("EUR", 0), ("USD", 1),
    ]  # fmt: skip
    empty = await measured(organization, BucketSize.DAY, start=NOW + 4 * DAY, end=NOW + 5 * DAY)
    assert {(row.currency, row.share.claims) for row in empty} == {(None, 0)}


@pytest.mark.parametrize(("zone", "hours"), [("Europe/Amsterdam", 25), ("UTC", 24), ("Asia/Kolkata", 24)], ids=str)
async def test_a_day_is_the_organizations(store: str, zone: str, hours: int) -> None:
    """A day begins at its local midnight and is 25 hours long where clocks go back."""
    organization = await make.organization(time_zone=zone)
    noon = datetime(2026, 10, 25, 12, tzinfo=UTC)
    [day] = await measured(organization, BucketSize.DAY, start=noon, end=noon + timedelta(seconds=1))
    assert day.end - day.start == hours * HOUR
    assert day.start.astimezone(UTC) <= noon < day.end
    await make.code(organization, per_code=None, per_customer_and_code=None)
    for at in (day.start - timedelta(microseconds=1), day.start, day.end - timedelta(microseconds=1), day.end):
        await claimed(organization, now=at)
    [day] = await measured(organization, BucketSize.DAY, start=noon, end=noon + timedelta(seconds=1))
    assert day.share.claims == 2
    its_hours = await measured(organization, BucketSize.HOUR, start=day.start, end=day.end)
    assert [row.share.claims for row in its_hours] == [1] + [0] * (hours - 2) + [1]


async def test_refusals_are_counted_by_reason(organization: Organization) -> None:
    """Refusals are in their promotion's rows, those of unknown codes in the organization's only."""
    promotion = await busy(organization)
    refusal_counter = RefusalCounter()
    for text, args in (("HELLO-15", {"location_number": None}), ("NOPE", {}), ("NOPE", {})):
        await delete_limit(organization)
        with pytest.raises(Rule):
            await claimed(organization, text, refusal_counter=refusal_counter, **args)
    await refusal_counter.write()
    [row, _] = await measured(organization)
    assert (row.currency, row.refusals) == (None, {"FULLY_CLAIMED": 1, "UNKNOWN_CODE": 2})
    [own, _] = await usage_report.promotion_usage(organization, promotion, UsageQuery(), False, NOW + HOUR / 2)
    assert own.refusals == {"FULLY_CLAIMED": 1}


async def delete_limit(organization: Organization) -> None:
    await update.code(organization, "HELLO-15", update.CodeChange(allowed_claims=1), NOW)


async def test_a_refusal_alone_begins_the_time(organization: Organization) -> None:
    """Where nothing but a refusal was, the total still tells of it."""
    refusal_counter = RefusalCounter()
    with pytest.raises(Rule):
        await claimed(organization, "NOPE", refusal_counter=refusal_counter, order=order(total="1", currency="USD"))
    await refusal_counter.write()
    [row] = await measured(organization, now=NOW + 3 * DAY)
    assert (row.currency, row.share.claims, row.refusals) == ("USD", 0, {"UNKNOWN_CODE": 1})


async def test_a_release_takes_out_and_a_deletion_leaves_in(organization: Organization) -> None:
    """What was given back is not counted; what was deleted is, but for its customers."""
    await busy(organization)
    given_back = (await claimed(organization, order=order(total="5"))).claim
    await release.claim(organization, given_back.id, "cancelled", NOW)
    before = summary(await measured(organization))
    assert before == [(None, 1, 0, 0, 0, 1), ("EUR", 2, 2070, 3, 311, 2)]
    await delete.code(organization, "HELLO-15", dry_run=False)
    assert summary(await measured(organization)) == [(None, 1, 0, 0, 0, 0), ("EUR", 2, 2070, 3, 311, 0)]


async def test_a_deleted_promotion_is_still_in_the_organizations_sums(organization: Organization) -> None:
    """Deleting a promotion leaves what it brought."""
    promotion = await busy(organization)
    await delete.promotion(organization, params.PromotionRef(id=promotion), dry_run=False)
    assert [(row.currency, row.share.claims) for row in await measured(organization)] == [(None, 1), ("EUR", 2)]


async def test_another_organizations_use_is_not_ours(organization: Organization) -> None:
    """Sums are an organization's own."""
    other = await make.organization("other", account=2)
    await busy(other)
    assert summary(await measured(organization)) == [(None, 0, 0, 0, 0, 0)]


@pytest.mark.parametrize(
    ("size", "start", "end", "path"),
    [
        (BucketSize.DAY, NOW, NOW, "to"),
        (BucketSize.DAY, NOW, NOW - DAY, "to"),
        (BucketSize.HOUR, NOW, NOW + 10_001 * HOUR, "bucket"),
        (BucketSize.DAY, datetime(1, 1, 1, tzinfo=UTC), NOW, "from"),
    ],
)
async def test_an_invalid_range_is_refused(
    organization: Organization, size: BucketSize, start: datetime, end: datetime, path: str
) -> None:
    """A range must go forward, be in range, and give at most 10,000 rows."""
    with pytest.raises(InvalidInput) as no:
        await measured(organization, size, start=start, end=end)
    assert no.value.path == (path,)
    assert len(await measured(organization, BucketSize.HOUR, start=NOW, end=NOW + 10_000 * HOUR)) == 10_000


async def test_a_use_at_this_very_instant_is_counted(organization: Organization) -> None:
    """To now includes what has just happened, also when an hour has just begun."""
    await make.code(organization, per_code=None, per_customer_and_code=None)
    await claimed(organization, now=NOW - 2 * HOUR)
    await claimed(organization, now=NOW)
    assert [row.share.claims for row in await measured(organization, now=NOW)] == [2]
    assert sum(row.share.claims for row in await measured(organization, BucketSize.HOUR, now=NOW)) == 2
