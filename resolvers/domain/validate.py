"""Validation: pure checks of texts, numbers, windows, discounts and limits.

All input passes here before anything is written, so that a verb works on values that both databases can store: no
NUL, no number that is too large, no window that is empty. A function takes a value and the path of its field, returns
the valid value, and raises InvalidInput with that path.
"""

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email

from db.enums import DiscountKind
from db.values import FoldedNames
from resolvers.domain import code_format, folding, money, params, usage_buckets
from resolvers.domain.money import Money
from resolvers.domain.params import value_or
from resolvers.domain.refusals import InvalidInput

_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # not the words backslash-u-0000, whose backslash is escaped
_PLAIN_LOCAL = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*")  # nothing in it that the library would change
T = TypeVar("T")
UNWRITABLE = ("Cc", "Zl", "Zp")  # controls, line and paragraph separators
MAX_INT = 2**31 - 1
MAX_AMOUNT = 10**15  # minor units of one order; sums of many still fit a big integer
MAX_DECIMALS = 50  # of a number whose exact value is computed
MAX_METADATA_LENGTH = 20_000
MAX_PADDED_CODE_LENGTH = 1_000  # characters of a new code's text with the spaces around it
MIN_INSTANT, MAX_INSTANT = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def text(value: str, *path: str, max_length: int = 200) -> str:
    """A text that is not empty, without the spaces around it."""
    stripped = storable(value, *path).strip()
    if not stripped:
        raise InvalidInput("This may not be empty.", *path)
    if len(stripped) > max_length:
        raise InvalidInput(f"At most {max_length} characters, please; these are {len(stripped)}.", *path)
    return stripped


def optional_text(value: str | None, *path: str, max_length: int = 200) -> str | None:
    """A text that may be left out; an empty one is None."""
    return text(value, *path, max_length=max_length) if value is not None and value.strip() else None


def storable(value: str, *path: str) -> str:
    """A text that both databases can store: no NUL, no half of a surrogate pair."""
    if "\x00" in value or not (value.isascii() or _is_encodable(value)):
        raise InvalidInput("A NUL or half a character can't be stored.", *path)
    return value


def _is_encodable(value: str) -> bool:
    """Whether a text can be encoded: no half of a surrogate pair is in it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def code_text(value: str, *path: str) -> tuple[str, str]:
    """A code's text as issued, and its match key."""
    stripped = text(value, *path, max_length=code_format.MAX_CODE_LENGTH)
    key = folding.code_key(stripped)
    if not key:
        raise InvalidInput("A code needs more than spaces and dashes.", *path)
    if len(key) > code_format.MAX_KEY_LENGTH:
        raise InvalidInput("This code is too long once its ligatures are spelled out.", *path)
    return stripped, key


def new_code_text(value: str, *path: str) -> tuple[str, str]:
    """The same for a new or renamed code, which is one printable line without control characters."""
    text_and_key = code_text(value, *path)
    if not value.isprintable() and any(unicodedata.category(c) in UNWRITABLE for c in value[:MAX_PADDED_CODE_LENGTH]):
        raise InvalidInput("A code has no line breaks or control characters.", *path)
    if len(value) > MAX_PADDED_CODE_LENGTH:
        raise InvalidInput(f"At most {MAX_PADDED_CODE_LENGTH} characters, please, spaces around it included.", *path)
    return text_and_key


