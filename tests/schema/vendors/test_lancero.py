"""Lancero's door, spoken to as its clients do: over HTTP, with their methods, headers and bodies."""

import asyncio
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from db.enums import KeyKind
from db.models import Claim, Code, Customer, Delivery, Organization
from resolvers import create, find, generate, release, update
from resolvers.domain import params
from resolvers.domain.code_format import Format
from resolvers.domain.params import Limits, Window
from resolvers.domain.refusals import CodeSpaceTooSmall
from resolvers.refusal_counter import RefusalCounter
from schema.context import Services
from schema.rate_limit import RateLimits
from schema.vendors.lancero import errors, leads, responses
from tests import make
from tests.conftest import Clock

AXIOS = {"Accept": "application/json, text/plain, */*", "User-Agent": "axios/0.22.0"}
NOW = "2026-11-22T12:00:00.000Z"
LATER = "2026-11-22T12:01:01.000Z"
SECRET_ONLY = "You attached a {} key but this route may only be accessed with a secret key"
NO_LIMIT = 2147483647


# ------------------------------------------------------------------ the clients


@pytest.fixture
def rate_limits(request: pytest.FixtureRequest) -> RateLimits:
    """No limit on failed attempts, unless a test asks for one."""
    return RateLimits(getattr(request, "param", 0))


class LanceroClient:
    """Somebody with a key, who speaks as axios does."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self.client = client
        self.headers = {**AXIOS, "Authorization": f"Bearer {key}"}

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        all_headers = {**self.headers, **headers}
        if body is None:
            return await self.client.request(method, path, headers=all_headers)
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        all_headers["Content-Type"] = "application/json"
        return await self.client.request(method, path, headers=all_headers, content=content)


@pytest_asyncio.fixture
async def secret(served: httpx.AsyncClient, organization: Organization) -> LanceroClient:
    return LanceroClient(served, await make.key(organization))


@pytest_asyncio.fixture
async def public(served: httpx.AsyncClient, organization: Organization) -> LanceroClient:
    return LanceroClient(served, await make.key(organization, KeyKind.PUBLIC))


@pytest_asyncio.fixture
async def device(served: httpx.AsyncClient, organization: Organization) -> LanceroClient:
    return LanceroClient(served, await make.key(organization, KeyKind.DEVICE))


def data(response: httpx.Response) -> Any:
    """What a success carries; its envelope has two members and its status is 200."""
    assert response.status_code == 200, response.text
    body = response.json()
    assert body == {"success": True, "data": body["data"]}
    return body["data"]


PHRASES = {
    413: "Request Entity Too Large",
    500: "Internal Server Error",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
}


def refused(response: httpx.Response, status: int, message: str | None = None) -> None:
    """An error has exactly the documented members, and a reason phrase that the widget can show."""
    body = response.json()
    assert type(body["time"]) is int
    assert abs(body["time"] - time.time() * 1000) < 60_000
    assert type(body["message"]) is str
    assert body["message"]
    assert response.status_code == status, response.text
    assert response.reason_phrase == PHRASES[status]
    expected = body["message"] if message is None else message
    assert body == {"code": status, "error": PHRASES[status], "message": expected, "time": body["time"]}
    assert response.headers["content-type"] == "application/json"


async def all_rows() -> list[list[dict[str, Any]]]:
    """All rows that this door could write."""
    return [await model.all().order_by("id").values() for model in (Code, Customer, Claim, Delivery)]


def code_object(text: str, **more: Any) -> dict[str, Any]:
    return {
        "code": text,
        "allowedClaims": 1,
        "validFrom": None,
        "validUntil": None,
        "claims": 0,
        "createdAt": NOW,
        "updatedAt": NOW,
        **more,
    }


def lead_object(email: str, referral_code: str, **more: Any) -> dict[str, Any]:
    return {
        "firstname": "",
        "lastname": "",
        "email": email,
        "notes": "",
        "hasClaimedCode": False,
        "onWaitlist": False,
        "referralCode": referral_code,
        "referredLeads": [],
        "createdAt": NOW,
        "updatedAt": NOW,
        **more,
    }


async def referral_code(organization: Organization, email: str) -> str:
    return leads.referral_code(organization, (await find.customer(organization.id, email)).id)


# ------------------------------------------------------------------ the recorded client


async def test_a_program_of_the_sdk_notices_nothing(secret: LanceroClient, organization: Organization) -> None:
    """Every call of the SDK's wire log, as recorded, is answered as its types say."""
    codes = data(
        await secret(
            "POST",
            "/codes/generate",
            {
                "amount": 2,
                "validFrom": "2021-11-29T17:42:07.647Z",
                "allowedClaims": 10,
                "reservedFor": "hello@lancero.app",
            },
        )
    )
    assert len(codes) == 2
    for shown in codes:
        assert re.fullmatch(r"[a-z]+-[a-z]+", shown["code"])
        assert shown == code_object(
            shown["code"],
            allowedClaims=10,
            validFrom="2021-11-29T17:42:07.647Z",
            reservedFor={"email": "hello@lancero.app"},
        )
    text = codes[0]["code"]
    assert data(await secret("GET", f"/codes/code/{text}")) == codes[0]

    token = data(await secret("POST", "/codes/claim", {"code": text, "email": "hello@lancero.app"}))
    assert list(token) == ["token"]
    assert re.fullmatch(r"[0-9a-f]{24}", token["token"])
    lead = lead_object("hello@lancero.app", await referral_code(organization, "hello@lancero.app"), hasClaimedCode=True)
    claimed = {**codes[0], "claims": 1}
    exchanged = data(await secret("POST", "/claims/exchange", token))
    assert exchanged == {"lead": lead, "customer": lead, "code": claimed}

    sent = await secret("POST", "/codes/send", {"code": text, "emails": ["hello@lancero.app", "b@lancero.app"]})
    assert data(sent) == {"receivedLeads": 2, "notifiedLeads": 2}
    assert data(await secret("DELETE", "/codes/delete", {"code": text})) == claimed
    refused(await secret("GET", f"/codes/code/{text}"), 404, "That code was not found")

    assert data(await secret("GET", "/leads/email/hello@lancero.app")) == {**lead, "hasClaimedCode": False}
    new = data(await secret("POST", "/leads/create", {"email": "dries@lancero.app", "waitlist": False}))
    assert new == lead_object("dries@lancero.app", await referral_code(organization, "dries@lancero.app"))
    assert data(await secret("DELETE", "/leads/delete", {"email": "dries@lancero.app"})) == new
    refused(await secret("GET", "/leads/email/dries@lancero.app"), 404, "That lead was not found")


