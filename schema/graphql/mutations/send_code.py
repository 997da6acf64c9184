"""The mutation `sendCode`."""

import strawberry
from strawberry import UNSET

from resolvers import send
from resolvers.authenticate import Right
from resolvers.domain.refusals import (
    Disabled,
    Ended,
    FullyClaimed,
    IdempotencyMismatch,
    InvalidInput,
    PromotionSpent,
    UnknownCode,
)
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.nouns import Delivery
from schema.graphql.parts import CustomerInput, or_none


@strawberry.input
class SendCodeInput:
    text: str
    recipients: list[CustomerInput]
    message: str | None = UNSET
    resend: bool = False
    even_if_not_claimable: bool = strawberry.field(
        default=False, description="Send a code that is switched off, over or used up, which is refused otherwise."
    )
    dry_run: bool = False
    idempotency_key: str | None = UNSET


@strawberry.type
class CodeSent:
    deliveries: list[Delivery]
    received: int = strawberry.field(description="Different recipients.")
    queued: int
    already_sent: int
    suppressed: int = strawberry.field(description="They want no letters, or can't get any; `resend` changes nothing.")
    dry_run: bool


@mutation(
    right=Right.MANAGE,
    refusals=(UnknownCode, Ended, Disabled, FullyClaimed, PromotionSpent, InvalidInput, IdempotencyMismatch),
)
async def send_code(info: Info, input: SendCodeInput) -> CodeSent:
    """Queues a letter with the code to each recipient who has not had one about it."""
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
