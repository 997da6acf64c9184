"""Inputs that several operations share, as parts of their own; `to_params()` converts each to parameters of a resolver.

A field that is left out differs from one that is null: left out keeps the value or takes the default, null clears.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, TypeVar

import strawberry
from strawberry import UNSET

from db.enums import DiscountKind
from resolvers.domain import code_format, money, params
from resolvers.domain.code_format import Style
from resolvers.domain.params import ABSENT, Maybe
from schema.graphql import ids

PROOF = (
    "What TooManyAttempts asked for: the solved challenge, as ALTCHA's widgets send it. Or the address of the code's"
    " own page, which its holder has."
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


def or_absent(value: T) -> Maybe[T]:
    """A field's value; ABSENT where it was left out."""
    return ABSENT if value is UNSET else value


def or_default(value: T | None, default: T) -> T:
    """A field's value; the default where it was left out or is null."""
    return default if value is UNSET or value is None else value


def or_none(value: T | None) -> T | None:
    """A field's value; None where it was left out or is null."""
    return None if value is UNSET else value


class _NestedInput(Protocol[T_co]):
    """An input object within another."""

    def to_params(self) -> T_co: ...


def nested(value: _NestedInput[T_co] | None) -> Maybe[T_co | None]:
    """The parameters of an input object within another: ABSENT where it was left out, None where it is null."""
    return ABSENT if value is UNSET else value.to_params() if value is not None else None


@strawberry.input(one_of=True, description="A promotion by its id or its reference.")
class PromotionRef:
    id: strawberry.ID | None = UNSET
    reference: str | None = UNSET

    def to_params(self) -> params.PromotionRef:
        if self.id is not UNSET and self.id is not None:
            kind, number = ids.unpack(self.id) or ("", 0)
            return params.PromotionRef(id=number if kind == "Promotion" else 0)
        return params.PromotionRef(reference=self.reference)


@strawberry.input
class CustomerInput:
    email: str
    first_name: str | None = UNSET
    last_name: str | None = UNSET

    def to_params(self) -> params.Person:
        return params.Person(self.email, or_none(self.first_name), or_none(self.last_name))


@strawberry.input
class MoneyInput:
    amount: Decimal
    currency: str

    def to_params(self) -> money.Money:
        return money.Money(self.amount, self.currency.strip().upper())


@strawberry.input
class OrderInput:
    reference: str | None = UNSET
    total: MoneyInput | None = UNSET
    quantity: int | None = UNSET

    def to_params(self) -> params.Order:
        total = or_none(self.total)
        return params.Order(or_none(self.reference), total.to_params() if total else None, or_none(self.quantity))


@strawberry.input(
    description="PERCENTAGE and FIXED_AMOUNT go with a value, the other kinds with none. A percentage needs no"
    " currency; an amount without one is in the organization's. The currency goes with the last amount."
)
class DiscountInput:
    kind: DiscountKind | None = UNSET
    value: Decimal | None = UNSET
    currency: str | None = UNSET
    minimum_order: MoneyInput | None = UNSET
    maximum_discount: MoneyInput | None = UNSET

    def to_params(self) -> params.Discount:
        return params.Discount(
            kind=or_absent(self.kind),
            value=or_absent(self.value),
            currency=or_absent(self.currency),
            minimum_order=nested(self.minimum_order),
            maximum_discount=nested(self.maximum_discount),
        )


@strawberry.input(
    description="startsAt <= t < endsAt. endsOn: through the last instant of that day in the organization's"
    " time zone. Give …On or …At, not both."
)
class WindowInput:
    starts_at: datetime | None = UNSET
    ends_at: datetime | None = UNSET
    starts_on: date | None = UNSET
    ends_on: date | None = UNSET

    def to_params(self) -> params.Window:
        return params.Window(
            starts_at=or_absent(self.starts_at),
            ends_at=or_absent(self.ends_at),
            starts_on=or_absent(self.starts_on),
            ends_on=or_absent(self.ends_on),
        )


@strawberry.input(description="See Limits; null is no limit.")
class LimitsInput:
    per_promotion: int | None = UNSET
    per_code: int | None = UNSET
    per_customer: int | None = UNSET
    per_customer_and_code: int | None = UNSET
    code_lifetime_days: int | None = UNSET

    def to_params(self) -> params.Limits:
        return params.Limits(
            per_promotion=or_absent(self.per_promotion),
            per_code=or_absent(self.per_code),
            per_customer=or_absent(self.per_customer),
            per_customer_and_code=or_absent(self.per_customer_and_code),
            code_lifetime_days=or_absent(self.code_lifetime_days),
        )


@strawberry.input(description="In a pattern '#' is a digit or letter, 'A' a letter, '9' a digit, the rest itself.")
class CodeFormatInput:
    style: Style = Style.CREATIVE
    pattern: str | None = UNSET
    prefix: str | None = UNSET

    def to_params(self) -> code_format.Format:
        return code_format.read_format(self.style, or_none(self.pattern), or_none(self.prefix))


@strawberry.input(
    description="A promotion's own words for its letters: Jinja templates with {{ code }}, {{ url }}, {{ firstName }},"
    " {{ lastName }}, {{ email }}, {{ organization }}, {{ promotion }}, {{ gives }}, {{ until }}, {{ message }},"
    " {{ unsubscribeUrl }} and {% if %}. Below the body stand the code, its QR and its page. Null is the house's words."
)
class LetterInput:
    subject: str | None = UNSET
    body: str | None = UNSET

    def to_params(self) -> params.Letter:
        return params.Letter(subject=or_absent(self.subject), body=or_absent(self.body))
