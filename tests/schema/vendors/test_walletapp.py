"""WalletApp's door, spoken to as its documentation does: over HTTP, with its samples, odd commas and all."""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from db.enums import KeyKind
from db.models import Claim, Code, Customer, Organization, Promotion
from resolvers import create, find, generate, issue, update
from resolvers.domain import params, refusals
from resolvers.domain.code_format import Format
from schema.limits import RequestTimeout
from schema.vendors.walletapp import errors as walletapp_errors
from schema.vendors.walletapp import requests
from tests import make
from tests.conftest import Clock
from tests.make import NOW

DAY = timedelta(days=1)
WEBSHOP = "/webshop-promotions"
ACTIVATE, ISSUE, MAKE = (
    f"{WEBSHOP}/webshopcode",
    f"{WEBSHOP}/requestActivatePromotionCode",
    f"{WEBSHOP}/createNonActivatedCodes",
)
ISSUING = [ISSUE, f"{WEBSHOP}/Orders", f"{WEBSHOP}/orders"]
IDENTIFIER = "1cfd74ec-d085-4d05-9b8f-e436c68132ef"
ORGANIZATION = "9jYwYpYhu1vWrWsSRlshURzf0a"
ADA = {"firstname": "Ada", "lastname": "Byron", "email": "ada@example.com"}
ACTIVATED = {"success": True, "message": "Promotion code activated successfully"}

# The bodies of the seed, with its placeholders, spaces and trailing commas.
ACTIVATE_SAMPLE = """{
"code":"<code>",
"firstname":"<firstname>",
"lastname":"<lastname>",
"email":"<email>",
"promotion_reference":"<reference>",
"organization_identifier":"<identifier>",
"location_id":"<location_id>",
}"""
ISSUE_SAMPLE = """{
"firstname":"<firstname>",
"lastname":"<lastname>",
"email":"<email>",
"promotion_identifier":"<promotion_identifier>",
"organization_identifier":"<organization_identifier>",
"off_peak_sale":"<off_peak_sale>",
"location_id":"<location_id>",
"product_id":"<product_id>",
}"""
MAKE_SAMPLE = """{
"codes":"<code>",
"promotion_reference":"<reference>",
"organization_id":"<organization_id>",
}"""


# ------------------------------------------------------------------ the client


class WalletAppClient:
    """Somebody with a key, who speaks as the documented curl does."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self.client = client
        self.headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Authorization": f"Bearer {key}",
        }

    async def __call__(self, path: str, body: Any, method: str = "POST") -> httpx.Response:
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        return await self.client.request(method, path, headers=self.headers, content=content)


@pytest_asyncio.fixture
async def organization(store: str) -> Organization:
    """An organization that came along with its number and identifier."""
    return await create.organization("Museum", 5377, ORGANIZATION, 1, "EUR", "Europe/Amsterdam", NOW)


@pytest_asyncio.fixture
async def promotion(organization: Organization) -> Promotion:
    return await make.promotion(organization, reference="day-ticket", identifier=IDENTIFIER)


@pytest_asyncio.fixture
async def device(served: httpx.AsyncClient, organization: Organization, promotion: Promotion) -> WalletAppClient:
    return WalletAppClient(served, await make.key(organization, KeyKind.DEVICE))


def success(response: httpx.Response) -> dict[str, Any]:
    """What a success says; its status is 200."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    body = dict(response.json())
    assert body["success"] is True
    return body


def refused(response: httpx.Response, status: int, message: str, **errors: str) -> None:
    """A failure has `success` and `message`, and `errors` exactly where fields are complained of."""
    assert response.headers["content-type"] == "application/json"
    expected: dict[str, Any] = {"success": False, "message": message}
    if errors:
        expected["errors"] = {field: [complaint] for field, complaint in errors.items()}
    assert (response.status_code, response.json()) == (status, expected)


def filled(sample: str, **values: str) -> str:
    """A documented sample, with something in the place of each placeholder."""
    for name, value in values.items():
        sample = sample.replace(f"<{name}>", value)
    return sample


