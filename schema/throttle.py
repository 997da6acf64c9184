"""Slows down who guesses codes: failed attempts are counted, by organization and by where they come from.

The library that counts has a clock of its own, so it stays up here; the verbs know no more than `claim.Guard`.
"""

import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from resolvers.refusals import TooManyAttempts


class Attempts:
    """The failed attempts of one process; `per_minute` 0 is no limit."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def check(self, *whose: str) -> None:
        """Raises TooManyAttempts while too many have failed lately."""
        if self._limit and not self._limiter.test(self._limit, *whose):
            reset_at, _ = self._limiter.get_window_stats(self._limit, *whose)
            raise TooManyAttempts(max(1, round(reset_at - time.time())))

    def fail(self, *whose: str) -> None:
        """One more attempt has failed."""
        if self._limit:
            self._limiter.hit(self._limit, *whose)


class Guard:
    """Those attempts, of one caller at one organization."""

    def __init__(self, attempts: Attempts, organization_id: int, origin: str) -> None:
        self._attempts, self._whose = attempts, (str(organization_id), origin)

    def check(self) -> None:
        """Raises TooManyAttempts while too many have failed lately."""
        self._attempts.check(*self._whose)

    def fail(self) -> None:
        """One more attempt has failed."""
        self._attempts.fail(*self._whose)
