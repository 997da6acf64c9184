"""The mutations of the schema: each is a verb and its object, `claimCode` calls `claim.code`.

A mutation's union lists its outcomes. A refusal is raised by the verb and becomes a member of the union
(engine/field_resolvers.py). Every field is nullable, so that a bug in one mutation of a document takes no committed
answer with it.
"""

from typing import Annotated

import strawberry

from resolvers import activate, claim, create, delete, generate, guessability, issue, release, send, suppress, update
from resolvers.authenticate import Right
from resolvers.domain.code_format import Format, Style
from schema.graphql import ids
from schema.graphql.context import Info
from schema.graphql.nouns import Claim, Code, Delivery, Job, Location, Product, Promotion
from schema.graphql.parts import (
    ActivateCodeInput,
    ClaimCodeInput,
    CreateLocationInput,
    CreateProductInput,
    CreatePromotionInput,
    DeleteCodeInput,
    DeletePromotionInput,
    GenerateCodesInput,
    IssueCodeInput,
    ReleaseClaimInput,
    SendCodeInput,
    SuppressRecipientInput,
    UpdateCodeInput,
    UpdatePromotionInput,
    or_none,
)
from schema.graphql.public import Public
from schema.graphql.refusals import (
    AlreadyActivated,
    AlreadyClaimed,
    CodeSpaceTooSmall,
    CodeTaken,
    CustomerLimitReached,
    Disabled,
    Ended,
    FullyClaimed,
    IdempotencyMismatch,
    InvalidInput,
    NotActivated,
    NotClaimable,
    NotStarted,
    OrderTooSmall,
    PromotionSpent,
    ReferenceTaken,
    ReservedForAnother,
    TooManyAttempts,
    UnknownCode,
    UnknownLocation,
    UnknownPromotion,
    VersionConflict,
    WrongCurrency,
    WrongLocation,
)

# ------------------------------------------------------------------ outcomes


@strawberry.type
class LocationChanged:
    location: Location


@strawberry.type
class ProductChanged:
    product: Product


@strawberry.type
class PromotionChanged:
    promotion: Promotion


