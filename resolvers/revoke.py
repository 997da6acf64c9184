"""Revokes keys: from now on they open nothing."""

from datetime import datetime

from db.queries import keys


async def key(key_id: int, now: datetime) -> bool:
    """Whether there was such a key that still worked."""
    return await keys.revoke(key_id, now)
