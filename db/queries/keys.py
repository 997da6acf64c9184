"""API keys, looked up by their hash."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from db import sql, statements
from db.enums import KeyKind
from db.models import ApiKey, Organization

_HASHES = statements.ValuesTable(value_hash="text")


class ActiveKey(NamedTuple):
    """A key that is not revoked, with its organization if it has one."""

    kind: KeyKind
    account_id: int
    organization: Organization | None


async def by_hashes(hashes: Iterable[str]) -> dict[str, ActiveKey]:
    """The keys that are not revoked, by their hash."""
    rows = await _HASHES.fetch(
        """
        SELECT key.value_hash AS key_hash, key.kind AS key_kind, key.account_id AS key_account, organization.*
        FROM {values} AS input CROSS JOIN apikey AS key LEFT JOIN organization ON organization.id = key.organization_id
        WHERE key.value_hash = input.value_hash AND key.revoked_at IS NULL
        """,
        [(value_hash,) for value_hash in hashes],
    )
    return {
        row.pop("key_hash"): ActiveKey(
            KeyKind(row.pop("key_kind")),
            row.pop("key_account"),
            None if row["id"] is None else sql.models_from_rows(Organization, [row])[0],
        )
        for row in rows
    }


async def exists(value_hash: str) -> bool:
    """Whether a key with this hash was ever made, revoked ones included."""
    return await ApiKey.exists(value_hash=value_hash)


async def add(
    kind: KeyKind, value_hash: str, hint: str, account_id: int, organization_id: int | None, now: datetime
) -> ApiKey:
    return await ApiKey.create(
        kind=kind,
        value_hash=value_hash,
        hint=hint,
        account_id=account_id,
        organization_id=organization_id,
        created_at=now,
    )


async def all_of(organization_id: int | None) -> list[ApiKey]:
    """Every key, or those that name one organization, with organization and account."""
    keys = ApiKey.all() if organization_id is None else ApiKey.filter(organization_id=organization_id)
    return await keys.select_related("organization", "account").order_by("id")


async def revoke(key_id: int, now: datetime) -> bool:
    """Revoke a key; false where there is none that was not revoked."""
    return await ApiKey.filter(id=key_id, revoked_at=None).update(revoked_at=now) == 1
