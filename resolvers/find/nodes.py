"""Finds rows of any kind by their ids."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import TypeVar

from db.models import Claim, Code, Customer, Delivery, Job, Location, Organization, Product, Promotion
from db.queries import rows

PAGE_SIZE = 100
"""Rows of a long list that are in memory at a time, and read in one step."""

Row = TypeVar("Row", bound=Organization | Location | Product | Promotion | Code | Customer | Claim | Delivery | Job)


async def by_ids(model: type[Row], organization_id: int, ids: Collection[int]) -> dict[int, Row]:
    """An organization's rows of one model by their ids; an id without a row is left out.

    Of the model Organization it is the organization itself.
    """
    return await rows.by_ids(model, organization_id, ids)


async def by_ids_in_order(model: type[Row], organization_id: int, ids: Sequence[int]) -> AsyncIterator[list[Row]]:
    """The same in the order of their ids, in pages of PAGE_SIZE ids."""
    for start in range(0, len(ids), PAGE_SIZE):
        page = ids[start : start + PAGE_SIZE]
        found = await by_ids(model, organization_id, page)
        yield [found[id] for id in page if id in found]
