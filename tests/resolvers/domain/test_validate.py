"""What is said makes sense, or is refused with the path of its field."""

import subprocess
import sys
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from db.enums import DiscountKind
from resolvers.domain import money, params, validate
from resolvers.domain.money import Money
from resolvers.domain.refusals import InvalidInput
from resolvers.domain.validate import ValidDiscount, ValidLimits
from tests.make import NOW

ROOT = Path(__file__).parents[3]
AMSTERDAM = "Europe/Amsterdam"


def refusal_of(check: Any, *args: Any, **options: Any) -> tuple[str, ...]:
    """The path that a check's InvalidInput leads to."""
    with pytest.raises(InvalidInput) as no:
        check(*args, **options)
    return no.value.path


@pytest.mark.parametrize("text", ["", " ", "x" * 201, "a\x00", "\ud800"])
def test_a_text_is_there_short_and_storable(text: str) -> None:
    """An empty text, an endless one, a NUL and half a character are refused."""
    assert refusal_of(validate.text, text, "name") == ("name",)


def test_a_text_loses_the_spaces_around_it() -> None:
    """Whoever types a space means nothing by it; 200 characters are enough and allowed."""
    assert validate.text(" é 😀 ", "name") == "é 😀"
    assert validate.text("x" * 200) == "x" * 200
    assert validate.optional_text("  ") is validate.optional_text(None) is None


@pytest.mark.parametrize(
    ("address", "written", "key"),
    [
        (" Ada@Example.COM ", "Ada@example.com", "ada@example.com"),
        ("ada+sale@example.com", "ada+sale@example.com", "ada+sale@example.com"),
        ("JOSÉ@example.com", "JOSÉ@example.com", "josé@example.com"),
        ("jose\u0301@example.com", "josé@example.com", "josé@example.com"),
    ],
)
def test_an_address_is_one_key(address: str, written: str, key: str) -> None:
    """An address is trimmed and normalized, and compared without regard to case."""
    assert validate.email(address) == (written, key)


locals_of_addresses = st.from_regex(r"[a-z0-9_+.A-Z!-]{1,12}", fullmatch=True) | st.just("x" * 65)
domains = st.sampled_from(
    [
        *"example.com EXAMPLE.com exa_mple.com -a.com a.com- a..b b b.1 münchen.de xn--mnchen-3ya.de localhost".split(),
        *"a.local x.test example.com. [127.0.0.1] a@b.de xn--a.de a.de> ..".split(),
        *("", "x" * 64 + ".de", ".".join(["x" * 60] * 3), "a b.de"),
    ]
)


def by_the_library(address: str) -> tuple[str, str] | str:
    """An address and its key as the library has them, or what it says of it."""
    try:
        valid = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        return str(error)
    return valid.normalized, unicodedata.normalize("NFC", f"{valid.local_part.lower()}@{valid.ascii_domain}")


@pytest.mark.long
@settings(derandomize=True, database=None, max_examples=500, deadline=None)
@given(local=locals_of_addresses, domain=domains)
def test_an_address_is_what_the_library_says(local: str, domain: str) -> None:
    """The way that is quick for most addresses comes to the same as the long one."""
    address = f"{local}@{domain}".strip()
    try:
        result: tuple[str, str] | str = validate.email(address, "email")
    except InvalidInput as no:
        result = no.message
    assert result == by_the_library(address)


@pytest.mark.parametrize(
    "text", ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@example..com", "a@b@c.de", "ada@exa_mple.com"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """An address that no letter can reach is no customer."""
    assert refusal_of(validate.email, text, "customer", "email") == ("customer", "email")


@pytest.mark.parametrize(
    ("amount", "minor"),
    [("0.70", 70), ("0.7", 70), ("12.340", 1234), ("1E+2", 10_000), ("0", 0), ("9999999999999.99", 10**15 - 1)],
)
def test_an_amount_is_whole_minor_units(amount: str, minor: int) -> None:
    """An amount is exact, however it is written."""
    assert validate.minor_units(Money(Decimal(amount), "EUR")) == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.001", "EUR"),
        ("0.5", "JPY"),
        ("0.0001", "KWD"),
        ("-0.01", "EUR"),
        ("NaN", "EUR"),
        ("Infinity", "EUR"),
        ("10000000000000.01", "EUR"),
        ("1E+999999", "EUR"),
        ("1E-999999", "EUR"),
        ("10.000000000000000000000000000000000001", "EUR"),
        ("0.999999999999999999999999999999999999", "EUR"),
    ],
)
def test_a_finer_larger_or_impossible_amount_is_refused(amount: str, currency: str) -> None:
    """Nothing is rounded on the way in, however many digits it has."""
    assert refusal_of(validate.minor_units, Money(Decimal(amount), currency), "total") == ("total", "amount")


ENDLESS = """
from decimal import Decimal
from resolvers.domain import params, validate
from resolvers.domain.money import Money
from resolvers.domain.refusals import InvalidInput
from db.enums import DiscountKind
endless = Decimal("1E-999999999999999999")
percent = params.Discount(DiscountKind.PERCENTAGE, endless)
for check in (
    lambda: validate.minor_units(Money(endless, "EUR")),
    lambda: validate.discount(percent, validate.ValidDiscount(), "EUR"),
):
    try:
        check()
    except InvalidInput:
        print("refused")
"""


@pytest.mark.processes
def test_an_endless_amount_is_refused_at_once() -> None:
    """A few letters that stand for a quintillion of digits cost a guest no time of ours."""
    process = subprocess.run([sys.executable, "-c", ENDLESS], cwd=ROOT, capture_output=True, text=True, timeout=10)
    assert (process.stdout.split(), process.stderr) == (["refused", "refused"], "")


@pytest.mark.parametrize("text", ["XYZ", "EURO", "", "XXX", "€"])
def test_what_is_no_currency_is_refused(text: str) -> None:
    """A currency is ISO 4217's, and has a minor unit."""
    assert refusal_of(validate.currency, text, "currency") == ("currency",)
    assert validate.currency(" eur ") == "EUR"


@pytest.mark.parametrize("text", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "x" * 5000, "Europe", "a\x00b"])
def test_what_is_no_time_zone_is_refused(text: str) -> None:
    """A time zone has an IANA name."""
    assert refusal_of(validate.time_zone, text, "time_zone") == ("time_zone",)
    assert validate.time_zone(AMSTERDAM) == AMSTERDAM


