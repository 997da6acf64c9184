"""The mutation `issueCode`."""

import strawberry
from strawberry import UNSET

from resolvers import find, issue
from resolvers.authenticate import Right
from resolvers.domain.refusals import (
    CodeSpaceTooSmall,
    Disabled,
    Ended,
    IdempotencyMismatch,
    InvalidInput,
    PromotionSpent,
    UnknownPromotion,
)
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.nouns import Code
from schema.graphql.outcomes import CodeChanged
from schema.graphql.parts import CustomerInput, PromotionRef, or_none


@strawberry.input
class IssueCodeInput:
    promotion: PromotionRef
    customer: CustomerInput
    location_number: int | None = UNSET
    product_number: int | None = UNSET
    off_peak: bool = False
    idempotency_key: str | None = UNSET


@mutation(
    right=Right.ACTIVATE,
    refusals=(UnknownPromotion, Ended, Disabled, PromotionSpent, CodeSpaceTooSmall, InvalidInput, IdempotencyMismatch),
)
async def issue_code(info: Info, input: IssueCodeInput) -> CodeChanged:
    """Generates one code and activates it, in one transaction."""
    caller = info.context.caller
    code = await issue.code(
        caller.organization,
        input.promotion.to_params(),
        input.customer.to_params(),
        await find.location(caller.organization.id, or_none(input.location_number)),
        await find.product(caller.organization.id, or_none(input.product_number)),
        input.off_peak,
        or_none(input.idempotency_key),
        caller.now,
    )
    info.context.remember_promotions_of([code])
    return CodeChanged(code=Code.of(code))