CLAIM_SAMPLE = '{ "code": "fantastic-apple", "email": "hello@lancero.app"}'
GENERATE_SAMPLE = (
    '{ "amount": 2, "validFrom": "2021-11-29T17:42:07.647Z", "allowedClaims": 10, "reservedFor": "hello@lancero.app"}'
)
SEND_SAMPLE = '{ "code": "fantastic-apple", "emails": ["hello@lancero.app", "thelegend27@lancero.app"]}'
DELETE_SAMPLE = '{ "code": "fantastic-apple",}'
PRETTY = (
    '{\n    "code": "fantastic-apple",\n    "email": "hello@lancero.app"\n}\n',
    '{\n    "amount": 2,\n    "validFrom": "2021-11-29T17:42:07.647Z",\n    "allowedClaims": 10,\n'
    '    "reservedFor": "hello@lancero.app"\n}\n',
    '{\n    "code": "fantastic-apple",\n    "emails": ["hello@lancero.app", "thelegend27@lancero.app"]\n}\n',
    '{\n    "code": "fantastic-apple",\n}\n',
)


@pytest.mark.parametrize(
    ("claim", "generate_", "send", "delete"),
    [(CLAIM_SAMPLE, GENERATE_SAMPLE, SEND_SAMPLE, DELETE_SAMPLE), PRETTY],
    ids=["seed 000", "seed 001"],
)
async def test_the_documented_bodies_work_word_for_word(
    secret: LanceroClient, organization: Organization, claim: str, generate_: str, send: str, delete: str
) -> None:
    """The samples of both seeds are understood as they stand, trailing comma and all."""
    await make.code(organization, "fantastic-apple")
    sample = code_object("fantastic-apple")
    assert data(await secret("GET", "/codes/fantastic-apple")) == sample
    assert list(data(await secret("POST", "/codes/claim", claim))) == ["token"]
    assert [code["allowedClaims"] for code in data(await secret("POST", "/codes/generate", generate_))] == [
        10,
        10,
    ]
    assert data(await secret("POST", "/codes/send", send)) == {"receivedLeads": 2, "notifiedLeads": 2}
    assert data(await secret("POST", "/codes/delete", delete)) == {**sample, "claims": 1}
    assert await Code.filter(text="fantastic-apple").count() == 0


async def test_the_documented_leads_work_word_for_word(secret: LanceroClient, organization: Organization) -> None:
    """The samples of the leads' page, the trailing comma included."""
    body = '{\n    "firstname": "Dries",\n    "lastname": "Augustyns",\n    "email": "dries@lancero.app",\n'
    lead = data(await secret("POST", "/leads/create", body + '    "waitlist": true\n}\n'))
    code = await referral_code(organization, "dries@lancero.app")
    named = {"firstname": "Dries", "lastname": "Augustyns", "onWaitlist": True}
    assert lead == lead_object("dries@lancero.app", code, **named)
    assert data(await secret("POST", "/leads/delete", '{\n    "email": "dries@lancero.app",\n}\n')) == lead


