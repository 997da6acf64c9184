"""What nobody has refused and is not answered: bugs, and a database that is away.

Of a bug the log knows what happened, the caller a number to ask for it by.
"""

import logging
import secrets
from collections.abc import Callable
from time import monotonic

from starlette.requests import ClientDisconnect

from db import errors as db_errors

QUIET_SECONDS = 10
"""After so long without another failure the database counts as back: a batch that hangs takes less to be given up."""
REMINDER_SECONDS = 60

log = logging.getLogger("tessera")


class InternalError(Exception):
    """What a caller hears of a bug."""

    status = 500
    code = "FAULT"

    def __init__(self, number: str) -> None:
        super().__init__(f"Something went wrong here. The log knows more of it as {number}.")
        self.number = number


class Unavailable(Exception):
    """What a caller hears while the database can't be asked."""

    status = 503
    code = "UNAVAILABLE"
    retry_after_seconds = 5

    def __init__(self) -> None:
        super().__init__(
            "The database can't be reached just now. Whether anything was done is not known:"
            " ask again in a moment, with the same order reference or idempotency key."
        )


class Outage:
    """Logs once that the database is away and once that it is back, however many requests hear of it."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self._last = self._said = 0.0
        self._count = 0

    def record(self, fault: BaseException, where: object) -> None:
        """Somebody was told that the database is away."""
        now = self._clock()
        self._last = now
        self._count += 1
        if self._began is None:
            self._began, self._said, self._count = now, now, 1
            log.error("the database is away, at %s: %r; it is said when it is back", where, fault)
        elif now - self._said >= REMINDER_SECONDS:
            self._said = now
            log.error(
                "the database is still away after %.0f s, %s times so far: %r", now - self._began, self._count, fault
            )

    def check(self) -> None:
        """Ask now and then: where nobody was told so for some seconds, it is back."""
        if self._began is not None and self._clock() - self._last > QUIET_SECONDS:
            log.warning("the database is back; it was away for %.0f s, %s times", self._last - self._began, self._count)
            self._began = None


outage = Outage()


def retry_headers(told: Exception) -> dict[str, str]:
    """What an answer's headers say of it: when to try again, where that may help."""
    return {"Retry-After": str(told.retry_after_seconds)} if hasattr(told, "retry_after_seconds") else {}


def log_error(bug: BaseException, where: object) -> InternalError | Unavailable:
    """Write down what went wrong: a bug with all that is known of it, under a number of its own.

    A client that has gone is nothing wrong: raises ClientDisconnect again.
    """
    if isinstance(bug, ClientDisconnect):
        raise bug
    if db_errors.is_unavailable(bug):
        outage.record(bug, where)
        return Unavailable()
    fault = InternalError(secrets.token_hex(6))
    log.error("fault %s at %s", fault.number, where, exc_info=bug)
    return fault
