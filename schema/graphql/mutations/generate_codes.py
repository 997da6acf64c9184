"""The mutation `generateCodes`."""

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON

from resolvers import generate, guessability
from resolvers.authenticate import Right
from resolvers.domain.code_format import Format, Style
from resolvers.domain.refusals import CodeSpaceTooSmall, IdempotencyMismatch, InvalidInput, UnknownPromotion
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.nouns import Code, Job
from schema.graphql.parts import CodeFormatInput, CustomerInput, PromotionRef, WindowInput, nested, or_absent, or_none


@strawberry.input(
    description="Without a promotion the organization's own, `default`; without allowedClaims the promotion's perCode."
)
class GenerateCodesInput:
    promotion: PromotionRef | None = UNSET
    amount: int
    format: CodeFormatInput | None = UNSET
    window: WindowInput | None = UNSET
    allowed_claims: int | None = UNSET
    reserved_for: CustomerInput | None = UNSET
    activated: bool = True
    metadata: JSON | None = UNSET
    dry_run: bool = False
    idempotency_key: str | None = UNSET

    def to_params(self) -> generate.CodeOptions:
        customer = or_none(self.reserved_for)
        return generate.CodeOptions(
            window=nested(self.window),
            allowed_claims=or_absent(self.allowed_claims),
            reserved_for=customer.to_params() if customer else None,
            activated=self.activated,
            metadata=or_none(self.metadata),  # type: ignore[arg-type]  # checked by `validate.metadata`
        )


@strawberry.type(description="How the texts look, and how hard they are to guess.")
class CodeFormat:
    style: Style
    pattern: str | None
    capacity: str = strawberry.field(description="How many different texts there are, taken or not.")
    entropy_bits: float
    result: strawberry.Private[generate.GenerateResult]

    @classmethod
    def of(cls, result: generate.GenerateResult) -> "CodeFormat":
        return cls(
            style=result.format.style,
            pattern=result.format.pattern,
            capacity=str(result.format.capacity),
            entropy_bits=result.format.entropy_bits,
            result=result,
        )

    @strawberry.field(description="Guesses a stranger needs, on average, to hit one of the organization's codes.")
    async def guesses_per_hit(self, info: Info) -> str:
        return str(await generate.guesses_per_hit(info.context.caller.organization, self.result))


@strawberry.type
class CodesGenerated:
    codes: list[Code] = strawberry.field(description="At most the first 1,000; the rest by the connection.")
    count: int
    format: CodeFormat
    job: Job | None = strawberry.field(description="Makes more than 100,000; null for codes that are there already.")
    replayed: bool
    dry_run: bool
    warnings: list[str] = strawberry.field(
        description="How easily strangers guess such codes, in sentences; empty where they can't."
    )

    @classmethod
    def of(cls, result: generate.GenerateResult) -> "CodesGenerated":
        return cls(
            codes=[Code.of(row) for row in result.codes],
            count=result.count,
            format=CodeFormat.of(result),
            job=Job.of(result.job) if result.job else None,
            replayed=result.replayed,
            dry_run=result.dry_run,
            warnings=guessability.warnings(result.count, result.format),
        )


@mutation(right=Right.ACTIVATE, refusals=(UnknownPromotion, CodeSpaceTooSmall, InvalidInput, IdempotencyMismatch))
async def generate_codes(info: Info, input: GenerateCodesInput) -> CodesGenerated:
    """New codes with texts drawn at random; more than 100,000 are made by a job."""
    if input.activated:  # a device makes codes that nobody can claim before they are activated
        info.context.require(Right.MANAGE)
    caller = info.context.caller
    ref, format = or_none(input.promotion), or_none(input.format)
    result = await generate.codes(
        caller.organization,
        ref.to_params() if ref else None,
        input.amount,
        format.to_params() if format else Format(),
        input.to_params(),
        input.dry_run,
        or_none(input.idempotency_key),
        caller.now,
    )
    info.context.remember_promotions_of(result.codes)
    return CodesGenerated.of(result)