async def test_an_absolute_target_is_a_path(
    served: httpx.AsyncClient, secret: LanceroClient, organization: Organization
) -> None:
    """A client behind `https_proxy` sends the whole address as its target and is served."""
    await make.code(organization, "x")
    host, port = served.base_url.host, served.base_url.port
    reader, writer = await asyncio.open_connection(host, port)
    lines = [
        "GET https://api.lancero.app/codes/code/x HTTP/1.1",
        "Host: api.lancero.app",
        *(f"{name}: {value}" for name, value in secret.headers.items()),
        "Connection: close",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(body) == {"success": True, "data": code_object("x")}


# ------------------------------------------------------------------ keys


async def test_a_request_without_a_key_is_a_401(served: httpx.AsyncClient, organization: Organization) -> None:
    """A missing header, and one that carries no key of ours, are each a 401 with their own sentence."""
    for method, path in (("GET", "/codes/x"), ("GET", "/leads"), ("POST", "/codes/claim")):
        refused(await served.request(method, path), 401, "No authorization header passed")
    for value in ("Bearer sk_" + "0" * 48, "Bearer", "Basic eDp5", "Bearer \xe9", "x"):
        answer = await served.get("/codes/x", headers={"Authorization": value.encode("latin-1")})
        refused(answer, 401, "Incorrect Bearer token specified")


SECRET_ROUTES = [
    ("GET", "/codes/hello-15", None),
    ("GET", "/codes/code/hello-15", None),
    ("POST", "/codes/generate", {"amount": 1}),
    ("POST", "/codes/send", {"code": "hello-15", "emails": ["ada@example.com"]}),
    ("POST", "/codes/delete", {"code": "hello-15"}),
    ("DELETE", "/codes/delete", {"code": "hello-15"}),
    ("POST", "/claims/exchange", {"token": "18553c856c0462412672d416"}),
    ("GET", "/leads", None),
    ("GET", "/leads/email/ada@example.com", None),
    ("POST", "/leads/delete", {"email": "ada@example.com"}),
    ("DELETE", "/leads/delete", {"email": "ada@example.com"}),
    ("GET", "/customers", None),
    ("GET", "/customers/email/ada@example.com", None),
    ("DELETE", "/customers/delete", {"email": "ada@example.com"}),
]


@pytest.mark.parametrize(("method", "path", "body"), SECRET_ROUTES)
async def test_secret_routes_are_closed_to_other_keys(
    public: LanceroClient, device: LanceroClient, organization: Organization, method: str, path: str, body: Any
) -> None:
    """A public or device key on a secret route is a 401 and changes nothing."""
    await make.code(organization)
    await create.customer(organization, params.Person("ada@example.com"), {}, make.NOW)
    before = await all_rows()
    refused(await public(method, path, body), 401, SECRET_ONLY.format("public"))
    refused(await device(method, path, body), 401, SECRET_ONLY.format("device"))
    assert await all_rows() == before


async def test_each_kind_of_key_claims(
    secret: LanceroClient, public: LanceroClient, device: LanceroClient, organization: Organization
) -> None:
    """Claiming is open to every kind of key."""
    account = LanceroClient(secret.client, await make.key(organization, KeyKind.ACCOUNT))
    await make.code(organization, per_code=4)
    for place, client in enumerate((secret, public, device, account)):
        body = {"code": "hello 15", "email": f"{place}@example.com"}
        assert list(data(await client("POST", "/codes/claim", body))) == ["token"]
    assert (await find.code(organization.id, "HELLO-15")).claim_count == 4


async def test_a_device_signs_nobody_up(device: LanceroClient, organization: Organization) -> None:
    """What pages with a public key may do beside claiming is not for devices."""
    for path in ("/leads/create", "/projects/addvisit"):
        refused(await device("POST", path, {"email": "ada@example.com"}), 401, SECRET_ONLY.format("device"))
    assert await Customer.all().count() == 0


async def test_an_account_names_its_organization(served: httpx.AsyncClient, organization: Organization) -> None:
    """An ACCOUNT key of several organizations says which it means; anything else is a 400."""
    other = await make.organization("other")
    await make.code(other, "theirs")
    account = LanceroClient(served, await make.key(organization, KeyKind.ACCOUNT))
    answer = await account("GET", "/codes/theirs", **{"X-Organization": "other"})
    assert data(answer) == code_object("theirs")
    sentence = "Name one of your organizations: `X-Organization: IDENTIFIER`."
    refused(await account("GET", "/codes/theirs"), 400, sentence)
    refused(await account("GET", "/codes/theirs", **{"X-Organization": "nobody's"}), 400, sentence)


async def test_no_key_reaches_another_organization(secret: LanceroClient, organization: Organization) -> None:
    """Codes, leads, tokens and referral codes of another organization are unknown ones."""
    other = await make.organization("other", account=2)
    await make.code(other, "theirs", per_code=2)
    claimed = await make.claimed(other, "theirs", "eve@example.com")
    theirs = leads.referral_code(other, claimed.claim.customer_id)
    before = await all_rows()
    refused(await secret("GET", "/codes/theirs"), 404, "That code was not found")
    refused(await secret("GET", "/codes/code/theirs"), 404, "That code was not found")
    body = {"code": "theirs", "email": "ada@example.com", "emails": ["ada@example.com"]}
    for method, path in (
        ("POST", "/codes/claim"),
        ("POST", "/codes/send"),
        ("POST", "/codes/delete"),
        ("DELETE", "/codes/delete"),
    ):
        refused(await secret(method, path, body), 404, "That code was not found")
    refused(await secret("GET", "/leads/email/eve@example.com"), 404, "That lead was not found")
    refused(await secret("DELETE", "/leads/delete", {"email": "eve@example.com"}), 404, "That lead was not found")
    token = {"token": claimed.exchange_token}
    refused(await secret("POST", "/claims/exchange", token), 404, "That token was not found")
    assert data(await secret("GET", "/leads")) == []
    refused(await secret("GET", "/codes/theirs", **{"X-Organization": "other"}), 400)
    assert await all_rows() == before
    signed_up = {"email": "ada@example.com", "referralCode": theirs}
    assert "referredBy" not in data(await secret("POST", "/leads/create", signed_up))


# ------------------------------------------------------------------ codes


async def test_both_spellings_find_a_code(secret: LanceroClient, organization: Organization) -> None:
    """The docs' path and the SDK's give the same code, typed in whatever way."""
    await make.code(organization, "HELLO-15", per_code=None)
    shown = code_object("HELLO-15", allowedClaims=NO_LIMIT)
    for path in ("/codes/HELLO-15", "/codes/code/HELLO-15", "/codes/hello%2015", "/codes/code/hello15"):
        assert data(await secret("GET", path)) == shown
    for path in ("/codes/nope", "/codes/code/nope", "/codes/code/", "/codes/%00", "/codes/%FF", "/codes/%20"):
        refused(await secret("GET", path), 404, "That code was not found")
    refused(await secret("GET", "/codes/" + "x" * 30_000), 404, "That code was not found")


async def test_a_code_with_a_slash_is_found(secret: LanceroClient, organization: Organization) -> None:
    """The SDK escapes nothing, so a slash in its path belongs to the code."""
    await make.code(organization, "half/price")
    assert data(await secret("GET", "/codes/code/half/price")) == code_object("half/price")
    assert data(await secret("GET", "/codes/code/half%2Fprice")) == code_object("half/price")


@pytest.mark.parametrize(
    ("type_", "shape"),
    [
        (None, r"[a-z]+-[a-z]+"),
        ("creative", r"[a-z]+-[a-z]+"),
        ("alphanumeric", r"[a-z0-9]{6}"),
        ("numeric", r"[0-9]{6}"),
    ],
)
async def test_types_have_their_shapes(
    secret: LanceroClient, organization: Organization, type_: str | None, shape: str
) -> None:
    """Each type of code looks as documented, is a string, and is stored."""
    body = {"amount": 50} if type_ is None else {"amount": 50, "type": type_}
    codes = data(await secret("POST", "/codes/generate", body))
    texts = [code["code"] for code in codes]
    assert codes == [code_object(text) for text in texts]
    assert all(re.fullmatch(shape, text) for text in texts)
    assert len(set(texts)) == 50
    assert set(texts) == set(await Code.all().values_list("text", flat=True))


async def test_numbers_may_be_strings_and_amount_is_one(secret: LanceroClient, organization: Organization) -> None:
    """Numbers are taken as strings too, a missing amount is 1, unknown fields are ignored."""
    codes = data(await secret("POST", "/codes/generate", {"amount": "3", "allowedClaims": " 7 ", "colour": "red"}))
    assert [code["allowedClaims"] for code in codes] == [7, 7, 7]
    assert len(data(await secret("POST", "/codes/generate", {}))) == 1
    assert len(data(await secret("POST", "/codes/generate"))) == 1
    assert len(data(await secret("POST", "/codes/generate", {"amount": 2.0, "validUntil": None}))) == 2
    [most] = data(await secret("POST", "/codes/generate", {"allowedClaims": NO_LIMIT, "reservedFor": None}))
    assert most["allowedClaims"] == NO_LIMIT


async def test_dates_are_in_utc_to_the_millisecond(secret: LanceroClient, organization: Organization) -> None:
    """A date of any offset comes back as the same instant with a Z."""
    body = {"validFrom": "2026-01-01T00:00:00+02:00", "validUntil": "2026-12-24T10:00:00.5-05:00"}
    [code] = data(await secret("POST", "/codes/generate", body))
    window = {"validFrom": "2025-12-31T22:00:00.000Z", "validUntil": "2026-12-24T15:00:00.500Z"}
    assert code == code_object(code["code"], **window)
    assert data(await secret("GET", f"/codes/{code['code']}")) == code


async def test_all_of_many_codes_are_answered(secret: LanceroClient, organization: Organization) -> None:
    """A call's answer carries every code it made, and none of another call in the same instant."""
    await generate.codes(organization, None, 5, Format(), generate.CodeOptions(), False, None, make.NOW)
    earlier = set(await Code.all().values_list("text", flat=True))
    codes = data(await secret("POST", "/codes/generate", {"amount": 2_500, "reservedFor": "ada@example.com"}))
    texts = {code["code"] for code in codes}
    assert len(codes) == len(texts) == 2_500
    assert texts == set(await Code.all().values_list("text", flat=True)) - earlier
    assert all(code["reservedFor"] == {"email": "ada@example.com"} for code in codes)


@pytest.mark.long
async def test_ten_thousand_codes_a_call_is_the_ceiling(secret: LanceroClient, organization: Organization) -> None:
    """10,000 codes are made and answered; one more is a 400 and makes none."""
    refused(
        await secret("POST", "/codes/generate", {"amount": 10_001}),
        400,
        "`amount` must be a whole number from 1 to 10000",
    )
    assert await Code.all().count() == 0
    answer = await secret("POST", "/codes/generate", {"amount": 10_000, "type": "alphanumeric"})
    assert len(data(answer)) == 10_000


def test_a_full_space_is_a_conflict() -> None:
    """Where a format has fewer free texts than asked for, the answer is 409 and names the numbers."""
    answer = errors.error_response(CodeSpaceTooSmall(capacity=1_000_000, taken=999_999, requested=2))
    sentence = "This format has 1000000 texts, 999999 of them are taken: 2 more can't be made."
    assert answer.status_code == 409
    assert json.loads(answer.body)["message"] == sentence


async def test_a_bug_is_a_500_with_one_sentence(
    secret: LanceroClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever breaks, the client gets a plain string with a number for the log, and none of our insides."""

    async def broken(*_: Any) -> None:
        raise KeyError("page_secret")

    monkeypatch.setattr(find, "code", broken)
    with caplog.at_level("ERROR", logger="tessera"):
        answer = await secret("GET", "/codes/any")
    (record,) = caplog.records
    number = str(record.getMessage()).split()[1]
    refused(answer, 500, f"Something went wrong here. The log knows more of it as {number}.")


async def test_sending_counts_people(secret: LanceroClient, organization: Organization) -> None:
    """Received are the different people, notified those who have not had the code before."""
    await make.code(organization)
    body = {"code": "hello-15", "emails": ["ada@example.com", "ADA@example.com ", "eve@example.com"]}
    assert data(await secret("POST", "/codes/send", body)) == {"receivedLeads": 2, "notifiedLeads": 2}
    body = {"code": "hello-15", "emails": "ada@example.com"}
    assert data(await secret("POST", "/codes/send", body)) == {"receivedLeads": 1, "notifiedLeads": 0}
    assert await Delivery.all().order_by("id").values_list("recipient", flat=True) == [
        "ada@example.com",
        "eve@example.com",
    ]
    refused(await secret("POST", "/codes/send", {**body, "code": "nope"}), 404, "That code was not found")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_deleting_a_code_takes_its_claims(secret: LanceroClient, organization: Organization, method: str) -> None:
    """Either method deletes for good: the code and its claims are gone, and it can't be deleted again."""
    await make.code(organization)
    token = data(await secret("POST", "/codes/claim", {"code": "hello-15", "email": "ada@example.com"}))
    deleted = data(await secret(method, "/codes/delete", {"code": "HELLO 15"}))
    assert deleted == code_object("HELLO-15", claims=1)
    assert await Claim.all().count() == 0
    refused(await secret(method, "/codes/delete", {"code": "hello-15"}), 404, "That code was not found")
    refused(await secret("POST", "/claims/exchange", token), 404, "That token was not found")


# ------------------------------------------------------------------ claims


async def test_a_token_is_good_once(secret: LanceroClient, organization: Organization) -> None:
    """The first exchange gets lead and code, the second finds no token."""
    await make.code(organization)
    token = data(await secret("POST", "/codes/claim", {"code": "hello-15", "email": "ada@example.com"}))
    lead = lead_object("ada@example.com", await referral_code(organization, "ada@example.com"), hasClaimedCode=True)
    exchanged = data(await secret("POST", "/claims/exchange", token))
    assert exchanged == {"lead": lead, "customer": lead, "code": code_object("HELLO-15", claims=1)}
    refused(await secret("POST", "/claims/exchange", token), 404, "That token was not found")


@pytest.mark.parametrize(("seconds", "status"), [(59.9, 200), (60, 404), (61, 404)])
async def test_a_token_is_good_for_a_minute(
    secret: LanceroClient, organization: Organization, clock: Clock, seconds: float, status: int
) -> None:
    """A token works just short of 60 seconds after the claim and not from then on."""
    await make.code(organization)
    token = data(await secret("POST", "/codes/claim", {"code": "hello-15", "email": "ada@example.com"}))
    clock.advance(seconds=seconds)
    assert (await secret("POST", "/claims/exchange", token)).status_code == status


async def test_a_deleted_lead_has_no_token(secret: LanceroClient, organization: Organization) -> None:
    """Who claimed and was deleted is not handed out as a lead without an address."""
    await make.code(organization)
    token = data(await secret("POST", "/codes/claim", {"code": "hello-15", "email": "ada@example.com"}))
    data(await secret("DELETE", "/leads/delete", {"email": "ada@example.com"}))
    refused(await secret("POST", "/claims/exchange", token), 404, "That token was not found")
    refused(await secret("POST", "/claims/exchange", {"token": "0" * 24}), 404, "That token was not found")


EARLIER, AFTERWARDS = make.NOW - timedelta(days=1), make.NOW + timedelta(days=1)
DISABLED = update.CodeChange(is_enabled=False)
RESERVED = update.CodeChange(reserved_for=params.Person("eve@example.com"))
NOT_YET = update.CodeChange(window=Window(starts_at=AFTERWARDS))
OVER = update.CodeChange(window=Window(ends_at=EARLIER))


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        (DISABLED, 403, "This code is switched off."),
        (RESERVED, 403, "This code is reserved for somebody else."),
        (NOT_YET, 403, "This code is not valid yet."),
        (OVER, 403, "This code is no longer valid."),
    ],
)
async def test_a_rule_is_a_403_for_a_secret_key(
    secret: LanceroClient,
    public: LanceroClient,
    organization: Organization,
    change: update.CodeChange,
    status: int,
    message: str,
) -> None:
    """A secret key hears which rule of the code says no, a public one does not; neither leaves a trace."""
    await make.code(organization)
    await update.code(organization, "hello-15", change, make.NOW)
    before = await all_rows()
    body = {"code": "hello-15", "email": "ada@example.com"}
    refused(await secret("POST", "/codes/claim", body), status, message)
    refused(await public("POST", "/codes/claim", body), 404, "That code cannot be claimed")
    assert await all_rows() == before


