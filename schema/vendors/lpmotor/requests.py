"""Reads the bodies of LP Motor's clients: flags and numbers also as strings, as the vendor itself mixes them [doc].

Every invalid value raises BadRequest, as LP Motor has one error for all of them.
"""

import re
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypedDict, get_args

from resolvers.domain import instants, validate
from schema.vendors.kit import BadRequest, Json

FLAGS = {"true": True, "1": True, "false": False, "0": False}

Date = Literal["d_on", "d_off"]
DATES: tuple[Date, ...] = ("d_on", "d_off")
Switch = Literal[
    "is_enabled",
    "bonus_amount_is_in_percentages",
    "time_limit_is_enabled",
    "quantity_limit_is_enabled",
    "personal_limit_is_enabled",
]
FLAG_FIELDS: tuple[Switch, ...] = get_args(Switch)

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that is exact in every JSON client."""

_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_ID = re.compile(r"[0-9]{1,10}")


def flag(value: Json) -> bool:
    """A switch: true, 1, "1" or "true"; false, 0, "0" or "false" (choice)."""
    result = FLAGS.get(str(value).strip().lower()) if isinstance(value, bool | int | str) else None
    if result is None:
        raise BadRequest("not a flag")
    return result


def number(value: Json) -> Decimal:
    """A number, as itself or as a string (choice)."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(repr(value))
    raise BadRequest("not a number")


def whole_number(value: Json, least: int = -MAX_SAFE_INTEGER, most: int = MAX_SAFE_INTEGER) -> int:
    """A whole number within bounds."""
    result = number(value)
    if not result.is_finite() or not least <= result <= most or result != int(result):
        raise BadRequest("not a whole number, or out of bounds")
    return int(result)


def amount(value: Json) -> Decimal:
    """A bonus' size, not below 0 (choice); its upper limit depends on its unit."""
    result = number(value)
    if not result.is_finite() or result < 0:
        raise BadRequest("not an amount")
    return result


def instant(value: Json) -> datetime | None:
    """An ISO 8601 instant [seed] with its offset, or null for none (choices)."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRequest("not a date")
    try:
        return validate.storable_instant(instants.read_leniently(value.strip()))
    except ValueError:
        raise BadRequest("not a date with its time and offset") from None


def code(value: Json) -> str:
    """A promo's code, kept as typed but for the spaces around it (choice)."""
    if not isinstance(value, str):
        raise BadRequest("not a string")
    return validate.new_code_text(value)[0]


def limit(value: Json) -> int:
    """A limit of uses, from 0 up."""
    return whole_number(value, 0, validate.MAX_INT)


class PromoFields(TypedDict, total=False):
    """The fields of a promo that a body has [seed]."""

    code: str
    is_enabled: bool
    bonus_type: int
    bonus_amount: Decimal
    bonus_amount_is_in_percentages: bool
    time_limit_is_enabled: bool
    d_on: datetime | None
    d_off: datetime | None
    quantity_limit_is_enabled: bool
    quantity_limit: int
    personal_limit_is_enabled: bool


def promo_fields(body: dict[str, Json]) -> PromoFields:
    """The values of a promo's fields in a body; other members are ignored."""
    fields: PromoFields = {}
    if "code" in body:
        fields["code"] = code(body["code"])
    if "bonus_type" in body:
        fields["bonus_type"] = whole_number(body["bonus_type"])
    if "bonus_amount" in body:
        fields["bonus_amount"] = amount(body["bonus_amount"])
    if "quantity_limit" in body:
        fields["quantity_limit"] = limit(body["quantity_limit"])
    for date in DATES:
        if date in body:
            fields[date] = instant(body[date])
    for switch in FLAG_FIELDS:
        if switch in body:
            fields[switch] = flag(body[switch])
    return fields


def parse_id(text: str) -> int | None:
    """An id from a path, a query or a header; None if it is invalid."""
    stripped = text.strip()
    number = int(stripped) if _ID.fullmatch(stripped) else 0
    return number if 1 <= number <= validate.MAX_INT else None
