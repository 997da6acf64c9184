"""The mutation `createProduct`."""

import strawberry
from strawberry import UNSET

from resolvers import create
from resolvers.authenticate import Right
from resolvers.domain.refusals import InvalidInput
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.nouns import Product
from schema.graphql.parts import or_none


@strawberry.input
class CreateProductInput:
    number: int | None = UNSET
    title: str


@strawberry.type
class ProductChanged:
    product: Product


@mutation(right=Right.MANAGE, refusals=(InvalidInput,))
async def create_product(info: Info, input: CreateProductInput) -> ProductChanged:
    """A new thing that codes may be used for."""
    caller = info.context.caller
    product = await create.product(caller.organization, or_none(input.number), input.title, caller.now)
    return ProductChanged(product=Product.of(product))