@pytest.mark.parametrize("value", [[], "x", 1, {"a": "\x00"}, {"\x00": 1}, {"a": "\ud800"}, {"a": "x" * 20_000}])
def test_metadata_is_a_small_storable_object(value: Any) -> None:
    """Metadata is a JSON object that both databases can hold."""
    assert refusal_of(validate.metadata, value, "metadata") == ("metadata",)


def test_metadata_may_tell_of_a_nul_in_words() -> None:
    """A backslash and the letters u0000 are text like any other."""
    assert validate.metadata({"a": "\\u0000"}) == {"a": "\\u0000"}


@pytest.mark.parametrize("number", [0, -1, 2**31])
def test_a_whole_number_is_within_bounds(number: int) -> None:
    """From 1 to what a database's integer holds."""
    assert refusal_of(validate.integer, number, "amount") == ("amount",)
    assert validate.integer(2**31 - 1) == 2**31 - 1


# ------------------------------------------------------------------ windows


def window(**bounds: Any) -> tuple[datetime | None, datetime | None]:
    return validate.window(params.Window(**bounds), None, None, AMSTERDAM)


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        (date(2026, 12, 24), (2026, 12, 23, 23), (2026, 12, 24, 23)),
        (date(2026, 3, 29), (2026, 3, 28, 23), (2026, 3, 29, 22)),
        (date(2026, 10, 25), (2026, 10, 24, 22), (2026, 10, 25, 23)),
    ],
)
def test_a_day_is_a_whole_day_where_the_organization_is(
    day: date, start: tuple[int, ...], end: tuple[int, ...]
) -> None:
    """`starts_on` is a day's first instant and `ends_on` goes through its last, summer time or not."""
    assert window(starts_on=day, ends_on=day) == (
        datetime(*start, tzinfo=UTC),  # type: ignore[misc,arg-type]
        datetime(*end, tzinfo=UTC),  # type: ignore[misc,arg-type]
    )


@pytest.mark.parametrize(
    ("bounds", "path"),
    [
        ({"starts_at": NOW, "ends_at": NOW}, "ends_at"),
        ({"starts_at": NOW, "ends_at": NOW - timedelta(seconds=1)}, "ends_at"),
        ({"starts_on": date(2026, 2, 2), "ends_on": date(2026, 2, 1)}, "ends_on"),
        ({"starts_at": NOW, "starts_on": date(2026, 2, 2)}, "starts_on"),
        ({"ends_at": NOW, "ends_on": date(2026, 2, 2)}, "ends_on"),
        ({"ends_on": date(9999, 12, 31)}, "ends_on"),
        ({"starts_on": date(1, 1, 1)}, "starts_on"),
        ({"starts_at": datetime(1, 1, 1, tzinfo=UTC)}, "starts_at"),
        ({"ends_at": datetime(9999, 12, 31, 1, tzinfo=UTC)}, "ends_at"),
    ],
)
def test_an_invalid_window_is_refused(bounds: dict[str, Any], path: str) -> None:
    """An empty window, a bound said twice or out of range leads to its field."""
    assert refusal_of(window, **bounds) == ("window", path)


def test_an_instant_is_stored_in_utc() -> None:
    """Whatever offset it was said with, an instant is told in UTC from then on."""
    instant = NOW.astimezone(timezone(timedelta(hours=-11)))
    starts_at, _ = window(starts_at=instant)
    assert starts_at == NOW
    assert starts_at is not None
    assert starts_at.utcoffset() == timedelta(0)


