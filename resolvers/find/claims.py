"""Finds claims."""

from collections.abc import AsyncIterator

from db.models import Claim
from db.paging import Cursor
from db.queries import claims
from resolvers.find import nodes


async def standing_claims(organization_id: int, promotion_id: int) -> AsyncIterator[list[Claim]]:
    """A promotion's claims that are not released, newest first, in pages of PAGE_SIZE."""
    after: Cursor | None = None
    while page := await claims.standing_of_promotion(organization_id, promotion_id, after, nodes.PAGE_SIZE):
        yield page
        after = Cursor(page[-1].created_at, page[-1].id)