async def test_a_code_not_activated_yet_is_a_403(
    secret: LanceroClient, public: LanceroClient, organization: Organization
) -> None:
    """A code that was made non-activated can't be claimed."""
    options = generate.CodeOptions(activated=False)
    generated = await generate.codes(organization, None, 1, Format(), options, False, None, make.NOW)
    body = {"code": generated.codes[0].text, "email": "ada@example.com"}
    refused(await secret("POST", "/codes/claim", body), 403, "This code has not been activated yet.")
    refused(await public("POST", "/codes/claim", body), 404, "That code cannot be claimed")


async def test_an_order_too_small_is_a_403(
    secret: LanceroClient, public: LanceroClient, organization: Organization
) -> None:
    """A promotion with a minimum can't be claimed here, where no order is told."""
    least = params.Discount(minimum_order=make.order(total="10.00").total)
    await make.promotion(organization, "hello-15", discount=least)
    body = {"code": "hello-15", "email": "ada@example.com"}
    refused(await secret("POST", "/codes/claim", body), 403, "This code is valid for orders from 10.00 EUR.")
    refused(await public("POST", "/codes/claim", body), 404, "That code cannot be claimed")


@pytest.mark.parametrize(
    ("limits", "email", "message"),
    [
        (Limits(per_code=1), "eve@example.com", "This code is fully claimed."),
        (Limits(per_code=9), "ADA@example.com", "This customer has claimed this code already."),
        (
            Limits(per_code=9, per_customer=1, per_customer_and_code=None),
            "ada@example.com",
            "A customer may claim this 1 times.",
        ),
        (Limits(per_code=9, per_promotion=1), "eve@example.com", "This promotion is spent."),
    ],
)
async def test_a_limit_is_a_409_for_a_secret_key(
    secret: LanceroClient, public: LanceroClient, organization: Organization, limits: Limits, email: str, message: str
) -> None:
    """A secret key hears which limit is reached, a public one does not; neither leaves a trace."""
    await make.promotion(organization, "hello-15", limits=limits)
    data(await secret("POST", "/codes/claim", {"code": "hello-15", "email": "ada@example.com"}))
    before = await all_rows()
    body = {"code": "hello-15", "email": email}
    refused(await secret("POST", "/codes/claim", body), 409, message)
    refused(await public("POST", "/codes/claim", body), 404, "That code cannot be claimed")
    assert await all_rows() == before


