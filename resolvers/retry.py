"""Retries letters that have failed."""

from collections.abc import Sequence
from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import Organization
from db.queries import deliveries


@db_errors.retry_on_conflict
async def letters(organizations: Sequence[Organization], now: datetime) -> int:
    """Queue the failed letters of organizations again, with all attempts left; returns how many.

    A letter is not queued whose recipient has been sent the code since then, or is about to be.
    """
    async with in_transaction():
        return await deliveries.retry_failed(now, [organization.id for organization in organizations])
