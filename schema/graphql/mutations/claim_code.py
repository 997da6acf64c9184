"""The mutation `claimCode`."""

import strawberry
from strawberry import UNSET

from resolvers import claim
from resolvers.authenticate import Right
from resolvers.domain.refusals import RULES, IdempotencyMismatch, InvalidInput, NotClaimable, TooManyAttempts
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.nouns import Claim
from schema.graphql.parts import PROOF, CustomerInput, OrderInput, or_none
from schema.graphql.public import Public


@strawberry.input(
    description="order.reference is the natural key of a retry: the same code, reference and customer give back the"
    " same standing claim, whatever totals come with it."
)
class ClaimCodeInput:
    text: str
    customer: CustomerInput
    order: OrderInput | None = UNSET
    location_number: int | None = UNSET
    idempotency_key: str | None = UNSET
    proof: str | None = strawberry.field(default=UNSET, description=PROOF)


@strawberry.type(directives=[Public()])
class CodeClaimed:
    claim: Claim
    exchange_token: str = strawberry.field(description="For POST /claims/exchange: 60 seconds, once.")
    replayed: bool = strawberry.field(description="This order had claimed the code already.")


@mutation(
    right=Right.CLAIM,
    refusals=(NotClaimable, *RULES, InvalidInput, IdempotencyMismatch, TooManyAttempts),
    is_public=True,
)
async def claim_code(info: Info, input: ClaimCodeInput) -> CodeClaimed:
    """One customer uses a code once more."""
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
    return CodeClaimed(claim=Claim.of(claimed.claim), exchange_token=claimed.exchange_token, replayed=claimed.replayed)
