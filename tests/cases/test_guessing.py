"""Guessing of codes: attempts are counted before they are looked at, by all processes together."""

import asyncio
from collections import Counter

import pytest

from db.models import Organization
from schema.throttle import Attempts
from tests import make
from tests.speaker import Json, Speaker


@pytest.fixture
def attempts(request: pytest.FixtureRequest) -> Attempts:
    """Sixty failed attempts a minute, unless a test says otherwise."""
    return Attempts(getattr(request, "param", 60))


async def claim(public: Speaker, text: str = "guess", **more: object) -> str:
    """The reason why a claim with a public key is refused, or its type's name."""
    said = {"text": text, "customer": {"email": "eve@example.com"}, **more}
    document = (
        "mutation ($input: ClaimCodeInput!) { claimCode(input: $input) { __typename ... on Refusal { reason } } }"
    )
    answer: Json = (await public.ask(document, input=said))["claimCode"]
    return str(answer.get("reason", answer["__typename"]))


@pytest.mark.case("A8")
async def test_aliases_of_one_document_are_attempts_each(public: Speaker) -> None:
    """Of 99 checks in one document at a limit of 60, 60 are looked at."""
    checks = " ".join(
        f'c{number}: checkCode(input: {{text: "guess {number}"}}) {{ refusals {{ reason }} }}' for number in range(99)
    )
    answer = await public.ask(f"{{ {checks} }}")
    reasons = Counter(check["refusals"][0]["reason"] for check in answer.values())
    assert reasons == {"NOT_CLAIMABLE": 60, "TOO_MANY_ATTEMPTS": 39}


@pytest.mark.case("A8")
async def test_claims_at_once_are_attempts_each(public: Speaker) -> None:
    """Of 200 claims at once at a limit of 60, 60 are looked at."""
    reasons = Counter(await asyncio.gather(*(claim(public, f"guess {number}") for number in range(200))))
    assert reasons == {"NOT_CLAIMABLE": 60, "TOO_MANY_ATTEMPTS": 140}


@pytest.mark.case("A8")
@pytest.mark.parametrize("attempts", [1], indirect=True)
async def test_who_succeeds_is_not_held_up(public: Speaker, organization: Organization) -> None:
    """At a limit of one, twenty claims at once that succeed are all granted: they are given back."""
    await make.promotion(organization, *(f"GOOD-{number}" for number in range(20)))
    answers = await asyncio.gather(*(claim(public, f"GOOD-{number}") for number in range(20)))
    assert Counter(answers) == {"CodeClaimed": 20}
