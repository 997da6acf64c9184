"""Finds organizations, and keys."""

from db.models import ApiKey, Organization
from db.queries import accounts, organizations
from db.queries import keys as api_keys
from resolvers.domain import validate
from resolvers.domain.refusals import InvalidInput

MAX_IDENTIFIER_LENGTH = 64
"""Tortoise raises an error for a look-up by a longer one."""


async def organization(identifier: str | None, number: int | None) -> Organization | None:
    """An organization by its identifier or, without one, by its number. Raises InvalidInput."""
    if identifier is not None:
        valid = validate.storable(identifier, "organization")
        return await organizations.by_identifier(valid) if len(valid) <= MAX_IDENTIFIER_LENGTH else None
    if number is None or not 1 <= number <= validate.MAX_INT:
        return None
    return await organizations.by_number(number)


async def all_organizations() -> list[Organization]:
    """All organizations, each with its account."""
    return await organizations.every()


async def key_owner(identifier: str | None, account_number: int | None) -> tuple[int, int | None]:
    """The ids of the account and the organization that a new key is of; an account's key has no organization.

    Raises InvalidInput.
    """
    if identifier is not None:
        owner = await organization(identifier, None)
        if owner is None:
            raise InvalidInput(f"There is no organization {identifier!r}.", "organization")
        return owner.account_id, owner.id
    account = await accounts.by_number(account_number or 0)
    if account is None:
        raise InvalidInput(f"There is no account {account_number}.", "account")
    return account.id, None


async def keys(identifier: str | None) -> list[ApiKey]:
    """All keys, or those of one organization. Raises InvalidInput."""
    return await api_keys.all_of((await key_owner(identifier, None))[1] if identifier else None)
