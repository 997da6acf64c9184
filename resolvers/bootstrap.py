"""Fills an empty database with a demo organization."""

from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.enums import KeyKind
from db.models import Organization
from db.queries import organizations
from resolvers import create


@db_errors.retry_on_conflict
async def demo(now: datetime) -> dict[KeyKind, str]:
    """Create the organization `demo`, in EUR and UTC, with a key of each kind; nothing if there is any organization.

    Returns the keys' values by kind, or an empty dict.
    """
    async with in_transaction():
        await organizations.lock_all()
        if await organizations.exists():
            return {}
        organization: Organization = await create.organization("Demo", 1, "demo", 1, "EUR", "UTC", now)
        return {
            kind: await create.key(
                kind, organization.account_id, None if kind is KeyKind.ACCOUNT else organization.id, None, now
            )
            for kind in KeyKind
        }
