"""What callers say, in GraphQL's words; `said()` translates it to the house's.

A field left out and a field that is null are two things: out keeps or takes the default, null clears.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, TypeVar

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON

from db.enums import DiscountKind
from resolvers import create, generate, update
from resolvers.domain import code_format, money, params
from resolvers.domain.code_format import Style
from resolvers.domain.params import ABSENT, Maybe
from schema.graphql import ids

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


def given(value: T) -> Maybe[T]:
    """A field's value, or ABSENT when it was left out."""
    return ABSENT if value is UNSET else value


def present(value: T | None, otherwise: T) -> T:
    """A field's value where null means the same as leaving it out."""
    return otherwise if value is UNSET or value is None else value


def optional(value: T | None) -> T | None:
    """A field's value, None when it was left out."""
    return None if value is UNSET else value


class _Part(Protocol[T_co]):
    """An input object within another."""

    def said(self) -> T_co: ...


def _part(value: _Part[T_co] | None) -> Maybe[T_co | None]:
    """What an input object within another says: ABSENT when it was left out, None when it is null."""
    return ABSENT if value is UNSET else value.said() if value is not None else None


# ------------------------------------------------------------------ parts


@strawberry.input(one_of=True, description="A promotion by its id or its reference.")
class PromotionRef:
    id: strawberry.ID | None = UNSET
    reference: str | None = UNSET

    def said(self) -> params.PromotionRef:
        if self.id is not UNSET and self.id is not None:
            found = ids.unpack(self.id)
            return params.PromotionRef(id=found[1] if found and found[0] == "Promotion" else 0)
        return params.PromotionRef(reference=self.reference)


@strawberry.input
class CustomerInput:
    email: str
    first_name: str | None = UNSET
    last_name: str | None = UNSET

    def said(self) -> params.Person:
        return params.Person(self.email, optional(self.first_name), optional(self.last_name))


@strawberry.input
class MoneyInput:
    amount: Decimal
    currency: str

    def said(self) -> money.Money:
        return money.Money(self.amount, self.currency.strip().upper())


