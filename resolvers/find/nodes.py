"""Finds rows of any kind by their ids."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from db.models import Claim, Code, Customer, Delivery, Job, Location, Organization, Product, Promotion
from db.queries import claims, codes, customers, deliveries, jobs, locations, organizations, products, promotions

PAGE_SIZE = 100
"""Rows of a long list that are in memory at a time, and read in one step."""

QUERIES: dict[type[Any], Any] = {
    Organization: organizations.by_ids,
    Promotion: promotions.by_ids,
    Code: codes.by_ids,
    Customer: customers.by_ids,
    Claim: claims.by_ids,
    Location: locations.by_ids,
    Product: products.by_ids,
    Delivery: deliveries.by_ids,
    Job: jobs.by_ids,
}


async def by_ids(model: type[Any], ids: Sequence[int]) -> dict[int, Any]:
    """Rows of one model by their ids; an id without a row is left out."""
    return dict(await QUERIES[model](ids))


async def by_ids_in_order(model: type[Any], ids: Sequence[int]) -> AsyncIterator[list[Any]]:
    """Rows of one model in the order of their ids, in pages of PAGE_SIZE ids; an id without a row is left out."""
    for start in range(0, len(ids), PAGE_SIZE):
        page = ids[start : start + PAGE_SIZE]
        rows = await by_ids(model, page)
        yield [rows[id] for id in page if id in rows]
