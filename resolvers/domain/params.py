"""Parameters of the verbs, as every door passes them: plain values, not validated yet.

ABSENT is a parameter that was left out: a change keeps the present value, a new row takes the default. None clears.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Final, Literal, TypeAlias, TypeVar

from db.enums import DiscountKind
from resolvers.domain.money import Money


class Absent(Enum):
    ABSENT = "absent"


T = TypeVar("T")
ABSENT: Final = Absent.ABSENT
Maybe: TypeAlias = T | Literal[Absent.ABSENT]


def value_or(value: "Maybe[T]", default: T) -> T:
    """The value, or the default where it is absent."""
    return default if isinstance(value, Absent) else value


@dataclass(frozen=True)
class Person:
    email: str
    first_name: str | None = None
    last_name: str | None = None


@dataclass(frozen=True)
class Order:
    reference: str | None = None
    total: Money | None = None
    quantity: int | None = None


@dataclass(frozen=True)
class PromotionRef:
    """A promotion by its id or its reference; exactly one of them is set."""

    id: int | None = None
    reference: str | None = None


@dataclass(frozen=True)
class Discount:
    kind: Maybe[DiscountKind | None] = ABSENT
    value: Maybe[Decimal | None] = ABSENT
    currency: Maybe[str | None] = ABSENT
    minimum_order: Maybe[Money | None] = ABSENT
    maximum_discount: Maybe[Money | None] = ABSENT


@dataclass(frozen=True)
class Window:
    """From `starts_at` to just before `ends_at`; the `_on` are whole days in the organization's zone."""

    starts_at: Maybe[datetime | None] = ABSENT
    ends_at: Maybe[datetime | None] = ABSENT
    starts_on: Maybe[date | None] = ABSENT
    ends_on: Maybe[date | None] = ABSENT


@dataclass(frozen=True)
class Limits:
    per_promotion: Maybe[int | None] = ABSENT
    per_code: Maybe[int | None] = ABSENT
    per_customer: Maybe[int | None] = ABSENT
    per_customer_and_code: Maybe[int | None] = ABSENT
    code_lifetime_days: Maybe[int | None] = ABSENT


@dataclass(frozen=True)
class Letter:
    """A promotion's own templates for its letters (see resolvers/domain/letter_template.py)."""

    subject: Maybe[str | None] = ABSENT
    body: Maybe[str | None] = ABSENT
