"""Every polite no as a type; the one place where GraphQL's doors turn refusals into answers.

Fields marked @public are all that a public key's document may select.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from resolvers.domain import refusals
from schema.graphql.context import Info
from schema.graphql.enums import RefusalReason
from schema.graphql.money import Money
from schema.graphql.public import Public

if TYPE_CHECKING:
    from schema.graphql.types import Claim


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
    def claim(self, info: Info) -> Annotated["Claim", strawberry.lazy("schema.graphql.types")]:
        from schema.graphql.types import Claim

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


@strawberry.type(directives=[Public()], description="What was said makes no sense; `path` leads to the field.")
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


def path_of(refusal: refusals.InvalidInput, above: str | None = "input") -> list[str]:
    """Where in a field's arguments the sense was lost, in GraphQL's words; most have one, `input`."""
    path = [to_camel_case(part) for part in refusal.path]
    return path if above is None else [above, *path]


def to_graphql_refusal(refusal: refusals.Refusal, in_public: bool) -> Refusal:
    """A refusal as this caller may hear it."""
    heard = refusals.for_public_key(refusal) if in_public else refusal
    data: dict[str, Any] = dict(vars(heard))
    for unsaid in ("promotion_id", "by_order_reference", "number"):
        data.pop(unsaid, None)
    if isinstance(heard, refusals.InvalidInput):
        data["path"] = path_of(heard)
    elif isinstance(heard, refusals.AlreadyClaimed):
        data = {"message": heard.message, "row": heard}
    elif isinstance(heard, refusals.CodeSpaceTooSmall):
        data["capacity"] = str(heard.capacity)
    elif isinstance(heard, refusals.OrderTooSmall):
        data["minimum"] = Money.of(heard.minimum)
    return TYPES[type(heard)](reason=RefusalReason(heard.reason), **data)
