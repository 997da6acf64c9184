"""Guards against guessing: an attempt is counted before it is looked at, and given back when it succeeds."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from resolvers.domain.refusals import IdempotencyMismatch, Rule
from resolvers.domain.validate import ValidPerson

T = TypeVar("T")


class Attempt(NamedTuple):
    """A text that may be a guess, by its match key, with the facts that recognize a code's holder.

    `proof` solves a challenge; it may be the address of the code's page.
    """

    key: str
    person: ValidPerson | None
    order_reference: str | None
    proof: str | None
    now: datetime


class PendingAttempt(Protocol):
    """An attempt that is counted, and whose outcome is not known yet."""

    def give_back(self) -> None:
        """It has succeeded, or revealed nothing: it is not counted any more."""

    async def fail(self) -> None:
        """It has failed. Raises TooManyAttempts where it was one too many after all, in place of its answer."""


class Guard(Protocol):
    """Counts the attempts of a caller who might be guessing; callers with full access have none."""

    async def take(self, attempt: Attempt | None = None) -> PendingAttempt:
        """Count an attempt before it is looked at. Raises TooManyAttempts."""


async def attempt(guard: Guard, facts: Attempt, answer: Callable[[], Awaitable[T]]) -> T:
    """The answer, counted as an attempt: failed where it raises a Rule or an IdempotencyMismatch.

    Raises TooManyAttempts. Another exception reveals nothing, and is not counted.
    """
    pending = await guard.take(facts)
    try:
        result = await answer()
    except (Rule, IdempotencyMismatch):
        await pending.fail()
        raise
    except BaseException:
        pending.give_back()
        raise
    pending.give_back()
    return result
