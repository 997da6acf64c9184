"""Revokes keys."""

from datetime import datetime

from db.queries import keys


async def key(key_id: int, now: datetime) -> bool:
    """Revoke a key; returns whether there was one that was not revoked."""
    return await keys.revoke(key_id, now)