async def test_an_unknown_code_looks_like_any_other_refusal(
    secret: LanceroClient, public: LanceroClient, organization: Organization
) -> None:
    """A secret key hears that there is no such code, a public one what it hears of every rule."""
    body = {"code": "nope", "email": "ada@example.com"}
    refused(await secret("POST", "/codes/claim", body), 404, "That code was not found")
    refused(await public("POST", "/codes/claim", body), 404, "That code cannot be claimed")
    assert await Customer.all().count() == 0


@pytest.mark.parametrize("rate_limits", [2], indirect=True)
async def test_guessing_is_slowed_down(
    secret: LanceroClient, public: LanceroClient, organization: Organization
) -> None:
    """After too many failed claims a public key is a 429 with a Retry-After; a secret key is not counted."""
    await make.code(organization)
    guess = {"code": "nope", "email": "ada@example.com"}
    for _ in range(2):
        refused(await public("POST", "/codes/claim", guess), 404, "That code cannot be claimed")
    answer = await public("POST", "/codes/claim", {**guess, "code": "hello-15"})
    seconds = answer.headers["retry-after"]
    refused(answer, 429, f"Too many failed attempts. Try again in {seconds} seconds.")
    assert seconds.isdecimal()
    assert await Claim.all().count() == 0
    for _ in range(3):
        refused(await secret("POST", "/codes/claim", guess), 404, "That code was not found")
    data(await secret("POST", "/codes/claim", {**guess, "code": "hello-15"}))