def body_for(path: str, **more: Any) -> dict[str, Any]:
    """A body that the endpoint would take."""
    of_all = {"promotion_reference": "day-ticket", "organization_identifier": ORGANIZATION}
    own: dict[str, Any] = {
        ACTIVATE: {**ADA, "code": "x"},
        MAKE: {"codes": "1", "organization_id": "5377"},
    }.get(path, {**ADA, "off_peak_sale": "false"})
    return {**of_all, **own, **more}


async def generate_codes(device: WalletAppClient, amount: int = 1) -> list[str]:
    """The texts of new codes that are not activated."""
    return [row["code"] for row in success(await device(MAKE, body_for(MAKE, codes=str(amount))))["codes"]]


async def all_rows() -> list[list[dict[str, Any]]]:
    """All rows that this door could write."""
    return [await model.all().order_by("id").values() for model in (Code, Customer, Claim)]


# ------------------------------------------------------------------ the documented samples


async def test_the_documented_bodies_work_word_for_word(
    device: WalletAppClient, organization: Organization, promotion: Promotion
) -> None:
    """The three samples are taken as they stand, and answered with the documented members and sentences."""
    await create.location(organization, 1, "Dam 1", True, NOW)
    await create.product(organization, 7, "Day ticket", NOW)
    who = {"firstname": "Ada", "lastname": "Byron", "email": "ada@example.com"}

    body = success(await device(MAKE, filled(MAKE_SAMPLE, code="3", reference="day-ticket", organization_id="5377")))
    texts = [row["code"] for row in body["codes"]]
    assert len(set(texts)) == 3
    codes = [{"code": text} for text in texts]
    assert body == {"success": True, "message": "Promotion codes created successfully", "codes": codes}

    sample = filled(
        ACTIVATE_SAMPLE, code=texts[0], reference="day-ticket", identifier=ORGANIZATION, location_id="1", **who
    )
    assert success(await device(ACTIVATE, sample)) == ACTIVATED

    ids = {"promotion_identifier": IDENTIFIER, "organization_identifier": ORGANIZATION}
    more = {"off_peak_sale": "true", "location_id": "1", "product_id": "7"}
    body = success(await device(ISSUE, filled(ISSUE_SAMPLE, **ids, **more, **who)))
    row = await Code.get(text=body["result"][0]["code"]).select_related("activated_location", "activated_product")
    assert (row.off_peak, row.activated_location.number, row.activated_product.number) == (True, 1, 7)
    assert body == {
        "success": True,
        "message": "Promotion code created and activated successfully",
        "result": [
            {
                "code": row.text,
                "expiration_date": "2027-02-21T23:00:00.000Z",
                "url": body["result"][0]["url"],
                "product_title": "Day ticket",
            }
        ],
    }


@pytest.mark.parametrize("path", ISSUING)
async def test_orders_is_another_name(device: WalletAppClient, path: str) -> None:
    """The only endpoint of another edition of the page answers as the one of this edition does."""
    body = success(await device(path, body_for(path)))
    assert body["message"] == "Promotion code created and activated successfully"
    assert [list(row) for row in body["result"]] == [["code", "expiration_date", "url"]]


async def test_the_url_is_the_codes_page(device: WalletAppClient) -> None:
    """The address in the answer opens, and shows that code."""
    [row] = success(await device(ISSUE, body_for(ISSUE)))["result"]
    host = "https://codes.example"
    assert row["url"].startswith(f"{host}/c/")
    page = await device.client.get(row["url"].removeprefix(host))
    assert page.status_code == 200
    assert row["code"] in page.text


