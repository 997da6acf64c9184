"""How things stand: pure rules over rows and an instant."""

from datetime import timedelta

import pytest

from db import statuses
from db.models import Code, Promotion
from resolvers.domain import rules
from tests.make import NOW

AMSTERDAM = "Europe/Amsterdam"


@pytest.mark.parametrize(
    ("starts", "ends", "is_open"),
    [
        (None, None, True),
        (0, None, True),
        (1, None, False),
        (None, 0, False),
        (None, 1, True),
        (-1, 0, False),
        (0, 1, True),
    ],
)
def test_a_window_is_half_open(starts: int | None, ends: int | None, is_open: bool) -> None:
    """Open from its start to just before its end."""
    bounds = [None if bound is None else NOW + timedelta(microseconds=bound) for bound in (starts, ends)]
    assert rules.is_open(*bounds, NOW) is is_open


def test_the_first_status_that_holds_is_a_codes() -> None:
    """DISABLED, NOT_ACTIVATED, SCHEDULED, EXPIRED, EXHAUSTED, else CLAIMABLE, in that order."""
    promotion = Promotion(is_enabled=False, starts_at=NOW + timedelta(days=1), per_promotion=1, claim_count=1)
    code = Code(needs_activation=True, ends_at=NOW, allowed_claims=None)
    shown = [statuses.of_code(code, promotion, NOW)]
    for thing, name, value in (
        (promotion, "is_enabled", True),
        (code, "activated_at", NOW),
        (promotion, "starts_at", None),
        (code, "ends_at", None),
        (promotion, "per_promotion", None),
    ):
        setattr(thing, name, value)
        shown.append(statuses.of_code(code, promotion, NOW))
    assert shown == ["DISABLED", "NOT_ACTIVATED", "SCHEDULED", "EXPIRED", "EXHAUSTED", "CLAIMABLE"]
