"""Opaque ids and cursors: base64 texts that clients hand back unchanged."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import strawberry

from resolvers.domain.refusals import InvalidInput
from resolvers.listing import Cursor, Listed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def pack(kind: str, number: int) -> strawberry.ID:
    """The opaque id of a row, given the name of its GraphQL type and its number."""
    return strawberry.ID(_encode(f"{kind}:{number}"))


def unpack(value: str) -> tuple[str, int] | None:
    """The type name and row number of an opaque id, or None for any other text."""
    kind, _, number = _decode(value).partition(":")
    return (kind, int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else None


def row_id(value: str, kind: str, *path: str) -> int:
    """The row number of an opaque id that must be of that type. Raises InvalidInput, with `path`."""
    parts = unpack(value)
    if parts is None or parts[0] != kind:
        raise InvalidInput(f"This is no id of a {kind.lower()}.", *path)
    return parts[1]


def cursor_of(row: Listed) -> str:
    """The cursor of a row: its time of creation and its number."""
    return _encode(f"{(row.created_at - EPOCH) // MICROSECOND}:{row.id}")


def decode_cursor(value: str | None) -> Cursor | None:
    """The cursor of a text, after whose row a page begins. Raises InvalidInput for a text that is no cursor."""
    if value is None:
        return None
    instant, _, number = _decode(value).partition(":")
    try:
        return Cursor(EPOCH + int(instant) * MICROSECOND, int(number))
    except (ValueError, OverflowError):
        raise InvalidInput("This is no cursor of ours: take `endCursor` of the page before.", "after") from None


def _encode(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(value: str) -> str:
    try:
        return urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except ValueError:  # no base64, or no text in it
        return ""
