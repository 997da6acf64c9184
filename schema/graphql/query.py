"""The queries of the schema."""

import asyncio
from datetime import datetime

import strawberry
from strawberry import UNSET

from db.enums import DeliveryStatus
from resolvers import check, find, listing
from resolvers.authenticate import Right
from resolvers.domain import refusals
from resolvers.domain.refusals import InvalidInput
from schema.graphql import ids as opaque
from schema.graphql.connections import MAX_PAGE_SIZE, PAGE_SIZE, Connection, connect, selects
from schema.graphql.context import Info
from schema.graphql.filters import ClaimFilter, CodeFilter, PromotionFilter, UsageInput
from schema.graphql.nouns import (
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
from schema.graphql.parts import PROOF, CustomerInput, OrderInput, PromotionRef, or_none
from schema.graphql.public import Public
from schema.graphql.refusals import Refusal, to_graphql_refusal
from schema.graphql.usage import UsageStat, usage
from schema.graphql.value_types import Money


@strawberry.input
class CheckCodeInput:
    text: str
    customer: CustomerInput | None = UNSET
    order: OrderInput | None = UNSET
    location_number: int | None = UNSET
    at: datetime | None = UNSET
    proof: str | None = strawberry.field(default=UNSET, description=PROOF)


@strawberry.type(description="Would claimCode succeed? If not, every rule that says no.")
class CodeCheck:
    is_claimable: bool = strawberry.field(directives=[Public()])
    refusals: list[Refusal] = strawberry.field(directives=[Public()])
    discount: Money | None = strawberry.field(
        directives=[Public()], description="What a claim would take off the order."
    )
    code: Code | None


async def node_by_id(info: Info, value: str) -> Node | None:
    """The object with an opaque id, or None where it is none of the caller's organization. Raises AccessDenied."""
    info.context.require(Right.MANAGE)
    kind, number = opaque.unpack(value) or ("", 0)
    if kind not in NODES:
        return None
    _, load = NODES[kind]
    return await load(info.context, number)


@strawberry.type
class Query:
    @strawberry.field(description="What an id leads to; null for what is not of this organization.")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        return await node_by_id(info, id)

    @strawberry.field(description="What ids lead to, in their order.")
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
        if len(ids) > MAX_PAGE_SIZE:
            raise InvalidInput(f"At most {MAX_PAGE_SIZE} ids, please.", "ids")
        return await asyncio.gather(*(node_by_id(info, value) for value in ids))

    @strawberry.field(description="The caller's own.")
    def organization(self, info: Info) -> Organization:
        info.context.require(Right.MANAGE)
        return Organization.of(info.context.caller.organization)

    @strawberry.field
    async def promotion(self, info: Info, ref: PromotionRef) -> Promotion | None:
        info.context.require(Right.MANAGE)
        try:
            return Promotion.of(await find.promotion(info.context.caller.organization.id, ref.to_params()))
        except refusals.UnknownPromotion:
            return None
        except InvalidInput as error:
            raise InvalidInput(error.message, "ref", *error.path[1:]) from None

    @strawberry.field
    async def promotions(
        self, info: Info, filter: PromotionFilter | None = None, first: int = PAGE_SIZE, after: str | None = None
    ) -> Connection[Promotion]:
        caller = info.context.caller
        conditions = filter.to_params() if filter else listing.PromotionFilter()
        rows = listing.promotions(caller.organization.id, conditions, caller.now)
        return await connect(info, Promotion.of, rows, first, after)

    @strawberry.field(description="A code by its text, as people type it.")
    async def code(self, info: Info, text: str) -> Code | None:
        info.context.require(Right.MANAGE)
        try:
            code = await find.code(info.context.caller.organization.id, text)
        except refusals.UnknownCode:
            return None
        info.context.remember_promotion(code.promotion)
        return Code.of(code)

    @strawberry.field
    async def codes(
        self, info: Info, filter: CodeFilter | None = None, first: int = PAGE_SIZE, after: str | None = None
    ) -> Connection[Code]:
        caller = info.context.caller
        conditions = filter.to_params() if filter else listing.CodeFilter()
        rows = listing.codes(caller.organization.id, conditions, caller.now)
        codes = await connect(info, Code.of, rows, first, after)
        if selects(info, "status", "promotion"):
            await info.context.load_promotions([code.row for code in codes.nodes])
        return codes

    @strawberry.field
    async def claims(
        self, info: Info, filter: ClaimFilter | None = None, first: int = PAGE_SIZE, after: str | None = None
    ) -> Connection[Claim]:
        conditions = filter.to_params() if filter else listing.ClaimFilter()
        rows = listing.claims(info.context.caller.organization.id, conditions)
        return await connect(info, Claim.of, rows, first, after)

    @strawberry.field
    async def deliveries(
        self,
        info: Info,
        status: list[DeliveryStatus] | None = None,
        first: int = PAGE_SIZE,
        after: str | None = None,
    ) -> Connection[Delivery]:
        rows = listing.deliveries(info.context.caller.organization.id, status)
        return await connect(info, Delivery.of, rows, first, after)

    @strawberry.field(description="What makes, or has made, more codes than one call can.")
    async def jobs(self, info: Info, first: int = PAGE_SIZE, after: str | None = None) -> Connection[Job]:
        return await connect(info, Job.of, listing.jobs(info.context.caller.organization.id), first, after)

    @strawberry.field(description="Those with every word of a search in address or names, whatever its case.")
    async def customers(
        self, info: Info, search: str | None = None, first: int = PAGE_SIZE, after: str | None = None
    ) -> Connection[Customer]:
        rows = listing.customers(info.context.caller.organization.id, search)
        return await connect(info, Customer.of, rows, first, after)

    @strawberry.field
    async def usage_stats(self, info: Info, input: UsageInput | None = None) -> list[UsageStat]:
        return await usage(info, input, None)

    @strawberry.field(
        directives=[Public()], description="Would claimCode succeed, and if not, every rule that says no."
    )
    async def check_code(self, info: Info, input: CheckCodeInput) -> CodeCheck:
        info.context.require(Right.CHECK)
        caller = info.context.caller
        customer, order = or_none(input.customer), or_none(input.order)
        result = await check.code(
            caller.organization,
            input.text,
            customer.to_params() if customer else None,
            order.to_params() if order else None,
            or_none(input.location_number),
            caller.guard,
            or_none(input.at) or caller.now,
            or_none(input.proof),
            caller.now,
        )
        shown = [to_graphql_refusal(refusal, caller.is_public) for refusal in result.refusals]
        return CodeCheck(
            is_claimable=not result.refusals,
            refusals=shown[:1] if caller.is_public else shown,
            discount=Money.of(result.discount) if result.discount else None,
            code=Code.of(result.code) if result.code and not caller.is_public else None,
        )
