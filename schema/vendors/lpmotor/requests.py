"""Reading what LP Motor's clients send: flags and numbers also as strings, as the vendor itself mixes them [doc].

Whatever can't be read raises BadRequest: LP Motor has one sentence for all of it.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from resolvers.domain import instants, validate
from schema.vendors.kit import BadRequest

FLAGS = {"true": True, "1": True, "false": False, "0": False}

HIGHEST = 2**53 - 1
"""The largest number that every client of JSON can hold."""

_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_ID = re.compile(r"[0-9]{1,10}")


def flag(value: Any) -> bool:
    """A switch: true, 1, "1" or "true"; false, 0, "0" or "false" (choice)."""
    found = FLAGS.get(str(value).strip().lower()) if isinstance(value, bool | int | str) else None
    if found is None:
        raise BadRequest("not a flag")
    return found


def number(value: Any) -> Decimal:
    """A number, as itself or as a string (choice)."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(repr(value))
    raise BadRequest("not a number")


def whole(value: Any, least: int = -HIGHEST, most: int = HIGHEST) -> int:
    """A whole number within bounds."""
    read = number(value)
    if not read.is_finite() or not least <= read <= most or read != int(read):
        raise BadRequest("not a whole number, or out of bounds")
    return int(read)


def amount(value: Any) -> Decimal:
    """A bonus' size, not below 0 (choice); what it is bounded by above depends on its unit."""
    read = number(value)
    if not read.is_finite() or read < 0:
        raise BadRequest("not an amount")
    return read


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
    """How many uses there may be, from 0 up."""
    return whole(value, 0, validate.MAX_INT)


FIELDS: dict[str, Callable[[Any], Any]] = {
    "code": code,
    "is_enabled": flag,
    "bonus_type": whole,
    "bonus_amount": amount,
    "bonus_amount_is_in_percentages": flag,
    "time_limit_is_enabled": flag,
    "d_on": instant,
    "d_off": instant,
    "quantity_limit_is_enabled": flag,
    "quantity_limit": limit,
    "personal_limit_is_enabled": flag,
}
"""What a client may say of a promo [seed]; other members are passed over."""


def promo(body: dict[str, Any]) -> dict[str, Any]:
    """The fields that a body says."""
    return {name: read(body[name]) for name, read in FIELDS.items() if name in body}


def id_of(text: str) -> int | None:
    """A number of a path, a query or a header; None for what is none that anything could have."""
    stripped = text.strip()
    found = int(stripped) if _ID.fullmatch(stripped) else 0
    return found if 1 <= found <= validate.MAX_INT else None
