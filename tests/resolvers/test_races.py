"""Races: real processes on one database, and no limit is passed, no answer lost, no counter off."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from db.models import Claim, Code, Customer, Delivery, Organization, Promotion, UsageStat
from resolvers import find, generate, verify
from resolvers.domain import params
from resolvers.domain.code_format import Format, Style
from resolvers.selftest.driver import Call
from schema.cli import selftest_workers
from tests import make
from tests.make import NOW, claimed

pytestmark = pytest.mark.processes


class Race:
    """Processes that start together; each makes its calls with some tasks at once."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def run(self, *calls: list[Call], lanes: int = 1) -> list[list[Any]]:
        """What every call was answered: what happened, and with what."""
        async with asyncio.timeout(100), selftest_workers.running(self.url, len(calls)) as running:
            answers = await running.race("demo", calls, lanes, lambda: None, NOW)
        return [[outcome, detail] for _, outcome, detail in answers]


@pytest.fixture
def race(store: str) -> Race:
    return Race(store)


def outcomes(answers: list[list[Any]]) -> dict[str, int]:
    return dict(Counter(what for what, _ in answers))


async def check_balance(organization: Organization, promotion_id: int, standing: int) -> None:
    """Rows, both counters and the sums agree on that many standing claims."""
    promotion = await Promotion.get(id=promotion_id)
    codes = await Code.filter(promotion_id=promotion_id).values_list("claim_count", flat=True)
    assert await Claim.filter(promotion_id=promotion_id, released_at=None).count() == standing
    assert promotion.claim_count - promotion.rowless_claim_count == standing
    assert sum(codes) == standing
    assert await verify.counters(organization) == []


async def test_a_codes_limit_holds_over_processes(organization: Organization, race: Race) -> None:
    """Four processes of 200 claims on 500 places are exactly 500 claims and 300 refusals, and nothing else."""
    code = await make.code(organization, per_code=500)
    answers = await race.run(
        *([["claim_code", "HELLO-15", f"p{process}c{n}@example.com"] for n in range(200)] for process in range(4))
    )
    assert outcomes(answers) == {"done": 500, "FullyClaimed": 300}
    assert len({claim_id for what, claim_id in answers if what == "done"}) == 500
    await check_balance(organization, code.promotion_id, 500)
    assert (await Code.get(id=code.id)).claim_count == 500
    assert {row.claims for row in await UsageStat.all()} == {500}


async def test_a_promotions_limit_holds_over_its_codes(organization: Organization, race: Race) -> None:
    """A promotion's 50 places are claimed 50 times, however many codes and processes are raced."""
    texts = [f"CODE-{number}" for number in range(120)]
    promotion = await make.promotion(organization, *texts, limits=params.Limits(per_promotion=50))
    answers = await race.run(
        *([["claim_code", text, f"{text}@example.com"] for text in texts[first::4]] for first in range(4)), lanes=3
    )
    assert outcomes(answers) == {"done": 50, "PromotionSpent": 70}
    await check_balance(organization, promotion.id, 50)


async def test_a_customers_limit_holds_over_many_codes(organization: Organization, race: Race) -> None:
    """One customer, unknown before, who races for 120 codes of a promotion gets the five a customer may have."""
    texts = [f"CODE-{number}" for number in range(120)]
    promotion = await make.promotion(organization, *texts, limits=params.Limits(per_customer=5))
    answers = await race.run(
        *([["claim_code", text, "ada@example.com"] for text in texts[first::4]] for first in range(4)), lanes=3
    )
    assert outcomes(answers) == {"done": 5, "CustomerLimitReached": 115}
    assert await Customer.all().count() == 1
    await check_balance(organization, promotion.id, 5)


async def test_a_customers_only_claim_of_a_code_holds(organization: Organization, race: Race) -> None:
    """One customer who races for one code claims it once."""
    code = await make.code(organization, per_code=None)
    calls: list[Call] = [["claim_code", "HELLO-15", "ada@example.com"]] * 25
    assert outcomes(await race.run(*[calls] * 4, lanes=2)) == {"done": 1, "AlreadyClaimed": 99}
    await check_balance(organization, code.promotion_id, 1)


