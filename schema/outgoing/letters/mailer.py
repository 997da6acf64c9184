"""The interface of a mailer, which hands letters over, and its errors."""

from typing import Protocol

from schema.outgoing.letters.compose import Message


class RecipientRefused(Exception):
    """Raised when a letter is refused permanently: trying again would change nothing."""


class TemporaryFailure(Exception):
    """Raised when a letter was not accepted now, and may be later."""


class Unreachable(TemporaryFailure):
    """Raised when no letter at all can be handed over now."""


class Mailer(Protocol):
    """Sends one letter at a time."""

    async def send(self, message: Message) -> None:
        """Hand a letter over; after this the receiver is responsible for it.

        Raises RecipientRefused, TemporaryFailure, Unreachable.
        """

    async def disconnect(self) -> None:
        """Close what is open, as there is nothing to send for now."""
