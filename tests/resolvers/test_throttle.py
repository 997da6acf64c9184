"""Throttling: who guesses too often is told to wait, by the clock of the request."""

from datetime import timedelta

import pytest

from resolvers.refusals import TooManyAttempts
from resolvers.throttle import Attempts, Guard
from tests.make import NOW

HOME, AWAY = "192.0.2.1", "192.0.2.2"


def test_as_many_may_fail_as_are_allowed() -> None:
    """The attempt after the last allowed failure is refused; looking alone counts nothing."""
    guard = Guard(Attempts(3), 1, HOME)
    for _ in range(3):
        guard.check(NOW)
        guard.check(NOW)
        guard.fail()
    with pytest.raises(TooManyAttempts):
        guard.check(NOW)


def test_attempts_are_counted_by_organization_and_origin() -> None:
    """Others are not slowed down by who guesses, nor is the guesser's own business elsewhere."""
    attempts = Attempts(1)
    attempts.fail(1, HOME)
    with pytest.raises(TooManyAttempts):
        attempts.check(1, HOME, NOW)
    attempts.check(1, AWAY, NOW)
    attempts.check(2, HOME, NOW)


def test_no_limit_is_no_limit() -> None:
    """With 0 a minute nobody is ever slowed down."""
    guard = Guard(Attempts(0), 1, HOME)
    for _ in range(1_000):
        guard.fail()
    guard.check(NOW)


def test_the_wait_is_told_and_is_over_then() -> None:
    """`retry_after_seconds` is within the minute, and after it by the request's clock one may try again."""
    guard = Guard(Attempts(1), 1, HOME)
    guard.check(NOW)
    guard.fail()
    with pytest.raises(TooManyAttempts) as no:
        guard.check(NOW)
    assert 1 <= no.value.retry_after_seconds <= 60
    guard.check(NOW + timedelta(seconds=no.value.retry_after_seconds))
