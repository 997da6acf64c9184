"""Refusals in the schema: a type is derived from a class, whatever the class."""

from dataclasses import field
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import strawberry

from db import models
from resolvers.domain import money, refusals
from schema.graphql.enums import IN_GRAPHQL
from schema.graphql.public import Public
from schema.graphql.refusals import TYPES, derive_type, describe, to_graphql_refusal
from schema.graphql.value_types import Money


class QuotaReached(refusals.Refusal):
    """Raised when a shop has asked for
    more than it may have.

    What follows the first paragraph is for readers of the code.
    """

    sentence = "Only {limit.amount} a day, until {until:%H:%M}."
    limit: money.Money
    until: datetime
    seen: int = field(metadata=refusals.LARGE)
    shop: str = field(metadata=refusals.INTERNAL)
    hint: str | None = field(default=None, metadata={"description": "A way out."})


UNTIL = datetime(2026, 12, 24, 18, tzinfo=UTC)
QUOTA = QuotaReached(money.Money(Decimal("5.00"), "EUR"), UNTIL, 2**40, "north")


def test_a_class_gives_its_type() -> None:
    """A type has its class's name, the first paragraph of its docstring, and its fields but for internal ones."""
    definition = derive_type(QuotaReached).type.__strawberry_definition__  # type: ignore[attr-defined]
    assert definition.name == "QuotaReached"
    assert definition.description == "A shop has asked for more than it may have."
    assert {field.python_name: field.type for field in definition.fields} == {
        "reason": derive_type(QuotaReached).type.__strawberry_definition__.fields[0].type,  # type: ignore[attr-defined]
        "message": str,
        "limit": Money,
        "until": datetime,
        "seen": str,
        "hint": strawberry.types.base.StrawberryOptional(str),
    }
    assert definition.fields[-1].description == "A way out."
    assert definition.directives == [Public()]


def test_a_refusal_is_shown_with_its_data() -> None:
    """The message has the data filled in; an amount is an object, a large number is a text."""
    assert (QUOTA.reason, str(QUOTA)) == ("QUOTA_REACHED", "Only 5.00 a day, until 18:00.")
    makers = derive_type(QuotaReached).makers
    assert {name: make(getattr(QUOTA, name)) for name, make in makers.items()} == {
        "limit": Money(amount=Decimal("5.00"), currency="EUR"),
        "until": UNTIL,
        "seen": "1099511627776",
        "hint": None,
    }


def test_a_text_of_a_caller_is_no_template() -> None:
    """Braces in a value stay as they are."""
    assert str(refusals.CodeTaken("{message}")) == "The code '{message}' exists already."


@pytest.mark.parametrize("kind", IN_GRAPHQL)
def test_only_types_without_a_row_are_public(kind: type[refusals.Refusal]) -> None:
    """A public key may select each refusal but one that holds another row, and a rule it is shown as NotClaimable."""
    is_public = Public() in TYPES[kind].type.__strawberry_definition__.directives  # type: ignore[attr-defined]
    assert is_public == (models.Claim not in kind.__annotations__.values())
    if issubclass(kind, refusals.Rule):
        shown = to_graphql_refusal(kind.__new__(kind), is_public=True)
        assert (type(shown).__name__, shown.message) == ("NotClaimable", "This code cannot be claimed.")


@pytest.mark.parametrize("kind", refusals.REFUSALS)
def test_a_refusal_says_when_it_is_raised(kind: type[refusals.Refusal]) -> None:
    """Each docstring begins with Raised; the description is a sentence without that word."""
    assert (kind.__doc__ or "").startswith("Raised ")
    assert describe(kind)[0].isupper()
    assert describe(kind).endswith(".")