def test_absent_keeps_a_bound_and_none_clears_it() -> None:
    """Either spelling of a bound clears it; saying neither keeps it."""
    later = NOW + timedelta(days=1)
    assert validate.window(params.Window(), NOW, later, "UTC") == (NOW, later)
    assert validate.window(params.Window(starts_at=None), NOW, later, "UTC") == (None, later)
    assert validate.window(params.Window(ends_on=None), NOW, later, "UTC") == (NOW, None)


# ------------------------------------------------------------------ discounts and limits


def discount(present: ValidDiscount = ValidDiscount(), default_currency: str = "EUR", **change: Any) -> ValidDiscount:  # noqa: B008
    return validate.discount(params.Discount(**change), present, default_currency)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ValidDiscount()),
        ({"kind": DiscountKind.NONE, "value": None}, ValidDiscount()),
        ({"kind": DiscountKind.PERCENTAGE, "value": Decimal("12.3456")}, ValidDiscount(DiscountKind.PERCENTAGE, 123_456)),
        ({"kind": DiscountKind.FIXED_AMOUNT, "value": Decimal("4.5")}, ValidDiscount(DiscountKind.FIXED_AMOUNT, 450, "EUR")),
        ({"kind": DiscountKind.FIXED_AMOUNT, "value": Decimal(4), "currency": "jpy"}, ValidDiscount(DiscountKind.FIXED_AMOUNT, 4, "JPY")),
        ({"minimum_order": Money(Decimal(1), "KWD")}, ValidDiscount(currency="KWD", minimum_order=1000)),
        ({"kind": DiscountKind.FIXED_AMOUNT, "value": Decimal(1), "maximum_discount": Money(Decimal(1), "USD")},
         ValidDiscount(DiscountKind.FIXED_AMOUNT, 100, "USD", None, 100)),
    ],
)  # fmt: skip
def test_a_new_discount_takes_its_defaults(change: dict[str, Any], expected: ValidDiscount) -> None:
    """Kind NONE and value 0 unless said; amounts are in one currency, the organization's unless said."""
    assert discount(**change) == expected


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"kind": DiscountKind.PERCENTAGE, "value": Decimal("100.0001")}, "value"),
        ({"kind": DiscountKind.PERCENTAGE, "value": Decimal("-1")}, "value"),
        ({"kind": DiscountKind.PERCENTAGE, "value": Decimal("NaN")}, "value"),
        ({"kind": DiscountKind.PERCENTAGE, "value": Decimal("0.00001")}, "value"),
        ({"kind": DiscountKind.PERCENTAGE, "value": Decimal("15." + "0" * 30 + "1")}, "value"),
        ({"kind": DiscountKind.FIXED_AMOUNT, "value": Decimal(1), "currency": "USD", "minimum_order": Money(Decimal(1), "EUR")}, "currency"),
        ({"minimum_order": Money(Decimal(1), "EUR"), "maximum_discount": Money(Decimal(1), "USD")}, "currency"),
        ({"currency": "XYZ"}, "currency"),
        ({"kind": None}, "kind"),
    ],
)  # fmt: skip
def test_an_invalid_discount_is_refused(change: dict[str, Any], path: str) -> None:
    """A percentage is from 0 to 100 with four decimals at most, and all amounts are in one currency."""
    assert refusal_of(discount, **change)[:2] == ("discount", path)


def test_a_discount_amount_reads_as_it_was_written() -> None:
    """15 % is 15 and not 15.0000, an amount has its currency's decimals."""
    amounts = [
        money.discount_amount(DiscountKind.PERCENTAGE, 150_000, None),
        money.discount_amount(DiscountKind.PERCENTAGE, 1_000_000, None),
        money.discount_amount(DiscountKind.PERCENTAGE, 125_000, None),
        money.discount_amount(DiscountKind.FIXED_AMOUNT, 450, "EUR"),
    ]
    assert [str(amount) for amount in amounts] == ["15", "100", "12.5", "4.50"]


def test_limits_have_their_defaults() -> None:
    """A new promotion allows one claim a code and a customer, and a life of 91 days."""
    assert validate.limits(params.Limits(), ValidLimits()) == ValidLimits(None, 1, None, 1, 91)
    cleared = params.Limits(None, None, None, None, None)
    assert validate.limits(cleared, ValidLimits(1, 2, 3, 4, 5)) == ValidLimits(None, None, None, None, None)


@pytest.mark.parametrize(
    "name", ["per_promotion", "per_code", "per_customer", "per_customer_and_code", "code_lifetime_days"]
)
@pytest.mark.parametrize("value", [0, -1, 2**31])
def test_a_limit_is_at_least_one(name: str, value: int) -> None:
    """A limit of none is said by null, not by 0."""
    assert refusal_of(validate.limits, params.Limits(**{name: value}), ValidLimits()) == ("limits", name)
