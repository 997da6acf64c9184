"""What may be asked."""

import asyncio

import strawberry

from db.enums import DeliveryStatus
from resolvers import check, find, listing
from resolvers.authenticate import Right
from resolvers.domain import refusals
from resolvers.domain.refusals import InvalidInput
from schema.graphql import ids as opaque
from schema.graphql.connections import DEFAULT, LARGEST, Connection, connect
from schema.graphql.context import Info
from schema.graphql.filters import ClaimFilter, CodeFilter, PromotionFilter, UsageInput
from schema.graphql.inputs import CheckCodeInput, PromotionRef, optional
from schema.graphql.money import Money
from schema.graphql.public import Public
from schema.graphql.refusals import Refusal, to_graphql_refusal
from schema.graphql.types import (
    NODES,
    Claim,
    Code,
    Customer,
    Delivery,
    Job,
    Node,
    Organization,
    Promotion,
)
from schema.graphql.usage import UsageStat, usage


@strawberry.type(description="Would claimCode succeed? If not, every rule that says no.")
class CodeCheck:
    is_claimable: bool = strawberry.field(directives=[Public()])
    refusals: list[Refusal] = strawberry.field(directives=[Public()])
    discount: Money | None = strawberry.field(
        directives=[Public()], description="What a claim would take off the order."
    )
    code: Code | None


async def found_again(info: Info, value: str) -> Node | None:
    """What an id leads to, if it is of the caller's organization."""
    info.context.demand(Right.MANAGE)
    kind, number = opaque.unpack(value) or ("", 0)
    if kind not in NODES:
        return None
    model, of = NODES[kind]
    row = await info.context.row_or_none(model, number)
    owner = getattr(row, "organization_id", number)
    if row is None or owner != info.context.caller.organization.id:
        return None
    return of.of(row)  # type: ignore[no-any-return]


@strawberry.type
class Query:
    @strawberry.field(description="What an id leads to; null for what is not of this organization.")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        return await found_again(info, id)

    @strawberry.field(description="What ids lead to, in their order.")
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
        if len(ids) > LARGEST:
            raise InvalidInput(f"At most {LARGEST} ids, please.", "ids")
        return await asyncio.gather(*(found_again(info, value) for value in ids))

    @strawberry.field(description="The caller's own.")
    def organization(self, info: Info) -> Organization:
        info.context.demand(Right.MANAGE)
        return Organization.of(info.context.caller.organization)

    @strawberry.field
    async def promotion(self, info: Info, ref: PromotionRef) -> Promotion | None:
        info.context.demand(Right.MANAGE)
        try:
            return Promotion.of(await find.promotion(info.context.caller.organization.id, ref.said()))
        except refusals.UnknownPromotion:
            return None
        except InvalidInput as wrong:
            raise InvalidInput(wrong.message, "ref", *wrong.path[1:]) from None

    @strawberry.field
    async def promotions(
        self, info: Info, filter: PromotionFilter | None = None, first: int = DEFAULT, after: str | None = None
    ) -> Connection[Promotion]:
        caller = info.context.caller
        asked = filter.said() if filter else listing.PromotionFilter()
        found = listing.all_promotions(caller.organization.id, asked, caller.now)
        return await connect(info, Promotion.of, found, first, after)

    @strawberry.field(description="A code by its text, as people type it.")
    async def code(self, info: Info, text: str) -> Code | None:
        info.context.demand(Right.MANAGE)
        try:
            found = await find.code(info.context.caller.organization.id, text)
        except refusals.UnknownCode:
            return None
        info.context.know(found.promotion)
        return Code.of(found)

    @strawberry.field
    async def codes(
        self, info: Info, filter: CodeFilter | None = None, first: int = DEFAULT, after: str | None = None
    ) -> Connection[Code]:
        caller = info.context.caller
        asked = filter.said() if filter else listing.CodeFilter()
        return await connect(info, Code.of, listing.all_codes(caller.organization.id, asked, caller.now), first, after)

    @strawberry.field
    async def claims(
        self, info: Info, filter: ClaimFilter | None = None, first: int = DEFAULT, after: str | None = None
    ) -> Connection[Claim]:
        asked = filter.said() if filter else listing.ClaimFilter()
        found = listing.all_claims(info.context.caller.organization.id, asked)
        return await connect(info, Claim.of, found, first, after)

    @strawberry.field
    async def deliveries(
        self,
        info: Info,
        status: list[DeliveryStatus] | None = None,
        first: int = DEFAULT,
        after: str | None = None,
    ) -> Connection[Delivery]:
        found = listing.all_deliveries(info.context.caller.organization.id, status)
        return await connect(info, Delivery.of, found, first, after)

    @strawberry.field(description="What makes, or has made, more codes than one call can.")
    async def jobs(self, info: Info, first: int = DEFAULT, after: str | None = None) -> Connection[Job]:
        return await connect(info, Job.of, listing.all_jobs(info.context.caller.organization.id), first, after)

    @strawberry.field(description="Those with every word of a search in address or names, whatever its case.")
    async def customers(
        self, info: Info, search: str | None = None, first: int = DEFAULT, after: str | None = None
    ) -> Connection[Customer]:
        found = listing.all_customers(info.context.caller.organization.id, search)
        return await connect(info, Customer.of, found, first, after)

    @strawberry.field
    async def usage_stats(self, info: Info, input: UsageInput | None = None) -> list[UsageStat]:
        return await usage(info, input, None)

    @strawberry.field(
        directives=[Public()], description="Would claimCode succeed, and if not, every rule that says no."
    )
    async def check_code(self, info: Info, input: CheckCodeInput) -> CodeCheck:
        info.context.demand(Right.CHECK)
        caller = info.context.caller
        customer, order = optional(input.customer), optional(input.order)
        found = await check.code(
            caller.organization,
            input.text,
            customer.said() if customer else None,
            order.said() if order else None,
            optional(input.location_number),
            caller.guard,
            optional(input.at) or caller.now,
            optional(input.proof),
            caller.now,
        )
        heard = [to_graphql_refusal(refusal, caller.is_public) for refusal in found.refusals]
        return CodeCheck(
            is_claimable=not found.refusals,
            refusals=heard[:1] if caller.is_public else heard,
            discount=Money.of(found.discount) if found.discount else None,
            code=Code.of(found.code) if found.code and not caller.is_public else None,
        )
