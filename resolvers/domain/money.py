"""Money: exact decimals with their currency outside, whole minor units inside, one rounding rule."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import iso4217

from db.enums import DiscountKind

PERCENT = 10_000
"""A percent in the unit of a PERCENTAGE discount's `discount_value`."""


@dataclass(frozen=True)
class Money:
    amount: Decimal
    currency: str


@lru_cache(maxsize=512)  # bounded, because its arguments come from callers
def digits(currency: str) -> int | None:
    """How many decimals a currency has by ISO 4217; None for a text that is no currency with a minor unit."""
    try:
        return iso4217.Currency(currency).exponent
    except ValueError:
        return None


def of_minor(minor: int, currency: str) -> Money:
    """An amount of whole minor units, with all of its currency's decimals: 70 EUR cents are 0.70."""
    return Money(Decimal(minor).scaleb(-(digits(currency) or 0)), currency)


def discount(kind: DiscountKind, value: int, order_total: int, maximum: int | None) -> int:
    """The amount taken off an order, in minor units: rounded half up, never above the order's total."""
    if kind is DiscountKind.PERCENTAGE:
        off = (order_total * value * 2 + 100 * PERCENT) // (200 * PERCENT)
    elif kind is DiscountKind.FIXED_AMOUNT:
        off = value
    else:
        off = 0
    return min(off, order_total, order_total if maximum is None else maximum)


def discount_amount(kind: DiscountKind, value: int, unit: str | None) -> Decimal:
    """The size of a discount as callers write it: 15 for 15 %, 4.50 for an amount."""
    if kind is DiscountKind.FIXED_AMOUNT:
        return of_minor(value, unit or "").amount
    percent = Decimal(value) / PERCENT
    return percent.quantize(Decimal(1)) if percent == int(percent) else percent.normalize()
