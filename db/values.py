"""Value types that rules and queries share: usage shares and buckets, folded names."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from db.enums import UsageLevel


@dataclass(frozen=True)
class Share:
    """The sums of one claim, or many, in a bucket; amounts in minor units."""

    claims: int
    order_total: int
    order_quantity: int
    discount_total: int

    def __add__(self, other: "Share") -> "Share":
        return Share(
            self.claims + other.claims,
            self.order_total + other.order_total,
            self.order_quantity + other.order_quantity,
            self.discount_total + other.discount_total,
        )

    def __neg__(self) -> "Share":
        return Share(-self.claims, -self.order_total, -self.order_quantity, -self.discount_total)


EMPTY_SHARE = Share(0, 0, 0, 0)


@dataclass(frozen=True)
class Bucket:
    """The key of sums: a promotion, the hour or day that starts then, and a currency ('' for none)."""

    organization_id: int
    promotion_id: int
    level: UsageLevel
    starts_at: datetime
    currency: str


class FoldedNames(NamedTuple):
    """A customer's address and names, case-folded for searching; None where they are ASCII, or missing."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
