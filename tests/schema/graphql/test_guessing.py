"""Guesses at codes are limited."""

import pytest

from db.models import Organization
from schema.rate_limit import RateLimits
from tests.graphql_client import GraphQLClient
from tests.schema.graphql.test_rights import PUBLIC_CHECK, PUBLIC_CLAIM


@pytest.fixture
def rate_limits() -> RateLimits:
    """Five failed attempts a minute."""
    return RateLimits(5)


async def test_guessing_is_slowed_down(
    public: GraphQLClient, secret: GraphQLClient, organization: Organization
) -> None:
    """After too many failed claims a public key waits; a secret key does not."""
    input = {"text": "guess", "customer": {"email": "eve@example.com"}}
    reasons = [(await public.ask(PUBLIC_CLAIM, input=input))["claimCode"]["reason"] for _ in range(7)]
    assert reasons == ["NOT_CLAIMABLE"] * 5 + ["TOO_MANY_ATTEMPTS"] * 2
    late = (await public.ask(PUBLIC_CLAIM, input=input))["claimCode"]
    assert 1 <= late["retryAfterSeconds"] <= 60
    checked = (await public.ask(PUBLIC_CHECK, input={"text": "x"}))["checkCode"]
    assert [refusal["reason"] for refusal in checked["refusals"]] == ["TOO_MANY_ATTEMPTS"]
    assert (await secret.claim("guess"))["__typename"] == "UnknownCode"
