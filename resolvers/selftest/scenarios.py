"""The scenarios of the selftest: calls that compete for a limit, and what must come of them; a function each."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from db.models import Organization, Promotion
from db.queries import codes, promotions
from resolvers import create, generate
from resolvers.domain import params
from resolvers.domain.code_format import Format, Style
from resolvers.selftest import driver
from resolvers.selftest.driver import DONE, Answer, Call

CONCURRENCY = 16
"""Calls that a process makes at a time."""

Answers = list[Answer]


async def _no_extra_checks(answers: Answers) -> list[str]:
    return []


@dataclass(frozen=True)
class Scenario:
    """Concurrent calls, how many of them must be granted (None: chance decides), and how others may be refused.

    `standing` is how many claims of the promotion must stand afterwards; `extra_checks` are other breaches, in
    sentences.
    """

    name: str
    promotion: Promotion
    calls: Sequence[Call]
    granted: int | None
    refusal: str
    standing: Callable[[Answers], int]
    extra_checks: Callable[[Answers], Awaitable[list[str]]] = _no_extra_checks


def done(answers: Answers, operation: str = "claim_code") -> list[object]:
    """The results of the granted calls of an operation."""
    return [value for name, outcome, value in answers if (name, outcome) == (operation, DONE)]


def _granted(answers: Answers) -> int:
    return len(done(answers))


async def _promotion(
    organization: Organization, name: str, texts: list[str], now: datetime, **limits: int | None
) -> Promotion:
    new = create.NewPromotion(name=name, reference=name, codes=tuple(texts), limits=params.Limits(**limits))
    return await create.promotion(organization, new, None, now)


def _texts(name: str, amount: int) -> list[str]:
    return [f"{name}-{number}" for number in range(min(amount, create.MAX_TEXTS))]


async def one_code(organization: Organization, claims: int, now: datetime) -> Scenario:
    """All calls claim one code, which has places for a quarter of them."""
    places = claims // 4
    promotion = await _promotion(organization, "one code", ["ONE"], now, per_code=places)
    calls = [["claim_code", "ONE", f"one{n}@example.com"] for n in range(claims)]
    return Scenario(f"one code with {places} places", promotion, calls, places, "FullyClaimed", _granted)


async def customers_limit(organization: Organization, claims: int, now: datetime) -> Scenario:
    """Customers claim twenty codes each, and may have five."""
    texts = _texts("MANY", max(20, claims // 10))
    people = claims // 20
    promotion = await _promotion(organization, "customers", texts, now, per_code=None, per_customer=5)
    calls = [
        ["claim_code", texts[(20 * person + step) % len(texts)], f"many{person}@example.com"]
        for step in range(20)
        for person in range(people)
    ]
    name = f"{len(texts)} codes, five for each of {people} customers"
    return Scenario(name, promotion, calls, 5 * people, "CustomerLimitReached", _granted)


async def promotions_limit(organization: Organization, claims: int, now: datetime) -> Scenario:
    """A promotion has places for a quarter of the claims of its many codes."""
    texts, places = _texts("SHARED", claims // 2), claims // 4
    promotion = await _promotion(organization, "promotion", texts, now, per_code=None, per_promotion=places)
    calls = [["claim_code", texts[n % len(texts)], f"shared{n}@example.com"] for n in range(claims)]
    name = f"a promotion with {places} places over {len(texts)} codes"
    return Scenario(name, promotion, calls, places, "PromotionSpent", _granted)


async def retries(organization: Organization, claims: int, now: datetime) -> Scenario:
    """Orders are sent ten times each at once, and each is one claim."""
    orders = claims // 20
    promotion = await _promotion(organization, "retries", ["AGAIN"], now, per_code=None)
    calls = [["claim_code", "AGAIN", f"again{n}@example.com", f"R-{n}"] for n in range(orders) for _ in range(10)]

    async def one_each(answers: Answers) -> list[str]:
        count = len(set(done(answers)))
        return [f"{count} claims were told of, for {orders} orders"] if count != orders else []

    return Scenario(
        f"{orders} orders, each sent ten times", promotion, calls, len(calls), "", lambda _: orders, one_each
    )


async def activation(organization: Organization, claims: int, now: datetime) -> Scenario:
    """Ten customers at once activate each code, and one of them has it."""
    promotion = await _promotion(organization, "activation", [], now)
    ref, format = params.PromotionRef(id=promotion.id), Format(Style.ALPHANUMERIC)
    amount, options = min(claims // 20, create.MAX_TEXTS), generate.CodeOptions(activated=False)
    result = await generate.codes(organization, ref, amount, format, options, False, None, now)
    texts = [code.text for code in result.codes]
    calls = [["activate_code", text, f"act{n}-{text}@example.com"] for text in texts for n in range(10)]

    async def reserved_for_holder(answers: Answers) -> list[str]:
        of_promotion = codes.all_of(organization.id).filter(promotion_id=promotion.id)
        holders = await of_promotion.values_list("reserved_for_id", flat=True)
        if sorted(map(str, holders)) != sorted(map(str, done(answers, "activate_code"))):
            return ["a code is not with the customer who was told so"]
        return []

    name = f"{len(texts)} codes, each activated by ten"
    return Scenario(name, promotion, calls, len(texts), "AlreadyActivated", lambda _: 0, reserved_for_holder)


async def deletion(organization: Organization, claims: int, now: datetime) -> Scenario:
    """Ten codes are deleted while they are claimed: their claims go with them, and stay counted."""
    texts = _texts("GONE", 10)
    promotion = await _promotion(organization, "deletion", texts, now, per_code=None)
    each = claims // 20
    calls: list[Call] = []
    for text in texts:
        calls += [["claim_code", text, f"gone{n}@example.com"] for n in range(each)]
        calls.insert(len(calls) - each // 2, ["delete_code", text])

    async def counted(answers: Answers) -> list[str]:
        after = await promotions.by_id(organization.id, promotion.id)
        if after is None or after.claim_count != len(done(answers)):
            return ["the promotion does not count the claims that were granted and deleted"]
        return []

    return Scenario(
        "ten codes, deleted while they are claimed", promotion, calls, None, "UnknownCode", lambda _: 0, counted
    )


async def releasing(organization: Organization, claims: int, now: datetime) -> Scenario:
    """Claims are released twice each, while others claim the places that are free again."""
    places = claims // 8
    promotion = await _promotion(organization, "releasing", ["BACK"], now, per_code=places)
    first: Answers = []
    first_calls = [["claim_code", "BACK", f"first{n}@example.com"] for n in range(places)]
    await driver.run(organization, first_calls, CONCURRENCY, first.append, now)
    releases = [["release_claim", claim] for claim in done(first)[: places // 2] for _ in range(2)]
    claim_calls = [["claim_code", "BACK", f"back{n}@example.com"] for n in range(claims // 4)]
    calls = [call for pair in zip_longest(claim_calls, releases) for call in pair if call]

    async def not_above(answers: Answers) -> list[str]:
        over = len(done(answers)) - places // 2
        return [f"{over} claims more than places"] if over > 0 else []

    def standing(answers: Answers) -> int:
        return places - places // 2 + _granted(answers)

    name = f"{places // 2} of {places} places, given back twice"
    return Scenario(name, promotion, calls, None, "FullyClaimed", standing, not_above)


async def attempts(organization: Organization, claims: int, now: datetime) -> Scenario:
    """All calls take an attempt of one counter, which allows a quarter of them."""
    promotion, limit = await _promotion(organization, "attempts", [], now), claims // 4
    calls: list[Call] = [["take_attempt", limit] for _ in range(claims)]
    return Scenario(f"{limit} failed attempts an hour", promotion, calls, limit, "TooManyAttempts", lambda _: 0)


ALL = (one_code, customers_limit, promotions_limit, retries, activation, deletion, releasing, attempts)
"""Every scenario, in the order in which they run."""