def email(value: str, *path: str) -> tuple[str, str]:
    """An e-mail address in its normal form, and the key by which it identifies a customer."""
    stripped = text(value, *path, max_length=254)
    local, _, domain = stripped.partition("@")
    if _PLAIN_LOCAL.fullmatch(local) and (plain := _plain_domain(domain)):
        address = f"{local}@{plain}"
        return address, address
    try:
        valid = validate_email(stripped, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise InvalidInput(str(error), *path) from None
    return valid.normalized, f"{folding.local_key(valid.local_part)}@{valid.ascii_domain}"


@lru_cache(maxsize=1024)  # bounded, because its arguments come from callers
def _plain_domain(domain: str) -> str | None:
    """A domain in ASCII, as the library writes it; None for another or an invalid one.

    Checking an address takes some 80 µs, nearly all of it for the domain; most addresses share a few domains.
    """
    try:
        valid = validate_email(f"a@{domain}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return valid.domain if valid.domain == valid.ascii_domain == valid.domain.lower() else None


class ValidPerson(NamedTuple):
    """A person with a valid address, its key, and names that can be stored.

    `folded` are the search keys of address and names, where these are not ASCII.
    """

    email: str
    email_key: str
    first_name: str | None
    last_name: str | None
    folded: FoldedNames = FoldedNames()


def person(value: params.Person, *path: str) -> ValidPerson:
    """A person with a valid address."""
    address, key = email(value.email, *path, "email")
    first_name = optional_text(value.first_name, *path, "first_name")
    last_name = optional_text(value.last_name, *path, "last_name")
    return ValidPerson(
        address, key, first_name, last_name, FoldedNames(*map(folding.beyond_ascii, (address, first_name, last_name)))
    )


def integer(value: int, *path: str, minimum: int = 1, maximum: int = MAX_INT) -> int:
    """A whole number within bounds."""
    if not minimum <= value <= maximum:
        raise InvalidInput(f"A whole number from {minimum} to {maximum}, please.", *path)
    return value


def optional_integer(value: int | None, *path: str, minimum: int = 1, maximum: int = MAX_INT) -> int | None:
    """A whole number within bounds, or none."""
    return None if value is None else integer(value, *path, minimum=minimum, maximum=maximum)


def currency(value: str, *path: str) -> str:
    """An ISO 4217 code in capitals."""
    code = value.strip().upper()
    if money.digits(code) is None:
        raise InvalidInput(f"{value[:20]!r} is no currency of ISO 4217.", *path)
    return code


def minor_units(value: Money, *path: str) -> int:
    """An amount in whole minor units of its currency; finer amounts are refused, not rounded."""
    return _minor_units(value.amount, currency(value.currency, *path, "currency"), *path, "amount")


def _minor_units(amount: Decimal, unit: str, *path: str) -> int:
    digits = money.digits(unit) or 0
    if not amount.is_finite() or not 0 <= amount <= MAX_AMOUNT:
        raise InvalidInput("An amount from 0 up, and not that much, please.", *path)
    scaled = _times(amount, 10**digits)
    if scaled is None:
        raise InvalidInput(f"{unit} has {digits} decimals.", *path)
    return integer(scaled, *path, minimum=0, maximum=MAX_AMOUNT)


def _times(value: Decimal, factor: int) -> int | None:
    """The exact product, None unless it is a whole number; decimal arithmetic would round it to 28 digits."""
    if int(value.as_tuple().exponent) < -MAX_DECIMALS:  # of 1e-999999 the ratio has a million digits
        return None
    numerator, denominator = value.as_integer_ratio()
    product, rest = divmod(numerator * factor, denominator)
    return None if rest else product


def time_zone(value: str, *path: str) -> str:
    """An IANA name such as Europe/Amsterdam."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise InvalidInput(f"{value[:80]!r} is no time zone; Europe/Amsterdam is one.", *path) from None
    return value


def metadata(value: object, *path: str) -> dict[str, object]:
    """A JSON object of at most MAX_METADATA_LENGTH characters."""
    if not isinstance(value, dict):
        raise InvalidInput("Metadata is a JSON object.", *path)
    try:
        encoded = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        raise InvalidInput("Metadata is JSON: no NaN or infinity, and not nested that deep.", *path) from None
    if len(encoded) > MAX_METADATA_LENGTH:
        raise InvalidInput(f"At most {MAX_METADATA_LENGTH} characters of metadata, please.", *path)
    storable(_ESCAPED_NUL.sub("\x00", encoded), *path)
    return value


class ValidOrder(NamedTuple):
    """An order as a claim's columns hold it: the total in minor units."""

    reference: str | None
    total: int | None
    currency: str | None
    quantity: int | None


def order(value: params.Order | None, *path: str) -> ValidOrder:
    """A valid order, its total in minor units; without a value, one of nothing but None."""
    if value is None:
        return ValidOrder(None, None, None, None)
    return ValidOrder(
        reference=optional_text(value.reference, *path, "reference"),
        total=None if value.total is None else minor_units(value.total, *path, "total"),
        currency=None if value.total is None else currency(value.total.currency, *path, "total", "currency"),
        quantity=optional_integer(value.quantity, *path, "quantity", minimum=0),
    )


def not_null(change: "params.Maybe[T | None]", present: T, *path: str) -> T:
    """The value of a required field after a change: absent keeps the present one, and null is refused."""
    if change is None:
        raise InvalidInput("This can't be null: leave it out to keep it as it is.", *path)
    return value_or(change, present)


# ------------------------------------------------------------------ windows


def window(
    change: params.Maybe[params.Window | None], starts_at: datetime | None, ends_at: datetime | None, zone: str
) -> tuple[datetime | None, datetime | None]:
    """The window after a change; None clears both ends, and an empty window is refused."""
    if isinstance(change, params.Absent):
        return starts_at, ends_at
    if change is None:
        return None, None
    starts_at = _bound(change.starts_at, change.starts_on, starts_at, zone, "starts", 0)
    ends_at = _bound(change.ends_at, change.ends_on, ends_at, zone, "ends", 1)
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        has_day = value_or(change.ends_on, None) is not None
        raise InvalidInput("A window must end after it starts.", "window", "ends_on" if has_day else "ends_at")
    return starts_at, ends_at


def _bound(
    at: params.Maybe[datetime | None],
    on: params.Maybe[date | None],
    present: datetime | None,
    zone: str,
    name: str,
    days_later: int,
) -> datetime | None:
    day, instant = value_or(on, None), value_or(at, None)
    if day is not None and instant is not None:
        raise InvalidInput(f"Say {name}At or {name}On, not both.", "window", f"{name}_on")
    if day is not None:
        if not MIN_INSTANT.date() <= day < MAX_INSTANT.date():
            raise InvalidInput("This day is out of range.", "window", f"{name}_on")
        return usage_buckets.start_of_day(day + timedelta(days=days_later), zone)
    if isinstance(at, params.Absent) and isinstance(on, params.Absent):
        return present
    return None if instant is None else storable_instant(instant, "window", f"{name}_at")


def storable_instant(instant: datetime, *path: str) -> datetime:
    """An instant that both databases can hold, in UTC."""
    if not MIN_INSTANT <= instant <= MAX_INSTANT:
        raise InvalidInput("This instant is out of range.", *path)
    return instant.astimezone(UTC)


# ------------------------------------------------------------------ discounts and limits


@dataclass(frozen=True)
class ValidDiscount:
    """A discount as a promotion's columns hold it."""

    discount_kind: DiscountKind = DiscountKind.NONE
    discount_value: int = 0
    currency: str | None = None
    minimum_order: int | None = None
    maximum_discount: int | None = None

    @property
    def has_amounts(self) -> bool:
        """Whether it has an amount in its currency."""
        is_amount = self.discount_kind is DiscountKind.FIXED_AMOUNT
        return is_amount or self.minimum_order is not None or self.maximum_discount is not None


KINDS_WITH_VALUE = (DiscountKind.PERCENTAGE, DiscountKind.FIXED_AMOUNT)
"""The kinds of discounts that have a value."""


def discount(
    change: params.Maybe[params.Discount | None], present: ValidDiscount, default_currency: str
) -> ValidDiscount:
    """The discount after a change; None removes it. All amounts are in one currency, by default `default_currency`."""
    if isinstance(change, params.Absent):
        return present
    if change is None:
        return ValidDiscount()
    kind = not_null(change.kind, present.discount_kind, "discount", "kind")
    value = _value(change, kind, present)
    minimum = _amount(change.minimum_order, present.minimum_order, present.currency, "minimum_order")
    maximum = _amount(change.maximum_discount, present.maximum_discount, present.currency, "maximum_discount")
    unit = _unit(change.currency, present, {unit for _, unit in (minimum, maximum) if unit}, kind, default_currency)
    was_amount = kind is present.discount_kind is DiscountKind.FIXED_AMOUNT
    if was_amount and unit != present.currency and isinstance(change.value, params.Absent):
        raise InvalidInput("An amount goes to another currency with its value: say both.", "discount", "currency")
    return ValidDiscount(
        discount_kind=kind,
        discount_value=discount_value(kind, value, unit, "discount", "value"),
        currency=unit,
        minimum_order=minimum[0],
        maximum_discount=maximum[0],
    )


def _value(change: params.Discount, kind: DiscountKind, present: ValidDiscount) -> Decimal:
    """The discount's size after a change: a kind in KINDS_WITH_VALUE needs one, and another kind may not have one."""
    value = value_or(change.value, None)
    if kind not in KINDS_WITH_VALUE:
        if value is not None and isinstance(change.kind, params.Absent):
            raise InvalidInput("A value needs its kind: PERCENTAGE or FIXED_AMOUNT.", "discount", "kind")
        if value is not None:
            raise InvalidInput(f"A discount of the kind {kind} has no value.", "discount", "value")
        return Decimal(0)
    if value is not None:
        return value
    if kind is not present.discount_kind:
        raise InvalidInput(f"A discount of the kind {kind} needs its value.", "discount", "value")
    return not_null(
        change.value,
        money.discount_amount(present.discount_kind, present.discount_value, present.currency),
        "discount",
        "value",
    )


def _amount(
    change: params.Maybe[Money | None], present: int | None, unit: str | None, name: str
) -> tuple[int | None, str | None]:
    """An amount after a change, and the currency it is in."""
    if isinstance(change, params.Absent):
        return present, unit if present is not None else None
    if change is None:
        return None, None
    return minor_units(change, "discount", name), currency(change.currency, "discount", name, "currency")


def _unit(
    change: params.Maybe[str | None],
    present: ValidDiscount,
    amounts: set[str],
    kind: DiscountKind,
    default_currency: str,
) -> str | None:
    """The one currency of a discount; a change that would leave an amount in another is refused.

    A currency that came with an amount is removed with the last amount; one that was set by itself stays.
    """
    named = amounts | ({currency(change, "discount", "currency")} if isinstance(change, str) else set())
    if len(named) > 1 or (change is None and amounts):
        raise InvalidInput("All amounts of a promotion are in one currency.", "discount", "currency")
    if named:
        return named.pop()
    stays = isinstance(change, params.Absent) and (kind is DiscountKind.FIXED_AMOUNT or not present.has_amounts)
    if stays and present.currency is not None:
        return present.currency
    return default_currency if kind is DiscountKind.FIXED_AMOUNT else None


@dataclass(frozen=True)
class ValidLimits:
    """A promotion's limits, as its columns hold them; the defaults are those of a new one."""

    per_promotion: int | None = None
    per_code: int | None = 1
    per_customer: int | None = None
    per_customer_and_code: int | None = 1
    code_lifetime_days: int | None = 91


def limits(change: params.Maybe[params.Limits | None], present: ValidLimits) -> ValidLimits:
    """The limits after a change; None resets them to the defaults, and none may be below 1."""
    if isinstance(change, params.Absent):
        return present
    if change is None:
        return ValidLimits()
    changed = {name: value_or(getattr(change, name), value) for name, value in vars(present).items()}
    for name, value in changed.items():
        maximum = 36_500 if name == "code_lifetime_days" else MAX_INT
        optional_integer(value, "limits", name, maximum=maximum)
    return ValidLimits(**changed)


def discount_value(kind: DiscountKind, value: Decimal, unit: str | None, *path: str) -> int:
    """A discount's size as an integer: ten-thousandths of a percent, or minor units of the currency."""
    if kind is DiscountKind.FIXED_AMOUNT:
        return _minor_units(value, unit or "", *path)
    if not value.is_finite() or not 0 <= value <= 100:
        raise InvalidInput("A percentage from 0 to 100, please.", *path)
    scaled = _times(value, money.PERCENT)
    if scaled is None:
        raise InvalidInput("A percentage has at most four decimals.", *path)
    return scaled
