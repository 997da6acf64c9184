"""Deletes for good: a code goes with its claims, a promotion with its codes.

Nothing is given back: counters and usage keep the share of the deleted claims, and remember how much of them
that is, so that `verify.counters` still balances.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import DEFAULT_REFERENCE, Code, Customer, Organization
from db.queries import accounts, claims, codes, customers, organizations, promotions, usage
from db.values import NOTHING, Bucket, Share
from resolvers import find, update
from resolvers.domain import params, usage_buckets, validate
from resolvers.domain.refusals import InvalidInput, UnknownCustomer, UnknownPromotion


@dataclass(frozen=True)
class DeleteResult:
    """What went, or would go in a dry run: `name` is the code's text or the promotion's reference."""

    name: str
    codes: int
    claims: int
    dry_run: bool


@db_errors.retry_on_conflict
async def code(organization: Organization, text: str, dry_run: bool) -> DeleteResult:
    """Delete a code with its claims and deliveries. Raises UnknownCode."""
    if dry_run:
        found = await find.code(organization.id, text)
        return DeleteResult(found.text, 1, await claims.all_of(organization.id).filter(code_id=found.id).count(), True)
    async with in_transaction():
        found = await update.hold_code(organization.id, text)
        await _keep_share(organization, found)
        gone = await claims.delete_of_code(found.id)
        await codes.delete(found.id)
        return DeleteResult(found.text, 1, gone, False)


@db_errors.retry_on_conflict
async def promotion(organization: Organization, ref: params.PromotionRef, dry_run: bool) -> DeleteResult:
    """Delete a promotion with its codes and their claims. Raises UnknownPromotion, InvalidInput."""
    found = await find.promotion(organization.id, ref)
    if found.reference == DEFAULT_REFERENCE:
        raise InvalidInput("The organization's own promotion can't be deleted.", "promotion")
    if dry_run:
        its_codes = await codes.all_of(organization.id).filter(promotion_id=found.id).count()
        its_claims = await claims.all_of(organization.id).filter(promotion_id=found.id).count()
        return DeleteResult(found.reference, its_codes, its_claims, True)
    async with in_transaction():
        if await promotions.lock(found.id) is None:
            raise UnknownPromotion
        await usage.mark_all_deleted(organization.id, found.id)
        claims_gone = await claims.delete_of_promotion(found.id)
        codes_gone = await codes.delete_of_promotion(found.id)
        await promotions.delete(found.id)
        return DeleteResult(found.reference, codes_gone, claims_gone, False)


@db_errors.retry_on_conflict
async def customer(organization: Organization, email: str, now: datetime) -> Customer:
    """Forget a customer: what was known of them is given back a last time.

    Their claims, reservations and activations stay, under a row without a name. Raises UnknownCustomer.
    """
    _, email_key = validate.email(email, "email")
    async with in_transaction():
        found = await customers.lock(organization.id, email_key)
        if found is None or found.joined_at is None:
            raise UnknownCustomer
        if await customers.is_referenced(found.id):
            await customers.anonymize(found, now)
        else:
            await customers.delete(found.id)
        return found


@db_errors.retry_on_conflict
async def organization(organization: Organization) -> None:
    """Delete an organization with all that is below it, and its account if that was its only one.

    Keys of the account go with it. Nothing is kept, not even the sums.
    """
    async with in_transaction():
        await organizations.lock_all()
        await organizations.delete(organization.id)
        if not await organizations.of_account(organization.account_id):
            await accounts.delete(organization.account_id)


async def _keep_share(organization: Organization, code: Code) -> None:
    """Remember in counter and buckets what a code's standing claims had contributed."""
    shares: dict[Bucket, Share] = defaultdict(lambda: NOTHING)
    sums = await claims.sums_of_code(code.id)
    for one in sums:
        share = Share(one.claims, one.order_total, one.order_quantity, one.discount_total)
        for bucket in usage_buckets.hour_and_day(
            organization.id, code.promotion_id, one.currency, one.at, organization.time_zone
        ):
            shares[bucket] += share
    await promotions.add_deleted_claims(code.promotion_id, sum(one.claims for one in sums))
    for bucket, share in shares.items():
        await usage.add_deleted_share(bucket, share)
