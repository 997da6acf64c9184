"""Refusals: expected errors, raised inside a verb, so that its transaction is rolled back; each door translates them.

    Refusal
    ├── InvalidInput            an argument is invalid; `path` names the field
    ├── TooManyAttempts         too many failed claims; try again later, or with a proof
    ├── IdempotencyMismatch     this key or order reference was used for something else
    ├── VersionConflict         somebody changed it meanwhile
    ├── CodeTaken               the text is another code's
    ├── ReferenceTaken          the reference is another promotion's
    ├── CodeSpaceTooSmall       the format can't give that many new texts
    ├── AlreadyActivated        activation happens once
    ├── EmailTaken              a customer with this address exists
    ├── UnknownPromotion, UnknownLocation, UnknownCustomer, UnknownToken
    ├── NotClaimable            a public key's one answer for every rule
    └── Rule                    why a code can't be claimed; a secret key learns which
        ├── UnknownCode
        ├── Disabled
        ├── NotActivated
        ├── NotStarted
        ├── Ended
        ├── ReservedForAnother
        ├── WrongLocation
        ├── WrongCurrency
        ├── OrderTooSmall
        ├── AlreadyClaimed
        ├── CustomerLimitReached
        ├── FullyClaimed
        └── PromotionSpent

The rules stand in the order in which they are evaluated; the first that objects is the answer of a claim.
"""

import re
from datetime import datetime
from typing import ClassVar

from db import models
from resolvers.domain.money import Money


class Refusal(Exception):
    """Raised when something may not be done, with the data that the caller needs; nothing has changed."""

    reason: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.reason = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).upper()

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(Refusal):
    """Raised when an argument is invalid; `path` leads to the field, in the names of `params`."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.path = path


class TooManyAttempts(Refusal):
    """Raised when too many claims from one place have failed lately, or too many guesses at an organization's codes.

    A caller that solves the `challenge`, if there is one, is served; a code's holder also with the address of its page.
    """

    def __init__(self, retry_after_seconds: int, challenge: str | None = None) -> None:
        super().__init__(f"Too many failed attempts. Try again in {retry_after_seconds} seconds.")
        self.retry_after_seconds = retry_after_seconds
        self.challenge = challenge


class IdempotencyMismatch(Refusal):
    """Raised when an idempotency key, or a code's order reference, was used before for something else."""

    def __init__(self, message: str, by_order_reference: bool = False) -> None:
        super().__init__(message)
        self.by_order_reference = by_order_reference


class VersionConflict(Refusal):
    """Raised when a promotion is no longer at the version that the caller expects."""

    def __init__(self, current: int) -> None:
        super().__init__(f"The promotion was changed meanwhile: it is at version {current} now.")
        self.current = current


class CodeTaken(Refusal):
    """Raised when a text is another code's already, as codes are matched."""

    def __init__(self, text: str) -> None:
        super().__init__(f"The code {text!r} exists already.")
        self.text = text


class ReferenceTaken(Refusal):
    """Raised when a reference is another promotion's already."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"A promotion with the reference {reference!r} exists already.")
        self.reference = reference


class CodeSpaceTooSmall(Refusal):
    """Raised when a format has fewer free texts than were requested."""

    def __init__(self, capacity: int, taken: int, requested: int) -> None:
        super().__init__(
            f"This format has {capacity} texts, {taken} of them are taken: {requested} more can't be made."
        )
        self.capacity = capacity
        self.taken = taken
        self.requested = requested


class AlreadyActivated(Refusal):
    """Raised when a code was activated before."""

    def __init__(self, at: datetime) -> None:
        super().__init__("This code is activated already.")
        self.at = at


class EmailTaken(Refusal):
    """Raised when a customer with this address signs up again."""

    def __init__(self) -> None:
        super().__init__("A customer with this e-mail address exists already.")


class UnknownPromotion(Refusal):
    """Raised when the organization has no such promotion."""

    def __init__(self) -> None:
        super().__init__("There is no such promotion.")


class UnknownLocation(Refusal):
    """Raised when the organization has no location with this number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no location {number}.")


class UnknownCustomer(Refusal):
    """Raised when the organization has no customer with this address."""

    def __init__(self) -> None:
        super().__init__("There is no such customer.")


class UnknownToken(Refusal):
    """Raised when an exchange token was never issued, was used, or is too old."""

    def __init__(self) -> None:
        super().__init__("There is no such token.")


class NotClaimable(Refusal):
    """In place of every Rule for callers with a public key."""

    def __init__(self) -> None:
        super().__init__("This code cannot be claimed.")


class Rule(Refusal):
    """Raised when a code can't be claimed; `promotion_id` is its promotion, if there is one."""

    promotion_id: int | None = None


class UnknownCode(Rule):
    """Raised when the organization has no code with this text."""

    def __init__(self, text: str) -> None:
        super().__init__(f"There is no code {text!r}.")
        self.text = text


class Disabled(Rule):
    """Raised when the code or its promotion is switched off."""

    def __init__(self) -> None:
        super().__init__("This code is switched off.")


class NotActivated(Rule):
    """Raised when a code that was made non-activated has not been activated yet."""

    def __init__(self) -> None:
        super().__init__("This code has not been activated yet.")


class NotStarted(Rule):
    """Raised before the windows of the code and its promotion are both open."""

    def __init__(self, starts_at: datetime) -> None:
        super().__init__("This code is not valid yet.")
        self.starts_at = starts_at


class Ended(Rule):
    """Raised once the window of the code or of its promotion has closed."""

    def __init__(self, ended_at: datetime) -> None:
        super().__init__("This code is no longer valid.")
        self.ended_at = ended_at


class ReservedForAnother(Rule):
    """Raised when the code is reserved for another customer."""

    def __init__(self) -> None:
        super().__init__("This code is reserved for somebody else.")


class WrongLocation(Rule):
    """Raised when the promotion is linked to locations and this is none of them."""

    def __init__(self) -> None:
        super().__init__("This code is not valid at this location.")


class WrongCurrency(Rule):
    """Raised when the order is in another currency than the promotion's amounts."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"This code is valid for orders in {expected}.")
        self.expected = expected


class OrderTooSmall(Rule):
    """Raised when the order's total is below the promotion's minimum, or is missing."""

    def __init__(self, minimum: Money) -> None:
        super().__init__(f"This code is valid for orders from {minimum.amount} {minimum.currency}.")
        self.minimum = minimum


class AlreadyClaimed(Rule):
    """Raised when the customer has claimed the code and may do so once; `claim` is the standing one."""

    def __init__(self, claim: models.Claim) -> None:
        super().__init__("This customer has claimed this code already.")
        self.claim = claim


class CustomerLimitReached(Rule):
    """Raised when the customer has as many claims of the code or its promotion as one may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"A customer may claim this {limit} times.")
        self.limit = limit


class FullyClaimed(Rule):
    """Raised when the code has been claimed as often as it may be."""

    def __init__(self, allowed_claims: int) -> None:
        super().__init__("This code is fully claimed.")
        self.allowed_claims = allowed_claims


class PromotionSpent(Rule):
    """Raised when all codes of the promotion together have been claimed as often as they may be."""

    def __init__(self, limit: int) -> None:
        super().__init__("This promotion is spent.")
        self.limit = limit


def for_public_key(refusal: Refusal) -> Refusal:
    """A refusal as a public key may see it: no rule, and nothing of another customer's order."""
    is_order_mismatch = isinstance(refusal, IdempotencyMismatch) and refusal.by_order_reference
    return NotClaimable() if isinstance(refusal, Rule) or is_order_mismatch else refusal