async def test_either_name_of_a_promotion_is_taken_everywhere(
    device: WalletAppClient, organization: Organization
) -> None:
    """Both members are read on all endpoints; each may hold the reference or the identifier, and a reference wins."""
    for path in (MAKE, ISSUE):
        for field in ("promotion_reference", "promotion_identifier"):
            for name in ("day-ticket", IDENTIFIER):
                success(await device(path, {**body_for(path), "promotion_reference": None, field: name}))
    for field, text in zip(
        ("promotion_reference", "promotion_identifier"), await generate_codes(device, 2), strict=True
    ):
        body = {**body_for(ACTIVATE, code=text), "promotion_reference": None, field: IDENTIFIER}
        assert success(await device(ACTIVATE, body)) == ACTIVATED
    other = await make.promotion(organization, reference=IDENTIFIER)
    [row] = success(await device(ISSUE, {**body_for(ISSUE), "promotion_reference": IDENTIFIER}))["result"]
    assert (await find.code(organization.id, row["code"])).promotion_id == other.id


async def test_an_organization_is_named_by_identifier_or_number(device: WalletAppClient) -> None:
    """`organization_id` may be a number, its digits or the identifier, and either member is read everywhere."""
    ways: list[dict[str, Any]] = [
        {"organization_id": 5377},
        {"organization_id": " 5377 "},
        {"organization_id": ORGANIZATION},
        {"organization_id": None, "organization_identifier": ORGANIZATION},
    ]
    for path in (MAKE, ISSUE):
        for way in ways:
            success(await device(path, {**body_for(path), "organization_identifier": "", **way}))


async def test_names_may_have_underscores(device: WalletAppClient) -> None:
    """`first_name` and `last_name`, as the promotions' pages call them, are the same as without."""
    body = {
        **body_for(ISSUE),
        "firstname": None,
        "first_name": "Grace",
        "last_name": "Hopper",
        "email": "g@example.com",
    }
    del body["lastname"]
    success(await device(ISSUE, body))
    customer = await Customer.get(email="g@example.com")
    assert (customer.first_name, customer.last_name) == ("Grace", "Hopper")


@pytest.mark.parametrize(
    ("value", "stored"),
    [(value, True) for value in ("1", "true", "True", 1, True)]
    + [(value, False) for value in ("0", "false", 0, False)],
)
async def test_a_boolean_may_be_a_string_or_number(device: WalletAppClient, value: Any, stored: bool) -> None:
    """`off_peak_sale` is kept with the code, however it was written."""
    [row] = success(await device(ISSUE, body_for(ISSUE, off_peak_sale=value)))["result"]
    assert (await Code.get(text=row["code"])).off_peak is stored


async def test_only_a_valid_product_has_a_title(device: WalletAppClient, organization: Organization) -> None:
    """`product_title` is there for a product of the organization, and absent, without an error, for all else."""
    await create.product(organization, 7, "Day ticket", NOW)
    await create.product(await make.organization("other"), 8, "Theirs", NOW)
    for valid in (7, "7", " 7 "):
        [row] = success(await device(ISSUE, body_for(ISSUE, product_id=valid)))["result"]
        assert row["product_title"] == "Day ticket"
    for other in (None, "", 8, "8", 0, -7, 7.5, "x", [7], {}, True, 2**70, "9" * 30, "<product_id>"):
        [row] = success(await device(ISSUE, body_for(ISSUE, product_id=other)))["result"]
        assert "product_title" not in row
        assert (await Code.get(text=row["code"])).activated_product_id is None


@pytest.mark.long
async def test_a_location_is_never_an_error(device: WalletAppClient, organization: Organization) -> None:
    """A location that is linked is kept; absent, null, unknown or unlinked ones stand for the default one."""
    for number, is_default in ((1, False), (2, True), (3, False)):
        await create.location(organization, number, f"Dam {number}", is_default, NOW)
    linked = await make.promotion(organization, reference="linked", location_numbers=(1,))

    async def linked_location(path: str, **members: Any) -> int:
        if path == ISSUE:
            [row] = success(await device(ISSUE, body_for(ISSUE, **members)))["result"]
            text = row["code"]
        else:
            body = body_for(MAKE, promotion_reference=members["promotion_reference"])
            [text] = [row["code"] for row in success(await device(MAKE, body))["codes"]]
            success(await device(ACTIVATE, body_for(ACTIVATE, code=text, **members)))
        row = await Code.get(text=text).select_related("activated_location")
        return int(row.activated_location.number)

    for path in (ISSUE, ACTIVATE):
        for valid in (1, "1"):
            assert await linked_location(path, promotion_reference=linked.reference, location_id=valid) == 1
        assert await linked_location(path, promotion_reference="day-ticket", location_id=3) == 3  # holds everywhere
        assert await linked_location(path, promotion_reference=linked.reference) == 2
        for other in (None, "", 3, "3", 99, 0, -1, "x", [1], 2**70, "<location_id>"):
            assert await linked_location(path, promotion_reference=linked.reference, location_id=other) == 2


