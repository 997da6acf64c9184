"""Guessing of codes: attempts are counted before they are looked at, by all processes together."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
import pytest

from db.enums import KeyKind
from db.models import Customer, Organization
from resolvers import check, create, generate
from resolvers.domain import params, rules
from resolvers.domain.code_format import Format, Style
from resolvers.domain.money import Money
from resolvers.domain.refusals import Rule
from schema.rate_limit import AttemptGuard, RateLimits
from tests import make
from tests.graphql_client import GraphQLClient, Json


@pytest.fixture
def rate_limits(request: pytest.FixtureRequest) -> RateLimits:
    """Sixty failed attempts a minute, unless a test says otherwise."""
    return RateLimits(getattr(request, "param", 60))


async def claim(public: GraphQLClient, text: str = "guess", **more: object) -> str:
    """The reason why a claim with a public key is refused, or its type's name."""
    claim_input = {"text": text, "customer": {"email": "eve@example.com"}, **more}
    document = (
        "mutation ($input: ClaimCodeInput!) { claimCode(input: $input) { __typename ... on Refusal { reason } } }"
    )
    answer: Json = (await public.ask(document, input=claim_input))["claimCode"]
    return str(answer.get("reason", answer["__typename"]))


@pytest.mark.case("A8")
async def test_aliases_of_one_document_are_attempts_each(public: GraphQLClient) -> None:
    """Of 99 checks in one document at a limit of 60, 60 are looked at."""
    checks = " ".join(
        f'c{number}: checkCode(input: {{text: "guess {number}"}}) {{ refusals {{ reason }} }}' for number in range(99)
    )
    answer = await public.ask(f"{{ {checks} }}")
    reasons = Counter(check["refusals"][0]["reason"] for check in answer.values())
    assert reasons == {"NOT_CLAIMABLE": 60, "TOO_MANY_ATTEMPTS": 39}


@pytest.mark.long
@pytest.mark.case("A8")
async def test_claims_at_once_are_attempts_each(public: GraphQLClient) -> None:
    """Of 200 claims at once at a limit of 60, 60 are looked at."""
    reasons = Counter(await asyncio.gather(*(claim(public, f"guess {number}") for number in range(200))))
    assert reasons == {"NOT_CLAIMABLE": 60, "TOO_MANY_ATTEMPTS": 140}


@pytest.mark.case("A8")
@pytest.mark.parametrize("rate_limits", [1], indirect=True)
async def test_who_succeeds_is_not_held_up(public: GraphQLClient, organization: Organization) -> None:
    """At a limit of one, twenty claims at once that succeed are all granted: they are given back."""
    await make.promotion(organization, *(f"GOOD-{number}" for number in range(20)))
    answers = await asyncio.gather(*(claim(public, f"GOOD-{number}") for number in range(20)))
    assert Counter(answers) == {"CodeClaimed": 20}


@pytest.mark.case("W19")
async def test_keys_of_public_callers_are_apart(
    public: GraphQLClient, secret: GraphQLClient, organization: Organization
) -> None:
    """Whoever uses up the keys of the shop's jobs with a public key stands in nobody's way, and is replayed as ever."""
    await make.promotion(organization, "A1", "A2", "A3")
    key = {"idempotencyKey": "nightly-1"}
    assert await claim(public, "A1", **key) == "CodeClaimed"
    assert (await secret.claim("A2", **key))["replayed"] is False
    assert await claim(public, "A1", **key) == "CodeClaimed"
    assert await claim(public, "A3", **key) == "IDEMPOTENCY_MISMATCH"
    made = {"promotion": {"reference": "default"}, "amount": 1, "idempotencyKey": "nightly-2"}
    assert await claim(public, "A3", idempotencyKey="nightly-2") == "CodeClaimed"
    assert (await secret.mutate("generateCodes", "", made))["__typename"] == "CodesGenerated"


