"""Codes: texts that can be claimed."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, NotRequired, TypedDict

from tortoise.expressions import F
from tortoise.queryset import QuerySet

from db import sql, statements, statuses
from db.enums import CodeStatus
from db.fields import encode_json
from db.models import Code

BATCH_SIZE = 2_000
"""Ids in one query, and codes that an import inserts at once."""

_TEXTS = statements.ValuesTable(organization_id="bigint", text_key="text")
_KEYS = statements.ValuesTable(text_key="text")
_COUNTS = statements.ValuesTable(id="bigint", claims="bigint")
CLAIM_COLUMNS = (
    "id", "organization_id", "promotion_id", "text_key", "is_enabled", "starts_at", "ends_at", "allowed_claims",
    "claim_count", "reserved_for_id", "needs_activation", "activated_at", "job_id",
)  # fmt: skip
"""The columns that the rules of claiming use: half of all, at half the cost."""


_clashing: frozenset[tuple[int, str]] | None = None


def reset_clashing() -> None:
    """Forget the cached clashing codes: another database is opened."""
    global _clashing
    _clashing = None


async def clashing_texts() -> frozenset[tuple[int, str]]:
    """Codes whose key another code has, by organization and exact text; cached, as only migrations leave any."""
    global _clashing
    if _clashing is None:
        rows = await sql.rows("SELECT organization_id, text FROM code WHERE substr(text_key, 1, 1) = ' '")
        _clashing = frozenset((row["organization_id"], row["text"]) for row in rows)
    return _clashing


def exact_key(text: str) -> str:
    """The key of a code that clashes with another: its exact text behind a space, with which no folded key begins."""
    return f" {text}"


async def list_clashing(organization_id: int) -> list[Code]:
    """An organization's codes that clash with others."""
    return await Code.filter(organization_id=organization_id, text_key__startswith=" ").order_by("id")


async def by_text(organization_id: int, text_key: str) -> Code | None:
    return await Code.get_or_none(organization_id=organization_id, text_key=text_key)


def by_texts(
    texts: Collection[tuple[int, str]], columns: Sequence[str] = ()
) -> statements.Statement[dict[tuple[int, str], Code]]:
    """The codes that exist among these (organization's id, text key), by them; with all columns or these."""
    columns = columns or sql.columns(Code)
    code = sql.lateral_join("code", organization_id="input.organization_id", text_key="input.text_key")
    return _TEXTS.statement(
        f"""
        SELECT {", ".join(f"code.{name}" for name in columns)} FROM {{values}} AS input {code}
        """,  # noqa: S608 (names of columns, no input)
        texts,
        columns=columns,
        read=lambda rows: {(code.organization_id, code.text_key): code for code in sql.models_from_rows(Code, rows)},
    )


def decoy() -> Code:
    """A disabled code that exists nowhere, for claims of unknown codes, as if it were read with `CLAIM_COLUMNS`."""
    [code] = sql.models_from_rows(Code, [dict.fromkeys(CLAIM_COLUMNS)])
    code.id = code.organization_id = code.promotion_id = code.claim_count = 0
    code.is_enabled = code.needs_activation = False
    return code


async def by_id(organization_id: int, code_id: int) -> Code | None:
    return await Code.get_or_none(organization_id=organization_id, id=code_id)


async def single_of_promotion(organization_id: int, promotion_id: int) -> Code | None:
    """A promotion's code, if it has exactly one; else None."""
    first_two = await Code.filter(organization_id=organization_id, promotion_id=promotion_id).limit(2)
    return first_two[0] if len(first_two) == 1 else None


async def single_of_promotion_number(account_id: int, promotion_number: int) -> Code | None:
    """The same by the number of an account's promotion; the code has its promotion and that its organization."""
    of_number = Code.filter(promotion__number=promotion_number, promotion__organization__account_id=account_id)
    first_two = await of_number.select_related("promotion__organization").limit(2)
    return first_two[0] if len(first_two) == 1 else None


async def page_of_singles(
    organization_id: int, after: tuple[int, int] | None, size: int
) -> tuple[list[Code], tuple[int, int] | None]:
    """A page of codes that are the only one of their promotion, each with it, by the promotion's position and number.

    Returned too are the position and number that the next page begins after; None where this is the last. Of a
    promotion with many codes no more than two are read.
    """
    start = after or (-(2**31), 0)
    keys = await sql.rows(
        """
        SELECT code.id, promotion.position, promotion.number
        FROM promotion JOIN code ON code.promotion_id = promotion.id
        WHERE promotion.organization_id = $1 AND (promotion.position, promotion.number) > ($2, $3)
            AND NOT EXISTS (SELECT 1 FROM code AS other WHERE other.promotion_id = promotion.id LIMIT 1 OFFSET 1)
        ORDER BY promotion.position, promotion.number LIMIT $4
        """,
        organization_id,
        *start,
        size,
    )
    ids = [row["id"] for row in keys]
    rows = await Code.filter(id__in=ids).select_related("promotion").in_bulk(ids, "id")
    next_page = (keys[-1]["position"], keys[-1]["number"]) if len(keys) == size else None
    return [rows[id] for id in ids if id in rows], next_page


