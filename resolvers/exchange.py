"""Exchanges a claim's token for the claim, once."""

from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import Claim, Organization
from db.queries import claims
from resolvers.claim.state import token_hash
from resolvers.domain.refusals import UnknownToken


@db_errors.retry_on_conflict
async def token(organization: Organization, value: str, now: datetime) -> Claim:
    """The claim of a token, with its code and customer; the token is used up.

    Raises UnknownToken for one that was never issued, was used before, or is too old.
    """
    async with in_transaction():
        claim_id = await claims.exchange(organization.id, token_hash(value), now)
        if claim_id is None:
            raise UnknownToken
        return await claims.with_code_and_customer(organization.id, claim_id)
