"""Suppresses recipients: an organization writes them no more letters."""

from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import Organization
from db.queries import suppressions
from resolvers.domain import validate


@db_errors.retry_on_conflict
async def recipient(organization: Organization, email: str, now: datetime) -> str:
    """Send no more letters to an address, queued ones included; returns the valid address.

    Doing it twice changes nothing. Raises InvalidInput.
    """
    written, email_key = validate.email(email, "email")
    async with in_transaction():
        await suppressions.add(organization.id, email_key, now)
    return written