async def count(organization_id: int, limit: int) -> int:
    """How many codes there are, or `limit` if there are more: no more rows are read."""
    [counted] = await sql.rows(
        "SELECT COUNT(*) AS codes FROM (SELECT 1 FROM code WHERE organization_id = $1 LIMIT $2) AS counted",
        organization_id,
        limit,
    )
    return int(counted["codes"])


async def existing_keys(organization_id: int, text_keys: Sequence[str]) -> set[str]:
    """The keys among these that a code has already."""
    if not text_keys:
        return set()
    rows = await _KEYS.fetch(
        """
        SELECT code.text_key FROM {values} AS input CROSS JOIN code
        WHERE code.organization_id = $1 AND code.text_key = input.text_key
        """,
        ([text_key] for text_key in text_keys),
        organization_id,
    )
    return {row["text_key"] for row in rows}


class SharedColumns(NamedTuple):
    """The columns that codes inserted together have in common."""

    organization_id: int
    promotion_id: int
    starts_at: datetime | None
    ends_at: datetime | None
    allowed_claims: int | None
    reserved_for_id: int | None
    needs_activation: bool
    metadata: dict[str, object]
    job_id: int | None = None


_UNLESS_TAKEN = "ON CONFLICT (organization_id, text_key) DO NOTHING RETURNING"
_NEW = statements.ValuesTable(text="text", text_key="text")
_SHARED = {name: f"${place}" for place, name in enumerate((*SharedColumns._fields, "created_at"), 1)}
_INSERT = _NEW.insert_select(
    "code",
    f"{_UNLESS_TAKEN} id",
    **_SHARED,
    updated_at=_SHARED["created_at"],
    is_enabled="true",
    off_peak="false",
    claim_count="0",
)


async def insert(texts: Sequence[tuple[str, str]], shared: SharedColumns, now: datetime) -> list[int]:
    """Insert (text, key) pairs as codes, skipping those that exist; the ids of the new ones, in no order."""
    await statements.use_generic_plans()
    return [row["id"] for row in await _NEW.fetch(_INSERT, texts, *_encoded(shared), now)]


async def insert_and_count(texts: Sequence[tuple[str, str]], shared: SharedColumns, now: datetime) -> int:
    """The same; how many are new, where their ids are not needed."""
    await statements.use_generic_plans()
    return await _NEW.count_written(_INSERT, texts, *_encoded(shared), now)


def _encoded(columns: Iterable[object]) -> list[object]:
    """The columns of a row with JSON as text."""
    return [encode_json(value) if isinstance(value, dict) else value for value in columns]


class CodeColumns(TypedDict):
    """The columns of a new code of its own; those of its activation are null unless they are given."""

    id: int
    organization_id: int
    promotion_id: int
    text: str
    text_key: str
    starts_at: datetime | None
    ends_at: datetime | None
    allowed_claims: int | None
    needs_activation: bool
    off_peak: bool
    metadata: dict[str, object]
    created_at: datetime
    reserved_for_id: NotRequired[int | None]
    activated_at: NotRequired[datetime | None]
    activated_by_id: NotRequired[int | None]
    activated_location_id: NotRequired[int | None]
    activated_product_id: NotRequired[int | None]


_DRAFTS = statements.ValuesTable.of(CodeColumns)
_INSERT_DRAFTS = _DRAFTS.insert_select(
    "code", f"{_UNLESS_TAKEN} id", updated_at="created_at", is_enabled="true", claim_count="0"
)
_NO_COLUMNS = dict.fromkeys(_DRAFTS.columns)


def draft(columns: CodeColumns) -> Code:
    """A code that is not inserted yet; `add_all` inserts it as it is by then."""
    constants = {
        "is_enabled": True,
        "claim_count": 0,
        "rowless_claim_count": None,
        "job_id": None,
        "updated_at": columns["created_at"],
    }
    return sql.model_from_row(Code, {**_NO_COLUMNS, **columns, **constants})


def add_all(drafts: Sequence[Code]) -> statements.Statement[set[int]]:
    """Insert drafts, skipping those whose text exists; the ids of the inserted ones.

    They are inserted by organization and key, so that transactions with the same texts rarely deadlock.
    """
    in_order = sorted(drafts, key=lambda draft: (draft.organization_id, draft.text_key))
    return _DRAFTS.statement(
        _INSERT_DRAFTS,
        [_encoded(map(vars(draft).get, _DRAFTS.columns)) for draft in in_order],
        columns=("id",),
        read=lambda rows: {row["id"] for row in rows},
    )


