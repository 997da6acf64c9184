"""Reads the bodies of Lancero's clients, leniently where they are known to be careless.

Null is the same as a missing member, except for a number: `allowedClaims: null` could be read as no limit.
"""

from datetime import datetime
from typing import TypedDict

from resolvers import generate, send
from resolvers.domain import instants, params, validate
from resolvers.domain.code_format import Format, Style, read_format
from schema.vendors.kit import BadRequest, Json

MAX_CODES = 10_000
"""Codes of one call, as all of them are in its response (choice)."""

NO_LIMIT = 2**31 - 1
"""`allowedClaims` of a code without a limit (choice)."""


class LeadParticulars(TypedDict, total=False):
    """Lancero's own members of a customer."""

    notes: str
    onWaitlist: bool


MAX_NOTES_CHARS = 10_000

TYPES = {style.lower(): style for style in (Style.CREATIVE, Style.ALPHANUMERIC, Style.NUMERIC)}


def optional_text(body: dict[str, Json], field: str) -> str | None:
    """An optional member that is a string. Raises BadRequest."""
    value = body.get(field)
    if value is not None and not isinstance(value, str):
        raise BadRequest(f"`{field}` must be a string")
    return value if value is None else validate.storable(value, field)


def text(body: dict[str, Json], field: str) -> str:
    """A required member that is a string. Raises BadRequest."""
    value = optional_text(body, field)
    if value is None or not value.strip():
        raise BadRequest(f"`{field}` is required")
    return value


def number(body: dict[str, Json], field: str, most: int) -> int:
    """A whole number from 1, which is the default [doc, seed], to `most`; also as a string (choice)."""
    value = body.get(field, 1)
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.strip().isdecimal():
        value = int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not 1 <= value <= most:
        raise BadRequest(f"`{field}` must be a whole number from 1 to {most}")
    return value


def instant(body: dict[str, Json], field: str) -> datetime | None:
    """An ISO 8601 instant [seed] with an offset, as it would be ambiguous without (choice)."""
    value = optional_text(body, field)
    if value is None:
        return None
    try:
        instant = instants.read_leniently(value.strip())
    except ValueError:
        raise BadRequest(f"`{field}` must be an ISO 8601 date with its time and offset") from None
    return validate.storable_instant(instant, field)


def recipients(body: dict[str, Json]) -> list[params.Person]:
    """The people in `emails`, a list [seed] or one address (choice)."""
    emails = body.get("emails")
    listed = [emails] if isinstance(emails, str) else emails
    texts = [email for email in listed if isinstance(email, str)] if isinstance(listed, list) else None
    if texts is None or texts != listed:
        raise BadRequest("`emails` must be an array of strings")
    recipients = texts[: send.MAX_RECIPIENTS + 1]  # more are refused by their number
    return [params.Person(validate.storable(email, "emails")) for email in recipients]


def code_format(body: dict[str, Json]) -> Format:
    """The code format that `type` names [seed], creative by default. Raises BadRequest."""
    style = TYPES.get(optional_text(body, "type") or "creative")
    if style is None:
        raise BadRequest(f"`type` must be one of {', '.join(TYPES)}")
    return read_format(style, None, None)


def options(body: dict[str, Json]) -> generate.CodeOptions:
    """The attributes of new codes [seed]. Raises BadRequest, InvalidInput."""
    reserved_for = optional_text(body, "reservedFor")
    return generate.CodeOptions(
        window=params.Window(starts_at=instant(body, "validFrom"), ends_at=instant(body, "validUntil")),
        allowed_claims=number(body, "allowedClaims", NO_LIMIT),
        reserved_for=None if reserved_for is None else params.Person(reserved_for),
    )


def particulars(body: dict[str, Json]) -> LeadParticulars:
    """Lancero's own members of a new lead."""
    waitlist = body.get("waitlist")
    if not isinstance(waitlist, bool | None):
        raise BadRequest("`waitlist` must be a boolean")
    notes = validate.optional_text(optional_text(body, "notes"), "notes", max_length=MAX_NOTES_CHARS)
    return {"notes": notes or "", "onWaitlist": bool(waitlist)}
