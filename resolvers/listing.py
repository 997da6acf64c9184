"""Browses: everything of a kind that a filter leaves, a page at a time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.queryset import QuerySet

from db import paging
from db.enums import DeliveryStatus
from db.models import Claim, Code, Customer, Delivery, Job, Promotion
from db.paging import Place as Place  # what a page begins after, for the doors
from db.queries import claims, codes, customers, deliveries, jobs, promotions
from resolvers.domain import code_format, folding, validate

MOST_WORDS = 8
"""Words of a search that are looked for one by one."""


@dataclass(frozen=True)
class CodeFilter:
    status: tuple[str, ...] | None = None
    text_prefix: str | None = None
    reserved_for_email: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True)
class ClaimFilter:
    email: str | None = None
    order_reference: str | None = None
    status: tuple[str, ...] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True)
class PromotionFilter:
    status: tuple[str, ...] | None = None
    search: str | None = None


def all_promotions(organization_id: int, asked: PromotionFilter, now: datetime) -> QuerySet[Promotion]:
    found = promotions.all_of(organization_id, _searched(asked.search, "filter", "search"))
    return found if asked.status is None else promotions.with_status(found, asked.status, now)


def all_codes(organization_id: int, asked: CodeFilter, now: datetime) -> QuerySet[Code]:
    found = _made_between(codes.all_of(organization_id), asked.created_after, asked.created_before)
    if asked.text_prefix is not None:
        prefix = validate.optional_text(
            asked.text_prefix, "filter", "text_prefix", max_length=code_format.MAX_CODE_LENGTH
        )
        found = found.filter(text_key__startswith=code_format.match_key(prefix or ""))
    if asked.reserved_for_email is not None:
        _, email_key = validate.email(asked.reserved_for_email, "filter", "reserved_for_email")
        found = found.filter(reserved_for__email_key=email_key)
    return found if asked.status is None else codes.with_status(found, asked.status, now)


def all_claims(organization_id: int, asked: ClaimFilter) -> QuerySet[Claim]:
    found = _made_between(claims.all_of(organization_id), asked.created_after, asked.created_before)
    if asked.email is not None:
        found = found.filter(customer__email_key=validate.email(asked.email, "filter", "email")[1])
    if asked.order_reference is not None:
        reference = validate.text(asked.order_reference, "filter", "order_reference")
        found = found.filter(order_reference=reference)
    if asked.status is not None and len(set(asked.status)) == 1:
        found = found.filter(released_at__isnull=asked.status[0] == "CLAIMED")
    elif asked.status is not None and not asked.status:
        found = found.filter(id__in=[])
    return found


def all_customers(organization_id: int, search: str | None) -> QuerySet[Customer]:
    return customers.all_of(organization_id, _searched(search, "search"))


def all_deliveries(organization_id: int, status: Sequence[DeliveryStatus] | None) -> QuerySet[Delivery]:
    found = deliveries.all_of(organization_id)
    if status is not None and len(set(status)) == 1:
        return found.filter(status=status[0])  # the index has them in the page's order
    return found if status is None else found.filter(status__in=list(dict.fromkeys(status)))


async def latest_deliveries(organization_id: int, status: DeliveryStatus | None, most: int) -> list[Delivery]:
    """The newest letters, newest first, each with its code."""
    return await deliveries.latest(organization_id, status, most)


async def deliveries_by_status(organization_id: int) -> Counter[DeliveryStatus]:
    """How many letters there are in each state."""
    return await deliveries.by_status(organization_id)


def all_jobs(organization_id: int) -> QuerySet[Job]:
    """What is being made, and what was."""
    return jobs.all_of(organization_id)


def _made_between(
    found: QuerySet[Any], created_after: datetime | None, created_before: datetime | None
) -> QuerySet[Any]:
    if created_after is not None:
        found = found.filter(created_at__gte=validate.storable_instant(created_after, "filter", "created_after"))
    if created_before is not None:
        found = found.filter(created_at__lt=validate.storable_instant(created_before, "filter", "created_before"))
    return found


def _searched(search: str | None, *path: str) -> list[str]:
    """The words that are searched for, folded; the last of many is all the rest."""
    return folding.search_key(validate.optional_text(search, *path) or "").split(" ", MOST_WORDS - 1) if search else []


async def page(found: QuerySet[Any], after: Place | None, size: int) -> list[Any]:
    """The rows after a place, one more than `size` if there are more."""
    return await paging.page(found, after, size + 1)


async def pages(
    found: QuerySet[Any], parent: str, parent_ids: Sequence[int], after: Place | None, size: int
) -> dict[int, list[Any]]:
    """The same page below each of several parents, one row more than `size` where there are more."""
    return await paging.pages(found, parent, parent_ids, after, size + 1)


async def counts(found: QuerySet[Any], parent: str, parent_ids: Sequence[int]) -> dict[int, int]:
    """How many rows there are below each of several parents."""
    return await paging.counts(found, parent, parent_ids)