async def test_refusals_are_counted(public: LanceroClient, organization: Organization, services: Services) -> None:
    """A refused claim is counted with the process's refusals."""
    assert services.refusal_counter._counts == RefusalCounter()._counts
    await public("POST", "/codes/claim", {"code": "nope", "email": "ada@example.com"})
    assert {reason for _, reason in services.refusal_counter._counts} == {"UNKNOWN_CODE"}


# ------------------------------------------------------------------ leads


async def test_the_life_of_a_lead(secret: LanceroClient, organization: Organization, clock: Clock) -> None:
    """A lead is made, found, listed, claims, is deleted with all that was told of it, and may come again."""
    body = {
        "email": "Ada+x@example.com",
        "firstname": " Ada ",
        "lastname": "Lovelace",
        "notes": "VIP",
        "waitlist": True,
    }
    lead = data(await secret("POST", "/leads/create", body))
    code = lead["referralCode"]
    assert re.fullmatch(r"[a-z2-7]{8}", code)
    fields = {"firstname": "Ada", "lastname": "Lovelace", "notes": "VIP", "onWaitlist": True}
    assert lead == lead_object("Ada+x@example.com", code, **fields)
    refused(await secret("POST", "/leads/create", {"email": "ada+X@example.com"}), 409, "That lead already exists")

    clock.advance(seconds=61)
    await make.code(organization)
    data(await secret("POST", "/codes/claim", {"code": "hello-15", "email": "ada+x@example.com"}))
    claimed = {**lead, "hasClaimedCode": True}
    assert data(await secret("GET", "/leads/email/ada+x@example.com")) == claimed
    assert data(await secret("GET", "/leads/email/ada%2Bx@example.com")) == claimed
    refused(await secret("GET", "/leads/email/ada x@example.com"), 404, "That lead was not found")
    assert data(await secret("GET", "/leads")) == [claimed]

    assert data(await secret("POST", "/leads/delete", {"email": "ADA+x@example.com"})) == claimed
    refused(await secret("POST", "/leads/delete", {"email": "ada+x@example.com"}), 404, "That lead was not found")
    assert data(await secret("GET", "/leads")) == []
    again = data(await secret("POST", "/leads/create", {"email": "Ada+x@example.com"}))
    assert again["referralCode"] != code
    assert again == lead_object("Ada+x@example.com", again["referralCode"], createdAt=LATER, updatedAt=LATER)


async def test_a_customer_who_only_claims_or_refers_is_no_lead(
    secret: LanceroClient, organization: Organization
) -> None:
    """A reservation makes no lead; the first claim or sign-up does."""
    body = {"reservedFor": "ada@example.com"}
    [code] = data(await secret("POST", "/codes/generate", body))
    assert data(await secret("GET", "/leads")) == []
    refused(await secret("GET", "/leads/email/ada@example.com"), 404, "That lead was not found")
    refused(await secret("DELETE", "/leads/delete", {"email": "ada@example.com"}), 404, "That lead was not found")
    data(await secret("POST", "/leads/create", {"email": "ada@example.com"}))
    assert [lead["email"] for lead in data(await secret("GET", "/leads"))] == ["ada@example.com"]
    assert data(await secret("GET", f"/codes/{code['code']}"))["reservedFor"] == {"email": "ada@example.com"}


async def test_a_code_of_a_deleted_lead_names_nobody(secret: LanceroClient, organization: Organization) -> None:
    """The member `reservedFor` is absent once nobody knows the address."""
    [code] = data(await secret("POST", "/codes/generate", {"reservedFor": "ada@example.com"}))
    data(await secret("POST", "/leads/create", {"email": "ada@example.com"}))
    data(await secret("POST", "/leads/delete", {"email": "ada@example.com"}))
    assert data(await secret("GET", f"/codes/{code['code']}")) == code_object(code["code"])


async def test_a_released_claim_is_none(secret: LanceroClient, organization: Organization) -> None:
    """`hasClaimedCode` tells of standing claims."""
    await make.code(organization)
    claimed = await make.claimed(organization)
    assert [lead["hasClaimedCode"] for lead in data(await secret("GET", "/leads"))] == [True]
    await release.claim(organization, claimed.claim.id, "by mistake", make.NOW)
    assert [lead["hasClaimedCode"] for lead in data(await secret("GET", "/leads"))] == [False]


async def test_leads_have_their_referrer(secret: LanceroClient, organization: Organization, clock: Clock) -> None:
    """`referralCode` at sign-up is another lead's, and both leads tell of it until one is gone."""
    await make.code(organization)
    await make.claimed(organization)  # Ada came by claiming, and has a code all the same
    code = await referral_code(organization, "ada@example.com")
    input = {"email": "eve@example.com", "notes": f'"referredBy":{7}}}', "referralCode": f" {code.upper()} "}
    eve = data(await secret("POST", "/leads/create", input))
    assert eve == lead_object(
        "eve@example.com",
        await referral_code(organization, "eve@example.com"),
        notes=input["notes"],
        referredBy={"email": "ada@example.com", "referralCode": code},
    )
    ada = lead_object("ada@example.com", code, hasClaimedCode=True, referredLeads=[{"email": "eve@example.com"}])
    assert data(await secret("GET", "/leads/email/ada@example.com")) == ada
    assert data(await secret("GET", "/leads/email/eve@example.com")) == eve
    assert data(await secret("GET", "/leads")) == [ada, eve]
    await make.code(organization, "SECOND")
    clock.advance(seconds=1)
    token = data(await secret("POST", "/codes/claim", {"code": "second", "email": "ada@example.com"}))
    assert data(await secret("POST", "/claims/exchange", token))["lead"] == ada
    assert data(await secret("DELETE", "/leads/delete", {"email": "ada@example.com"})) == ada
    del eve["referredBy"]
    assert data(await secret("GET", "/leads")) == [eve]


async def test_a_referral_code_of_nobody_turns_nobody_away(secret: LanceroClient, organization: Organization) -> None:
    """Who signs up with a made-up referral code is a lead like any other."""
    for place, code in enumerate(("", "nope", "aaaaaaaa", "ééééé", "a" * 100_000, "=" * 8)):
        body = {"email": f"{place}@example.com", "referralCode": code}
        lead = data(await secret("POST", "/leads/create", body))
        assert lead == lead_object(f"{place}@example.com", lead["referralCode"])


