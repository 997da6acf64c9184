"""API keys, found by their hash."""

from datetime import datetime

from db.models import ApiKey, KeyKind


async def by_hash(value_hash: str) -> ApiKey | None:
    """The key with this hash that still works, with its organization if it has one."""
    return await ApiKey.filter(value_hash=value_hash, revoked_at=None).select_related("organization").first()


async def is_known(value_hash: str) -> bool:
    """Whether this key was ever given out, revoked ones included."""
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
    """Whether there was such a key that still worked."""
    return await ApiKey.filter(id=key_id, revoked_at=None).update(revoked_at=now) == 1