async def test_without_a_default_location_there_is_none(device: WalletAppClient) -> None:
    """An organization without locations activates codes at none."""
    [row] = success(await device(ISSUE, body_for(ISSUE, location_id="1")))["result"]
    assert (await Code.get(text=row["code"])).activated_location_id is None


@pytest.mark.parametrize(
    ("days", "ends", "expiration"),
    [
        (91, None, "2027-02-21T23:00:00.000Z"),
        (1, None, "2026-11-23T23:00:00.000Z"),
        (None, None, None),
        (91, NOW + DAY, "2026-11-23T12:00:00.000Z"),
        (None, NOW + DAY, "2026-11-23T12:00:00.000Z"),
    ],
)
async def test_the_expiration_is_the_codes_end(
    device: WalletAppClient, organization: Organization, days: int | None, ends: Any, expiration: str | None
) -> None:
    """91 days unless the promotion says otherwise, never after its window, null for no end."""
    limits, window = params.Limits(code_lifetime_days=days), params.Window(ends_at=ends)
    await make.promotion(organization, reference="short", limits=limits, window=window)
    [row] = success(await device(ISSUE, body_for(ISSUE, promotion_reference="short")))["result"]
    assert row["expiration_date"] == expiration


@pytest.mark.parametrize("amount", ["1", 1, " 2 ", "0000000003"])
async def test_codes_is_the_number_of_codes(device: WalletAppClient, amount: Any) -> None:
    """The number of codes is a number or its digits."""
    body = success(await device(MAKE, body_for(MAKE, codes=amount)))
    assert len(body["codes"]) == int(amount) == await Code.all().count()


@pytest.mark.long
async def test_ten_thousand_codes_come_at_once(device: WalletAppClient) -> None:
    """The ceiling can be reached, and all of the codes are in the answer."""
    texts = await generate_codes(device, requests.MAX_CODES)
    assert len(set(texts)) == 10_000 == await Code.filter(needs_activation=True).count()


async def test_unknown_members_are_ignored(device: WalletAppClient) -> None:
    """What this door does not know is passed over."""
    success(await device(ISSUE, body_for(ISSUE, channel={"kickback": 3}, customer_identifier=None)))


# ------------------------------------------------------------------ whose a code is


async def claimed_through(path: str, client: WalletAppClient, text: str, email: str) -> str:
    """The outcome of a claim through GraphQL or Lancero's API: CLAIMED, or the refusal's message."""
    if path == "/graphql":
        query = """mutation ($input: ClaimCodeInput!) { claimCode(input: $input) {
            __typename ... on Refusal { reason } } }"""
        body = {"query": query, "variables": {"input": {"text": text, "customer": {"email": email}}}}
        outcome = (await client(path, body)).json()["data"]["claimCode"]
        return str(outcome.get("reason", "CLAIMED"))
    answer = (await client(path, {"code": text, "email": email})).json()
    return "CLAIMED" if answer.get("success") else str(answer["message"])


