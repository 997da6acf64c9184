"""Drawing: different numbers, uniformly, the same again of the same seed; and of a full space what is free."""

from collections import Counter

import pytest

from db.models import Organization
from resolvers import random_codes
from resolvers.domain.code_format import Format, Style
from tests import make

SMALL = Format(Style.PATTERN, "X-9")
SEED = "0" * 64


@pytest.mark.parametrize("below", [1, 2, 3, 10, 256, 1_000, 2**63, 2**64, 2**64 + 1, 36**50])
def test_numbers_are_different_and_in_range(below: int) -> None:
    """Whatever the range, as many different numbers of it come as were asked for."""
    amount = max(1, min(2_000, below // 2))
    numbers = random_codes.numbers(amount, below, random_codes.new_seed())
    assert len(numbers) == len(set(numbers)) == amount
    assert 0 <= min(numbers) <= max(numbers) < below


def test_a_seed_gives_the_same_numbers_again() -> None:
    """One seed is one choice, and another seed another."""
    assert random_codes.numbers(1_000, 36**6, SEED) == random_codes.numbers(1_000, 36**6, SEED)
    assert random_codes.numbers(1_000, 36**6, SEED) != random_codes.numbers(1_000, 36**6, "1" * 64)
    assert random_codes.new_seed() != random_codes.new_seed()


@pytest.mark.long
@pytest.mark.parametrize(("below", "amount"), [(10, 5), (10, 1), (17, 8), (256, 100)])
def test_numbers_are_uniform(below: int, amount: int) -> None:
    """Each number comes as often as any other, also first and last (chi square, at one in a million)."""
    turns = 40_000 // amount
    for place in (slice(None), slice(0, 1), slice(-1, None)):
        drawn: Counter[int] = Counter()
        for turn in range(turns):
            drawn.update(random_codes.numbers(amount, below, f"{SEED}{turn}")[place])
        expected = drawn.total() / below
        chi_square = sum((drawn[number] - expected) ** 2 / expected for number in range(below))
        assert chi_square < below + 5 * (2 * below) ** 0.5 + 15


async def test_what_is_free_is_drawn_in_any_order(organization: Organization) -> None:
    """Of the free texts as many as were asked for, or all there are; which ones, and in which order, is chance."""
    await make.promotion(organization, *(f"x{digit}" for digit in range(6)), "other")
    assert sorted(await random_codes.free(organization.id, 9, SMALL)) == [6, 7, 8, 9]
    pairs = Counter([tuple(await random_codes.free(organization.id, 2, SMALL)) for _ in range(600)])
    assert len(pairs) == 12
    assert sum((count - 50) ** 2 / 50 for count in pairs.values()) < 52


async def test_a_shortage_has_its_numbers(organization: Organization) -> None:
    """Room is counted in texts of the format; other codes take none."""
    await make.promotion(organization, "x0", "X–1", "OTHER", "ANOTHER")
    assert await random_codes.shortage(organization.id, 8, SMALL) is None
    no = await random_codes.shortage(organization.id, 9, SMALL)
    assert no is not None
    assert (no.capacity, no.taken, no.requested) == (10, 2, 9)
