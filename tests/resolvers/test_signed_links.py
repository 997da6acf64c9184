"""Addresses of codes' pages."""

import re

from db.models import Organization
from resolvers import signed_links
from tests import make


async def test_an_address_is_of_one_code_and_cannot_be_guessed(organization: Organization) -> None:
    """Each code has another address, always the same, that depends on a secret of its organization."""
    tokens = {signed_links.code_token(organization, number) for number in range(1, 200)}
    assert len(tokens) == 199
    assert signed_links.code_token(organization, 7) == signed_links.code_token(organization, 7)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{38}", token) for token in tokens)
    other = await make.organization("other")
    other.id = organization.id
    assert signed_links.code_token(other, 7) not in tokens
