"""Claims: uses of codes."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypedDict

from tortoise.functions import Count
from tortoise.queryset import QuerySet

from db import paging, sql, statements, statuses
from db.enums import ClaimStatus, DiscountKind
from db.models import Claim

PAGE_ROWS = 1_000
"""Rows that are in memory at a time while many claims are iterated."""

_IDS = statements.ValuesTable(id="bigint")
_CUSTOMERS = statements.ValuesTable(customer_id="bigint", code_id="bigint", promotion_id="bigint")
_ORDERS = statements.ValuesTable(organization_id="bigint", text_key="text", reference="text")
_TOKENS = statements.ValuesTable(id="bigint", exchange_key="text", exchange_until="timestamptz")


async def by_id(organization_id: int, claim_id: int) -> Claim | None:
    return await Claim.get_or_none(organization_id=organization_id, id=claim_id)


async def with_code_and_customer(organization_id: int, claim_id: int) -> Claim:
    return await Claim.get(organization_id=organization_id, id=claim_id).select_related("code", "customer")


class StandingClaims(NamedTuple):
    """A customer's standing claims: how many of a code and of its promotion, and the id of the first of the code.

    Without `promotion_id` those of the promotion are not counted: `of_promotion` is 0.
    """

    customer_id: int
    code_id: int
    promotion_id: int | None
    of_code: int
    of_promotion: int
    first_of_code: int | None


_STANDING_OF_CUSTOMERS = f"""
    SELECT input.customer_id, input.code_id, input.promotion_id,
        (SELECT COUNT(*) FROM claim WHERE claim.customer_id = input.customer_id
            AND +claim.code_id = input.code_id AND {statuses.STANDING_SQL}) AS of_code,
        CASE WHEN input.promotion_id IS NULL THEN 0 ELSE
            (SELECT COUNT(*) FROM claim WHERE claim.customer_id = input.customer_id
                AND +claim.promotion_id = input.promotion_id AND {statuses.STANDING_SQL}) END AS of_promotion,
        (SELECT claim.id FROM claim WHERE claim.customer_id = input.customer_id
            AND +claim.code_id = input.code_id AND {statuses.STANDING_SQL}
            ORDER BY claim.created_at, claim.id LIMIT 1) AS first_of_code
    FROM {{values}} AS input
    """  # noqa: S608 (a constant)
"""The plus signs keep the databases to the index of a customer's claims, of which there are few; one code may have a
million.
"""


def standing_of_customers(
    ids: Collection[tuple[int, int, int | None]],
) -> statements.Statement[list[StandingClaims]]:
    """The standing claims for each (customer's id, code's id, promotion's id or None), in no order."""
    return _CUSTOMERS.statement(
        _STANDING_OF_CUSTOMERS,
        ids,
        columns=StandingClaims._fields,
        read=lambda rows: [StandingClaims(**row) for row in rows],
    )


def standing_on_orders(
    orders: Collection[tuple[int, str, str]],
) -> statements.Statement[list[tuple[Claim, str | None]]]:
    """The standing claims of orders, in no order; each with its customer's folded address, None for a deleted customer.

    An order is (organization's id, code's text key, order's reference). Its key is cleared when its claim is released.
    """
    code = sql.lateral_join("code", organization_id="input.organization_id", text_key="input.text_key")
    claim = sql.lateral_join(
        "claim", organization_id="code.organization_id", code_id="code.id", order_key="input.reference"
    )
    customer = sql.lateral_join("customer", organization_id="claim.organization_id", id="claim.customer_id")
    return _ORDERS.statement(
        f"""
        SELECT claim.*, customer.email_key AS customer_email_key
        FROM {{values}} AS input {code} {claim} {customer}
        """,  # noqa: S608 (names)
        orders,
        columns=(*sql.columns(Claim), "customer_email_key"),
        read=_with_emails,
    )


def _with_emails(rows: list[sql.Row]) -> list[tuple[Claim, str | None]]:
    emails = [row.pop("customer_email_key") for row in rows]
    return list(zip(sql.models_from_rows(Claim, rows), emails, strict=True))


async def list_by_ids(ids: Iterable[int]) -> list[Claim]:
    """The claims that exist among these ids, in no order."""
    claim = sql.lateral_join("claim", id="input.id")
    return sql.models_from_rows(Claim, await _IDS.fetch(f"SELECT claim.* FROM {{values}} AS input {claim}", zip(ids)))  # noqa: S608 (names)


class ClaimColumns(TypedDict):
    """The columns of a new claim; amounts in minor units of `currency`."""

    id: int
    customer_id: int | None
    organization_id: int
    promotion_id: int
    code_id: int
    location_id: int | None
    order_reference: str | None
    order_key: str | None
    order_total: int | None
    order_quantity: int | None
    currency: str | None
    discount: int | None
    discount_kind: DiscountKind
    discount_value: int
    exchange_key: str
    exchange_until: datetime
    created_at: datetime


_DRAFTS = statements.ValuesTable.of(ClaimColumns)


def draft(columns: ClaimColumns) -> Claim:
    """A claim that is not inserted yet; `add_all` inserts it as it is by then."""
    return sql.model_from_row(Claim, {"released_at": None, "release_reason": None, **columns})


def reference(claim_id: int) -> Claim:
    """An existing claim of which nothing but the id is known."""
    return sql.model_from_row(Claim, {"id": claim_id})


def add_all(drafts: Sequence[Claim]) -> statements.Statement[None]:
    """Insert drafts, with what was set in them since."""
    return _DRAFTS.insert("claim", [[*map(vars(draft).get, _DRAFTS.columns)] for draft in drafts])


def save_exchange_keys(claims: Iterable[Claim]) -> statements.Statement[None]:
    """Update the exchange keys of claims, and until when they are good."""
    return _TOKENS.change(
        f"""
        UPDATE claim SET exchange_key = input.exchange_key, exchange_until = input.exchange_until
        FROM {{values}} AS input WHERE {sql.key_condition("claim", "id")}
        """,  # noqa: S608 (names)
        [(claim.id, claim.exchange_key, claim.exchange_until) for claim in claims],
    )


async def save(claim: Claim, fields: list[str]) -> None:
    await claim.save(update_fields=fields)


async def exchange(organization_id: int, exchange_key: str, now: datetime) -> int | None:
    """Use up a token that is still good, by its hash: its claim's id, or None."""
    rows = await sql.rows(
        f"""
        UPDATE claim SET exchange_key = NULL
        WHERE organization_id = $1 AND exchange_key = $2 AND exchange_until > $3 AND {statuses.STANDING_SQL}
        RETURNING id
        """,  # noqa: S608 (a constant)
        organization_id,
        exchange_key,
        now,
    )
    return rows[0]["id"] if rows else None


async def standing_of_promotion(
    organization_id: int, promotion_id: int, after: paging.Cursor | None, size: int
) -> list[Claim]:
    """A page of at most `size` of a promotion's standing claims, newest first; those after the cursor."""
    standing = all_standing(organization_id).filter(promotion_id=promotion_id)
    return await paging.page(standing, after, size, newest_first=True)


async def customers_with_claims(organization_id: int, customer_ids: Iterable[int]) -> set[int]:
    """The ids of those of the organization's customers that have a standing claim.

    The plus sign keeps SQLite to the index of a customer's claims.
    """
    rows = await _IDS.fetch(
        f"""
        SELECT input.id FROM {{values}} AS input WHERE EXISTS (
            SELECT 1 FROM claim
            WHERE claim.customer_id = input.id AND +claim.organization_id = $1 AND {statuses.STANDING_SQL}
        )
        """,  # noqa: S608 (a constant)
        zip(customer_ids),
        organization_id,
    )
    return {row["id"] for row in rows}


async def distinct_customers(
    organization_id: int, promotion_id: int | None, currency: str | None, start: datetime, end: datetime
) -> int:
    """How many customers have a standing claim made at `start` or later and before `end`, in orders of that currency.

    Without a promotion's id those of all promotions count; without a currency those of orders without a total.
    """
    claims = all_standing(organization_id).filter(created_at__gte=start, created_at__lt=end, currency=currency)
    if promotion_id is not None:
        claims = claims.filter(promotion_id=promotion_id)
    counted = claims.annotate(n=Count("customer_id", distinct=True))
    [(number,)] = await counted.values_list("n")
    return int(number)


async def iterate(queryset: QuerySet[Claim]) -> AsyncIterator[Claim]:
    """Every claim of the queryset, oldest first, PAGE_ROWS in memory at a time."""
    async for page in paging.every_page(queryset, PAGE_ROWS):
        for claim in page:
            yield claim


class MinuteSum(NamedTuple):
    """Sums over the standing claims of one minute and currency; amounts in minor units."""

    at: datetime
    currency: str | None
    claims: int
    order_total: int
    order_quantity: int
    discount_total: int


async def sums_of_code(organization_id: int, code_id: int) -> list[MinuteSum]:
    """Sums over a code's standing claims by minute (which no time zone's offset divides) and currency, in no order."""
    minute = (
        "substr(created_at, 1, 16)"
        if sql.is_single_writer()
        else "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
    )
    rows = await sql.rows(
        f"""
        SELECT {minute} AS at, currency, COUNT(*) AS claims, COALESCE(SUM(order_total), 0) AS order_total,
            COALESCE(SUM(order_quantity), 0) AS order_quantity, COALESCE(SUM(discount), 0) AS discount_total
        FROM claim WHERE organization_id = $1 AND code_id = $2 AND {statuses.STANDING_SQL} GROUP BY 1, 2
        """,  # noqa: S608 (constants)
        organization_id,
        code_id,
    )
    return [
        MinuteSum(
            datetime.fromisoformat(row["at"]).replace(tzinfo=UTC),
            row["currency"],
            *(int(row[name]) for name in MinuteSum._fields[2:]),
        )
        for row in rows
    ]


async def delete_of_code(organization_id: int, code_id: int) -> int:
    """Delete a code's claims, standing or released; how many there were."""
    return await sql.delete(Claim.filter(organization_id=organization_id, code_id=code_id))


async def delete_of_promotion(organization_id: int, promotion_id: int) -> int:
    """Delete the claims of all of a promotion's codes; how many there were."""
    return await sql.delete(Claim.filter(organization_id=organization_id, promotion_id=promotion_id))


def all_of(organization_id: int) -> QuerySet[Claim]:
    return Claim.filter(organization_id=organization_id)


def matching(
    organization_id: int,
    created_from: datetime | None,
    created_before: datetime | None,
    customer: str | None,
    order_reference: str | None,
    wanted: Collection[ClaimStatus] | None,
) -> QuerySet[Claim]:
    """The organization's claims that meet every condition that isn't None; the customer's address is folded."""
    claims = sql.created_between(all_of(organization_id), created_from, created_before)
    if customer is not None:
        claims = claims.filter(customer__email_key=customer)
    if order_reference is not None:
        claims = claims.filter(order_reference=order_reference)
    return claims if wanted is None else with_status(claims, wanted)


def all_standing(organization_id: int) -> QuerySet[Claim]:
    """An organization's standing claims."""
    return all_of(organization_id).filter(statuses.STANDING)


def with_status(queryset: QuerySet[Claim], wanted: Collection[ClaimStatus]) -> QuerySet[Claim]:
    """The claims of the queryset with one of these statuses."""
    return queryset.filter(statuses.claim_filter(wanted))


class Miscount(NamedTuple):
    """A code's text or a promotion's reference, its counter less the claims without a row, and its standing claims."""

    name: str
    counter: int
    claims: int


async def miscounted_codes(organization_id: int) -> list[Miscount]:
    """Codes whose counter, less the claims without a row, differs from the number of their standing claims."""
    rows = await sql.rows(
        f"""
        SELECT code.text AS name, code.claim_count - COALESCE(code.rowless_claim_count, 0) AS counter,
            COUNT(claim.id) AS claims
        FROM code LEFT JOIN claim ON claim.code_id = code.id AND {statuses.STANDING_SQL}
        WHERE code.organization_id = $1
        GROUP BY code.id, code.text, code.claim_count, code.rowless_claim_count
        HAVING code.claim_count - COALESCE(code.rowless_claim_count, 0) <> COUNT(claim.id)
        ORDER BY code.id
        """,  # noqa: S608 (a constant)
        organization_id,
    )
    return [Miscount(**row) for row in rows]


async def miscounted_promotions(organization_id: int) -> list[Miscount]:
    """Promotions whose counter, less the claims without a row, differs from the number of their standing claims."""
    rows = await sql.rows(
        f"""
        SELECT promotion.reference AS name, promotion.claim_count - promotion.rowless_claim_count AS counter,
            COUNT(claim.id) AS claims
        FROM promotion LEFT JOIN claim ON claim.promotion_id = promotion.id AND {statuses.STANDING_SQL}
        WHERE promotion.organization_id = $1
        GROUP BY promotion.id, promotion.reference, promotion.claim_count, promotion.rowless_claim_count
        HAVING promotion.claim_count - promotion.rowless_claim_count <> COUNT(claim.id)
        ORDER BY promotion.id
        """,  # noqa: S608 (a constant)
        organization_id,
    )
    return [Miscount(**row) for row in rows]
