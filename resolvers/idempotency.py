"""Idempotency keys: the answer of a call with a key is stored for a day, and replayed to the same call."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from db.models import Organization
from db.queries import idempotency_keys
from db.queries.idempotency_keys import KeyReservation
from resolvers.domain import validate
from resolvers.domain.refusals import IdempotencyMismatch

ANSWER_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class KeyedCall:
    """An idempotency key, and the fingerprint of the call's arguments."""

    value: str
    fingerprint: str


class KeyedRequest(Protocol):
    """A request of a batch that may have an idempotency key."""

    @property
    def organization(self) -> Organization:
        """The organization that the key belongs to."""

    @property
    def call(self) -> KeyedCall | None:
        """The key, if there is one."""

    @property
    def now(self) -> datetime:
        """When the request was made."""


def keyed_call(key: str | None, args: object, in_public: bool = False) -> KeyedCall | None:
    """The key with the fingerprint of these arguments; None without a key. Raises InvalidInput.

    Keys of callers with a public key are apart from the shop's own: anybody could use up those beforehand. No key of
    the shop's can be one of them, as those begin with a space.
    """
    if key is None:
        return None
    value = validate.text(key, "idempotency_key")
    if in_public:
        value = f" public {hashlib.sha256(value.encode()).hexdigest()}"
    return KeyedCall(value, hashlib.sha256(repr(args).encode(errors="surrogatepass")).hexdigest())


def check_fingerprint(stored: str, fingerprint: str) -> None:
    """Raises IdempotencyMismatch where a key was used with other arguments."""
    if stored != fingerprint:
        raise IdempotencyMismatch("This idempotency key was used before for something else.")


async def begin(organization_id: int, key: str | None, args: object, now: datetime) -> object:
    """Take a key for this call, or return the stored answer of the same call; None where the call is to be run.

    Call it first in the transaction: a second call with the key waits there for the first. Raises
    IdempotencyMismatch when the key was used with other arguments. A refused call is rolled back with its key.
    """
    call = keyed_call(key, args)
    if call is None:
        return None
    earlier = await idempotency_keys.reserve(organization_id, call.value, call.fingerprint, now, now - ANSWER_LIFETIME)
    if earlier is None:
        return None
    check_fingerprint(earlier.fingerprint, call.fingerprint)
    return earlier.answer


async def finish(organization_id: int, key: str | None, answer: object) -> None:
    """Store the answer, a JSON value, for later calls with the key; call it last in the transaction."""
    if key is not None:
        await idempotency_keys.save_answer(organization_id, key.strip(), answer)


def stored_ids(part: object) -> list[int]:
    """The ids that a part of a stored answer has, which is a list of them."""
    return [id for id in part if isinstance(id, int)] if isinstance(part, list) else []


async def take_keys(batch: Sequence[KeyedRequest]) -> set[tuple[int, str]]:
    """Take the free keys of a batch, by organization and value; another process's batch with one of them waits here."""
    takings: dict[tuple[int, str], KeyReservation] = {}
    for request in batch:
        if request.call is not None:
            organization_id, call, now = request.organization.id, request.call, request.now
            taking = KeyReservation(organization_id, call.value, call.fingerprint, now, now - ANSWER_LIFETIME)
            takings.setdefault((organization_id, call.value), taking)
    return await idempotency_keys.reserve_each(takings.values()) if takings else set()
