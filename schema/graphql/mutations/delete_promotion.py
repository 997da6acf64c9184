"""The mutation `deletePromotion`."""

import strawberry

from resolvers import delete
from resolvers.authenticate import Right
from resolvers.domain.refusals import InvalidInput, UnknownPromotion
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.parts import PromotionRef


@strawberry.input
class DeletePromotionInput:
    promotion: PromotionRef
    dry_run: bool = False


@strawberry.type
class PromotionDeleted:
    reference: str
    codes_deleted: int
    claims_deleted: int
    dry_run: bool


@mutation(right=Right.MANAGE, refusals=(UnknownPromotion, InvalidInput))
async def delete_promotion(info: Info, input: DeletePromotionInput) -> PromotionDeleted:
    """For good, with its codes and their claims."""
    result = await delete.promotion(info.context.caller.organization, input.promotion.to_params(), input.dry_run)
    return PromotionDeleted(
        reference=result.name, codes_deleted=result.codes, claims_deleted=result.claims, dry_run=result.dry_run
    )
