"""Usage statistics: claims, totals and refusals, a bucket of time and a currency at a time."""

from datetime import datetime
from decimal import Decimal

import strawberry

from resolvers import usage_report
from resolvers.authenticate import Right
from schema.graphql.connections import selects
from schema.graphql.context import Info
from schema.graphql.enums import RefusalReason
from schema.graphql.filters import UsageInput
from schema.graphql.scalars import BigInt


@strawberry.type(description="Refusals of one reason.")
class RefusalCount:
    reason: RefusalReason
    count: BigInt


@strawberry.type(description="What claims amount to, in one bucket of time and one currency.")
class UsageStat:
    from_: datetime = strawberry.field(name="from")
    to: datetime
    currency: str | None = strawberry.field(description="Null: of claims and refusals without an order total.")
    claims: BigInt
    customers: int = strawberry.field(description="Distinct, over standing claims.")
    order_total: Decimal
    order_quantity: BigInt
    discount_total: Decimal
    refusals: list[RefusalCount]

    @classmethod
    def of(cls, row: usage_report.UsageRow) -> "UsageStat":
        return cls(
            from_=row.start,
            to=row.end,
            currency=row.currency,
            claims=BigInt(row.share.claims),
            customers=row.customers or 0,
            order_total=row.amount(row.share.order_total),
            order_quantity=BigInt(row.share.order_quantity),
            discount_total=row.amount(row.share.discount_total),
            refusals=[
                RefusalCount(reason=RefusalReason(reason), count=BigInt(count))
                for reason, count in sorted(row.refusals.items())
            ],
        )


async def usage(info: Info, input: UsageInput | None, promotion_id: int | None) -> list[UsageStat]:
    """The usage of one promotion, or of the whole organization where `promotion_id` is None.

    Raises AccessDenied; InvalidInput for an invalid range.
    """
    info.context.require(Right.MANAGE)
    caller = info.context.caller
    query = input.to_params() if input else usage_report.UsageQuery()
    with_customers = selects(info, "customers")
    if promotion_id is None:
        rows = await usage_report.organization_usage(caller.organization, query, with_customers, caller.now)
    else:
        rows = await usage_report.promotion_usage(caller.organization, promotion_id, query, with_customers, caller.now)
    return [UsageStat.of(row) for row in rows]