@pytest.mark.parametrize(
    ("path", "not_activated", "for_another"),
    [
        ("/graphql", "NOT_ACTIVATED", "RESERVED_FOR_ANOTHER"),
        ("/codes/claim", "This code has not been activated yet.", "This code is reserved for somebody else."),
    ],
)
async def test_a_code_is_its_persons_alone_and_not_before(
    device: WalletAppClient, path: str, not_activated: str, for_another: str, clock: Clock
) -> None:
    """Nobody claims a code before its activation; then that person does, at every door, until its life is over."""
    [text] = await generate_codes(device)
    assert await claimed_through(path, device, text, "ada@example.com") == not_activated
    assert success(await device(ACTIVATE, body_for(ACTIVATE, code=text.upper().replace("-", " ")))) == ACTIVATED
    [row] = success(await device(ISSUE, body_for(ISSUE)))["result"]
    for one in (text, row["code"]):
        assert await claimed_through(path, device, one, "ben@example.com") == for_another
        assert await claimed_through(path, device, one, "ADA@example.com") == "CLAIMED"
    assert await Claim.all().count() == 2
    [late] = await generate_codes(device)
    success(await device(ACTIVATE, body_for(ACTIVATE, code=late)))
    clock.advance(days=91, hours=11)
    assert await claimed_through(path, device, late, "ada@example.com") in ("ENDED", "This code is no longer valid.")


@pytest.mark.long
async def test_a_code_is_activated_once_however_many_ask(device: WalletAppClient) -> None:
    """Of fifty requests at once for one code, each for another person, one succeeds; the code is that person's."""
    [text] = await generate_codes(device)
    people = [f"{place}@example.com" for place in range(50)]
    answers = await asyncio.gather(*(device(ACTIVATE, body_for(ACTIVATE, code=text, email=email)) for email in people))
    [winner] = [email for email, answer in zip(people, answers, strict=True) if answer.status_code == 200]
    for email, answer in zip(people, answers, strict=True):
        if email != winner:
            refused(answer, 422, "Promotion code already activated")
    row = await Code.get(text=text).select_related("reserved_for")
    assert row.reserved_for is not None
    assert row.reserved_for.email == winner
    assert await Customer.all().count() == 1


async def test_fifty_issued_at_once_are_fifty_codes(device: WalletAppClient) -> None:
    """Nobody's code is given to another."""
    bodies = [body_for(ISSUE, email=f"{place}@example.com") for place in range(50)]
    answers = await asyncio.gather(*(device(ISSUE, body) for body in bodies))
    assert len({success(answer)["result"][0]["code"] for answer in answers}) == 50
    assert await Code.filter(activated_at=NOW).count() == 50


# ------------------------------------------------------------------ keys


@pytest.mark.parametrize("kind", [KeyKind.DEVICE, KeyKind.SECRET, KeyKind.ACCOUNT])
async def test_keys_that_may_activate(device: WalletAppClient, organization: Organization, kind: KeyKind) -> None:
    """A device's key, the organization's secret one and its account's do all three."""
    await make.organization("other", account=1)  # so that an account must say which it means, and does
    client = WalletAppClient(device.client, await make.key(organization, kind))
    [text] = await generate_codes(client)
    assert success(await client(ACTIVATE, body_for(ACTIVATE, code=text))) == ACTIVATED
    success(await client(ISSUE, body_for(ISSUE)))


@pytest.mark.parametrize("path", [ACTIVATE, *ISSUING, MAKE])
async def test_a_key_is_wanted(device: WalletAppClient, organization: Organization, path: str) -> None:
    """No key and one that does not work are a 401; a public one, which is for other things, a 403."""
    before = await all_rows()
    for headers in ({}, {"Authorization": "Bearer dk_" + "0" * 48}, {"Authorization": "Basic eDp5"}):
        refused(await device.client.post(path, json=body_for(path), headers=headers), 401, "Unauthenticated.")
    public = WalletAppClient(device.client, await make.key(organization, KeyKind.PUBLIC))
    sentence = "A PUBLIC key may not activate, issue and make non-activated codes."
    refused(await public(path, body_for(path)), 403, sentence)
    assert await all_rows() == before


