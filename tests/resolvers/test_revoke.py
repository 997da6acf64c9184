"""Revoking keys."""

from db.models import ApiKey, Organization
from resolvers import authenticate, revoke
from tests import make


async def test_a_revoked_key_opens_nothing(organization: Organization) -> None:
    """Revoking works once, for the key that is named, and leaves the others."""
    first, second = await make.key(organization), await make.key(organization)
    row = await ApiKey.get(value_hash=authenticate.key_hash(first))
    assert await revoke.key(row.id, make.NOW) is True
    assert await revoke.key(row.id, make.NOW) is False
    assert await revoke.key(0, make.NOW) is False
    assert await authenticate.key(first) is None
    assert await authenticate.key(second) is not None
