"""Deletes rows that have expired."""

from datetime import datetime

from db.queries import idempotency_keys, rate_limits
from resolvers.idempotency import ANSWER_LIFETIME


async def leftovers(now: datetime) -> None:
    """Delete expired idempotency keys."""
    await idempotency_keys.delete_before(now - ANSWER_LIFETIME)


async def counters() -> None:
    """Delete counters of attempts whose windows are over, which may be one for each address of an attack."""
    await rate_limits.delete_expired()
