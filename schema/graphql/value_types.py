"""Value types of the schema: objects without an id of their own, made of columns of a row."""

from datetime import datetime
from decimal import Decimal

import strawberry

from db import models
from db.enums import DiscountKind
from resolvers.domain import money, rules
from schema.graphql.context import Info
from schema.graphql.public import Public


@strawberry.type(directives=[Public()], description="An exact amount, with all of its currency's decimals.")
class Money:
    amount: Decimal
    currency: str

    @classmethod
    def of(cls, value: money.Money) -> "Money":
        return cls(amount=value.amount, currency=value.currency)

    @classmethod
    def of_minor(cls, minor: int | None, currency: str | None) -> "Money | None":
        """Whole minor units, if there are any."""
        return None if minor is None or currency is None else cls.of(money.of_minor(minor, currency))


@strawberry.type(directives=[Public()], description="From startsAt to just before endsAt; null is no bound.")
class Window:
    starts_at: datetime | None
    ends_at: datetime | None

    @classmethod
    def of(cls, row: models.Promotion | models.Code) -> "Window":
        return cls(starts_at=row.starts_at, ends_at=row.ends_at)

    @strawberry.field(description="Whether now is within.")
    def is_open(self, info: Info) -> bool:
        return rules.is_open(self.starts_at, self.ends_at, info.context.caller.now)


@strawberry.type(directives=[Public()], description="What a promotion takes off an order.")
class Discount:
    kind: DiscountKind
    value: Decimal = strawberry.field(description="A percentage, or an amount in `currency`.")
    currency: str | None
    minimum_order: Money | None
    maximum_discount: Money | None

    @classmethod
    def of(cls, row: models.Promotion) -> "Discount":
        return cls(
            kind=row.discount_kind,
            value=money.discount_amount(row.discount_kind, row.discount_value, row.currency),
            currency=row.currency,
            minimum_order=Money.of_minor(row.minimum_order, row.currency),
            maximum_discount=Money.of_minor(row.maximum_discount, row.currency),
        )


@strawberry.type(description="How often; null is no limit.")
class Limits:
    per_promotion: int | None = strawberry.field(description="Claims of all its codes together.")
    per_code: int | None = strawberry.field(description="What a new code allows.")
    per_customer: int | None = strawberry.field(description="One customer's claims of all its codes.")
    per_customer_and_code: int | None = strawberry.field(description="One customer's claims of one code.")
    code_lifetime_days: int | None = strawberry.field(
        description="From activation, through the last instant of that day in the organization's zone; null never ends."
    )

    @classmethod
    def of(cls, row: models.Promotion) -> "Limits":
        return cls(
            per_promotion=row.per_promotion,
            per_code=row.per_code,
            per_customer=row.per_customer,
            per_customer_and_code=row.per_customer_and_code,
            code_lifetime_days=row.code_lifetime_days,
        )


@strawberry.type(description="A promotion's own words for its letters; null: the house's.")
class Letter:
    subject: str | None
    body: str | None


@strawberry.type(directives=[Public()], description="The order that a claim went into.")
class Order:
    reference: str | None
    total: Money | None
    quantity: int | None
