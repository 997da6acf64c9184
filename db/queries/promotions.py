"""Promotions: the rules that codes belong to, and the rows that are locked for them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from tortoise.expressions import F, Subquery
from tortoise.queryset import QuerySet

from db import sql, statements, statuses
from db.enums import PromotionStatus
from db.models import DEFAULT_REFERENCE, Claim, Promotion

_IDS = statements.ValuesTable(organization_id="bigint", id="bigint")
_NAMES = statements.ValuesTable(organization_id="bigint", name="text")
_OF_CODES = statements.ValuesTable(organization_id="bigint", text_key="text")
_COUNTS = statements.ValuesTable(id="bigint", claims="bigint")

CLAIM_COLUMNS = (
    "id", "organization_id", "is_enabled", "discount_kind", "discount_value", "currency", "minimum_order",
    "maximum_discount", "starts_at", "ends_at", "per_promotion", "per_customer", "per_customer_and_code",
    "claim_count", "unfinished_job_id",
)  # fmt: skip
"""The columns that the rules of claiming use: no letter, no metadata."""


async def by_id(organization_id: int, promotion_id: int) -> Promotion | None:
    return await Promotion.get_or_none(organization_id=organization_id, id=promotion_id)


async def by_reference(organization_id: int, reference: str) -> Promotion | None:
    return await Promotion.get_or_none(organization_id=organization_id, reference=reference)


async def by_identifier(organization_id: int, identifier: str) -> Promotion | None:
    return await Promotion.get_or_none(organization_id=organization_id, identifier=identifier)


def by_each_id(ids: Collection[tuple[int, int]]) -> statements.Statement[dict[tuple[int, int], Promotion]]:
    """The promotions that exist among these (organization's id, id), by them; of any organizations."""
    return _IDS.statement(
        f"SELECT promotion.* FROM {{values}} AS input {sql.lateral_join('promotion', id='input.id')}",  # noqa: S608 (names)
        ids,
        columns=sql.columns(Promotion),
        read=lambda rows: {(row.organization_id, row.id): row for row in sql.models_from_rows(Promotion, rows)},
    )


def by_each_reference(names: Collection[tuple[int, str]]) -> statements.Statement[dict[tuple[int, str], Promotion]]:
    """The same by (organization's id, reference)."""
    return _by_each_name("reference", names)


def by_each_identifier(names: Collection[tuple[int, str]]) -> statements.Statement[dict[tuple[int, str], Promotion]]:
    """The same by (organization's id, identifier)."""
    return _by_each_name("identifier", names)


def _by_each_name(
    column: str, names: Collection[tuple[int, str]]
) -> statements.Statement[dict[tuple[int, str], Promotion]]:
    promotion = sql.lateral_join("promotion", organization_id="input.organization_id", **{column: "input.name"})
    return _NAMES.statement(
        f"SELECT promotion.* FROM {{values}} AS input {promotion}",  # noqa: S608 (names)
        names,
        columns=sql.columns(Promotion),
        read=lambda rows: {
            (row.organization_id, getattr(row, column)): row for row in sql.models_from_rows(Promotion, rows)
        },
    )


async def default(organization_id: int) -> Promotion:
    """The promotion that each organization is made with."""
    return await Promotion.get(organization_id=organization_id, reference=DEFAULT_REFERENCE)


def decoy() -> Promotion:
    """A disabled promotion that exists nowhere, for unknown codes, as if it were read with `CLAIM_COLUMNS`."""
    [promotion] = sql.models_from_rows(Promotion, [dict.fromkeys(CLAIM_COLUMNS)])
    promotion.id = promotion.claim_count = 0
    promotion.is_enabled = False
    return promotion


async def lock(organization_id: int, *, id: int | None = None, reference: str | None = None) -> Promotion | None:
    """The promotion of this id, or else reference, with its row locked.

    No other transaction changes its codes or claims meanwhile.
    """
    promotions = Promotion.filter(organization_id=organization_id)
    named = promotions.filter(reference=reference) if id is None else promotions.filter(id=id)
    return await named.select_for_update(no_key=True).first()


def of_codes(
    texts: Collection[tuple[int, str]], columns: Sequence[str] = (), *, lock: bool, skip_locked: bool = False
) -> statements.Statement[dict[int, Promotion]]:
    """The promotions, by id, of codes that are named by organization and text key; with all columns or these.

    With `lock` their rows are locked, in the order of their ids, as everywhere, against deadlocks. With `skip_locked`
    those that other transactions have locked are left out.
    """
    code = sql.lateral_join("code", organization_id="input.organization_id", text_key="input.text_key")
    ids = f"SELECT code.promotion_id FROM {{values}} AS input {code}"  # noqa: S608 (names)
    columns = columns or sql.columns(Promotion)
    return _OF_CODES.statement(
        f"""
        SELECT {", ".join(columns)} FROM promotion WHERE id {sql.in_subquery(ids)} ORDER BY id
        """,  # noqa: S608 (a subquery of our own)
        texts,
        columns=columns,
        read=lambda rows: {promotion.id: promotion for promotion in sql.models_from_rows(Promotion, rows)},
        lock=("FOR NO KEY UPDATE SKIP LOCKED" if skip_locked else "FOR NO KEY UPDATE") if lock else "",
    )


async def lock_of_claim(organization_id: int, claim_id: int) -> Promotion | None:
    """The promotion that a claim of the organization belongs to, with its row locked; None without such a claim."""
    of_claim = Claim.filter(organization_id=organization_id, id=claim_id).values("promotion_id")
    promotions = Promotion.filter(id=Subquery(of_claim))
    return await promotions.select_for_update(no_key=True).first()


async def number_is_taken(account_id: int, number: int) -> bool:
    """Whether any organization of the account has a promotion with this number."""
    return await Promotion.exists(organization__account_id=account_id, number=number)


async def add(promotion: Promotion) -> None:
    """Insert a promotion; sets its id."""
    await promotion.save(force_create=True)


async def save(promotion: Promotion, fields: Iterable[str]) -> None:
    await promotion.save(update_fields=list(fields))


async def count_claim(organization_id: int, promotion_id: int, change: int) -> None:
    """Add a number of claims, or take one away (-1)."""
    await Promotion.filter(organization_id=organization_id, id=promotion_id).update(
        claim_count=F("claim_count") + change
    )


def count_claims(numbers: Mapping[int, int]) -> statements.Statement[None]:
    """Add to the counters of promotions, of any organizations, a number of claims by the promotion's id."""
    return _COUNTS.change(
        f"""
        UPDATE promotion SET claim_count = claim_count + input.claims FROM {{values}} AS input
        WHERE {sql.key_condition("promotion", "id")}
        """,  # noqa: S608 (names)
        numbers.items(),
    )


async def add_rowless_claims(organization_id: int, promotion_id: int, claims: int) -> None:
    """Add to the number of counted claims that have no row: imported ones, and those of deleted codes."""
    promotions = Promotion.filter(organization_id=organization_id, id=promotion_id)
    await promotions.update(rowless_claim_count=F("rowless_claim_count") + claims)


async def delete(organization_id: int, promotion_id: int) -> None:
    """Delete the promotion with its codes, their claims and deliveries."""
    await Promotion.filter(organization_id=organization_id, id=promotion_id).delete()


def all_of(organization_id: int, words: Sequence[str]) -> QuerySet[Promotion]:
    """The organization's promotions, or those with each of these folded words in name or reference."""
    promotions = Promotion.filter(organization_id=organization_id)
    return sql.contains_words(promotions, ("search_key", "name", "reference"), words=words)


def matching(
    organization_id: int, wanted: Collection[PromotionStatus] | None, words: Sequence[str], now: datetime
) -> QuerySet[Promotion]:
    """The same, with one of the wanted statuses unless they are None."""
    promotions = all_of(organization_id, words)
    return promotions if wanted is None else with_status(promotions, wanted, now)


def with_status(
    queryset: QuerySet[Promotion], wanted: Collection[PromotionStatus], now: datetime
) -> QuerySet[Promotion]:
    """The promotions of the queryset with one of these statuses at that instant."""
    return queryset.annotate(status=statuses.promotion_case(now)).filter(status__in=list(wanted))
