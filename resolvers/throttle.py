"""Slows down who guesses codes: failed attempts are counted, by organization and by where they come from."""

from datetime import datetime

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from resolvers.refusals import TooManyAttempts


class Attempts:
    """The failed attempts of one process; `per_minute` 0 is no limit."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def check(self, organization_id: int, origin: str, now: datetime) -> None:
        """Raises TooManyAttempts while too many have failed lately."""
        if self._limit and not self._limiter.test(self._limit, str(organization_id), origin):
            reset_at, _ = self._limiter.get_window_stats(self._limit, str(organization_id), origin)
            raise TooManyAttempts(min(60, max(1, round(reset_at - now.timestamp()))))

    def fail(self, organization_id: int, origin: str) -> None:
        """One more attempt has failed."""
        if self._limit:
            self._limiter.hit(self._limit, str(organization_id), origin)


class Guard:
    """Those attempts, of one caller at one organization; a caller who may be told everything has none."""

    def __init__(self, attempts: Attempts, organization_id: int, origin: str) -> None:
        self._attempts, self._organization_id, self._origin = attempts, organization_id, origin

    def check(self, now: datetime) -> None:
        self._attempts.check(self._organization_id, self._origin, now)

    def fail(self) -> None:
        self._attempts.fail(self._organization_id, self._origin)
