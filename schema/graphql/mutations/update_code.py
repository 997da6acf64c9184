"""The mutation `updateCode`."""

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON

from resolvers import update
from resolvers.authenticate import Right
from resolvers.domain.refusals import CodeTaken, InvalidInput, UnknownCode
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.nouns import Code
from schema.graphql.outcomes import CodeChanged
from schema.graphql.parts import CustomerInput, WindowInput, nested, or_absent


@strawberry.input(description="What is left out stays. Null clears what can be empty and is InvalidInput elsewhere.")
class UpdateCodeInput:
    text: str
    new_text: str | None = UNSET
    is_enabled: bool | None = UNSET
    window: WindowInput | None = UNSET
    allowed_claims: int | None = UNSET
    reserved_for: CustomerInput | None = UNSET
    metadata: JSON | None = UNSET

    def to_params(self) -> update.CodeChange:
        return update.CodeChange(
            new_text=or_absent(self.new_text),
            is_enabled=or_absent(self.is_enabled),
            window=nested(self.window),
            allowed_claims=or_absent(self.allowed_claims),
            reserved_for=nested(self.reserved_for),
            metadata=or_absent(self.metadata),  # type: ignore[arg-type]  # checked by `validate.metadata`
        )


@mutation(right=Right.MANAGE, refusals=(UnknownCode, CodeTaken, InvalidInput))
async def update_code(info: Info, input: UpdateCodeInput) -> CodeChanged:
    """Changes a code, also its text."""
    caller = info.context.caller
    code = await update.code(caller.organization, input.text, input.to_params(), caller.now)
    return CodeChanged(code=Code.of(code))
