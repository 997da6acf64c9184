"""The mutation `deleteCode`."""

import strawberry

from resolvers import delete
from resolvers.authenticate import Right
from resolvers.domain.refusals import UnknownCode
from schema.graphql.context import Info
from schema.graphql.mutation import mutation


@strawberry.input
class DeleteCodeInput:
    text: str
    dry_run: bool = False


@strawberry.type
class CodeDeleted:
    text: str
    claims_deleted: int
    dry_run: bool


@mutation(right=Right.MANAGE, refusals=(UnknownCode,))
async def delete_code(info: Info, input: DeleteCodeInput) -> CodeDeleted:
    """For good, with its claims; updateCode(isEnabled: false) is the reversible way."""
    result = await delete.code(info.context.caller.organization, input.text, input.dry_run)
    return CodeDeleted(text=result.name, claims_deleted=result.claims, dry_run=result.dry_run)