async def delete_of_job(promotion_id: int, job_id: int, created_since: datetime, limit: int) -> int:
    """Delete at most `limit` of the codes that a job has made, none older than `created_since`; how many."""
    deleted = await sql.rows(
        """
        DELETE FROM code WHERE id IN (
            SELECT id FROM code WHERE promotion_id = $1 AND job_id = $2 AND created_at >= $3 LIMIT $4
        ) RETURNING id
        """,
        promotion_id,
        job_id,
        created_since,
        limit,
    )
    return len(deleted)


async def save(code: Code, fields: list[str]) -> None:
    await code.save(update_fields=fields)


async def count_claim(organization_id: int, code_id: int, change: int) -> None:
    """Add one claim (+1) or take one away (-1)."""
    await Code.filter(organization_id=organization_id, id=code_id).update(claim_count=F("claim_count") + change)


def count_claims(numbers: Mapping[int, int]) -> statements.Statement[None]:
    """Add to the counters of codes, of any organizations, a number of claims by the code's id."""
    return _COUNTS.change(
        f"""
        UPDATE code SET claim_count = claim_count + input.claims FROM {{values}} AS input
        WHERE {sql.key_condition("code", "id")}
        """,  # noqa: S608 (names)
        numbers.items(),
    )


async def delete(organization_id: int, code_id: int) -> None:
    """Delete the code with its claims and deliveries."""
    await Code.filter(organization_id=organization_id, id=code_id).delete()


async def delete_of_promotion(organization_id: int, promotion_id: int) -> int:
    """Delete a promotion's codes with their claims and deliveries; how many codes there were."""
    return await sql.delete(Code.filter(organization_id=organization_id, promotion_id=promotion_id))


def all_of(organization_id: int) -> QuerySet[Code]:
    return Code.filter(organization_id=organization_id)


def matching(
    organization_id: int,
    created_from: datetime | None,
    created_before: datetime | None,
    text_prefix: str | None,
    reserved_for: str | None,
    wanted: Collection[CodeStatus] | None,
    now: datetime,
) -> QuerySet[Code]:
    """The organization's codes that meet every condition that isn't None; text and address are folded."""
    codes = sql.created_between(all_of(organization_id), created_from, created_before)
    if text_prefix is not None:
        codes = codes.filter(text_key__startswith=text_prefix)
    if reserved_for is not None:
        codes = codes.filter(reserved_for__email_key=reserved_for)
    return codes if wanted is None else with_status(codes, wanted, now)


def with_status(queryset: QuerySet[Code], wanted: Collection[CodeStatus], now: datetime) -> QuerySet[Code]:
    """The codes of the queryset with one of these statuses at that instant."""
    return _with_status_column(queryset, now).filter(status__in=list(wanted))


def _with_status_column(queryset: QuerySet[Code], now: datetime) -> QuerySet[Code]:
    # Tortoise 1.1 joins no table for an annotation alone: the filter on the promotion's id asks for it.
    return queryset.filter(promotion__id__gt=0).annotate(status=statuses.code_case(now))


async def claimable_by_anybody(organization_id: int, now: datetime, size: int) -> AsyncIterator[list[tuple[int, str]]]:
    """Codes that are claimable now and reserved for nobody, by promotion and key; `size` codes are checked a page."""
    last, number = "", size
    while number == size:
        page = Code.filter(organization_id=organization_id, text_key__gt=last).order_by("text_key").limit(size)
        rows: list[tuple[int, str, int | None, str]] = await _with_status_column(page, now).values_list(
            "promotion_id", "text_key", "reserved_for_id", "status"
        )
        number = len(rows)
        last = rows[-1][1] if rows else last
        yield [
            (promotion, key)
            for promotion, key, reserved, status in rows
            if not reserved and status == CodeStatus.CLAIMABLE
        ]


class NewCode(NamedTuple):
    """A code to be inserted by `insert_different`: the columns that codes differ in."""

    text: str
    text_key: str
    promotion_id: int
    allowed_claims: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    claim_count: int
    rowless_claim_count: int | None
    is_enabled: bool
    needs_activation: bool
    reserved_for_id: int | None
    activated_at: datetime | None
    created_at: datetime | None
    metadata: dict[str, object]


_DIFFERENT = statements.ValuesTable.of(NewCode)
_INSERT_DIFFERENT = _DIFFERENT.insert_select(
    "code", f"{_UNLESS_TAKEN} text_key", organization_id="$1", updated_at="$2", off_peak="false"
)


async def insert_different(organization_id: int, new: Sequence[NewCode], now: datetime) -> set[str]:
    """Insert codes that differ in more than their texts, skipping those that exist; the inserted keys."""
    if not new:
        return set()
    await statements.use_generic_plans()
    inserted = await _DIFFERENT.fetch(_INSERT_DIFFERENT, map(_encoded, new), organization_id, now)
    return {row["text_key"] for row in inserted}
