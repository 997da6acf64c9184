"""Releases a claim: its use is given back, and its row keeps the reason."""

from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db import statuses
from db.models import Claim, Organization
from db.queries import claims, codes, promotions, usage
from resolvers.claim import state
from resolvers.domain import usage_buckets, validate
from resolvers.domain.refusals import InvalidInput


@db_errors.retry_on_conflict
async def claim(organization: Organization, claim_id: int, reason: str, now: datetime) -> Claim:
    """Give a claim's use back, once: releasing it again changes nothing.

    Its share is subtracted from the usage of the hour and day in which it was made. Raises InvalidInput for a claim
    that does not exist.
    """
    valid_reason = validate.text(reason, "reason", max_length=1000)
    async with in_transaction():
        promotion = await promotions.lock_of_claim(organization.id, claim_id)
        row = await claims.by_id(organization.id, claim_id) if promotion else None
        if promotion is None or row is None:
            raise InvalidInput("There is no such claim.", "claim_id")
        if statuses.stands(row):
            await _give_back(organization, row, valid_reason, now)
        return row


async def _give_back(organization: Organization, row: Claim, reason: str, now: datetime) -> None:
    row.released_at, row.release_reason = now, reason
    row.order_key = row.exchange_key = None
    await claims.save(row, ["released_at", "release_reason", "order_key", "exchange_key"])
    await codes.count_claim(organization.id, row.code_id, -1)
    await promotions.count_claim(organization.id, row.promotion_id, -1)
    buckets = usage_buckets.hour_and_day(
        organization.id, row.promotion_id, row.currency, row.created_at, organization.time_zone
    )
    await usage.add(buckets, -state.usage_share(row))
