"""Vouches for who wants a code: what they bring is something that only its holder has."""

from db.models import Code, Organization
from db.queries import claims, codes, customers, deliveries
from resolvers import signed_links
from resolvers.domain.validate import ValidPerson


async def customer_id(organization: Organization, person: ValidPerson | None) -> int | None:
    """The id of somebody who is known already, as a code's holder is; None for anybody else."""
    found = await customers.by_email(organization.id, person.email_key) if person is not None else None
    return found.id if found is not None else None


async def by_page_link(organization: Organization, key: str, proof: str) -> bool:
    """Whether the proof is the address of the code's page, or its last part."""
    last = proof.strip().rpartition("/")[2]
    told = signed_links.read_code_token(last)
    if told is None or told[0] != organization.id or not signed_links.is_code_token(organization, told[1], last):
        return False
    found = await codes.by_id(*told)
    return found is not None and found.text_key == key


async def by_delivery_or_claim(
    organization: Organization, key: str, customer_id: int, person: ValidPerson, order_reference: str | None
) -> bool:
    """Whether a code is reserved for somebody, or was sent to them, or was claimed by them with this order before."""
    found = await codes.by_text(organization.id, key)
    if found is None:
        return False
    return (
        found.reserved_for_id == customer_id
        or bool(await deliveries.recipients_of(found.id, [person.email_key]))
        or await _claimed(organization, found, person, order_reference)
    )


async def _claimed(organization: Organization, code: Code, person: ValidPerson, order_reference: str | None) -> bool:
    if order_reference is None:
        return False
    standing = await claims.standing_on_orders([(organization.id, code.text_key, order_reference)])
    return any(email_key == person.email_key for _, email_key in standing)
