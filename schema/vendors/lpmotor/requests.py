"""Reads the bodies of LP Motor's clients: flags and numbers also as strings, as the vendor itself mixes them [doc].

Every invalid value raises BadRequest, as LP Motor has one error for all of them.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from resolvers.domain import instants, validate
from schema.vendors.kit import BadRequest

FLAGS = {"true": True, "1": True, "false": False, "0": False}

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that is exact in every JSON client."""

_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_ID = re.compile(r"[0-9]{1,10}")


def flag(value: Any) -> bool:
    """A switch: true, 1, "1" or "true"; false, 0, "0" or "false" (choice)."""
    result = FLAGS.get(str(value).strip().lower()) if isinstance(value, bool | int | str) else None
    if result is None:
        raise BadRequest("not a flag")
    return result


def number(value: Any) -> Decimal:
    """A number, as itself or as a string (choice)."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(repr(value))
    raise BadRequest("not a number")


def whole_number(value: Any, least: int = -MAX_SAFE_INTEGER, most: int = MAX_SAFE_INTEGER) -> int:
    """A whole number within bounds."""
    result = number(value)
    if not result.is_finite() or not least <= result <= most or result != int(result):
        raise BadRequest("not a whole number, or out of bounds")
    return int(result)


def amount(value: Any) -> Decimal:
    """A bonus' size, not below 0 (choice); its upper limit depends on its unit."""
    result = number(value)
    if not result.is_finite() or result < 0:
        raise BadRequest("not an amount")
    return result


def instant(value: Any) -> datetime | None:
    """An ISO 8601 instant [seed] with its offset, or null for none (choices)."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRequest("not a date")
    try:
        return validate.storable_instant(instants.read_leniently(value.strip()))
    except ValueError:
        raise BadRequest("not a date with its time and offset") from None


def code(value: Any) -> str:
    """A promo's code, kept as typed but for the spaces around it (choice)."""
    if not isinstance(value, str):
        raise BadRequest("not a string")
    return validate.new_code_text(value)[0]


def limit(value: Any) -> int:
    """A limit of uses, from 0 up."""
    return whole_number(value, 0, validate.MAX_INT)


FIELDS: dict[str, Callable[[Any], Any]] = {
    "code": code,
    "is_enabled": flag,
    "bonus_type": whole_number,
    "bonus_amount": amount,
    "bonus_amount_is_in_percentages": flag,
    "time_limit_is_enabled": flag,
    "d_on": instant,
    "d_off": instant,
    "quantity_limit_is_enabled": flag,
    "quantity_limit": limit,
    "personal_limit_is_enabled": flag,
}
"""The readers of a promo's fields [seed]; other members are ignored."""


def promo_fields(body: dict[str, Any]) -> dict[str, Any]:
    """The values of the fields in a body."""
    return {name: read(body[name]) for name, read in FIELDS.items() if name in body}


def parse_id(text: str) -> int | None:
    """An id from a path, a query or a header; None if it is invalid."""
    stripped = text.strip()
    number = int(stripped) if _ID.fullmatch(stripped) else 0
    return number if 1 <= number <= validate.MAX_INT else None
