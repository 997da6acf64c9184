"""Sweeping."""

from datetime import timedelta

from db.models import IdempotencyKey, Organization
from resolvers import sweep
from tests import make


async def test_a_key_is_swept_when_its_day_is_over(organization: Organization) -> None:
    """What still replays stays; what is older than a day goes."""
    await make.promotion(organization, "HELLO-15")
    await make.claimed(organization, idempotency_key="old")
    await sweep.leftovers(make.NOW + timedelta(hours=24))
    assert await IdempotencyKey.all().count() == 1
    await sweep.leftovers(make.NOW + timedelta(hours=24, seconds=1))
    assert await IdempotencyKey.all().count() == 0
