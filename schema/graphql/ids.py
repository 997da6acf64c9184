"""Opaque ids and cursors: what a client hands back as it got it, and need not understand."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import strawberry

from resolvers.domain.refusals import InvalidInput
from resolvers.listing import Place

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def pack(kind: str, number: int) -> strawberry.ID:
    """The id of a thing: its kind and its row."""
    return strawberry.ID(_written(f"{kind}:{number}"))


def unpack(value: str) -> tuple[str, int] | None:
    """Kind and row of an id, or None for what is no id of ours."""
    kind, _, number = _read(value).partition(":")
    return (kind, int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else None


def row(value: str, kind: str, *path: str) -> int:
    """The row of an id that must be of that kind. Raises InvalidInput."""
    found = unpack(value)
    if found is None or found[0] != kind:
        raise InvalidInput(f"This is no id of a {kind.lower()}.", *path)
    return found[1]


def cursor(created_at: datetime, number: int) -> str:
    """Where the page after this row begins."""
    return _written(f"{(created_at - EPOCH) // MICROSECOND}:{number}")


def place(value: str | None) -> Place | None:
    """Where a page begins. Raises InvalidInput for a cursor that we never gave."""
    if value is None:
        return None
    instant, _, number = _read(value).partition(":")
    try:
        return Place(EPOCH + int(instant) * MICROSECOND, int(number))
    except (ValueError, OverflowError):
        raise InvalidInput("This is no cursor of ours: take `endCursor` of the page before.", "after") from None


def _written(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(value: str) -> str:
    try:
        return urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
    except ValueError:  # no base64, or no text in it
        return ""