async def test_retries_of_one_order_are_one_claim(organization: Organization, race: Race) -> None:
    """One order sent a hundred times at once over four processes is answered a hundred times with one claim."""
    code = await make.code(organization)
    calls: list[Call] = [["claim_code", "HELLO-15", "ada@example.com", "R-1"]] * 25
    answers = await race.run(*[calls] * 4, lanes=2)
    assert outcomes(answers) == {"done": 100}
    assert len({claim_id for _, claim_id in answers}) == 1
    await check_balance(organization, code.promotion_id, 1)


async def test_activation_happens_once(organization: Organization, race: Race) -> None:
    """Of fifty tasks over two processes one activates the code, for its own customer."""
    options = generate.CodeOptions(activated=False)
    pattern = Format(Style.PATTERN, "TEST-9")
    code = (await generate.codes(organization, None, 1, pattern, options, False, None, NOW)).codes[0]
    answers = await race.run(
        *([["activate_code", code.text, f"p{process}c{n}@example.com"] for n in range(25)] for process in range(2)),
        lanes=25,
    )
    assert outcomes(answers) == {"done": 1, "AlreadyActivated": 49}
    [winner] = [customer_id for what, customer_id in answers if what == "done"]
    activated = await find.code(organization.id, code.text)
    assert (str(activated.reserved_for_id), activated.activated_by_id) == (winner, activated.reserved_for_id)
    assert await Customer.all().count() == 1


async def test_a_code_deleted_while_it_is_claimed_leaves_nothing_but_its_counts(
    organization: Organization, race: Race
) -> None:
    """Claims come before the deletion and go with it, or after it and are told the code is unknown."""
    code = await make.code(organization, per_code=None)
    claims: list[list[Call]] = [
        [["claim_code", "HELLO-15", f"p{process}c{n}@example.com"] for n in range(60)] for process in range(3)
    ]
    claims[0].insert(15, ["delete_code", "HELLO-15"])
    answers = await race.run(*claims)
    counts = outcomes(answers)
    assert set(counts) == {"done", "UnknownCode"}
    assert sum(counts.values()) == 181
    claimed_count = counts["done"] - 1
    promotion = await Promotion.get(id=code.promotion_id)
    assert (promotion.claim_count, promotion.rowless_claim_count) == (claimed_count, claimed_count)
    assert (await Claim.all().count(), await Code.all().count(), await Delivery.all().count()) == (0, 0, 0)
    assert {(row.claims, row.deleted_claims) for row in await UsageStat.all()} == {(claimed_count, claimed_count)}
    assert await verify.counters(organization) == []


async def test_a_place_given_back_is_taken_once(organization: Organization, race: Race) -> None:
    """Each claim released by two processes at once gives back one place, and each place is taken once."""
    code = await make.code(organization, per_code=40)
    first = [(await claimed(organization, email=f"c{n}@example.com")).claim.id for n in range(40)]
    releases: list[Call] = [["release_claim", claim_id] for claim_id in first[:20]]
    claims = [[["claim_code", "HELLO-15", f"p{process}c{n}@example.com"] for n in range(60)] for process in range(2)]
    answers = await race.run(releases, list(reversed(releases)), *claims, lanes=2)
    counts = outcomes(answers)
    assert set(counts) <= {"done", "FullyClaimed"}
    standing = await Claim.filter(code_id=code.id, released_at=None).count()
    assert await Claim.filter(code_id=code.id).exclude(released_at=None).count() == 20
    assert standing == 40 - 20 + counts["done"] - 40
    assert standing <= 40
    await check_balance(organization, code.promotion_id, standing)


async def test_a_small_space_raced_for_is_filled_exactly(organization: Organization, race: Race) -> None:
    """Two processes that draw from 100 texts at once never draw the same, and the last text is drawn."""
    calls: list[Call] = [["generate_codes", "X-99", 5]] * 10
    answers = await race.run(calls, calls, lanes=2)
    assert outcomes(answers) == {"done": 20}
    texts = [text for _, drawn in answers for text in drawn]
    assert sorted(texts) == [f"X-{number:02}" for number in range(100)]
    assert await Code.all().count() == 100


async def test_a_small_space_raced_for_too_often_says_so(organization: Organization, race: Race) -> None:
    """Of calls for more than a space holds as many are refused as don't fit, whole, and the others are whole."""
    calls: list[Call] = [["generate_codes", "X-99", 15]] * 5
    assert outcomes(await race.run(calls, calls)) == {"done": 6, "CodeSpaceTooSmall": 4}
    assert await Code.all().count() == 90
