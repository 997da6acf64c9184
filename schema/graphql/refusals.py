"""The refusals as object types, and the one place where a raised refusal becomes one.

Fields marked @public are all that a public key's document may select.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.schema.schema_converter import field_contains_type
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from resolvers.domain import refusals
from schema.graphql.context import Info
from schema.graphql.enums import RefusalReason
from schema.graphql.public import Public
from schema.graphql.value_types import Money

if TYPE_CHECKING:
    from schema.graphql.nouns import Claim


@strawberry.interface(description="Why something was not done; nothing has changed.")
class Refusal:
    reason: RefusalReason = strawberry.field(directives=[Public()])
    message: str = strawberry.field(directives=[Public()])


@strawberry.type(directives=[Public()], description="All that a public key hears of a rule or an unknown code.")
class NotClaimable(Refusal):
    pass


@strawberry.type(directives=[Public()], description="The organization has no code with this text.")
class UnknownCode(Refusal):
    text: str


@strawberry.type(directives=[Public()], description="The organization has no such promotion.")
class UnknownPromotion(Refusal):
    pass


@strawberry.type(directives=[Public()], description="The organization has no such location.")
class UnknownLocation(Refusal):
    pass


@strawberry.type(directives=[Public()], description="Before the windows of code and promotion are both open.")
class NotStarted(Refusal):
    starts_at: datetime


@strawberry.type(directives=[Public()], description="The window of the code or of its promotion has closed.")
class Ended(Refusal):
    ended_at: datetime


@strawberry.type(directives=[Public()], description="The code or its promotion is switched off.")
class Disabled(Refusal):
    pass


@strawberry.type(directives=[Public()], description="The code was made non-activated, and nobody activated it.")
class NotActivated(Refusal):
    pass


@strawberry.type(directives=[Public()], description="The code was activated before, or never needed it.")
class AlreadyActivated(Refusal):
    at: datetime


@strawberry.type(directives=[Public()], description="The code has been claimed as often as it may be.")
class FullyClaimed(Refusal):
    allowed_claims: int


@strawberry.type(description="The customer has claimed the code, and may do so once.")
class AlreadyClaimed(Refusal):
    row: strawberry.Private[refusals.AlreadyClaimed]

    @strawberry.field(description="The claim that stands.")
    def claim(self, info: Info) -> Annotated["Claim", strawberry.lazy("schema.graphql.nouns")]:
        from schema.graphql.nouns import Claim

        return Claim.of(self.row.claim)


@strawberry.type(directives=[Public()], description="All codes of the promotion have used up its claims.")
class PromotionSpent(Refusal):
    limit: int


@strawberry.type(directives=[Public()], description="The customer may not claim this once more.")
class CustomerLimitReached(Refusal):
    limit: int


@strawberry.type(directives=[Public()], description="The code is another customer's.")
class ReservedForAnother(Refusal):
    pass


@strawberry.type(directives=[Public()], description="The order is below the promotion's minimum, or has no total.")
class OrderTooSmall(Refusal):
    minimum: Money


@strawberry.type(directives=[Public()], description="The order is not in the promotion's currency.")
class WrongCurrency(Refusal):
    expected: str


@strawberry.type(directives=[Public()], description="The promotion does not hold at this location.")
class WrongLocation(Refusal):
    pass


@strawberry.type(directives=[Public()], description="The input is not valid; `path` leads to the field.")
class InvalidInput(Refusal):
    path: list[str]


@strawberry.type(directives=[Public()], description="Another code is matched by this text.")
class CodeTaken(Refusal):
    text: str


@strawberry.type(directives=[Public()], description="Another promotion has this reference.")
class ReferenceTaken(Refusal):
    reference: str


@strawberry.type(directives=[Public()], description="The format has not that many free texts.")
class CodeSpaceTooSmall(Refusal):
    capacity: str
    taken: int
    requested: int


@strawberry.type(directives=[Public()], description="The key or order reference was used for something else.")
class IdempotencyMismatch(Refusal):
    pass


@strawberry.type(directives=[Public()], description="The promotion is no longer at the expected version.")
class VersionConflict(Refusal):
    current: int


@strawberry.type(
    directives=[Public()],
    description="Too many attempts have failed lately: from one address, or at one organization's codes.",
)
class TooManyAttempts(Refusal):
    retry_after_seconds: int
    challenge: str | None = strawberry.field(
        description="A proof of work that serves you before that, as ALTCHA's widgets take it, in JSON: send what"
        " solves it as `proof`. Null where none helps."
    )


TYPES: dict[type[refusals.Refusal], type[Refusal]] = {
    getattr(refusals, kind.__name__): kind for kind in Refusal.__subclasses__()
}
"""The object type of each refusal that can be raised."""


def argument_path(refusal: refusals.InvalidInput, argument: str | None = "input") -> list[str]:
    """The path to the invalid value in a field's arguments, in camel case; it begins with `argument`, if any."""
    path = [to_camel_case(part) for part in refusal.path]
    return path if argument is None else [argument, *path]


def to_graphql_refusal(refusal: refusals.Refusal, is_public: bool) -> Refusal:
    """A raised refusal as an object of its type; with a public key as the refusal that such a key may see."""
    shown = refusals.for_public_key(refusal) if is_public else refusal
    data: dict[str, Any] = dict(vars(shown))
    for hidden in ("promotion_id", "by_order_reference", "number"):
        data.pop(hidden, None)
    if isinstance(shown, refusals.InvalidInput):
        data["path"] = argument_path(shown)
    elif isinstance(shown, refusals.AlreadyClaimed):
        data = {"message": shown.message, "row": shown}
    elif isinstance(shown, refusals.CodeSpaceTooSmall):
        data["capacity"] = str(shown.capacity)
    elif isinstance(shown, refusals.OrderTooSmall):
        data["minimum"] = Money.of(shown.minimum)
    return TYPES[type(shown)](reason=RefusalReason(shown.reason), **data)


class RefusalHandler:
    """Strawberry's handler of one refusal: a field that raises it has it as its outcome, if its union has that type."""

    def __init__(self, kind: type[refusals.Refusal]) -> None:
        self.exception_type, self.error_type = kind, TYPES[kind]

    def handle(self, exception: refusals.Refusal, *, field: StrawberryField, info: Info) -> Refusal | None:
        """The refusal as an object of its type; None, so that it is an error, where the union has no such type."""
        outcome = to_graphql_refusal(exception, info.context.caller.is_public)
        is_declared = type(outcome) is self.error_type or field_contains_type(field, type(outcome))
        return outcome if is_declared else None


HANDLERS = [RefusalHandler(kind) for kind in TYPES]
