"""Admits callers: whose key is this, and what may it do?"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from db import batching
from db.enums import KeyKind
from db.models import Organization
from db.queries import accounts, keys, organizations

PREFIXES = {KeyKind.SECRET: "sk_", KeyKind.PUBLIC: "pk_", KeyKind.DEVICE: "dk_", KeyKind.ACCOUNT: "ak_"}


class Right(Enum):
    """What a key may be good for."""

    CHECK = "check codes"
    CLAIM = "claim codes"
    ACTIVATE = "activate, issue and make non-activated codes"
    MANAGE = "see and change everything of its organization"


RIGHTS: dict[KeyKind, frozenset[Right]] = {
    KeyKind.SECRET: frozenset(Right),
    KeyKind.ACCOUNT: frozenset(Right),
    KeyKind.DEVICE: frozenset({Right.CHECK, Right.CLAIM, Right.ACTIVATE}),
    KeyKind.PUBLIC: frozenset({Right.CHECK, Right.CLAIM}),
}


@dataclass(frozen=True)
class Holder:
    """Who holds a key: its kind and account, and its organization unless it reaches all of the account's."""

    kind: KeyKind
    account_id: int
    organization: Organization | None

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.kind]


async def key(value: str) -> Holder | None:
    """Who holds this key, or None when it does not work; as many as ask at once are one question to the store."""
    return await batching.submit(_holders, key_hash(value), gathers=True)


async def _holders(hashes: Sequence[str]) -> list[Holder | None]:
    found = {value: Holder(*working) for value, working in (await keys.by_hashes(set(hashes))).items()}
    return [found.get(value) for value in hashes]


async def organization_of(holder: Holder, identifier: str | None) -> Organization | None:
    """The organization that a holder speaks for: the key's own; an account's by identifier, or its only one.

    None where that names no organization of the holder's.
    """
    if holder.organization is not None:
        return holder.organization if identifier in (None, holder.organization.identifier) else None
    found = await organizations.of_account(holder.account_id)
    if identifier is None:
        return found[0] if len(found) == 1 else None
    return next((organization for organization in found if organization.identifier == identifier), None)


async def is_of_account(holder: Holder, account_number: int) -> bool:
    """Whether a holder's key is of the account with this number."""
    account = await accounts.by_number(account_number)
    return account is not None and account.id == holder.account_id


async def reachable_organization(holder: Holder, number: int) -> Organization | None:
    """The organization with this number, if the holder's key reaches it."""
    found = await organizations.by_number(number)
    if found is None or found.account_id != holder.account_id:
        return None
    return found if holder.organization is None or holder.organization.id == found.id else None


def new_key(kind: KeyKind) -> str:
    """A fresh key: 192 random bits, in the shape that Lancero's keys have."""
    return PREFIXES[kind] + secrets.token_hex(24)


def key_hash(value: str) -> str:
    """What is kept of a key; keys are random, so there is nothing to salt or stretch."""
    return hashlib.sha256(value.encode(errors="replace")).hexdigest()
