"""Exports every code or claim, oldest first, in pages.

Rows that are inserted, changed or deleted while an export runs may be in it or not; each row is whole, and comes once.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tortoise.queryset import QuerySet

from db import paging, statuses
from db.enums import CodeStatus
from db.models import Claim, Code, Customer, Location, Organization, Promotion
from db.queries import claims as claim_rows
from db.queries import codes as code_rows
from resolvers import find
from resolvers.domain import params

PAGE_SIZE = 2_000
"""Rows of a page, and so in memory at any moment; a server that others wait for passes a smaller `page_size`."""

R = TypeVar("R", Code, Claim)


@dataclass(frozen=True)
class ExportedCode:
    """A code with its promotion, its status, and the address it is reserved for."""

    code: Code
    promotion: Promotion
    status: CodeStatus
    reserved_for: str | None


@dataclass(frozen=True)
class ExportedClaim:
    """A claim with what it refers to; its customer has no address once they are forgotten."""

    claim: Claim
    code: Code
    promotion: Promotion
    customer: Customer
    location: Location | None


async def codes(
    organization: Organization, ref: params.PromotionRef | None, now: datetime, page_size: int | None = None
) -> AsyncIterator[ExportedCode]:
    """Every code, or those of one promotion. Raises UnknownPromotion before the first."""
    rows = await _of(code_rows.all_of(organization.id), organization, ref)
    return _codes(paging.every_page(rows, page_size or PAGE_SIZE), organization.id, now)


async def claims(
    organization: Organization, ref: params.PromotionRef | None, page_size: int | None = None
) -> AsyncIterator[ExportedClaim]:
    """Every claim, released ones too, or those of one promotion. Raises UnknownPromotion before the first."""
    rows = await _of(claim_rows.all_of(organization.id), organization, ref)
    return _claims(paging.every_page(rows, page_size or PAGE_SIZE), organization.id)


async def _of(query: QuerySet[R], organization: Organization, ref: params.PromotionRef | None) -> QuerySet[R]:
    if ref is None:
        return query
    return query.filter(promotion_id=(await find.promotion(organization.id, ref)).id)


async def _codes(pages: AsyncIterator[list[Code]], organization_id: int, now: datetime) -> AsyncIterator[ExportedCode]:
    async for page in pages:
        parents = await find.by_ids(Promotion, organization_id, _ids(row.promotion_id for row in page))
        persons = await find.by_ids(Customer, organization_id, _ids(row.reserved_for_id for row in page))
        for row in page:
            promotion = parents.get(row.promotion_id)
            if promotion is None:  # deleted since the page was read, and the code with it
                continue
            person = persons.get(row.reserved_for_id or 0)
            yield ExportedCode(row, promotion, statuses.of_code(row, promotion, now), person.email if person else None)


async def _claims(pages: AsyncIterator[list[Claim]], organization_id: int) -> AsyncIterator[ExportedClaim]:
    async for page in pages:
        parents = await find.by_ids(Promotion, organization_id, _ids(row.promotion_id for row in page))
        claimed = await find.by_ids(Code, organization_id, _ids(row.code_id for row in page))
        persons = await find.by_ids(Customer, organization_id, _ids(row.customer_id for row in page))
        sites = await find.by_ids(Location, organization_id, _ids(row.location_id for row in page))
        for row in page:
            promotion, code, person = (
                parents.get(row.promotion_id),
                claimed.get(row.code_id),
                persons.get(row.customer_id),
            )
            if promotion is None or code is None or person is None:  # deleted meanwhile, and the claim with it
                continue
            yield ExportedClaim(row, code, promotion, person, sites.get(row.location_id or 0))


def _ids(ids: Iterable[int | None]) -> set[int]:
    return {id for id in ids if id is not None}