@pytest.mark.parametrize("path", [ACTIVATE, ISSUE, MAKE])
async def test_the_organization_must_be_the_keys(
    device: WalletAppClient, organization: Organization, path: str
) -> None:
    """Another's organization is a 403 and nobody's a 404, whatever is there under the same names."""
    other = await make.organization("other", account=2)
    await make.promotion(other, "x", reference="day-ticket")
    theirs = await make.key(other, KeyKind.ACCOUNT)
    before = await all_rows()
    sentence = "This token is not allowed for this organization."
    body = {**body_for(path), "organization_id": None}
    refused(await device(path, {**body, "organization_identifier": "other"}), 403, sentence)
    refused(
        await WalletAppClient(device.client, theirs)(path, {**body, "organization_identifier": ORGANIZATION}),
        403,
        sentence,
    )
    for identifier in ("nobody", "5377", "x" * 65):
        refused(await device(path, {**body, "organization_identifier": identifier}), 404, "Organization not found")
    body["organization_identifier"] = None
    refused(await device(path, {**body, "organization_id": other.number}), 403, sentence)
    for number in (4, "4", 0, -1, 2**31, 2**70, "9" * 20, "9" * 30):
        refused(await device(path, {**body, "organization_id": number}), 404, "Organization not found")
    assert await all_rows() == before


# ------------------------------------------------------------------ what is missing or wrong

REQUIRED = {
    ACTIVATE: ("code", "firstname", "lastname", "email", "promotion_reference", "organization_identifier"),
    ISSUE: ("firstname", "lastname", "email", "promotion_identifier", "organization_identifier", "off_peak_sale"),
    MAKE: ("codes", "promotion_reference", "organization_id"),
}


def required(field: str) -> str:
    return f"The {field.replace('_', ' ')} field is required."


@pytest.mark.parametrize("path", REQUIRED)
@pytest.mark.parametrize("body", ["", "{}", "{\n}", '{"code":null,"codes":"","firstname":"  ","off_peak_sale":null,}'])
async def test_all_missing_fields_are_reported_at_once(device: WalletAppClient, path: str, body: str) -> None:
    """An empty body misses every required field; `message` is the first complaint."""
    errors = {field: required(field) for field in REQUIRED[path]}
    refused(await device(path, body), 422, next(iter(errors.values())), **errors)


@pytest.mark.parametrize(("path", "field"), [(path, field) for path, fields in REQUIRED.items() for field in fields])
async def test_each_required_field_is(device: WalletAppClient, path: str, field: str) -> None:
    """A field that is not there, null or blank is named, alone."""
    before = await all_rows()
    ids = {"promotion_reference": IDENTIFIER, "promotion_identifier": IDENTIFIER}
    ids |= {"organization_identifier": ORGANIZATION, "organization_id": "5377"}
    whole = {name: value for name, value in {**body_for(path), **ids}.items() if name in REQUIRED[path]}
    for nothing in ({}, {field: None}, {field: " "}):
        body = {**{name: value for name, value in whole.items() if name != field}, **nothing}
        refused(await device(path, body), 422, required(field), **{field: required(field)})
    assert await all_rows() == before


EMAIL = "The email field must be a valid email address."
FLAG = "The off peak sale field must be true or false."
AMOUNT = "The codes field must be a whole number from 1 to 10000."
WRONG = [
    *[(ISSUE, "email", value, EMAIL) for value in ("ada", "ada@", "a@b@c", "a" * 300 + "@example.com")],
    *[(ISSUE, "off_peak_sale", value, FLAG) for value in ("yes", 2, "<off_peak_sale>", [], {}, 1.5)],
    *[
        (MAKE, "codes", value, AMOUNT)
        for value in ("0", 0, -1, "-1", 10_001, "10001", 1.5, "x", True, [], ["a"], 2**70)
    ],
    *[(MAKE, "codes", value, AMOUNT) for value in ("1e3", "٣", "9" * 5000)],
    *[(ACTIVATE, "code", value, "The code field must be a string.") for value in (1, [], {}, True)],
    (ISSUE, "firstname", 5, "The firstname field must be a string."),
    (ISSUE, "lastname", "x" * 201, "The lastname field must not be greater than 200 characters."),
    (ACTIVATE, "code", "a\0b", "The code field has characters that are none."),
    (ISSUE, "firstname", "\ud800", "The firstname field has characters that are none."),
    (MAKE, "promotion_reference", ["x"], "The promotion reference field must be a string."),
    (ISSUE, "organization_identifier", 5377, "The organization identifier field must be a string."),
]


