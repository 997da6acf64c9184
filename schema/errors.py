"""Unexpected errors: bugs, and a database that is unavailable; both are logged and answered with a generic error.

The log has a bug's stack trace under a number, which is all that the caller sees of it.
"""

import logging
import secrets
from collections.abc import Callable, Mapping
from time import monotonic
from typing import TypeVar

from starlette.requests import ClientDisconnect

from db import errors as db_errors

RECOVERY_SECONDS = 10
"""Time without a failure after which the database counts as back; longer than a hanging batch takes to fail."""
REMINDER_SECONDS = 60

Answer = TypeVar("Answer")

log = logging.getLogger("tessera")


class InternalError(Exception):
    """What a caller sees of a bug: the number under which the log has it."""

    status = 500
    code = "FAULT"

    def __init__(self, number: str) -> None:
        super().__init__(f"Something went wrong here. The log knows more of it as {number}.")
        self.number = number


class Unavailable(Exception):
    """What a caller sees while the database is unavailable."""

    status = 503
    code = "UNAVAILABLE"
    retry_after_seconds = 5

    def __init__(self) -> None:
        super().__init__(
            "The database can't be reached just now. Whether anything was done is not known:"
            " ask again in a moment, with the same order reference or idempotency key."
        )


class Outage:
    """Logs once that the database is unavailable and once that it is back, however many requests fail."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self._last = self._logged_at = 0.0
        self._count = 0

    def record(self, error: BaseException, where: object) -> None:
        """A request has failed because the database is unavailable."""
        now = self._clock()
        self._last = now
        self._count += 1
        if self._began is None:
            self._began, self._logged_at, self._count = now, now, 1
            log.error("the database is unavailable, at %s: %r; another line follows when it is back", where, error)
        elif now - self._logged_at >= REMINDER_SECONDS:
            self._logged_at = now
            log.error(
                "the database is still unavailable after %.0f s, %s failures so far: %r",
                now - self._began,
                self._count,
                error,
            )

    def check(self) -> None:
        """To be called regularly: after RECOVERY_SECONDS without a failure the database is back."""
        if self._began is not None and self._clock() - self._last > RECOVERY_SECONDS:
            log.warning(
                "the database is back; it was unavailable for %.0f s, with %s failures",
                self._last - self._began,
                self._count,
            )
            self._began = None


outage = Outage()


def by_class(table: Mapping[type[Exception], Answer], error: Exception) -> Answer:
    """What a table says of an error's class, or else of the nearest class above it."""
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


def retry_headers(error: Exception) -> dict[str, str]:
    """The `Retry-After` header of an error that has `retry_after_seconds`, else none."""
    return {"Retry-After": str(error.retry_after_seconds)} if hasattr(error, "retry_after_seconds") else {}


def has_handler(app: object, error: BaseException) -> bool:
    """Whether a FastAPI application has an exception handler for an error, be it the one for every error."""
    handlers: Mapping[object, object] = getattr(app, "exception_handlers", {})
    return 500 in handlers or any(kind in handlers for kind in type(error).__mro__)


def log_error(bug: BaseException, where: object, app: object = None) -> InternalError | Unavailable:
    """Log an unexpected error, a bug with its stack trace under a new number; returns the error for the caller.

    A client that has disconnected is no error: raises ClientDisconnect again. A bug for which somebody has added an
    exception handler to the request's `app` is raised again, to that handler.
    """
    if isinstance(bug, ClientDisconnect):
        raise bug
    if db_errors.is_unavailable(bug):
        outage.record(bug, where)
        return Unavailable()
    if has_handler(app, bug):
        raise bug
    error = InternalError(secrets.token_hex(6))
    log.error("fault %s at %s", error.number, where, exc_info=bug)
    return error