@strawberry.input
class OrderInput:
    reference: str | None = UNSET
    total: MoneyInput | None = UNSET
    quantity: int | None = UNSET

    def said(self) -> params.Order:
        total = optional(self.total)
        return params.Order(optional(self.reference), total.said() if total else None, optional(self.quantity))


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

    def said(self) -> params.Discount:
        return params.Discount(
            kind=given(self.kind),
            value=given(self.value),
            currency=given(self.currency),
            minimum_order=_part(self.minimum_order),
            maximum_discount=_part(self.maximum_discount),
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

    def said(self) -> params.Window:
        return params.Window(
            starts_at=given(self.starts_at),
            ends_at=given(self.ends_at),
            starts_on=given(self.starts_on),
            ends_on=given(self.ends_on),
        )


@strawberry.input(description="See Limits; null is no limit.")
class LimitsInput:
    per_promotion: int | None = UNSET
    per_code: int | None = UNSET
    per_customer: int | None = UNSET
    per_customer_and_code: int | None = UNSET
    code_lifetime_days: int | None = UNSET

    def said(self) -> params.Limits:
        return params.Limits(
            per_promotion=given(self.per_promotion),
            per_code=given(self.per_code),
            per_customer=given(self.per_customer),
            per_customer_and_code=given(self.per_customer_and_code),
            code_lifetime_days=given(self.code_lifetime_days),
        )


@strawberry.input(description="In a pattern '#' is a digit or letter, 'A' a letter, '9' a digit, the rest itself.")
class CodeFormatInput:
    style: Style = Style.CREATIVE
    pattern: str | None = UNSET
    prefix: str | None = UNSET

    def said(self) -> code_format.Format:
        return code_format.read_format(self.style, optional(self.pattern), optional(self.prefix))


@strawberry.input(
    description="A promotion's own words for its letters: Jinja templates with {{ code }}, {{ url }}, {{ firstName }},"
    " {{ lastName }}, {{ email }}, {{ organization }}, {{ promotion }}, {{ gives }}, {{ until }}, {{ message }},"
    " {{ unsubscribeUrl }} and {% if %}. Below the body stand the code, its QR and its page. Null is the house's words."
)
class LetterInput:
    subject: str | None = UNSET
    body: str | None = UNSET

    def said(self) -> params.Letter:
        return params.Letter(subject=given(self.subject), body=given(self.body))


# ------------------------------------------------------------------ deeds


@strawberry.input
class CreatePromotionInput:
    name: str
    reference: str | None = UNSET
    number: int | None = UNSET
    identifier: str | None = UNSET
    is_enabled: bool = True
    position: int = 0
    discount: DiscountInput | None = UNSET
    window: WindowInput | None = UNSET
    limits: LimitsInput | None = UNSET
    letter: LetterInput | None = UNSET
    location_numbers: list[int] | None = UNSET
    metadata: JSON | None = UNSET
    codes: list[str] | None = UNSET
    idempotency_key: str | None = UNSET

    def said(self) -> create.NewPromotion:
        return create.NewPromotion(
            name=self.name,
            reference=optional(self.reference),
            number=optional(self.number),
            identifier=optional(self.identifier),
            is_enabled=self.is_enabled,
            position=self.position,
            discount=_part(self.discount),
            window=_part(self.window),
            limits=_part(self.limits),
            letter=_part(self.letter),
            location_numbers=tuple(present(self.location_numbers, [])),
            metadata=optional(self.metadata),  # type: ignore[arg-type]  # `validate.metadata` says what it may be
            codes=tuple(present(self.codes, [])),
        )


@strawberry.input(
    description="What is left out stays. Null clears what can be empty and is InvalidInput elsewhere; a discount,"
    " window, limits or letter that is null is what a promotion made without it has."
)
class UpdatePromotionInput:
    promotion: PromotionRef
    expected_version: int | None = UNSET
    reference: str | None = UNSET
    name: str | None = UNSET
    is_enabled: bool | None = UNSET
    position: int | None = UNSET
    discount: DiscountInput | None = UNSET
    window: WindowInput | None = UNSET
    limits: LimitsInput | None = UNSET
    letter: LetterInput | None = UNSET
    location_numbers: list[int] | None = UNSET
    metadata: JSON | None = UNSET

    def said(self) -> update.PromotionChange:
        numbers = given(self.location_numbers)
        return update.PromotionChange(
            reference=given(self.reference),
            name=given(self.name),
            is_enabled=given(self.is_enabled),
            position=given(self.position),
            discount=_part(self.discount),
            window=_part(self.window),
            limits=_part(self.limits),
            letter=_part(self.letter),
            location_numbers=numbers if isinstance(numbers, params.Absent) else tuple(numbers or ()),
            metadata=given(self.metadata),  # type: ignore[arg-type]  # `validate.metadata` says what it may be
        )


@strawberry.input
class CreateLocationInput:
    number: int | None = UNSET
    name: str
    is_default: bool = False


@strawberry.input
class CreateProductInput:
    number: int | None = UNSET
    title: str


@strawberry.input
class DeletePromotionInput:
    promotion: PromotionRef
    dry_run: bool = False


@strawberry.input(
    description="Without a promotion the organization's own, `default`; without allowedClaims the promotion's perCode."
)
class GenerateCodesInput:
    promotion: PromotionRef | None = UNSET
    amount: int
    format: CodeFormatInput | None = UNSET
    window: WindowInput | None = UNSET
    allowed_claims: int | None = UNSET
    reserved_for: CustomerInput | None = UNSET
    activated: bool = True
    metadata: JSON | None = UNSET
    dry_run: bool = False
    idempotency_key: str | None = UNSET

    def making(self) -> generate.Making:
        customer = optional(self.reserved_for)
        return generate.Making(
            window=_part(self.window),
            allowed_claims=given(self.allowed_claims),
            reserved_for=customer.said() if customer else None,
            activated=self.activated,
            metadata=optional(self.metadata),  # type: ignore[arg-type]  # `validate.metadata` says what it may be
        )


@strawberry.input(description="What is left out stays. Null clears what can be empty and is InvalidInput elsewhere.")
class UpdateCodeInput:
    text: str
    new_text: str | None = UNSET
    is_enabled: bool | None = UNSET
    window: WindowInput | None = UNSET
    allowed_claims: int | None = UNSET
    reserved_for: CustomerInput | None = UNSET
    metadata: JSON | None = UNSET

    def said(self) -> update.CodeChange:
        return update.CodeChange(
            new_text=given(self.new_text),
            is_enabled=given(self.is_enabled),
            window=_part(self.window),
            allowed_claims=given(self.allowed_claims),
            reserved_for=_part(self.reserved_for),
            metadata=given(self.metadata),  # type: ignore[arg-type]  # `validate.metadata` says what it may be
        )


@strawberry.input
class ActivateCodeInput:
    text: str
    promotion: PromotionRef | None = UNSET
    customer: CustomerInput
    location_number: int | None = UNSET
    product_number: int | None = UNSET
    off_peak: bool = False


@strawberry.input
class IssueCodeInput:
    promotion: PromotionRef
    customer: CustomerInput
    location_number: int | None = UNSET
    product_number: int | None = UNSET
    off_peak: bool = False
    idempotency_key: str | None = UNSET


PROOF = (
    "What TooManyAttempts asked for: the solved challenge, as ALTCHA's widgets send it. Or the address of the code's"
    " own page, which its holder has."
)


@strawberry.input(
    description="order.reference is the natural key of a retry: the same code, reference and customer give back the"
    " same standing claim, whatever totals come with it."
)
class ClaimCodeInput:
    text: str
    customer: CustomerInput
    order: OrderInput | None = UNSET
    location_number: int | None = UNSET
    idempotency_key: str | None = UNSET
    proof: str | None = strawberry.field(default=UNSET, description=PROOF)


@strawberry.input
class CheckCodeInput:
    text: str
    customer: CustomerInput | None = UNSET
    order: OrderInput | None = UNSET
    location_number: int | None = UNSET
    at: datetime | None = UNSET
    proof: str | None = strawberry.field(default=UNSET, description=PROOF)


@strawberry.input
class ReleaseClaimInput:
    claim_id: strawberry.ID
    reason: str


@strawberry.input
class SendCodeInput:
    text: str
    recipients: list[CustomerInput]
    message: str | None = UNSET
    resend: bool = False
    even_if_not_claimable: bool = strawberry.field(
        default=False, description="Send a code that is switched off, over or used up, which is refused otherwise."
    )
    dry_run: bool = False
    idempotency_key: str | None = UNSET


@strawberry.input
class SuppressRecipientInput:
    email: str


@strawberry.input
class DeleteCodeInput:
    text: str
    dry_run: bool = False
