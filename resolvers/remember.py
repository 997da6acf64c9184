"""Remembers for a day what a call with an idempotency key has answered."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from db.queries import idempotency
from resolvers import sense
from resolvers.refusals import IdempotencyMismatch

KEPT = timedelta(hours=24)


async def call(organization_id: int, key: str | None, said: object, now: datetime) -> Any | None:
    """Take a key for this call, or give what the same call has answered before.

    Call it first in the transaction: a second call with the key waits there for the first. Raises
    IdempotencyMismatch when the key was used for something else. A refused call is rolled back with its key.
    """
    if key is None:
        return None
    checked = sense.text(key, "idempotency_key")
    fingerprint = hashlib.sha256(repr(said).encode(errors="surrogatepass")).hexdigest()
    earlier = await idempotency.take(organization_id, checked, fingerprint, now, now - KEPT)
    if earlier is None:
        return None
    if earlier.fingerprint != fingerprint:
        raise IdempotencyMismatch("This idempotency key was used before for something else.")
    return earlier.answer


async def answer(organization_id: int, key: str | None, value: Any) -> None:
    """What the same call is answered from now on; call it last in the transaction."""
    if key is not None:
        await idempotency.keep_answer(organization_id, key.strip(), value)