@strawberry.type
class PromotionDeleted:
    reference: str
    codes_deleted: int
    claims_deleted: int
    dry_run: bool

    @classmethod
    def of(cls, result: delete.DeleteResult) -> "PromotionDeleted":
        return cls(
            reference=result.name, codes_deleted=result.codes, claims_deleted=result.claims, dry_run=result.dry_run
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


@strawberry.type
class CodeChanged:
    code: Code


@strawberry.type(directives=[Public()])
class CodeClaimed:
    claim: Claim
    exchange_token: str = strawberry.field(description="For POST /claims/exchange: 60 seconds, once.")
    replayed: bool = strawberry.field(description="This order had claimed the code already.")


@strawberry.type
class ClaimReleased:
    claim: Claim


@strawberry.type
class CodeSent:
    deliveries: list[Delivery]
    received: int = strawberry.field(description="Different recipients.")
    queued: int
    already_sent: int
    suppressed: int = strawberry.field(description="They want no letters, or can't get any; `resend` changes nothing.")
    dry_run: bool


@strawberry.type
class RecipientSuppressed:
    email: str


@strawberry.type
class CodeDeleted:
    text: str
    claims_deleted: int
    dry_run: bool


# ------------------------------------------------------------------ unions of outcomes and refusals

CreateLocationResult = Annotated[LocationChanged | InvalidInput, strawberry.union("CreateLocationResult")]
CreateProductResult = Annotated[ProductChanged | InvalidInput, strawberry.union("CreateProductResult")]
CreatePromotionResult = Annotated[
    PromotionChanged | ReferenceTaken | CodeTaken | UnknownLocation | InvalidInput | IdempotencyMismatch,
    strawberry.union("CreatePromotionResult"),
]
UpdatePromotionResult = Annotated[
    PromotionChanged | UnknownPromotion | ReferenceTaken | UnknownLocation | VersionConflict | InvalidInput,
    strawberry.union("UpdatePromotionResult"),
]
DeletePromotionResult = Annotated[
    PromotionDeleted | UnknownPromotion | InvalidInput, strawberry.union("DeletePromotionResult")
]
GenerateCodesResult = Annotated[
    CodesGenerated | UnknownPromotion | CodeSpaceTooSmall | InvalidInput | IdempotencyMismatch,
    strawberry.union("GenerateCodesResult"),
]
UpdateCodeResult = Annotated[CodeChanged | UnknownCode | CodeTaken | InvalidInput, strawberry.union("UpdateCodeResult")]
ActivateCodeResult = Annotated[
    CodeChanged | UnknownCode | UnknownPromotion | AlreadyActivated | Ended | Disabled | InvalidInput,
    strawberry.union("ActivateCodeResult"),
]
IssueCodeResult = Annotated[
    CodeChanged
    | UnknownPromotion
    | Ended
    | Disabled
    | PromotionSpent
    | CodeSpaceTooSmall
    | InvalidInput
    | IdempotencyMismatch,
    strawberry.union("IssueCodeResult"),
]
ClaimCodeResult = Annotated[
    CodeClaimed
    | NotClaimable
    | UnknownCode
    | NotStarted
    | Ended
    | Disabled
    | NotActivated
    | FullyClaimed
    | AlreadyClaimed
    | PromotionSpent
    | CustomerLimitReached
    | ReservedForAnother
    | OrderTooSmall
    | WrongCurrency
    | WrongLocation
    | InvalidInput
    | IdempotencyMismatch
    | TooManyAttempts,
    strawberry.union("ClaimCodeResult"),
]
ReleaseClaimResult = Annotated[ClaimReleased | InvalidInput, strawberry.union("ReleaseClaimResult")]
SendCodeResult = Annotated[
    CodeSent | UnknownCode | Ended | Disabled | FullyClaimed | PromotionSpent | InvalidInput | IdempotencyMismatch,
    strawberry.union("SendCodeResult"),
]
SuppressRecipientResult = Annotated[RecipientSuppressed | InvalidInput, strawberry.union("SuppressRecipientResult")]
DeleteCodeResult = Annotated[CodeDeleted | UnknownCode, strawberry.union("DeleteCodeResult")]


# ------------------------------------------------------------------ the mutations


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def create_location(self, info: Info, input: CreateLocationInput) -> CreateLocationResult | None:
        info.context.require(Right.MANAGE)
        caller = info.context.caller
        location = await create.location(
            caller.organization, or_none(input.number), input.name, input.is_default, caller.now
        )
        return LocationChanged(location=Location.of(location))

    @strawberry.mutation
    async def create_product(self, info: Info, input: CreateProductInput) -> CreateProductResult | None:
        info.context.require(Right.MANAGE)
        caller = info.context.caller
        product = await create.product(caller.organization, or_none(input.number), input.title, caller.now)
        return ProductChanged(product=Product.of(product))

    @strawberry.mutation
    async def create_promotion(self, info: Info, input: CreatePromotionInput) -> CreatePromotionResult | None:
        info.context.require(Right.MANAGE)
        caller = info.context.caller
        promotion = await create.promotion(
            caller.organization, input.to_params(), or_none(input.idempotency_key), caller.now
        )
        return PromotionChanged(promotion=Promotion.of(promotion))

    @strawberry.mutation
    async def update_promotion(self, info: Info, input: UpdatePromotionInput) -> UpdatePromotionResult | None:
        info.context.require(Right.MANAGE)
        caller = info.context.caller
        promotion = await update.promotion(
            caller.organization,
            input.promotion.to_params(),
            or_none(input.expected_version),
            input.to_params(),
            caller.now,
        )
        return PromotionChanged(promotion=Promotion.of(promotion))

    @strawberry.mutation(description="For good, with its codes and their claims.")
    async def delete_promotion(self, info: Info, input: DeletePromotionInput) -> DeletePromotionResult | None:
        info.context.require(Right.MANAGE)
        organization = info.context.caller.organization
        result = await delete.promotion(organization, input.promotion.to_params(), input.dry_run)
        return PromotionDeleted.of(result)

    @strawberry.mutation
    async def generate_codes(self, info: Info, input: GenerateCodesInput) -> GenerateCodesResult | None:
        info.context.require(Right.MANAGE if input.activated else Right.ACTIVATE)
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

    @strawberry.mutation
    async def update_code(self, info: Info, input: UpdateCodeInput) -> UpdateCodeResult | None:
        info.context.require(Right.MANAGE)
        caller = info.context.caller
        code = await update.code(caller.organization, input.text, input.to_params(), caller.now)
        return CodeChanged(code=Code.of(code))

    @strawberry.mutation(description="Gives a non-activated code to a named person and starts its life; once.")
    async def activate_code(self, info: Info, input: ActivateCodeInput) -> ActivateCodeResult | None:
        info.context.require(Right.ACTIVATE)
        caller = info.context.caller
        ref = or_none(input.promotion)
        code = await activate.code(
            caller.organization,
            input.text,
            ref.to_params() if ref else None,
            input.customer.to_params(),
            or_none(input.location_number),
            or_none(input.product_number),
            input.off_peak,
            caller.now,
        )
        return CodeChanged(code=Code.of(code))

    @strawberry.mutation(description="Generates one code and activates it, in one transaction.")
    async def issue_code(self, info: Info, input: IssueCodeInput) -> IssueCodeResult | None:
        info.context.require(Right.ACTIVATE)
        caller = info.context.caller
        code = await issue.code(
            caller.organization,
            input.promotion.to_params(),
            input.customer.to_params(),
            or_none(input.location_number),
            or_none(input.product_number),
            input.off_peak,
            or_none(input.idempotency_key),
            caller.now,
        )
        info.context.remember_promotions_of([code])
        return CodeChanged(code=Code.of(code))

    @strawberry.mutation(directives=[Public()], description="One customer uses a code once more.")
    async def claim_code(self, info: Info, input: ClaimCodeInput) -> ClaimCodeResult | None:
        info.context.require(Right.CLAIM)
        caller = info.context.caller
        order, customer = or_none(input.order), input.customer.to_params()
        claimed = await claim.code(
            caller.organization,
            input.text,
            customer,
            order.to_params() if order else None,
            or_none(input.location_number),
            or_none(input.idempotency_key),
            caller.guard,
            caller.services.refusal_counter,
            caller.now,
            or_none(input.proof),
        )
        info.context.remember_customer(customer)
        return CodeClaimed(
            claim=Claim.of(claimed.claim), exchange_token=claimed.exchange_token, replayed=claimed.replayed
        )

    @strawberry.mutation(description="The use is given back; the row says why.")
    async def release_claim(self, info: Info, input: ReleaseClaimInput) -> ReleaseClaimResult | None:
        info.context.require(Right.MANAGE)
        caller = info.context.caller
        claim_id = ids.row_id(input.claim_id, "Claim", "claim_id")
        released = await release.claim(caller.organization, claim_id, input.reason, caller.now)
        return ClaimReleased(claim=Claim.of(released))

    @strawberry.mutation
    async def send_code(self, info: Info, input: SendCodeInput) -> SendCodeResult | None:
        info.context.require(Right.MANAGE)
        caller = info.context.caller
        sent = await send.code(
            caller.organization,
            input.text,
            [recipient.to_params() for recipient in input.recipients],
            or_none(input.message),
            input.resend,
            input.dry_run,
            or_none(input.idempotency_key),
            caller.now,
            input.even_if_not_claimable,
        )
        caller.services.letters_queued.set()
        return CodeSent(
            deliveries=[Delivery.of(row) for row in sent.deliveries],
            received=sent.received,
            queued=sent.queued,
            already_sent=sent.already_sent,
            suppressed=sent.suppressed,
            dry_run=sent.dry_run,
        )

    @strawberry.mutation(description="Letters to this address are never sent, queued ones included.")
    async def suppress_recipient(self, info: Info, input: SuppressRecipientInput) -> SuppressRecipientResult | None:
        info.context.require(Right.MANAGE)
        caller = info.context.caller
        return RecipientSuppressed(email=await suppress.recipient(caller.organization, input.email, caller.now))

    @strawberry.mutation(description="For good, with its claims; updateCode(isEnabled: false) is the reversible way.")
    async def delete_code(self, info: Info, input: DeleteCodeInput) -> DeleteCodeResult | None:
        info.context.require(Right.MANAGE)
        result = await delete.code(info.context.caller.organization, input.text, input.dry_run)
        return CodeDeleted(text=result.name, claims_deleted=result.claims, dry_run=result.dry_run)
