"""A6: a body at a vendor's door costs little, whatever is in it."""

import asyncio
import json
from typing import Any

import httpx
import pytest
import pytest_asyncio

from db.enums import KeyKind
from db.models import Organization
from resolvers import find
from schema import limits
from schema.vendors import kit
from schema.vendors.kit import BadRequest
from tests import make

FIELDS = {
    ("POST", "/codes/claim"): ("code", "email"),
    ("POST", "/codes/generate"): ("amount", "type", "validFrom", "allowedClaims", "reservedFor"),
    ("POST", "/codes/send"): ("code", "emails"),
    ("POST", "/codes/delete"): ("code",),
    ("POST", "/claims/exchange"): ("token",),
    ("POST", "/leads/create"): ("email", "firstname", "referralCode", "notes", "waitlist"),
    ("POST", "/v1/promo"): ("site_id", "user_id", "code", "bonus_amount"),
    ("PUT", "/v1/promo/2"): ("code", "d_on", "is_enabled", "quantity_limit"),
    ("POST", "/webshop-promotions/webshopcode"): ("code", "email", "firstname", "organization_id", "location_id"),
    ("POST", "/webshop-promotions/Orders"): ("off_peak_sale", "product_id", "promotion_identifier"),
    ("POST", "/webshop-promotions/createNonActivatedCodes"): ("codes", "organization_id"),
}
"""What each door reads of a body."""

SIZE = 4_000_000
HOSTILE = {
    "strings that never end": '{"a":"' + ',"' * (SIZE // 2),
    "commas": '{"a": ' + ", " * (SIZE // 2),
    "objects": "[" + ",".join(["{}"] * (SIZE // 3)) + ",]",
    "lists": '{"a":[' + ",".join(["[]"] * (SIZE // 3)) + "]}",
    "numbers": '{"a":[' + ",".join(["1"] * (SIZE // 2)) + "]}",
    "members": "{" + ",".join(f'"{number}":1' for number in range(SIZE // 11)) + "}",
    "brackets": "[" * SIZE,
    "objects in each other": '{"a":' * (SIZE // 5),
    "a long number": '{"codes":' + "1" * SIZE + "}",
    "blanks": " " * SIZE,
    "a bracket less": '{"a":"' + "x" * SIZE + '",]',
    "no UTF-8": "\udcff" * SIZE,
}


@pytest_asyncio.fixture
async def headers(organization: Organization) -> dict[str, str]:
    await make.promotion(organization, "HELLO")
    number = (await organization.account).number
    return {"Authorization": f"Bearer {await make.key(organization, KeyKind.ACCOUNT)}", "X-Api-User-Id": str(number)}


@pytest.mark.case("A6")
@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_body_is_refused_before_it_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser sees no body with more members than there may be, and the lenient one no large body at all."""
    read: list[str] = []
    loads = json.loads

    def watched(text: str) -> Any:
        read.append(text)
        return loads(text)

    monkeypatch.setattr(kit.json, "loads", watched)
    monkeypatch.setattr(kit, "parse_lenient_json", lambda text: pytest.fail("the lenient parser"))
    body = HOSTILE[name].encode(errors="surrogateescape")
    with pytest.raises(BadRequest) if name != "blanks" else pytest.MonkeyPatch.context():
        assert await kit.read_json_object(request(body)) == {}
    assert all(sum(map(text.count, ",[{")) <= kit.MAX_MEMBERS[False] for text in read)


def request(body: bytes) -> Any:
    """A request with this body."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return kit.Request({"type": "http", "method": "POST", "headers": []}, receive)


@pytest.mark.long
@pytest.mark.case("A6")
@pytest.mark.parametrize(
    "value",
    ["x" * 300_000, "7" * 300_000, [["x"] * 30_000], {"a": {"b": [1] * 30_000}}],
    ids=lambda value: str(value)[:3],
)
async def test_a_field_that_is_huge_is_an_answer(
    served: httpx.AsyncClient, headers: dict[str, str], value: Any
) -> None:
    """Whatever a door reads may be long, or the wrong thing altogether, and is refused as what it is."""
    for (method, path), fields in FIELDS.items():
        for field in fields:
            body = json.dumps({"email": "ada@example.com", "code": "HELLO", field: value})
            answer = await served.request(method, path, headers=headers, content=body.encode())
            assert answer.status_code < 500, (path, field, answer.text)
            assert len(answer.content) < 10_000, (path, field)


@pytest.mark.case("A6")
@pytest.mark.parametrize("path", ["/codes/claim", "/leads/create"])
async def test_a_public_key_says_little(served: httpx.AsyncClient, organization: Organization, path: str) -> None:
    """Its bodies have 100 kB and few members; a secret key's may have more."""
    public = {"Authorization": f"Bearer {await make.key(organization, KeyKind.PUBLIC)}"}
    secret = {"Authorization": f"Bearer {await make.key(organization, KeyKind.SECRET)}"}
    large = {"email": "ada@example.com", "code": "HELLO", "more": "x" * limits.MAX_PUBLIC_BODY_BYTES}
    many = {"email": "ada@example.com", "code": "HELLO", "more": [1] * kit.MAX_MEMBERS[True]}
    assert (await served.post(path, headers=public, json=large)).status_code == 413
    assert (await served.post(path, headers=public, json=many)).status_code == 400
    for body in (large, many):
        assert (await served.post(path, headers=secret, json=body)).status_code in (200, 404, 409)


@pytest.mark.long
@pytest.mark.case("A6")
async def test_what_clients_do_send_is_read(served: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """10,000 addresses, in one body, are few; so are 10,000 codes in one answer, which is made by pages."""
    emails = [f"ada{number}@example.com" for number in range(10_000)]
    sent = await served.post("/codes/send", headers=headers, json={"code": "HELLO", "emails": emails})
    assert sent.status_code == 200
    assert sent.json()["data"]["receivedLeads"] == 10_000
    made = (await served.post("/codes/generate", headers=headers, json={"amount": 1_000})).json()
    assert len({one["code"] for one in made["data"]}) == 1_000
    assert find.PAGE_SIZE <= 250


@pytest.mark.case("A6")
def test_forgiving_a_comma_is_for_small_bodies() -> None:
    """A trailing comma is forgiven where clients leave one, and a large body is read strictly."""
    small, large = b'{"code": "HELLO",}', b'{"code": "' + b"x" * kit.MAX_LENIENT_BYTES + b'",}'
    assert asyncio.run(kit.read_json_object(request(small))) == {"code": "HELLO"}
    with pytest.raises(BadRequest):
        asyncio.run(kit.read_json_object(request(large)))
