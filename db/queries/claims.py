"""Claims: uses of codes."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

from tortoise.functions import Count
from tortoise.queryset import QuerySet

from db import paging, sql
from db.models import Claim

STREAMED = 1_000
"""Rows that a walk over many claims holds at a time."""


async def by_id(organization_id: int, claim_id: int) -> Claim | None:
    return await Claim.get_or_none(organization_id=organization_id, id=claim_id)


async def by_ids(ids: Iterable[int]) -> dict[int, Claim]:
    return await Claim.in_bulk(ids, "id")


async def with_code_and_customer(claim_id: int) -> Claim:
    return await Claim.get(id=claim_id).select_related("code", "customer")


async def standing_on_order(organization_id: int, code_id: int, reference: str) -> Claim | None:
    """The standing claim of a code that an order holds."""
    return await Claim.get_or_none(organization_id=organization_id, code_id=code_id, order_key=reference)


async def standing_of_customer(customer_id: int, code_id: int) -> Claim | None:
    """A customer's first standing claim of a code."""
    found = Claim.filter(customer_id=customer_id, code_id=code_id, released_at=None)
    return await found.order_by("created_at", "id").first()


async def count_of_customer(customer_id: int, *, promotion_id: int, code_id: int | None = None) -> int:
    """How many standing claims a customer has of a promotion, or of one code of it."""
    found = Claim.filter(customer_id=customer_id, promotion_id=promotion_id, released_at=None)
    return await (found if code_id is None else found.filter(code_id=code_id)).count()


async def add(values: dict[str, Any]) -> Claim:
    return await Claim.create(**values)


async def save(claim: Claim, fields: list[str]) -> None:
    await claim.save(update_fields=fields)


async def exchange(organization_id: int, exchange_key: str, now: datetime) -> int | None:
    """Take a token that is still good: the claim's id, once."""
    taken = await sql.rows(
        """
        UPDATE claim SET exchange_key = NULL
        WHERE organization_id = $1 AND exchange_key = $2 AND exchange_until > $3 AND released_at IS NULL
        RETURNING id
        """,
        organization_id,
        exchange_key,
        now,
    )
    return taken[0]["id"] if taken else None


async def standing_of_promotion(promotion_id: int) -> list[Claim]:
    """A promotion's standing claims, newest first."""
    return await Claim.filter(promotion_id=promotion_id, released_at=None).order_by("-created_at", "-id")


async def customers_with_claims(customer_ids: list[int]) -> set[int]:
    """Those of the customers that have a standing claim."""
    found = Claim.filter(customer_id__in=customer_ids, released_at=None).distinct()
    return set(await found.values_list("customer_id", flat=True))  # type: ignore[arg-type]


async def distinct_customers(
    organization_id: int, promotion_id: int | None, currency: str | None, start: datetime, end: datetime
) -> int:
    """How many customers have a standing claim made in that time, in orders of that currency."""
    found = Claim.filter(organization_id=organization_id, created_at__gte=start, created_at__lt=end)
    if promotion_id is not None:
        found = found.filter(promotion_id=promotion_id)
    counted = found.filter(released_at=None, currency=currency).annotate(n=Count("customer_id", distinct=True))
    [(number,)] = await counted.values_list("n")
    return int(number)


async def walk(found: QuerySet[Claim]) -> AsyncIterator[Claim]:
    """Every claim of the queryset, oldest first, few in memory at a time."""
    after: paging.Place | None = None
    while page := await paging.page(found, after, STREAMED):
        for claim in page:
            yield claim
        after = paging.Place(page[-1].created_at, page[-1].id)


def all_of(organization_id: int) -> QuerySet[Claim]:
    return Claim.filter(organization_id=organization_id)


async def miscounted_codes(organization_id: int) -> list[dict[str, Any]]:
    """Codes whose counter differs from their standing claims: text, counter, claims."""
    return await sql.rows(
        """
        SELECT code.text AS name, code.claim_count AS counter, COUNT(claim.id) AS claims
        FROM code LEFT JOIN claim ON claim.code_id = code.id AND claim.released_at IS NULL
        WHERE code.organization_id = $1
        GROUP BY code.id, code.text, code.claim_count HAVING code.claim_count <> COUNT(claim.id)
        ORDER BY code.id
        """,
        organization_id,
    )


async def miscounted_promotions(organization_id: int) -> list[dict[str, Any]]:
    """Promotions whose counter, less the deleted share, differs from their standing claims."""
    return await sql.rows(
        """
        SELECT promotion.reference AS name, promotion.claim_count - promotion.deleted_claim_count AS counter,
            COUNT(claim.id) AS claims
        FROM promotion LEFT JOIN claim ON claim.promotion_id = promotion.id AND claim.released_at IS NULL
        WHERE promotion.organization_id = $1
        GROUP BY promotion.id, promotion.reference, promotion.claim_count, promotion.deleted_claim_count
        HAVING promotion.claim_count - promotion.deleted_claim_count <> COUNT(claim.id)
        ORDER BY promotion.id
        """,
        organization_id,
    )
