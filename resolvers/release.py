"""Releases a claim: the use is given back, and the row says why."""

from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import Claim, Organization
from db.queries import claims, codes, promotions, usage
from resolvers.claim import state
from resolvers.domain import usage_buckets, validate
from resolvers.domain.refusals import InvalidInput


@db_errors.retry_on_conflict
async def claim(organization: Organization, claim_id: int, reason: str, now: datetime) -> Claim:
    """Give a claim's place back, once: releasing it again changes nothing.

    Its share leaves the usage of the hour and day in which it was made. Raises InvalidInput for a claim that
    does not exist.
    """
    checked = validate.text(reason, "reason", max_length=1000)
    async with in_transaction():
        promotion = await promotions.hold_of_claim(organization.id, claim_id)
        found = await claims.by_id(organization.id, claim_id) if promotion else None
        if promotion is None or found is None:
            raise InvalidInput("There is no such claim.", "claim_id")
        if found.released_at is None:
            await _give_back(organization, found, checked, now)
        return found


async def _give_back(organization: Organization, found: Claim, reason: str, now: datetime) -> None:
    found.released_at, found.release_reason = now, reason
    found.order_key = found.exchange_key = None
    await claims.save(found, ["released_at", "release_reason", "order_key", "exchange_key"])
    await codes.count_claim(found.code_id, -1)
    await promotions.count_claim(found.promotion_id, -1)
    counted = usage_buckets.hour_and_day(
        organization.id, found.promotion_id, found.currency, found.created_at, organization.time_zone
    )
    await usage.add(counted, -state.usage_share(found))
