"""Lists rows of one kind that match a filter, a page at a time.

The nouns here give queries, which `page`, `pages` and `counts` run.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.queryset import QuerySet

from db import paging
from db.enums import ClaimStatus, CodeStatus, DeliveryStatus, PromotionStatus
from db.models import Claim, Code, Customer, Delivery, Job, Promotion
from db.paging import Cursor as Cursor  # for schema, which may not import db.paging
from db.queries import claims as claim_rows
from db.queries import codes as code_rows
from db.queries import customers as customer_rows
from db.queries import deliveries as delivery_rows
from db.queries import jobs as job_rows
from db.queries import promotions as promotion_rows
from resolvers.domain import code_format, folding, validate

MAX_SEARCH_WORDS = 8
"""Words of a search that are looked for one by one."""


@dataclass(frozen=True)
class CodeFilter:
    status: tuple[CodeStatus, ...] | None = None
    text_prefix: str | None = None
    reserved_for_email: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True)
class ClaimFilter:
    email: str | None = None
    order_reference: str | None = None
    status: tuple[ClaimStatus, ...] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True)
class PromotionFilter:
    status: tuple[PromotionStatus, ...] | None = None
    search: str | None = None


def promotions(organization_id: int, filters: PromotionFilter, now: datetime) -> QuerySet[Promotion]:
    """An organization's promotions. Raises InvalidInput."""
    query = promotion_rows.all_of(organization_id, _search_words(filters.search, "filter", "search"))
    return query if filters.status is None else promotion_rows.with_status(query, filters.status, now)


def codes(organization_id: int, filters: CodeFilter, now: datetime) -> QuerySet[Code]:
    """An organization's codes. Raises InvalidInput."""
    query = _created_between(code_rows.all_of(organization_id), filters.created_after, filters.created_before)
    if filters.text_prefix is not None:
        prefix = validate.optional_text(
            filters.text_prefix, "filter", "text_prefix", max_length=code_format.MAX_CODE_LENGTH
        )
        query = query.filter(text_key__startswith=code_format.match_key(prefix or ""))
    if filters.reserved_for_email is not None:
        _, email_key = validate.email(filters.reserved_for_email, "filter", "reserved_for_email")
        query = query.filter(reserved_for__email_key=email_key)
    return query if filters.status is None else code_rows.with_status(query, filters.status, now)


def claims(organization_id: int, filters: ClaimFilter) -> QuerySet[Claim]:
    """An organization's claims, released ones too. Raises InvalidInput."""
    query = _created_between(claim_rows.all_of(organization_id), filters.created_after, filters.created_before)
    if filters.email is not None:
        query = query.filter(customer__email_key=validate.email(filters.email, "filter", "email")[1])
    if filters.order_reference is not None:
        reference = validate.text(filters.order_reference, "filter", "order_reference")
        query = query.filter(order_reference=reference)
    return query if filters.status is None else claim_rows.with_status(query, filters.status)


def customers(organization_id: int, search: str | None) -> QuerySet[Customer]:
    """An organization's customers. Raises InvalidInput."""
    return customer_rows.all_of(organization_id, _search_words(search, "search"))


def deliveries(organization_id: int, status: Sequence[DeliveryStatus] | None) -> QuerySet[Delivery]:
    """An organization's letters in any of these states."""
    query = delivery_rows.all_of(organization_id)
    if status is not None and len(set(status)) == 1:
        return query.filter(status=status[0])  # the index has them in the page's order
    return query if status is None else query.filter(status__in=list(dict.fromkeys(status)))


async def latest_deliveries(organization_id: int, status: DeliveryStatus | None, limit: int) -> list[Delivery]:
    """The newest letters, newest first, each with its code."""
    return await delivery_rows.latest(organization_id, status, limit)


async def delivery_counts(organization_id: int) -> Counter[DeliveryStatus]:
    """How many letters there are in each state."""
    return await delivery_rows.count_by_status(organization_id)


def jobs(organization_id: int) -> QuerySet[Job]:
    """An organization's generation jobs, finished ones too."""
    return job_rows.all_of(organization_id)


def _created_between(
    query: QuerySet[Any], created_after: datetime | None, created_before: datetime | None
) -> QuerySet[Any]:
    if created_after is not None:
        query = query.filter(created_at__gte=validate.storable_instant(created_after, "filter", "created_after"))
    if created_before is not None:
        query = query.filter(created_at__lt=validate.storable_instant(created_before, "filter", "created_before"))
    return query


def _search_words(search: str | None, *path: str) -> list[str]:
    """The folded words of a search, at most MAX_SEARCH_WORDS; the last of many is all the rest."""
    if not search:
        return []
    return folding.search_key(validate.optional_text(search, *path) or "").split(" ", MAX_SEARCH_WORDS - 1)


async def page(query: QuerySet[Any], after: Cursor | None, size: int) -> list[Any]:
    """The rows after a cursor, one more than `size` if there are more."""
    return await paging.page(query, after, size + 1)


async def pages(
    query: QuerySet[Any], parent: str, parent_ids: Sequence[int], after: Cursor | None, size: int
) -> dict[int, list[Any]]:
    """The same page below each of several parents by its id, one row more than `size` where there are more.

    `parent` is the column that holds the parent's id.
    """
    return await paging.pages(query, parent, parent_ids, after, size + 1)


async def counts(query: QuerySet[Any], parent: str, parent_ids: Sequence[int]) -> dict[int, int]:
    """How many rows there are below each of several parents, by its id."""
    return await paging.counts(query, parent, parent_ids)
