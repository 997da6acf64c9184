"""A refusal that no door has words for: each door has one answer for it, and none takes it for a bug."""

import logging
from typing import Any

import httpx
import pytest

from db.enums import KeyKind
from db.models import Organization
from resolvers import authenticate
from resolvers.domain.refusals import Refusal, Rule
from tests import make


class Unheard(Refusal):
    """Raised by these tests alone."""

    sentence = "Nobody has heard of this."


class UnheardRule(Rule):
    """Raised by these tests alone, as a reason why a code can't be claimed."""

    sentence = "Nobody has heard of this rule."


LANCERO = {"code": 403, "error": "Forbidden"}
LP_MOTOR = {"title": "request is refused", "error": 0, "code": 409}
PERSON = {"firstname": "A", "lastname": "B", "email": "ada@example.com"}
PROMOTION = {
    "organization_identifier": "x",
    "promotion_reference": "r",
    "promotion_identifier": "r",
    "off_peak_sale": "0",
}

REQUESTS: list[tuple[str, str, Any, int]] = [
    ("POST", "/codes/claim", {"code": "HELLO-15", "email": "ada@example.com"}, 403),
    ("GET", "/codes/HELLO-15", None, 403),
    ("GET", "/leads", None, 403),
    ("POST", "/leads/create", {"email": "ada@example.com"}, 403),
    ("GET", "/v1/promo", None, 409),
    ("POST", "/v1/promo", {"code": "x", "site_id": 1}, 409),
    ("DELETE", "/v1/promo/1", None, 409),
    ("POST", "/webshop-promotions/webshopcode", {**PERSON, **PROMOTION, "code": "x"}, 422),
    ("POST", "/webshop-promotions/requestActivatePromotionCode", {**PERSON, **PROMOTION}, 422),
    ("GET", "/export/codes.csv", None, 409),
    ("POST", "/graphql", {"query": "{ __typename }"}, 409),
    ("GET", "/c/x", None, 409),
    ("POST", "/u/x", None, 409),
]


@pytest.mark.parametrize("refusal", [Unheard, UnheardRule])
@pytest.mark.parametrize(("method", "path", "body", "status"), REQUESTS)
async def test_each_door_has_an_answer_for_an_unknown_refusal(
    served: httpx.AsyncClient,
    organization: Organization,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    refusal: type[Refusal],
    method: str,
    path: str,
    body: Any,
    status: int,
) -> None:
    """Raised before anything else is done; nothing is logged as a bug."""

    async def refuse(*_: object) -> None:
        raise refusal()

    monkeypatch.setattr(authenticate, "key", refuse)
    monkeypatch.setattr("resolvers.find.code_by_token", refuse)
    monkeypatch.setattr("resolvers.find.recipient_by_token", refuse)
    headers = {"Authorization": "Bearer sk_x", "X-Api-User-Id": "1"}
    with caplog.at_level(logging.ERROR, "tessera"):
        response = await served.request(method, path, json=body, headers=headers)
    assert (response.status_code, caplog.records) == (status, [])
    if path.startswith("/v1"):
        assert response.json() == LP_MOTOR
    elif path.startswith(("/codes", "/leads")):
        assert response.json() == {**LANCERO, "message": refusal.sentence, "time": response.json()["time"]}
    elif path.startswith("/webshop"):
        assert response.json() == {"success": False, "message": refusal.sentence}
    elif path == "/graphql":
        assert response.json()["errors"][0]["extensions"] == {"code": refusal.reason}
    elif path.startswith("/export"):
        assert response.json() == {"message": refusal.sentence}
    else:
        assert "can&#39;t be done now" in response.text or "can't be done now" in response.text


@pytest.mark.parametrize("refusal", [Unheard, UnheardRule])
async def test_a_claim_that_a_new_refusal_forbids(
    served: httpx.AsyncClient, organization: Organization, monkeypatch: pytest.MonkeyPatch, refusal: type[Refusal]
) -> None:
    """A public key hears of a rule what it hears of all; in GraphQL a refusal outside of the union is an error."""

    async def refuse(*_: object, **__: object) -> None:
        raise refusal()

    monkeypatch.setattr("resolvers.claim.code", refuse)
    public = {"Authorization": f"Bearer {await make.key(organization, KeyKind.PUBLIC)}"}
    body = {"code": "HELLO-15", "email": "ada@example.com"}
    response = await served.post("/codes/claim", json=body, headers=public)
    expected = (404, "That code cannot be claimed") if issubclass(refusal, Rule) else (403, refusal.sentence)
    assert (response.status_code, response.json()["message"]) == expected
    secret = {"Authorization": f"Bearer {await make.key(organization)}"}
    document = 'mutation { claimCode(input: {text: "x", customer: {email: "a@b.c"}}) { __typename } }'
    response = await served.post("/graphql", json={"query": document}, headers=secret)
    assert response.status_code == 200
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": refusal.reason}
