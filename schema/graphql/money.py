"""The object type of an amount with its currency."""

from decimal import Decimal

import strawberry

from resolvers.domain import money
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