async def test_referral_codes_differ_and_stay(organization: Organization) -> None:
    """Every customer has another code, always the same one, and other organizations other ones."""
    codes = {leads.referral_code(organization, customer_id) for customer_id in range(1, 2_000)}
    assert len(codes) == 1_999
    assert leads.referral_code(organization, 7) == leads.referral_code(organization, 7)
    other = await make.organization("other")
    assert not codes & {leads.referral_code(other, customer_id) for customer_id in range(1, 2_000)}


async def test_a_page_signs_people_up_and_learns_nothing(
    secret: LanceroClient, public: LanceroClient, organization: Organization
) -> None:
    """With a public key a lead is made as asked, and neither a name known before nor a referrer is told."""
    code = data(await secret("POST", "/leads/create", {"email": "eve@example.com"}))["referralCode"]
    spoken_of = params.Person("ada@example.com", "Ada", "Lovelace")
    options = generate.CodeOptions(reserved_for=spoken_of)
    await generate.codes(organization, None, 1, Format(), options, False, None, make.NOW)
    body = {"email": "ada@example.com", "lastname": "King", "referralCode": code, "waitlist": True}
    response = data(await public("POST", "/leads/create", body))
    own = await referral_code(organization, "ada@example.com")
    assert response == lead_object("ada@example.com", own, lastname="King", onWaitlist=True)
    names = {"firstname": "Ada", "lastname": "Lovelace", "onWaitlist": True}
    assert data(await secret("GET", "/leads/email/ada@example.com")) == lead_object(
        "ada@example.com", own, **names, referredBy={"email": "eve@example.com", "referralCode": code}
    )
    refused(await public("POST", "/leads/create", body), 409, "That lead already exists")


async def test_leads_were_called_customers(
    public: LanceroClient, secret: LanceroClient, organization: Organization
) -> None:
    """The older paths answer as the newer ones do, and repeat the lead as `customer` for their clients."""
    answer = await public("POST", "/customers/create", {"email": "ada@example.com", "waitlist": True})
    code = await referral_code(organization, "ada@example.com")
    lead = lead_object("ada@example.com", code, onWaitlist=True)
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "data": lead, "customer": lead}
    response = await secret("GET", "/customers/email/ada@example.com")
    assert response.json() == {"success": True, "data": lead, "customer": lead}
    every = await secret("GET", "/customers")
    assert every.json() == {"success": True, "data": [lead], "customer": [lead]}
    deleted = await secret("DELETE", "/customers/delete", {"email": "ada@example.com"})
    assert deleted.json() == {"success": True, "data": lead, "customer": lead}
    assert await Customer.all().count() == 0


# ------------------------------------------------------------------ the rest


@pytest.mark.long
async def test_a_visit_is_taken_and_forgotten(public: LanceroClient, organization: Organization) -> None:
    """The analytics script is thanked, whatever it says, and nothing is stored."""
    before = await all_rows()
    for body in ({"referredSite": "x", "ip": "127.0.0.1", "country": "NL"}, "{", None):
        answer = await public("POST", "/projects/addvisit", body)
        assert answer.status_code == 200
        assert answer.json() == {"success": True}
    assert await all_rows() == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/codes/claim"),
        ("POST", "/codes/nope"),
        ("GET", "/codes/a/b"),
        ("GET", "/codes"),
        ("POST", "/leads"),
        ("GET", "/claims/exchange"),
        ("GET", "/projects"),
        ("PATCH", "/customers/x/y"),
    ],
)
async def test_an_unknown_route_is_a_404(
    secret: LanceroClient, organization: Organization, method: str, path: str
) -> None:
    """What Lancero does not have is a 404 in its words, key or no key."""
    refused(await secret(method, path), 404, "Unknown route")
    refused(await secret.client.request(method, path), 404, "Unknown route")


async def test_any_page_may_call_with_or_without_credentials(
    public: LanceroClient, secret: LanceroClient, organization: Organization
) -> None:
    """A preflight needs no key; answers and refusals carry the page's exact origin and allow credentials."""
    origin = "https://shop.example"
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for path in ("/codes/claim", "/claims/exchange", "/leads/delete", "/customers/create", "/projects/addvisit"):
        preflight = await public.client.request("OPTIONS", path, headers=headers)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == origin
        assert preflight.headers["access-control-allow-credentials"] == "true"
        assert {"GET", "POST", "DELETE", "OPTIONS"} == set(
            preflight.headers["access-control-allow-methods"].split(", ")
        )
    for client in (public, secret):
        answer = await client("POST", "/codes/claim", {"code": "nope", "email": "ada@example.com"}, Origin=origin)
        assert answer.status_code == 404
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in answer.headers["vary"]


BIG = "x" * 1_000_000
CLAIM, GENERATE, SEND = ("POST", "/codes/claim"), ("POST", "/codes/generate"), ("POST", "/codes/send")
DELETE, EXCHANGE, SIGN_UP = (
    ("DELETE", "/codes/delete"),
    ("POST", "/claims/exchange"),
    ("POST", "/leads/create"),
)
LEAVE = ("DELETE", "/leads/delete")
TO_READ = (CLAIM, GENERATE, SEND, DELETE, EXCHANGE, SIGN_UP, LEAVE)
ADA = "ada@example.com"

