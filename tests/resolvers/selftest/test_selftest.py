"""What a proof takes for a breach: answers that can't be, rows that are missing, counters that drift."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from db.models import Account, Claim, Code, Organization, Promotion
from resolvers import create, selftest
from resolvers.selftest import ScenarioResult, driver
from resolvers.selftest.driver import Answer, Call
from tests.make import NOW

Wrong = Callable[[list[Answer]], list[Answer]]


def running(wrong: Wrong) -> selftest.RunCalls:
    """Somebody who races by themselves, and tells something else of it."""

    async def run(organization: Organization, name: str, calls: Sequence[Call]) -> list[Answer]:
        answers: list[Answer] = []
        await driver.run(organization, calls, 1, answers.append, NOW)
        return wrong(answers)

    return run


async def run_selftest(wrong: Wrong) -> list[ScenarioResult]:
    return [result async for result in selftest.limits(selftest.MIN_CLAIMS, running(wrong), NOW)]


@pytest.mark.long
async def test_all_holds_where_nothing_is_wrong(organization: Organization) -> None:
    """One racer alone passes no limit; the organization it raced in is gone, with its account."""
    results = await run_selftest(lambda answers: answers)
    assert [result.breaches for result in results] == [[]] * 8
    assert [(result.allowed, result.granted) for result in results[:5]] == [
        (10, 10),
        (10, 10),
        (10, 10),
        (20, 20),
        (2, 2),
    ]
    assert [kind.identifier for kind in await Organization.all()] == ["demo"]
    assert await Account.all().count() == 1
    assert (await Claim.all().count(), await Code.all().count(), await Promotion.all().count()) == (0, 0, 1)


def nth_done(answers: list[Answer], change: Callable[[Answer], Answer]) -> list[Answer]:
    """The answers with the first granted one changed."""
    place = next(place for place, (_, outcome, _) in enumerate(answers) if outcome == driver.DONE)
    return [*answers[:place], change(answers[place]), *answers[place + 1 :]]


@pytest.mark.parametrize(
    ("wrong", "breach"),
    [
        (lambda answers: answers[1:], "40 calls, and 39 answers"),
        (lambda answers: nth_done(answers, lambda one: (one[0], driver.FAULT, "Oh()")), "1 calls failed, the first with Oh()"),
        (lambda answers: nth_done(answers, lambda one: (one[0], "Ended", None)), "1 calls were refused with Ended"),
        (lambda answers: nth_done(answers, lambda one: (one[0], "FullyClaimed", None)), "9 calls granted, where 10 are allowed"),
        (lambda answers: nth_done(answers, lambda one: (one[0], driver.DONE, 999_999)), "1 claims were granted and are not there"),
    ],
    ids=["unanswered", "fault", "other refusal", "too few", "not there"],
)  # fmt: skip
async def test_what_cannot_be_is_a_breach(organization: Organization, wrong: Wrong, breach: str) -> None:
    """A proof whose racers were answered wrongly says so."""
    async with aclosing(selftest.limits(selftest.MIN_CLAIMS, running(wrong), NOW)) as results:
        assert breach in (await anext(results)).breaches


async def test_a_failing_race_leaves_nothing(organization: Organization) -> None:
    """What is raised by the racers ends the proof, and its organization."""

    async def run(*_: Any) -> list[Answer]:
        raise RuntimeError("the racers are gone")

    with pytest.raises(RuntimeError, match="gone"):
        _ = [result async for result in selftest.limits(selftest.MIN_CLAIMS, run, NOW)]
    assert await Organization.all().count() == 1
    assert await Account.all().count() == 1


async def test_what_a_killed_proof_left_is_deleted_a_day_later(organization: Organization) -> None:
    """Not before, for that one may still go on; and nothing that is merely called alike is touched."""
    identifiers = []
    for identifier, name, age in (
        ("proof-0123456789abcdef01234567", selftest.NAME, timedelta(days=1, seconds=1)),
        ("proof-fedcba987654321001234567", selftest.NAME, timedelta(hours=23)),
        ("proof-of-concept", selftest.NAME, timedelta(days=2)),
        ("proof-000000000000000000000000", "A shop", timedelta(days=2)),
    ):
        organization_row = await create.organization(name, None, identifier, None, "EUR", "UTC", NOW - age)
        identifiers.append(organization_row.identifier)
    async with aclosing(selftest.limits(selftest.MIN_CLAIMS, running(lambda answers: answers), NOW)) as results:
        await anext(results)
    assert {one.identifier for one in await Organization.all()} == {"demo", *identifiers[1:]}
