"""Sweeps away what is no longer of use."""

from datetime import datetime

from db.queries import idempotency
from resolvers.remember import KEPT


async def leftovers(now: datetime) -> None:
    """Idempotency keys whose day is over."""
    await idempotency.forget(now - KEPT)
