"""Deletes for good: a code goes with its claims, a promotion with its codes.

Nothing is given back: counters and usage keep the share of the deleted claims, and store how much of them it is, so
that `verify.counters` still balances.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import DEFAULT_REFERENCE, Code, Customer, Organization
from db.queries import accounts, claims, codes, customers, organizations, promotions, usage
from db.values import EMPTY_SHARE, Bucket, Share
from resolvers import find
from resolvers.domain import params, usage_buckets, validate
from resolvers.domain.refusals import InvalidInput, UnknownCustomer, UnknownPromotion


@dataclass(frozen=True)
class DeleteResult:
    """The rows deleted, or to be deleted in a dry run; `name` is the code's text or the promotion's reference."""

    name: str
    codes: int
    claims: int
    dry_run: bool


@db_errors.retry_on_conflict
async def code(organization: Organization, text: str, dry_run: bool) -> DeleteResult:
    """Delete a code with its claims and deliveries. Raises UnknownCode."""
    if dry_run:
        row = await find.code(organization.id, text)
        return DeleteResult(row.text, 1, await claims.all_of(organization.id).filter(code_id=row.id).count(), True)
    async with in_transaction():
        row = await find.locked_code(organization.id, text)
        await _keep_share(organization, row)
        claims_gone = await claims.delete_of_code(organization.id, row.id)
        await codes.delete(organization.id, row.id)
        return DeleteResult(row.text, 1, claims_gone, False)


@db_errors.retry_on_conflict
async def promotion(organization: Organization, ref: params.PromotionRef, dry_run: bool) -> DeleteResult:
    """Delete a promotion with its codes and their claims. Raises UnknownPromotion, InvalidInput."""
    row = await find.promotion(organization.id, ref)
    if row.reference == DEFAULT_REFERENCE:
        raise InvalidInput("The organization's own promotion can't be deleted.", "promotion")
    if dry_run:
        its_codes = await codes.all_of(organization.id).filter(promotion_id=row.id).count()
        its_claims = await claims.all_of(organization.id).filter(promotion_id=row.id).count()
        return DeleteResult(row.reference, its_codes, its_claims, True)
    async with in_transaction():
        if await promotions.lock(organization.id, id=row.id) is None:
            raise UnknownPromotion
        await usage.mark_all_deleted(organization.id, row.id)
        claims_gone = await claims.delete_of_promotion(organization.id, row.id)
        codes_gone = await codes.delete_of_promotion(organization.id, row.id)
        await promotions.delete(organization.id, row.id)
        return DeleteResult(row.reference, codes_gone, claims_gone, False)


@db_errors.retry_on_conflict
async def customer(organization: Organization, email: str, now: datetime) -> Customer:
    """Delete a customer; the row is returned as it was.

    Their claims, reservations and activations stay, under a row without a name. Raises UnknownCustomer.
    """
    _, email_key = validate.email(email, "email")
    async with in_transaction():
        row = await customers.lock(organization.id, email_key)
        if row is None or row.joined_at is None:
            raise UnknownCustomer
        if await customers.is_referenced(row.id):
            await customers.anonymize(row, now)
        else:
            await customers.delete(organization.id, row.id)
        return row


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
    """Store in counter and buckets the share of a code's standing claims."""
    shares: dict[Bucket, Share] = defaultdict(lambda: EMPTY_SHARE)
    sums = await claims.sums_of_code(organization.id, code.id)
    for row in sums:
        share = Share(row.claims, row.order_total, row.order_quantity, row.discount_total)
        for bucket in usage_buckets.hour_and_day(
            organization.id, code.promotion_id, row.currency, row.at, organization.time_zone
        ):
            shares[bucket] += share
    await promotions.add_rowless_claims(organization.id, code.promotion_id, sum(row.claims for row in sums))
    for bucket, share in shares.items():
        await usage.add_deleted_share(bucket, share)
