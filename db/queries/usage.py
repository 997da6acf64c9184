"""Usage statistics: sums over claims, and counts of refusals, by the hour and by the day."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from tortoise.expressions import Q

from db import sql, statements
from db.enums import UsageLevel
from db.models import RefusalStat, UsageStat
from db.values import Bucket, Share

HIGH_UNIT = 10**18
"""A sum of money is `…_total_high` times this and `…_total`, whose absolute value is smaller."""


class ShareColumns(NamedTuple):
    """A share as columns: a sum of money has two."""

    claims: int
    order_quantity: int
    order_total: int
    order_total_high: int
    discount_total: int
    discount_total_high: int


_SHARES = statements.ValuesTable.of(Bucket, ShareColumns)
_REFUSALS = statements.ValuesTable.of(Bucket, reason="text", count="bigint")


def _addition(column: str, current: str, term: str, term_high: str | None = None) -> str:
    """The SQL assignments that add a term to a sum that has two columns."""
    total, high = f"({current} + {term})", term_high or f"{term}_high"
    high_sum = f"COALESCE({current}_high, 0) + {high} + {total} / {HIGH_UNIT}"
    return f"{column} = {total} % {HIGH_UNIT}, {column}_high = {high_sum}"


_KEY = ", ".join(Bucket.__dataclass_fields__)
_ADD_SHARES = _SHARES.insert_select(
    "usagestat",
    f"""
    ON CONFLICT ({_KEY}) DO UPDATE SET
        claims = usagestat.claims + excluded.claims,
        order_quantity = usagestat.order_quantity + excluded.order_quantity,
        {_addition("order_total", "usagestat.order_total", "excluded.order_total")},
        {_addition("discount_total", "usagestat.discount_total", "excluded.discount_total")}
    """,
    deleted_claims="0",
    deleted_order_total="0",
    deleted_order_quantity="0",
    deleted_discount_total="0",
)
_ADD_REFUSALS = _REFUSALS.insert_select(
    "refusalstat", f"ON CONFLICT ({_KEY}, reason) DO UPDATE SET count = refusalstat.count + excluded.count"
)


async def add(buckets: Iterable[Bucket], share: Share) -> None:
    """Add a share to each of the buckets; a negative share takes it back out."""
    await add_each(dict.fromkeys(buckets, share))


def add_each(shares: Mapping[Bucket, Share]) -> statements.Statement[None]:
    """Add a share to each bucket."""
    return _SHARES.change(_ADD_SHARES, [(*_as_row(bucket), *_columns(share)) for bucket, share in shares.items()])


def _as_row(value: Bucket | Share) -> tuple[object, ...]:
    return tuple(vars(value).values())


def _columns(share: Share) -> ShareColumns:
    order_high, order_low = divmod(share.order_total, HIGH_UNIT)
    discount_high, discount_low = divmod(share.discount_total, HIGH_UNIT)
    return ShareColumns(share.claims, share.order_quantity, order_low, order_high, discount_low, discount_high)


def total_share(row: UsageStat) -> Share:
    """The sums of a bucket, deleted claims included."""
    order_total, discount_total = row.order_total_high or 0, row.discount_total_high or 0
    return Share(
        row.claims,
        order_total * HIGH_UNIT + row.order_total,
        row.order_quantity,
        discount_total * HIGH_UNIT + row.discount_total,
    )


def deleted_share(row: UsageStat) -> Share:
    """The sums of a bucket's deleted claims."""
    order_total, discount_total = row.deleted_order_total_high or 0, row.deleted_discount_total_high or 0
    return Share(
        row.deleted_claims,
        order_total * HIGH_UNIT + row.deleted_order_total,
        row.deleted_order_quantity,
        discount_total * HIGH_UNIT + row.deleted_discount_total,
    )


async def add_deleted_share(bucket: Bucket, share: Share) -> None:
    """Add to the sums of a bucket's deleted claims."""
    order = _addition("deleted_order_total", "deleted_order_total", "$8", "$9")
    discount = _addition("deleted_discount_total", "deleted_discount_total", "$10", "$11")
    await sql.rows(
        f"""
        UPDATE usagestat SET
            deleted_claims = deleted_claims + $6,
            deleted_order_quantity = deleted_order_quantity + $7,
            {order}, {discount}
        WHERE organization_id = $1 AND promotion_id = $2 AND level = $3 AND starts_at = $4 AND currency = $5
        """,  # noqa: S608 (columns)
        bucket.organization_id,
        bucket.promotion_id,
        bucket.level.value,
        bucket.starts_at,
        bucket.currency,
        *_columns(share),
    )


async def mark_all_deleted(organization_id: int, promotion_id: int) -> None:
    """Set the sums of deleted claims to all of a promotion's: none of its claims has a row any more."""
    await sql.rows(
        """
        UPDATE usagestat SET deleted_claims = claims, deleted_order_quantity = order_quantity,
            deleted_order_total = order_total, deleted_order_total_high = order_total_high,
            deleted_discount_total = discount_total, deleted_discount_total_high = discount_total_high
        WHERE organization_id = $1 AND promotion_id = $2
        """,
        organization_id,
        promotion_id,
    )


async def count_refusals(refusals: Iterable[tuple[Bucket, str, int]]) -> None:
    """Add counts of refusals to buckets, by reason; no bucket and reason may come twice."""
    await _REFUSALS.fetch(_ADD_REFUSALS, [(*_as_row(bucket), reason, count) for bucket, reason, count in refusals])


def _range(organization_id: int, promotion_id: int | None, level: UsageLevel, start: datetime, end: datetime) -> Q:
    condition = Q(organization_id=organization_id, level=level, starts_at__gte=start, starts_at__lt=end)
    return condition if promotion_id is None else condition & Q(promotion_id=promotion_id)


async def between(
    organization_id: int, promotion_id: int | None, level: UsageLevel, start: datetime, end: datetime
) -> list[UsageStat]:
    """The sums of the hours or days that start in that time, of one promotion or of all."""
    return await UsageStat.filter(_range(organization_id, promotion_id, level, start, end))


async def refusals_between(
    organization_id: int, promotion_id: int | None, level: UsageLevel, start: datetime, end: datetime
) -> list[RefusalStat]:
    """The counted refusals of the hours or days that start in that time, of one promotion or of all."""
    return await RefusalStat.filter(_range(organization_id, promotion_id, level, start, end))


async def first_hour(organization_id: int, promotion_id: int | None) -> datetime | None:
    """The hour of the first counted claim or refusal."""
    earliest = []
    for table in (UsageStat, RefusalStat):
        buckets = table.filter(organization_id=organization_id, level=UsageLevel.HOUR)
        if promotion_id is not None:
            buckets = buckets.filter(promotion_id=promotion_id)
        first = await buckets.order_by("starts_at").first()
        if first is not None:
            earliest.append(first.starts_at)
    return min(earliest, default=None)


async def all_of(organization_id: int) -> list[UsageStat]:
    return await UsageStat.filter(organization_id=organization_id).order_by("id")