class Work(logging.Handler):
    """The statements that are run, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(str(record.args[0] if record.args else record.msg))


@contextmanager
def work() -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    log, handler = logging.getLogger("tortoise.db_client"), Work()
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield handler.texts
    finally:
        log.setLevel(before)
        log.removeHandler(handler)


UNCLAIMABLE = [
    "SWITCHED-OFF",
    "FULLY-CLAIMED",
    "SOMEBODY-ELSES",
    "CLAIMED-BY-ME",
    "FEW-FOR-EVERYBODY",
    "ORDER-TOO-SMALL",
    "OTHER-LOCATION",
]


@pytest.fixture
async def unclaimable(organization: Organization) -> None:
    """Codes that can't be claimed, each for another reason."""
    for number in (1, 2):
        await create.location(organization, number, f"Place {number}", False, make.NOW)
    for text, more in {
        "SWITCHED-OFF": {"is_enabled": False},
        "FULLY-CLAIMED": {"limits": params.Limits(per_code=1)},
        "CLAIMED-BY-ME": {"limits": params.Limits(per_code=None, per_customer_and_code=1)},
        "FEW-FOR-EVERYBODY": {"limits": params.Limits(per_code=None, per_customer=1)},
        "ORDER-TOO-SMALL": {"discount": params.Discount(minimum_order=Money(Decimal(50), "EUR"))},
        "OTHER-LOCATION": {"location_numbers": (2,)},
    }.items():
        await make.promotion(organization, text, **more)
    await make.claimed(organization, "FULLY-CLAIMED", email="ada@example.com")
    for text in ("CLAIMED-BY-ME", "FEW-FOR-EVERYBODY"):
        await make.claimed(organization, text, email="eve@example.com")
    format, options = (
        Format(Style.PATTERN, "SOMEBODY-ELSES"),
        generate.CodeOptions(reserved_for=params.Person("ada@example.com")),
    )
    await generate.codes(organization, None, 1, format, options, False, None, make.NOW)


@pytest.mark.case("W23")
@pytest.mark.parametrize("email", ["eve@example.com", "new@example.com"])
@pytest.mark.parametrize("more", [{}, {"location_number": 1}, {"order": params.Order("R-1")}, {"idempotency_key": "K"}])
async def test_an_unknown_code_is_as_much_work_as_a_known_one(
    organization: Organization, unclaimable: None, email: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In public the same statements are run, and every rule asked, of a code that is not there."""
    guard, attempts = AttemptGuard(RateLimits(0), organization, "192.0.2.1"), 0
    objections = rules.objections

    def counted(*args: Any) -> Any:
        nonlocal attempts
        attempts += 1
        return objections(*args)

    monkeypatch.setattr(rules, "objections", counted)

    async def refusals_and_work(text: str, by_claiming: bool) -> tuple[list[str], int]:
        nonlocal attempts
        attempts = 0
        with work() as texts:
            if by_claiming:
                with pytest.raises(Rule):
                    await make.claimed(organization, text, email, guard=guard, **more)
            else:
                place, order = more.get("location_number"), more.get("order")
                result = await check.code(organization, text, params.Person(email), order, place, guard, make.NOW)
                assert result.refusals
        return texts, attempts

    for by_claiming in (True, False):
        await refusals_and_work("NOT-THERE", by_claiming)  # makes ready what is made once
        expected = await refusals_and_work("NOT-THERE", by_claiming)
        assert expected[1] == 1
        assert len(expected[0]) >= 3
        for text in UNCLAIMABLE:
            if (text, email) in (("CLAIMED-BY-ME", "new@example.com"), ("FEW-FOR-EVERYBODY", "new@example.com")):
                continue  # who is new may claim these
            if text == "OTHER-LOCATION" and "location_number" not in more:
                continue
            assert await refusals_and_work(text, by_claiming) == expected, text


@pytest.mark.long
@pytest.mark.case("A9")
async def test_sign_ups_with_a_public_key_are_attempts(served: httpx.AsyncClient, organization: Organization) -> None:
    """Sixty a minute, known addresses or new ones; a secret key signs up as many as it likes."""
    keys = [await make.key(organization, kind) for kind in (KeyKind.PUBLIC, KeyKind.SECRET)]

    async def sign_up(key: str, number: int) -> int:
        body = {"email": f"lead-{number % 50}@example.com"}
        return (await served.post("/leads/create", json=body, headers={"Authorization": f"Bearer {key}"})).status_code

    statuses = Counter([await sign_up(keys[0], number) for number in range(70)])
    assert statuses == {200: 50, 409: 10, 429: 10}
    assert Counter([await sign_up(keys[1], number) for number in range(45, 55)]) == {409: 10}
    assert await Customer.all().count() == 50
