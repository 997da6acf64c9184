"""Money: exact, one rounding rule, never above the order."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.enums import DiscountKind
from resolvers.domain import money
from resolvers.domain.money import PERCENT, Money

PERCENTAGE = DiscountKind.PERCENTAGE


@pytest.mark.parametrize(
    ("percent", "total", "off"),
    [
        ("15", 100, 15),
        ("50", 1, 1),  # 0.5 rounds up
        ("49.9999", 1, 0),
        ("15", 10, 2),  # 1.5
        ("15", 3, 0),  # 0.45
        ("2.5", 100, 3),  # 2.5
        ("2.5", 60, 2),  # 1.5
        ("2.5", 20, 1),  # 0.5
        ("0.0001", 500_000, 1),  # 0.5
        ("0.0001", 499_999, 0),
        ("33.3333", 3, 1),
        ("100", 12_345, 12_345),
        ("0", 12_345, 0),
        ("15", 10**15, 15 * 10**13),
    ],
)
def test_a_percentage_is_rounded_half_up(percent: str, total: int, off: int) -> None:
    """Half a minor unit is one, less is none."""
    assert money.discount(PERCENTAGE, int(Decimal(percent) * PERCENT), total, None) == off


@pytest.mark.parametrize(
    ("kind", "value", "total", "maximum", "off"),
    [
        (PERCENTAGE, 100 * PERCENT, 999, None, 999),
        (PERCENTAGE, 50 * PERCENT, 1000, 300, 300),
        (PERCENTAGE, 50 * PERCENT, 1000, 500, 500),
        (PERCENTAGE, 50 * PERCENT, 1000, 0, 0),
        (DiscountKind.FIXED_AMOUNT, 450, 1000, None, 450),
        (DiscountKind.FIXED_AMOUNT, 450, 449, None, 449),
        (DiscountKind.FIXED_AMOUNT, 450, 1000, 400, 400),
        (DiscountKind.FIXED_AMOUNT, 450, 0, None, 0),
        (DiscountKind.FREE_SHIPPING, 450, 1000, None, 0),
        (DiscountKind.NONE, 450, 1000, None, 0),
    ],
)
def test_a_discount_is_within_the_order_and_its_maximum(
    kind: DiscountKind, value: int, total: int, maximum: int | None, off: int
) -> None:
    """Neither the order nor the promotion's maximum is passed."""
    assert money.discount(kind, value, total, maximum) == off


@settings(derandomize=True, database=None)
@given(st.integers(0, 100 * PERCENT), st.integers(0, 10**15), st.none() | st.integers(0, 10**15))
def test_any_percentage_is_the_exact_one_rounded(value: int, total: int, maximum: int | None) -> None:
    """Whatever the numbers, the discount is less than a half from the exact share, or cut by a bound."""
    exact = Decimal(value) * total / (100 * PERCENT)
    rounded = int(exact.quantize(Decimal(1), rounding="ROUND_HALF_UP"))
    assert money.discount(PERCENTAGE, value, total, maximum) == min(
        rounded, total, total if maximum is None else maximum
    )


@pytest.mark.parametrize(
    ("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("XXX", None), ("", None)]
)
def test_currencies_have_their_decimals(currency: str, digits: int | None) -> None:
    """Decimals are those of ISO 4217; what is no currency with a minor unit has none."""
    assert money.digits(currency) == digits


@pytest.mark.parametrize(
    ("minor", "currency", "written"), [(70, "EUR", "0.70"), (70, "JPY", "70"), (70, "KWD", "0.070"), (0, "EUR", "0.00")]
)
def test_minor_units_are_written_with_all_decimals(minor: int, currency: str, written: str) -> None:
    """70 cents are 0.70, 70 yen 70, 70 fils 0.070."""
    amount = money.of_minor(minor, currency)
    assert (format(amount.amount, "f"), amount) == (written, Money(Decimal(written), currency))
