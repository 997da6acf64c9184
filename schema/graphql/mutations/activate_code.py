"""The mutation `activateCode`."""

import strawberry
from strawberry import UNSET

from resolvers import activate, find
from resolvers.authenticate import Right
from resolvers.domain.refusals import AlreadyActivated, Disabled, Ended, InvalidInput, UnknownCode, UnknownPromotion
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.nouns import Code
from schema.graphql.outcomes import CodeChanged
from schema.graphql.parts import CustomerInput, PromotionRef, or_none


@strawberry.input
class ActivateCodeInput:
    text: str
    promotion: PromotionRef | None = UNSET
    customer: CustomerInput
    location_number: int | None = UNSET
    product_number: int | None = UNSET
    off_peak: bool = False


@mutation(
    right=Right.ACTIVATE,
    refusals=(UnknownCode, UnknownPromotion, AlreadyActivated, Ended, Disabled, InvalidInput),
)
async def activate_code(info: Info, input: ActivateCodeInput) -> CodeChanged:
    """Gives a non-activated code to a named person and starts its life; once."""
    caller = info.context.caller
    ref = or_none(input.promotion)
    code = await activate.code(
        caller.organization,
        input.text,
        ref.to_params() if ref else None,
        input.customer.to_params(),
        await find.location(caller.organization.id, or_none(input.location_number)),
        await find.product(caller.organization.id, or_none(input.product_number)),
        input.off_peak,
        caller.now,
    )
    return CodeChanged(code=Code.of(code))
