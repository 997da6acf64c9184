"""Recognizes a code's holder by facts that nobody else has: the page's address, a letter, a reservation, a claim."""

from db.models import Code, Organization
from db.queries import claims, codes, customers, deliveries
from resolvers import signed_links
from resolvers.domain.validate import ValidPerson


async def customer_id(organization: Organization, person: ValidPerson | None) -> int | None:
    """The id of a person who is a customer already, as a code's holder is; None for anybody else."""
    customer = await customers.by_email(organization.id, person.email_key) if person is not None else None
    return customer.id if customer is not None else None


async def by_page_link(organization: Organization, key: str, proof: str) -> bool:
    """Whether the proof is the address of the code's page, or its last part."""
    token = proof.strip().rpartition("/")[2]
    ids = signed_links.read_code_token(token)
    if ids is None or ids[0] != organization.id or not signed_links.is_code_token(organization, ids[1], token):
        return False
    code = await codes.by_id(*ids)
    return code is not None and code.text_key == key


async def by_delivery_or_claim(
    organization: Organization, key: str, customer_id: int, person: ValidPerson, order_reference: str | None
) -> bool:
    """Whether the code is reserved for a customer, was sent to them, or was claimed by them with this order before."""
    code = await codes.by_text(organization.id, key)
    if code is None:
        return False
    return (
        code.reserved_for_id == customer_id
        or bool(await deliveries.existing_recipients(code.id, [person.email_key]))
        or await _has_claimed(organization, code, person, order_reference)
    )


async def _has_claimed(
    organization: Organization, code: Code, person: ValidPerson, order_reference: str | None
) -> bool:
    if order_reference is None:
        return False
    standing = await claims.standing_on_orders([(organization.id, code.text_key, order_reference)])
    return any(email_key == person.email_key for _, email_key in standing)
