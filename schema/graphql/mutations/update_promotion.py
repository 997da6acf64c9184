"""The mutation `updatePromotion`."""

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON

from resolvers import update
from resolvers.authenticate import Right
from resolvers.domain import params
from resolvers.domain.refusals import InvalidInput, ReferenceTaken, UnknownLocation, UnknownPromotion, VersionConflict
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.nouns import Promotion
from schema.graphql.outcomes import PromotionChanged
from schema.graphql.parts import (
    DiscountInput,
    LetterInput,
    LimitsInput,
    PromotionRef,
    WindowInput,
    nested,
    or_absent,
    or_none,
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

    def to_params(self) -> update.PromotionChange:
        numbers = or_absent(self.location_numbers)
        return update.PromotionChange(
            reference=or_absent(self.reference),
            name=or_absent(self.name),
            is_enabled=or_absent(self.is_enabled),
            position=or_absent(self.position),
            discount=nested(self.discount),
            window=nested(self.window),
            limits=nested(self.limits),
            letter=nested(self.letter),
            location_numbers=numbers if isinstance(numbers, params.Absent) else tuple(numbers or ()),
            metadata=or_absent(self.metadata),  # type: ignore[arg-type]  # checked by `validate.metadata`
        )


@mutation(
    right=Right.MANAGE, refusals=(UnknownPromotion, ReferenceTaken, UnknownLocation, VersionConflict, InvalidInput)
)
async def update_promotion(info: Info, input: UpdatePromotionInput) -> PromotionChanged:
    """Changes a promotion; with `expectedVersion` only where nobody has changed it meanwhile."""
    caller = info.context.caller
    promotion = await update.promotion(
        caller.organization,
        input.promotion.to_params(),
        or_none(input.expected_version),
        input.to_params(),
        caller.now,
    )
    return PromotionChanged(promotion=Promotion.of(promotion))
