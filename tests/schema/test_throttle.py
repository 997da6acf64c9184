"""Throttling: who guesses too often is told to wait."""

import time

import pytest

from resolvers.refusals import TooManyAttempts
from schema.throttle import Attempts, Guard

HOME, AWAY = "192.0.2.1", "192.0.2.2"


def test_as_many_may_fail_as_are_allowed() -> None:
    """The attempt after the last allowed failure is refused; looking alone counts nothing."""
    guard = Guard(Attempts(3), 1, HOME)
    for _ in range(3):
        guard.check()
        guard.check()
        guard.fail()
    with pytest.raises(TooManyAttempts):
        guard.check()


def test_attempts_are_counted_by_organization_and_origin() -> None:
    """Others are not slowed down by who guesses, nor is the guesser's own business elsewhere."""
    attempts = Attempts(1)
    Guard(attempts, 1, HOME).fail()
    with pytest.raises(TooManyAttempts):
        Guard(attempts, 1, HOME).check()
    Guard(attempts, 1, AWAY).check()
    Guard(attempts, 2, HOME).check()


def test_no_limit_is_no_limit() -> None:
    """With 0 a minute nobody is ever slowed down."""
    guard = Guard(Attempts(0), 1, HOME)
    for _ in range(1_000):
        guard.fail()
    guard.check()


def test_the_wait_is_told_and_is_over_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """`retry_after_seconds` is within the minute, and after it one may try again."""
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began)
    guard = Guard(Attempts(1), 1, HOME)
    guard.fail()
    with pytest.raises(TooManyAttempts) as no:
        guard.check()
    assert 1 <= no.value.retry_after_seconds <= 60
    monkeypatch.setattr(time, "time", lambda: began + no.value.retry_after_seconds + 1)
    guard.check()
