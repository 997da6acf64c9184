"""Guards what might be guessed: an attempt is counted before it is looked at, and given back when it succeeds."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from resolvers.domain.refusals import IdempotencyMismatch, Rule
from resolvers.domain.validate import ValidPerson

T = TypeVar("T")


class Attempt(NamedTuple):
    """A text that may be a guess, by its key, and what tells its holder: `proof` is what was asked for."""

    key: str
    person: ValidPerson | None
    order_reference: str | None
    proof: str | None
    now: datetime


class PendingAttempt(Protocol):
    """An attempt that is counted, until it is known what came of it."""

    def give_back(self) -> None:
        """It has succeeded, or told nothing: it counts no more."""

    async def fail(self) -> None:
        """It has failed. Raises TooManyAttempts where it was one too many after all: its answer isn't told then."""


class Guard(Protocol):
    """What counts the attempts of a caller who might be guessing; those who may be told everything have none."""

    async def take(self, guess: Attempt | None = None) -> PendingAttempt:
        """Count an attempt that is to be looked at, and what it may find. Raises TooManyAttempts."""


async def attempt(guard: Guard | None, guess: Attempt, answer: Callable[[], Awaitable[T]]) -> T:
    """The answer, which counts as an attempt: failed where a Rule or an IdempotencyMismatch is raised.

    Raises TooManyAttempts. Another fault tells nothing, and is not counted.
    """
    if guard is None:
        return await answer()
    taken = await guard.take(guess)
    try:
        told = await answer()
    except (Rule, IdempotencyMismatch):
        await taken.fail()
        raise
    except BaseException:
        taken.give_back()
        raise
    taken.give_back()
    return told
