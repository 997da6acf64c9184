"""The mutation `suppressRecipient`."""

import strawberry

from resolvers import suppress
from resolvers.authenticate import Right
from resolvers.domain.refusals import InvalidInput
from schema.graphql.context import Info
from schema.graphql.mutation import mutation


@strawberry.input
class SuppressRecipientInput:
    email: str


@strawberry.type
class RecipientSuppressed:
    email: str


@mutation(right=Right.MANAGE, refusals=(InvalidInput,))
async def suppress_recipient(info: Info, input: SuppressRecipientInput) -> RecipientSuppressed:
    """Letters to this address are never sent, queued ones included."""
    caller = info.context.caller
    return RecipientSuppressed(email=await suppress.recipient(caller.organization, input.email, caller.now))
