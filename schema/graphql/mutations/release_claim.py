"""The mutation `releaseClaim`."""

import strawberry

from resolvers import release
from resolvers.authenticate import Right
from resolvers.domain.refusals import InvalidInput
from schema.graphql import ids
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.nouns import Claim


@strawberry.input
class ReleaseClaimInput:
    claim_id: strawberry.ID
    reason: str


@strawberry.type
class ClaimReleased:
    claim: Claim


@mutation(right=Right.MANAGE, refusals=(InvalidInput,))
async def release_claim(info: Info, input: ReleaseClaimInput) -> ClaimReleased:
    """The use is given back; the row says why."""
    caller = info.context.caller
    claim_id = ids.row_id(input.claim_id, "Claim", "claim_id")
    released = await release.claim(caller.organization, claim_id, input.reason, caller.now)
    return ClaimReleased(claim=Claim.of(released))
