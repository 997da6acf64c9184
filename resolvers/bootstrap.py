"""Founds what an empty database begins with."""

from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.enums import KeyKind
from db.models import Organization
from db.queries import organizations
from resolvers import create


@db_errors.retry_on_conflict
async def demo(now: datetime) -> dict[KeyKind, str]:
    """The organization `demo`, in EUR and UTC, with a key of each kind; nothing where there is one already."""
    async with in_transaction():
        await organizations.lock_all()
        if await organizations.exists():
            return {}
        made: Organization = await create.organization("Demo", 1, "demo", 1, "EUR", "UTC", now)
        return {
            kind: await create.key(kind, made.account_id, None if kind is KeyKind.ACCOUNT else made.id, None, now)
            for kind in KeyKind
        }