BAD_BODIES: list[tuple[tuple[str, str], Any]] = [
    *((route, body) for route in TO_READ for body in ("{", "[]", '"x"', "null", "1", b"\xff\xfe", "[" * 100_000)),
    *((route, {}) for route in TO_READ if route is not GENERATE),
    *((CLAIM, {"code": value, "email": ADA}) for value in (1, None, [], {"a": 1}, "", " ", "-", "a\0b", "\ud800", BIG)),
    *((CLAIM, {"code": "hello-15", "email": value}) for value in (1, None, True, [ADA], {"email": ADA}, "", " ")),
    *((CLAIM, {"code": "hello-15", "email": value}) for value in ("ada", "a@", "a@b", "a b@c.de", "a\0@b.de")),
    *((CLAIM, {"code": "hello-15", "email": value}) for value in ("\ud800@b.de", BIG, BIG + "@b.de", "a@b.de,c@d.ef")),
    *((GENERATE, {"amount": value}) for value in (0, -1, 1.5, 10_001, 10**30, 1e300, None, "abc", "", "1.5", "-1")),
    *((GENERATE, {"amount": value}) for value in (True, [], {}, "9" * 5_000, "1e3", "\ud800", "²")),
    *((GENERATE, f'{{"amount": {value}}}') for value in ("NaN", "Infinity", "1e999", "9" * 5_000)),
    *((GENERATE, {"allowedClaims": value}) for value in (0, -5, 2**31, 2**63, 2**70, 0.5, None, "many", [1], False)),
    *((GENERATE, {"type": value}) for value in ("CREATIVE?", "pattern", 1, [], {}, "\ud800", "a\0", BIG)),
    *((GENERATE, {"validFrom": value}) for value in ("2026-01-01T00:00:00", "2026-01-01", "soon", "", 1637862127647)),
    *((GENERATE, {"validUntil": value}) for value in (True, [], {}, "0001-01-01T00:00:00+14:00", "\ud800", BIG, "a\0")),
    *((GENERATE, {"validUntil": value}) for value in ("9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "24:00Z")),
    (GENERATE, {"validFrom": "2026-01-02T00:00:00Z", "validUntil": "2026-01-02T01:00:00+01:00"}),
    (GENERATE, {"validFrom": "2026-01-02T00:00:00Z", "validUntil": "2026-01-01T00:00:00Z"}),
    *((GENERATE, {"reservedFor": value}) for value in (1, "", "nobody", [], {"email": ADA}, "a\0@b.de", "\ud800", BIG)),
    *(
        (SEND, {"code": "hello-15", "emails": value})
        for value in ([], "", {}, 1, None, [1], [None], [[ADA]], [ADA, ""])
    ),
    *((SEND, {"code": "hello-15", "emails": value}) for value in (["a"], [ADA, "\ud800"], ["a\0@b.de"], [BIG], BIG)),
    (SEND, {"code": "hello-15", "emails": [f"{number}@example.com" for number in range(10_001)]}),
    *((SEND, {"code": value, "emails": [ADA]}) for value in (1, None, "", "\ud800", "a\0", ["hello-15"])),
    *((DELETE, {"code": value}) for value in (1, None, "", " ", "\ud800", "a\0", ["hello-15"], {"code": "hello-15"})),
    *((EXCHANGE, {"token": value}) for value in (1, None, "", "\ud800", "a\0", [], {})),
    *((SIGN_UP, {"email": value}) for value in (1, None, "", "nobody", [], {}, "a\0@b.de", "\ud800@b.de", BIG)),
    *((SIGN_UP, {"email": "new@b.de", "waitlist": value}) for value in ("yes", 1, 0, [], {})),
    *((SIGN_UP, {"email": "new@b.de", "firstname": value}) for value in (1, [], {}, False, "a\0", "\ud800", BIG)),
    *((SIGN_UP, {"email": "new@b.de", "lastname": value}) for value in (1, [], {}, False, "a\0", "\udfff", "x" * 201)),
    *((SIGN_UP, {"email": "new@b.de", "notes": value}) for value in (1, [], {}, True, "a\0", "\ud800", BIG)),
    *((SIGN_UP, {"email": "new@b.de", "referralCode": value}) for value in (1, [], {}, True, "a\0", "\ud800")),
    *((LEAVE, {"email": value}) for value in (1, None, "", "nobody", [], {}, "a\0@b.de", "\ud800", BIG)),
]


def bad_bodies(route: tuple[str, str]) -> list[Any]:
    """The bodies that a route refuses; as none changes anything, they share a store."""
    bodies = [body for other, body in BAD_BODIES if other == route]
    assert len(bodies) > 10
    return bodies


def _named(value: Any) -> str:
    return str(value)[:60].encode("ascii", "backslashreplace").decode().replace("\0", "\\0")


@pytest.mark.long
@pytest.mark.parametrize("route", TO_READ, ids=_named)
async def test_invalid_values_are_a_400(
    secret: LanceroClient, organization: Organization, route: tuple[str, str]
) -> None:
    """Bad input is a 400 with a sentence, and changes nothing."""
    await make.code(organization)
    await create.customer(organization, params.Person(ADA), {}, make.NOW)
    before = await all_rows()
    for body in bad_bodies(route):
        refused(await secret(*route, body), 400)
        assert await all_rows() == before, _named(body)


@pytest.mark.parametrize("route", [CLAIM, SIGN_UP], ids=_named)
async def test_a_public_key_gets_error_messages(
    public: LanceroClient, organization: Organization, route: tuple[str, str]
) -> None:
    """Input that makes no sense is a 400 for a public key as well, and above 100 kB a 413."""
    before = await all_rows()
    for body in bad_bodies(route):
        is_large = len(body if isinstance(body, str | bytes) else json.dumps(body)) > 100_000
        refused(await public(*route, body), 413 if is_large else 400)
        assert await all_rows() == before, _named(body)


async def test_long_texts_are_looked_up_and_not_found(secret: LanceroClient, organization: Organization) -> None:
    """A megabyte where a code, token or address is looked up is nobody's."""
    answers = {
        (DELETE, "code"): "That code was not found",
        (EXCHANGE, "token"): "That token was not found",
    }
    for (route, field), message in answers.items():
        refused(await secret(*route, {field: BIG}), 404, message)
    for email in ("nobody", "a%00@b.de", "%FF", "", "x" * 30_000):
        refused(await secret("GET", f"/leads/email/{email}"), 404, "That lead was not found")


def test_instants_are_written_as_in_the_documentation() -> None:
    """Milliseconds, three of them, and a Z."""
    assert responses.iso(datetime(2021, 11, 29, 17, 42, 7, 647_999, UTC)) == "2021-11-29T17:42:07.647Z"
