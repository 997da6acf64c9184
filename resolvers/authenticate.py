"""Authenticates API keys, and says which organizations and rights a key has."""

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
    """A permission of a key."""

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
    """A key's kind and account, and its organization; None where it is valid for all of the account's."""

    kind: KeyKind
    account_id: int
    organization: Organization | None

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.kind]


async def key(value: str) -> Holder | None:
    """The holder of this key, or None when it is unknown or revoked; keys of one moment are looked up in one query."""
    return await batching.submit(_holders, key_hash(value), gathers=True)


async def _holders(hashes: Sequence[str]) -> list[Holder | None]:
    holders = {value: Holder(*columns) for value, columns in (await keys.by_hashes(set(hashes))).items()}
    return [holders.get(value) for value in hashes]


async def organization_of(holder: Holder, identifier: str | None) -> Organization | None:
    """The organization of a request: the key's own; of an account's, the one with this identifier, or the only one.

    None where the holder has no such organization.
    """
    if holder.organization is not None:
        return holder.organization if identifier in (None, holder.organization.identifier) else None
    own = await organizations.of_account(holder.account_id)
    if identifier is None:
        return own[0] if len(own) == 1 else None
    return next((organization for organization in own if organization.identifier == identifier), None)


async def is_of_account(holder: Holder, account_number: int) -> bool:
    """Whether a holder's key is of the account with this number."""
    account = await accounts.by_number(account_number)
    return account is not None and account.id == holder.account_id


async def reachable_organization(holder: Holder, number: int) -> Organization | None:
    """The organization with this number; None where the holder's key is not valid for it."""
    organization = await organizations.by_number(number)
    if organization is None or organization.account_id != holder.account_id:
        return None
    return organization if holder.organization is None or holder.organization.id == organization.id else None


def new_key(kind: KeyKind) -> str:
    """A new key: 192 random bits, in the format of Lancero's keys."""
    return PREFIXES[kind] + secrets.token_hex(24)


def key_hash(value: str) -> str:
    """The SHA-256 of a key, in hex, which is all that is stored: random keys need no salt or stretching."""
    return hashlib.sha256(value.encode(errors="replace")).hexdigest()