@pytest.mark.parametrize(("path", "field", "value", "complaint"), WRONG)
async def test_what_is_wrong_is_named(
    device: WalletAppClient, path: str, field: str, value: Any, complaint: str
) -> None:
    """A field that makes no sense is a 422 with the complaint about it, and nothing is changed."""
    before = await all_rows()
    refused(await device(path, body_for(path, **{field: value})), 422, complaint, **{field: complaint})
    assert await all_rows() == before


@pytest.mark.parametrize("body", ["{", "[]", "null", '"x"', "x", b"\xff", "{,,}", "[" * 100_000])
async def test_what_is_no_object_is_a_400(device: WalletAppClient, body: Any) -> None:
    """A body that is no JSON object is not guessed at."""
    is_json = body in ("[]", "null", '"x"')
    message = "The body is not a JSON object." if is_json else "The body is not valid JSON."
    refused(await device(ISSUE, body), 400, message)


async def test_a_body_may_be_too_large(device: WalletAppClient) -> None:
    """More than 4 MB is a 413."""
    refused(await device(ISSUE, body_for(ISSUE, more="x" * 2**22)), 413, "The body is larger than 4 MB.")


# ------------------------------------------------------------------ what may not be


@pytest.mark.parametrize("path", [ACTIVATE, ISSUE, MAKE])
async def test_an_unknown_promotion_is_a_404(device: WalletAppClient, organization: Organization, path: str) -> None:
    """A promotion that is not the organization's is not found."""
    await make.promotion(await make.organization("other", account=1), reference="theirs")
    before = await all_rows()
    for name in ("nope", "theirs", "x" * 65, "x" * 201, "x" * 5000):
        refused(await device(path, body_for(path, promotion_reference=name)), 404, "Promotion not found")
    assert await all_rows() == before


async def test_a_code_that_is_not_there_is_a_404(device: WalletAppClient, organization: Organization) -> None:
    """A text that is no code, another promotion's or another organization's is not found."""
    options = generate.CodeOptions(activated=False)
    elsewhere = await generate.codes(organization, None, 1, Format(), options, False, None, NOW)
    other = await make.organization("other")
    theirs = await generate.codes(other, None, 1, Format(), options, False, None, NOW)
    before = await all_rows()
    for text in ("nope", "---", "x" * 5000, elsewhere.codes[0].text, theirs.codes[0].text):
        refused(await device(ACTIVATE, body_for(ACTIVATE, code=text)), 404, "Promotion code not found")
    assert await all_rows() == before


async def test_a_second_activation_is_a_422(
    device: WalletAppClient, organization: Organization, promotion: Promotion
) -> None:
    """A code is activated once, by whoever it was; one that needs none is activated from the beginning."""
    [text] = await generate_codes(device)
    await generate.codes(
        organization, params.PromotionRef(id=promotion.id), 1, Format(), generate.CodeOptions(), False, None, NOW
    )
    plain = await Code.get(needs_activation=False)
    success(await device(ACTIVATE, body_for(ACTIVATE, code=text)))
    before = await all_rows()
    for again in (text, plain.text):
        for email in ("ada@example.com", "ben@example.com"):
            body = body_for(ACTIVATE, code=again, email=email)
            refused(await device(ACTIVATE, body), 422, "Promotion code already activated")
    assert await all_rows() == before


async def test_a_code_reserved_for_another_is_a_422(device: WalletAppClient, organization: Organization) -> None:
    """A code that waits for somebody is not given to somebody else."""
    options = generate.CodeOptions(reserved_for=params.Person("ben@example.com"), activated=False)
    ref = params.PromotionRef(reference="day-ticket")
    generated = await generate.codes(organization, ref, 1, Format(), options, False, None, NOW)
    message = "This code is reserved for somebody else."
    refused(await device(ACTIVATE, body_for(ACTIVATE, code=generated.codes[0].text)), 422, message, email=message)
    body = body_for(ACTIVATE, code=generated.codes[0].text, email="BEN@example.com")
    assert success(await device(ACTIVATE, body)) == ACTIVATED


