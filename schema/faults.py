"""What nobody has refused and is not answered: bugs, and a database that is away.

Of a bug the log knows what happened, the caller a number to ask for it by.
"""

import logging
import secrets

from starlette.requests import ClientDisconnect

from db import trouble
from resolvers.refusals import TooManyAttempts

log = logging.getLogger("tessera")


class Fault(Exception):
    """What a caller hears of a bug."""

    status = 500
    code = "FAULT"

    def __init__(self, number: str) -> None:
        super().__init__(f"Something went wrong here. The log knows more of it as {number}.")
        self.number = number


class Away(Exception):
    """What a caller hears while the database can't be asked."""

    status = 503
    code = "UNAVAILABLE"
    retry_after_seconds = 5

    def __init__(self) -> None:
        super().__init__("The database can't be reached just now. Try again in a moment.")


def headers(told: Exception) -> dict[str, str]:
    """What an answer's headers say of it: when to try again, where that may help."""
    return {"Retry-After": str(told.retry_after_seconds)} if isinstance(told, Away | TooManyAttempts) else {}


def logged(bug: BaseException, where: object) -> Fault | Away:
    """Write down what went wrong: a bug with all that is known of it, under a number of its own.

    A client that has gone is nothing wrong: raises ClientDisconnect again.
    """
    if isinstance(bug, ClientDisconnect):
        raise bug
    if trouble.is_away(bug):
        log.warning("the database is away, at %s: %r", where, bug)
        return Away()
    fault = Fault(secrets.token_hex(6))
    log.error("fault %s at %s", fault.number, where, exc_info=bug)
    return fault
