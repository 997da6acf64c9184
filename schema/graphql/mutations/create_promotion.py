"""The mutation `createPromotion`."""

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON

from resolvers import create
from resolvers.authenticate import Right
from resolvers.domain.refusals import CodeTaken, IdempotencyMismatch, InvalidInput, ReferenceTaken, UnknownLocation
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.nouns import Promotion
from schema.graphql.outcomes import PromotionChanged
from schema.graphql.parts import DiscountInput, LetterInput, LimitsInput, WindowInput, nested, or_default, or_none


@strawberry.input
class CreatePromotionInput:
    name: str
    reference: str | None = UNSET
    number: int | None = UNSET
    identifier: str | None = UNSET
    is_enabled: bool = True
    position: int = 0
    discount: DiscountInput | None = UNSET
    window: WindowInput | None = UNSET
    limits: LimitsInput | None = UNSET
    letter: LetterInput | None = UNSET
    location_numbers: list[int] | None = UNSET
    metadata: JSON | None = UNSET
    codes: list[str] | None = UNSET
    idempotency_key: str | None = UNSET

    def to_params(self) -> create.NewPromotion:
        return create.NewPromotion(
            name=self.name,
            reference=or_none(self.reference),
            number=or_none(self.number),
            identifier=or_none(self.identifier),
            is_enabled=self.is_enabled,
            position=self.position,
            discount=nested(self.discount),
            window=nested(self.window),
            limits=nested(self.limits),
            letter=nested(self.letter),
            location_numbers=tuple(or_default(self.location_numbers, [])),
            metadata=or_none(self.metadata),  # type: ignore[arg-type]  # checked by `validate.metadata`
            codes=tuple(or_default(self.codes, [])),
        )


@mutation(right=Right.MANAGE, refusals=(ReferenceTaken, CodeTaken, UnknownLocation, InvalidInput, IdempotencyMismatch))
async def create_promotion(info: Info, input: CreatePromotionInput) -> PromotionChanged:
    """A new promotion, with the codes whose texts are given."""
    caller = info.context.caller
    promotion = await create.promotion(
        caller.organization, input.to_params(), or_none(input.idempotency_key), caller.now
    )
    return PromotionChanged(promotion=Promotion.of(promotion))
