"""Releasing: a place is given back once, with its share of the usage, and the row says why."""

from datetime import timedelta

import pytest

from db.models import Claim, Code, Organization, Promotion, UsageStat
from resolvers import release, verify
from resolvers.domain import params
from resolvers.domain.refusals import FullyClaimed, InvalidInput
from tests import make
from tests.make import NOW, claimed, order
from tests.resolvers.refused import everything, refused

LATER = NOW + timedelta(days=40)


async def test_a_released_claim_gives_its_place_back_and_says_why(organization: Organization) -> None:
    """The place may be claimed again, by the same customer too, and the row keeps reason and instant."""
    code = await make.code(organization)
    first = await claimed(organization, order=order("R-1", "20"))
    async with refused(FullyClaimed):
        await claimed(organization, email="ben@example.com")
    released = await release.claim(organization, first.claim.id, "  order cancelled ", LATER)
    row = await Claim.get(id=first.claim.id)
    assert released.id == row.id
    assert (row.released_at, row.release_reason, row.order_reference) == (LATER, "order cancelled", "R-1")
    assert ((await Code.get(id=code.id)).claim_count, (await Promotion.get(id=code.promotion_id)).claim_count) == (0, 0)
    assert (await claimed(organization)).replayed is False
    assert await verify.counters(organization) == []


async def test_a_release_takes_its_share_out_of_the_day_of_the_claim(organization: Organization) -> None:
    """The sums of the hour and day in which the claim was made lose exactly what it had put in."""
    await make.code(organization, per_code=None)
    first = await claimed(organization, order=order(total="20"))
    await claimed(organization, email="ben@example.com", order=order(total="10"))
    await release.claim(organization, first.claim.id, "cancelled", LATER)
    rows = await UsageStat.all()
    assert {(row.claims, row.order_total, row.discount_total) for row in rows} == {(1, 1000, 150)}
    assert len(rows) == 2
    assert await verify.counters(organization) == []


async def test_releasing_again_changes_nothing(organization: Organization) -> None:
    """A second release gives back no second place and keeps the first reason."""
    await make.code(organization)
    first = await claimed(organization)
    await release.claim(organization, first.claim.id, "cancelled", NOW)
    before = await everything()
    again = await release.claim(organization, first.claim.id, "cancelled twice", LATER)
    assert (again.release_reason, again.released_at) == ("cancelled", NOW)
    assert await everything() == before


async def test_what_is_no_claim_here_can_not_be_released(organization: Organization) -> None:
    """A number of nothing, and another organization's claim, are InvalidInput."""
    other = await make.organization("other", account=2)
    await make.code(other)
    theirs = await claimed(other)
    for claim_id in (theirs.claim.id, 99, -1):
        async with refused(InvalidInput) as no:
            await release.claim(organization, claim_id, "cancelled", NOW)
        assert no.value.path == ("claim_id",)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001, "a\x00b"])
async def test_a_reason_is_required(organization: Organization, reason: str) -> None:
    """An empty, endless or unstorable reason is InvalidInput, and the claim stands."""
    await make.code(organization)
    first = await claimed(organization)
    async with refused(InvalidInput) as no:
        await release.claim(organization, first.claim.id, reason, NOW)
    assert no.value.path == ("reason",)


async def test_a_released_place_counts_for_the_customer_again(organization: Organization) -> None:
    """The customer's limits count standing claims only."""
    await make.promotion(organization, "A1", "A2", limits=params.Limits(per_customer=1))
    first = await claimed(organization, "A1")
    await release.claim(organization, first.claim.id, "cancelled", NOW)
    assert (await claimed(organization, "A2")).replayed is False
