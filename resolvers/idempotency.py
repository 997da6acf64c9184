"""Remembers for a day what a call with an idempotency key has answered."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from db.models import Organization
from db.queries import idempotency_keys
from db.queries.idempotency_keys import Taking
from resolvers.domain import validate
from resolvers.domain.refusals import IdempotencyMismatch

ANSWER_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class KeyedCall:
    """A call with a key: the key, and what tells this call from others."""

    value: str
    fingerprint: str


class KeyedRequest(Protocol):
    """What is asked in a round, maybe with a key."""

    @property
    def organization(self) -> Organization:
        """Whose key it is."""

    @property
    def call(self) -> KeyedCall | None:
        """The key, if there is one."""

    @property
    def now(self) -> datetime:
        """When it is asked."""


def keyed_call(key: str | None, said: object, in_public: bool = False) -> KeyedCall | None:
    """A call with what was said in it; None without a key. Raises InvalidInput.

    Keys of callers with a public key are apart from the shop's own: anybody could use up those beforehand. No key of
    the shop's can be one of them, as those begin with a space.
    """
    if key is None:
        return None
    value = validate.text(key, "idempotency_key")
    if in_public:
        value = f" public {hashlib.sha256(value.encode()).hexdigest()}"
    return KeyedCall(value, hashlib.sha256(repr(said).encode(errors="surrogatepass")).hexdigest())


def check_fingerprint(earlier: str, fingerprint: str) -> None:
    """Raises IdempotencyMismatch where a key was used for something else."""
    if earlier != fingerprint:
        raise IdempotencyMismatch("This idempotency key was used before for something else.")


async def begin(organization_id: int, key: str | None, said: object, now: datetime) -> Any | None:
    """Take a key for this call, or give what the same call has answered before.

    Call it first in the transaction: a second call with the key waits there for the first. Raises
    IdempotencyMismatch when the key was used for something else. A refused call is rolled back with its key.
    """
    read = keyed_call(key, said)
    if read is None:
        return None
    earlier = await idempotency_keys.take(organization_id, read.value, read.fingerprint, now, now - ANSWER_LIFETIME)
    if earlier is None:
        return None
    check_fingerprint(earlier.fingerprint, read.fingerprint)
    return earlier.answer


async def finish(organization_id: int, key: str | None, value: Any) -> None:
    """What the same call is answered from now on; call it last in the transaction."""
    if key is not None:
        await idempotency_keys.keep_answer(organization_id, key.strip(), value)


async def take_keys(round: Sequence[KeyedRequest]) -> set[tuple[int, str]]:
    """Take the keys of a round that are free; another process's round with one of them waits here for this one."""
    wanted: dict[tuple[int, str], Taking] = {}
    for asked in round:
        if asked.call is not None:
            taking = Taking(
                asked.organization.id, asked.call.value, asked.call.fingerprint, asked.now, asked.now - ANSWER_LIFETIME
            )
            wanted.setdefault((asked.organization.id, asked.call.value), taking)
    return await idempotency_keys.take_each(wanted.values()) if wanted else set()
