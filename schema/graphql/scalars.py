"""The scalars of the schema: instants of RFC 3339, days, exact decimals, and integers of any size."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NewType

import strawberry
from graphql import FloatValueNode, GraphQLError, IntValueNode, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

from resolvers.domain import instants

BigInt = NewType("BigInt", int)

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DECIMAL = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,60})?")


def _parse_instant(value: Any) -> datetime:
    try:
        return instants.read(value)
    except ValueError:
        raise GraphQLError(
            f"{str(value)[:50]!r} is no instant with its offset, such as 2026-12-24T18:00:00Z."
        ) from None


def write_instant(value: datetime) -> str:
    """An instant in UTC as RFC 3339 writes it, with a Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parse_date(value: Any) -> date:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:  # there is no such day
        pass
    raise GraphQLError(f"{str(value)[:50]!r} is no day, such as 2026-12-24.")


def _parse_decimal(value: Any) -> Decimal:
    text = repr(value) if type(value) in (int, float) else value
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise GraphQLError(f'{str(text)[:50]!r} is no decimal, such as "12.50".')
    return Decimal(text)


def _parse_decimal_literal(node: ValueNode, variables: Any = None) -> Decimal:
    """A decimal that is a literal of a document."""
    return _parse_decimal(node.value if isinstance(node, StringValueNode | IntValueNode | FloatValueNode) else None)


SCALARS: dict[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number that may pass 2147483647, sent as a string.",
        serialize=str,
        parse_value=int,
    ),
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
        parse_literal=_parse_decimal_literal,
    ),
}
