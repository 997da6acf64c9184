"""Finds customers, and the recipients of letters."""

from collections.abc import AsyncIterator, Collection

from db.models import Customer, Organization
from db.paging import Cursor
from db.queries import claims, customers, organizations
from resolvers import signed_links
from resolvers.domain import validate
from resolvers.domain.refusals import UnknownCustomer
from resolvers.find import nodes


async def customer(organization_id: int, email: str) -> Customer:
    """A customer by e-mail address. Raises InvalidInput, UnknownCustomer."""
    _, email_key = validate.email(email, "email")
    row = await customers.by_email(organization_id, email_key)
    if row is None or row.joined_at is None:
        raise UnknownCustomer
    return row


async def joined_customers(organization_id: int) -> AsyncIterator[list[Customer]]:
    """Customers who have acted themselves, in the order of their rows, in pages of PAGE_SIZE."""
    after: Cursor | None = None
    while page := await customers.page_of_joined(organization_id, after, nodes.PAGE_SIZE):
        yield page
        after = Cursor(page[-1].created_at, page[-1].id)


async def customers_with_claims(organization_id: int, customer_ids: Collection[int]) -> set[int]:
    """The ids of those customers that have a standing claim."""
    return await claims.customers_with_claims(organization_id, customer_ids)


async def customers_referred_by(organization_id: int, customer_ids: Collection[int]) -> list[Customer]:
    """The customers whom these have referred, in the order they joined."""
    return await customers.referred_by(organization_id, customer_ids)


async def recipient_by_token(token: str) -> tuple[Organization, str] | None:
    """The sending organization and the recipient's key that a letter's signed token names; None for a forged one."""
    parts = signed_links.read_recipient_token(token)
    organization = await organizations.by_id(parts[0]) if parts else None
    if parts is None or organization is None or not signed_links.is_recipient_token(organization, parts[1], token):
        return None
    return organization, parts[1]
