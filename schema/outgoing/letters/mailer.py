"""What carries letters, and how it says no."""

from typing import Protocol

from schema.outgoing.letters.compose import Letter


class Refused(Exception):
    """Raised when a letter is refused for good: trying again would change nothing."""


class PutOff(Exception):
    """Raised when a letter was not taken now, and may be later."""


class Unreachable(PutOff):
    """Raised when no letter can be handed over now, whichever it is."""


class Mailer(Protocol):
    """One way to where letters go, for one letter at a time."""

    async def send(self, letter: Letter) -> None:
        """Hand a letter over; once this returns it is the other side's. Raises Refused, PutOff, Unreachable."""

    async def rest(self) -> None:
        """There is nothing to send for now."""
