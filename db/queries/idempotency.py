"""Idempotency keys: what a call with a key has answered."""

from datetime import datetime
from typing import Any

from db import sql
from db.models import IdempotencyKey


async def take(
    organization_id: int, value: str, fingerprint: str, now: datetime, forgotten: datetime
) -> IdempotencyKey | None:
    """Take a key that is new or was last used before `forgotten`; None then, else what it is taken for."""
    taken = await sql.rows(
        """
        INSERT INTO idempotencykey (organization_id, value, fingerprint, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (organization_id, value) DO UPDATE SET
            fingerprint = excluded.fingerprint, created_at = excluded.created_at, answer = NULL
            WHERE idempotencykey.created_at < $5
        RETURNING id
        """,
        organization_id,
        value,
        fingerprint,
        now,
        forgotten,
    )
    return None if taken else await IdempotencyKey.get(organization_id=organization_id, value=value)


async def keep_answer(organization_id: int, value: str, answer: Any) -> None:
    """What the same call is answered from now on."""
    await IdempotencyKey.filter(organization_id=organization_id, value=value).update(answer=answer)


async def forget(before: datetime) -> None:
    """Drop the keys that were used before then."""
    await IdempotencyKey.filter(created_at__lt=before).delete()
