"""Verifies counters: every one is recounted from the claims."""

from collections import defaultdict
from collections.abc import AsyncIterator

from tortoise.transactions import in_transaction

from db import sql
from db.models import Organization
from db.queries import claims, codes, usage
from db.values import EMPTY_SHARE, Bucket, Share
from resolvers.claim import state
from resolvers.domain import folding, usage_buckets


async def counters(organization: Organization) -> list[str]:
    """The drifts between an organization's counters and its claims, a sentence each; empty when all is well.

    The share of deleted claims is subtracted first. Refusals are left out: they have no rows.
    """
    async with in_transaction():
        await sql.use_snapshot()
        return [drift async for drift in _drifts(organization)]


async def clashes(organization: Organization) -> list[str]:
    """Codes with the same key as another since a change of folding, a sentence each; no counter is wrong."""
    sentences = []
    for younger in await codes.list_clashing(organization.id):
        older = await codes.by_text(organization.id, folding.code_key(younger.text))
        other = f"code {older.id} {older.text!r}" if older else "a code that is gone"
        sentences.append(
            f"code {younger.id} {younger.text!r} is one with {other} as people type them; it is found by its exact"
            " text only: rename it (updateCode, newText) or delete it"
        )
    return sentences


async def _drifts(organization: Organization) -> AsyncIterator[str]:
    for row in await claims.miscounted_codes(organization.id):
        yield f"code {row.name}: counts {row.counter} claims, has {row.claims}"
    for row in await claims.miscounted_promotions(organization.id):
        yield f"promotion {row.name}: counts {row.counter} claims, has {row.claims}"
    recounted = await _recount(organization)
    for bucket, stored in (await _stored_shares(organization)).items():
        share = recounted.pop(bucket, EMPTY_SHARE)
        if stored != share:
            yield f"{_description(bucket)}: keeps {stored}, claims amount to {share}"
    for bucket, share in recounted.items():
        yield f"{_description(bucket)}: keeps nothing, claims amount to {share}"


async def _recount(organization: Organization) -> dict[Bucket, Share]:
    shares: dict[Bucket, Share] = defaultdict(lambda: EMPTY_SHARE)
    async for claim in claims.iterate(claims.all_standing(organization.id)):
        for bucket in usage_buckets.hour_and_day(
            organization.id, claim.promotion_id, claim.currency, claim.created_at, organization.time_zone
        ):
            shares[bucket] += state.usage_share(claim)
    return shares


async def _stored_shares(organization: Organization) -> dict[Bucket, Share]:
    """The stored sums without the share of deleted claims."""
    return {
        Bucket(organization.id, row.promotion_id, row.level, row.starts_at, row.currency): usage.total_share(row)
        + -usage.deleted_share(row)
        for row in await usage.all_of(organization.id)
    }


def _description(bucket: Bucket) -> str:
    unit = bucket.currency or "no currency"
    return f"usage of promotion {bucket.promotion_id}, {bucket.level} from {bucket.starts_at}, {unit}"
