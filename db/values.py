"""Value types that rules and tables share: usage shares and buckets, names as they are searched for."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from db.enums import UsageLevel


@dataclass(frozen=True)
class Share:
    """What one claim, or many, put into a bucket; amounts in minor units."""

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


NOTHING = Share(0, 0, 0, 0)


@dataclass(frozen=True)
class Bucket:
    """Whose sums: a promotion's, in one currency ('' for none), in the hour or day that starts then."""

    organization_id: int
    promotion_id: int
    level: UsageLevel
    starts_at: datetime
    currency: str


class Folded(NamedTuple):
    """Address and names as they are searched for; None where they are ASCII, or not told."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
