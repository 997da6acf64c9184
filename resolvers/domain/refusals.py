"""Refusals: expected errors, raised inside a verb, so that its transaction is rolled back; each door translates them.

A `Rule` is a reason why a code can't be claimed. Rules stand in the order in which they are evaluated; the first that
objects is the answer of a claim. In their place a public key gets `NotClaimable`.

A class is all that a refusal takes. Its name gives the reason (`FULLY_CLAIMED`), its fields are the data that callers
get, `sentence` is the message with these filled in. GraphQL's type, its enumeration of reasons and the table of
docs/reference/refusals.md are derived from it, and each vendor has one answer for refusals that it has no words for.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, dataclass_transform

from db import models
from resolvers.domain.money import Money

INTERNAL: Mapping[str, object] = {"is_internal": True}
"""Metadata of a field that no caller sees."""
LARGE: Mapping[str, object] = {"is_large": True}
"""Metadata of a whole number that may pass 2147483647."""


@dataclass_transform(eq_default=False, field_specifiers=(field,))
class Refusal(Exception):
    """Raised when something may not be done, with the data that the caller needs; nothing has changed."""

    reason: ClassVar[str]
    sentence: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.reason = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).upper()
        dataclass(eq=False, repr=False)(cls)

    @property
    def message(self) -> str:
        """The sentence with the refusal's data filled in."""
        return self.sentence.format_map(vars(self))

    def __str__(self) -> str:
        return self.message


class InvalidInput(Refusal):
    """Raised when the input is not valid; `path` leads to the field."""

    sentence = "{problem}"
    problem: str = field(metadata=INTERNAL)
    path: tuple[str, ...]

    def __init__(self, problem: str, *path: str) -> None:
        self.problem, self.path = problem, path


class TooManyAttempts(Refusal):
    """Raised when too many attempts have failed lately: from one address, or at one organization's codes.

    A caller that solves the `challenge`, if there is one, is served; a code's holder also with the address of its page.
    """

    sentence = "Too many failed attempts. Try again in {retry_after_seconds} seconds."
    retry_after_seconds: int
    challenge: str | None = field(
        default=None,
        metadata={
            "description": "A proof of work that serves you before that, as ALTCHA's widgets take it, in JSON: send"
            " what solves it as `proof`. Null where none helps."
        },
    )


class IdempotencyMismatch(Refusal):
    """Raised when the key or order reference was used before for something else."""

    sentence = "{problem}"
    problem: str = field(metadata=INTERNAL)
    by_order_reference: bool = field(default=False, metadata=INTERNAL)


class VersionConflict(Refusal):
    """Raised when the promotion is no longer at the expected version."""

    sentence = "The promotion was changed meanwhile: it is at version {current} now."
    current: int


class CodeTaken(Refusal):
    """Raised when another code is matched by this text."""

    sentence = "The code {text!r} exists already."
    text: str


class ReferenceTaken(Refusal):
    """Raised when another promotion has this reference."""

    sentence = "A promotion with the reference {reference!r} exists already."
    reference: str


class CodeSpaceTooSmall(Refusal):
    """Raised when the format has not that many free texts."""

    sentence = "This format has {capacity} texts, {taken} of them are taken: {requested} more can't be made."
    capacity: int = field(metadata=LARGE)
    taken: int
    requested: int


class AlreadyActivated(Refusal):
    """Raised when the code was activated before, or never needed it."""

    sentence = "This code is activated already."
    at: datetime


class EmailTaken(Refusal):
    """Raised when a customer with this address exists already."""

    sentence = "A customer with this e-mail address exists already."


class UnknownPromotion(Refusal):
    """Raised when the organization has no such promotion."""

    sentence = "There is no such promotion."


class UnknownLocation(Refusal):
    """Raised when the organization has no such location."""

    sentence = "There is no location {number}."
    number: int = field(metadata=INTERNAL)


class UnknownCustomer(Refusal):
    """Raised when the organization has no customer with this address."""

    sentence = "There is no such customer."


class UnknownToken(Refusal):
    """Raised when an exchange token was never issued, was used, or is older than 60 seconds."""

    sentence = "There is no such token."


class NotClaimable(Refusal):
    """Raised in place of any rule and of an unknown code: all that a public key hears of them."""

    sentence = "This code cannot be claimed."


class Rule(Refusal):
    """Raised when a code can't be claimed; `promotion_id` is its promotion, if there is one."""

    promotion_id: int | None = field(default=None, init=False)


class UnknownCode(Rule):
    """Raised when the organization has no code with this text."""

    sentence = "There is no code {text!r}."
    text: str


class Disabled(Rule):
    """Raised when the code or its promotion is switched off, or the job that makes the code is not done."""

    sentence = "This code is switched off."


class NotActivated(Rule):
    """Raised when the code was made non-activated, and nobody activated it."""

    sentence = "This code has not been activated yet."


class NotStarted(Rule):
    """Raised before the windows of code and promotion are both open."""

    sentence = "This code is not valid yet."
    starts_at: datetime


class Ended(Rule):
    """Raised when the window of the code or of its promotion has closed."""

    sentence = "This code is no longer valid."
    ended_at: datetime


class ReservedForAnother(Rule):
    """Raised when the code is another customer's."""

    sentence = "This code is reserved for somebody else."


class WrongLocation(Rule):
    """Raised when the promotion does not hold at this location."""

    sentence = "This code is not valid at this location."


class WrongCurrency(Rule):
    """Raised when the order is not in the promotion's currency."""

    sentence = "This code is valid for orders in {expected}."
    expected: str


class OrderTooSmall(Rule):
    """Raised when the order is below the promotion's minimum, or has no total."""

    sentence = "This code is valid for orders from {minimum.amount} {minimum.currency}."
    minimum: Money


class AlreadyClaimed(Rule):
    """Raised when the customer has claimed the code, and may do so once."""

    sentence = "This customer has claimed this code already."
    claim: models.Claim = field(metadata={"description": "The claim that stands."})


class CustomerLimitReached(Rule):
    """Raised when the customer may not claim this once more."""

    sentence = "A customer may claim this {limit} times."
    limit: int


class FullyClaimed(Rule):
    """Raised when the code has been claimed as often as it may be."""

    sentence = "This code is fully claimed."
    allowed_claims: int


class PromotionSpent(Rule):
    """Raised when all codes of the promotion have used up its claims."""

    sentence = "This promotion is spent."
    limit: int


def _leaves(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for one in below:
        yield from _leaves(one)


REFUSALS = tuple(_leaves(Refusal))
"""Every refusal that is raised."""
RULES = tuple(_leaves(Rule))
"""Every rule, in the order in which they are asked."""


def for_public_key(refusal: Refusal) -> Refusal:
    """A refusal as a public key may see it: no rule, and nothing of another customer's order."""
    is_order_mismatch = isinstance(refusal, IdempotencyMismatch) and refusal.by_order_reference
    return NotClaimable() if isinstance(refusal, Rule) or is_order_mismatch else refusal
