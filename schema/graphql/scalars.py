"""Scalars that say no clearly: instants with an offset, decimals that are numbers."""

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition


def read_instant(value: Any) -> datetime:
    """An RFC 3339 instant, in UTC. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("an instant is a string")
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError("it has no offset")
    return instant.astimezone(UTC)


def _parse_instant(value: Any) -> datetime:
    try:
        return read_instant(value)
    except (ValueError, OverflowError):
        raise GraphQLError(
            f"{str(value)[:50]!r} is no instant with its offset, such as 2026-12-24T18:00:00Z."
        ) from None


def write_instant(value: datetime) -> str:
    """RFC 3339 in UTC with a Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parse_date(value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        raise GraphQLError(f"{str(value)[:50]!r} is no day, such as 2026-12-24.") from None


def _parse_decimal(value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite() or abs(number.adjusted()) > 30:
        raise GraphQLError(f'{str(value)[:50]!r} is no decimal, such as "12.50".')
    return number


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant, RFC 3339: with any offset in, in UTC with a Z out.",
        serialize=write_instant,
        parse_value=_parse_instant,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A calendar day, read in the organization's time zone.",
        serialize=date.isoformat,
        parse_value=_parse_date,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal, sent as a string.",
        serialize=lambda value: format(value, "f"),
        parse_value=_parse_decimal,
    ),
}
