"""Verifying: every counter is recounted, and a spoiled one is named."""

from typing import Any

import pytest

from db.enums import UsageLevel
from db.models import Claim, Code, Organization, Promotion, UsageStat
from resolvers import delete, release, verify
from resolvers.domain import params
from tests import make
from tests.make import NOW, claimed, order
from tests.resolvers.refused import everything


async def busy(organization: Organization) -> None:
    """Claims that stand, were released and were deleted, with and without orders."""
    limits = params.Limits(per_code=None, per_customer_and_code=None)
    await make.promotion(organization, "A1", "A2", reference="spring", limits=limits)
    for text in ("A1", "A2"):
        await claimed(organization, text, order=order(total="20"))
        await claimed(organization, text)
        gone = await claimed(organization, text)
        await release.claim(organization, gone.claim.id, "cancelled", NOW)
    await delete.code(organization, "A2", dry_run=False)


async def test_what_the_verbs_have_counted_is_clean(organization: Organization) -> None:
    """After claims, releases and deletions nothing drifts, and looking changes nothing."""
    await busy(organization)
    before = await everything()
    assert await verify.counters(organization) == []
    assert await everything() == before


@pytest.mark.parametrize(
    ("table", "column", "beginnings"),
    [
        (Code, "claim_count", ["code A1: counts 3 claims, has 2"]),
        (Promotion, "claim_count", ["promotion spring: counts 3 claims, has 2"]),
        (Promotion, "rowless_claim_count", ["promotion spring: counts 1 claims, has 2"]),
    ],
)
async def test_a_spoiled_counter_is_named(
    organization: Organization, table: Any, column: str, beginnings: list[str]
) -> None:
    """One claim more or less than there are rows is told with both numbers, and only where it is."""
    await busy(organization)
    row = await table.get(**({"text": "A1"} if table is Code else {"reference": "spring"}))
    await table.filter(id=row.id).update(**{column: getattr(row, column) + 1})
    assert await verify.counters(organization) == beginnings


@pytest.mark.parametrize("level", list(UsageLevel))
@pytest.mark.parametrize(
    "column",
    [
        f"{share}{sum_}"
        for share in ("", "deleted_")
        for sum_ in ("claims", "order_total", "order_quantity", "discount_total")
    ],
)
async def test_a_spoiled_sum_is_named(organization: Organization, level: UsageLevel, column: str) -> None:
    """Each sum of each bucket is recounted, and the bucket that is off is told."""
    await busy(organization)
    row = await UsageStat.get(level=level, currency="EUR")
    await UsageStat.filter(id=row.id).update(**{column: getattr(row, column) + 1})
    [drift] = await verify.counters(organization)
    assert drift.startswith(f"usage of promotion {row.promotion_id}, {level} from {row.starts_at}, EUR: keeps ")


async def test_a_lost_sum_and_a_lost_claim_are_named(organization: Organization) -> None:
    """A bucket without a row is told, and a claim that went past the verbs is missed everywhere."""
    await busy(organization)
    await UsageStat.filter(level=UsageLevel.DAY, currency="").delete()
    [lost] = await verify.counters(organization)
    assert ", DAY from " in lost
    assert ", no currency: keeps nothing, claims amount to " in lost
    await Claim.filter(order_total=2000).delete()
    drifts = await verify.counters(organization)
    assert [drift.split(":")[0].split(",")[0].split(" ")[0] for drift in drifts] == [
        "code",
        "promotion",
        "usage",
        "usage",
        "usage",
    ]


async def test_another_organizations_drift_is_not_ours(organization: Organization) -> None:
    """An organization is verified by itself."""
    other = await make.organization("other", account=2)
    await make.code(other)
    await Code.all().update(claim_count=5)
    assert await verify.counters(organization) == []
    assert await verify.counters(other) == ["code HELLO-15: counts 5 claims, has 0"]