OVER = "This promotion or promotion code has expired"
OFF = "This promotion or promotion code is switched off"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (update.PromotionChange(window=params.Window(ends_at=NOW)), OVER),
        (update.PromotionChange(is_enabled=False), OFF),
    ],
)
async def test_a_promotion_that_is_over_or_off_is_a_422(
    device: WalletAppClient, organization: Organization, change: update.PromotionChange, message: str
) -> None:
    """Neither is a code of it activated, nor a new one made for somebody."""
    [text] = await generate_codes(device)
    await update.promotion(organization, params.PromotionRef(reference="day-ticket"), None, change, NOW)
    before = await all_rows()
    refused(await device(ACTIVATE, body_for(ACTIVATE, code=text)), 422, message)
    refused(await device(ISSUE, body_for(ISSUE)), 422, message)
    assert await all_rows() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (update.CodeChange(window=params.Window(ends_at=NOW)), OVER),
        (update.CodeChange(is_enabled=False), OFF),
    ],
)
async def test_a_code_that_is_over_or_off_is_a_422(
    device: WalletAppClient, organization: Organization, change: update.CodeChange, message: str
) -> None:
    """A code's own end and switch count as well."""
    [text] = await generate_codes(device)
    await update.code(organization, text, change, NOW)
    before = await all_rows()
    refused(await device(ACTIVATE, body_for(ACTIVATE, code=text)), 422, message)
    assert await all_rows() == before


async def test_a_spent_promotion_gives_out_no_code(device: WalletAppClient, organization: Organization) -> None:
    """Once all its claims are made a promotion issues no more."""
    await make.promotion(organization, "ONE", reference="few", limits=params.Limits(per_promotion=1))
    await make.claimed(organization, "ONE")
    refused(await device(ISSUE, body_for(ISSUE, promotion_reference="few")), 422, "This promotion is spent.")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_a_404(device: WalletAppClient, method: str) -> None:
    """The endpoints are there for POST alone, and also this is said in JSON."""
    for path in (ACTIVATE, ISSUE, MAKE):
        refused(await device(path, "", method), 404, "Not found")


@pytest.mark.parametrize("path", ["", "/", "/nope", "/webshopCode", "/ORDERS", "/webshopcode/", "/webshopcode/x", "//"])
async def test_other_paths_are_a_404(device: WalletAppClient, path: str) -> None:
    """Below the vendor's path everything is answered in its shape, key or none."""
    refused(await device(f"{WEBSHOP}{path}", {}), 404, "Not found")
    refused(await device.client.post(f"{WEBSHOP}{path}"), 404, "Not found")


async def test_a_bug_is_a_500_without_details(device: WalletAppClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault is `Server Error`; the log knows more."""

    async def broken(*args: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(issue, "code", broken)
    refused(await device(ISSUE, body_for(ISSUE)), 500, "Server Error")


def response_of(refusal: Exception) -> tuple[int, dict[str, Any], str | None]:
    answer = walletapp_errors.error_response(refusal)
    return answer.status_code, json.loads(bytes(answer.body)), answer.headers.get("retry-after")


def test_errors_that_no_request_here_can_cause() -> None:
    """The words for too many attempts, for what took too long, and for a refusal of which nothing was said."""
    too_many = response_of(refusals.TooManyAttempts(7))
    assert too_many == (429, {"success": False, "message": "Too Many Attempts."}, "7")
    assert response_of(RequestTimeout()) == (503, {"success": False, "message": "Service Unavailable"}, None)
    status, body, _ = response_of(refusals.CodeSpaceTooSmall(1, 1, 1))
    assert (status, list(body)) == (422, ["success", "message"])
    assert re.fullmatch(r"This format has 1 texts.*", body["message"])
