"""Finds claims."""

from collections.abc import AsyncIterator

from db.models import Claim
from db.paging import Place
from db.queries import claims
from resolvers.find import nodes


async def standing_claims(promotion_id: int) -> AsyncIterator[list[Claim]]:
    """A promotion's claims that are not released, newest first, in pages of PAGE_SIZE."""
    after: Place | None = None
    while page := await claims.standing_of_promotion(promotion_id, after, nodes.PAGE_SIZE):
        yield page
        after = Place(page[-1].created_at, page[-1].id)
