"""The mutations: each with a valid input, and with inputs that are refused."""

from typing import Any

import httpx
import pytest

from db.enums import KeyKind
from db.models import Claim, Code, Customer, Delivery, Organization, Promotion
from schema.context import Services
from tests import make
from tests.conftest import Clock
from tests.graphql_client import GraphQLClient, Json

PROMOTION = """... on PromotionChanged { promotion { id number reference identifier name status isEnabled position version
  discount { kind value currency minimumOrder { amount currency } maximumDiscount { amount currency } }
  window { startsAt endsAt isOpen } limits { perPromotion perCode perCustomer perCustomerAndCode codeLifetimeDays }
  claimCount metadata locations { number } codes { nodes { text } totalCount } } }"""
CODE = """... on CodeChanged { code { id text status isEnabled allowedClaims claimCount remainingClaims metadata
  window { startsAt endsAt } reservedFor { email firstName }
  activation { at offPeak customer { email } location { number } product { title } } } }"""


async def rows() -> tuple[int, ...]:
    """The numbers of rows in the tables that mutations change."""
    return tuple([await table.all().count() for table in (Promotion, Code, Claim, Customer, Delivery)])


async def test_a_promotion_has_the_fields_of_its_input(secret: GraphQLClient) -> None:
    """createPromotion keeps every field, in the currency's digits and in UTC."""
    outcome = await secret.mutate(
        "createPromotion",
        PROMOTION,
        {
            "name": "Käse 🧀",
            "reference": "cheese",
            "number": 77,
            "identifier": "1cfd74ec-d085-4d05-9b8f-e436c68132ef",
            "position": -3,
            "discount": {
                "kind": "FIXED_AMOUNT",
                "value": "5",
                "minimumOrder": {"amount": "20.50", "currency": "eur"},
            },
            "window": {"startsAt": "2026-11-01T00:00:00+01:00", "endsOn": "2026-12-24"},
            "limits": {"perPromotion": 100, "perCode": None, "perCustomer": 3},
            "metadata": {"colour": "yellow", "list": [1, None]},
            "codes": ["GOUDA", "brie de meaux"],
        },
    )
    promotion = outcome["promotion"]
    del promotion["id"]
    assert outcome["__typename"] == "PromotionChanged"
    assert promotion == {
        "number": 77,
        "reference": "cheese",
        "identifier": "1cfd74ec-d085-4d05-9b8f-e436c68132ef",
        "name": "Käse 🧀",
        "status": "ACTIVE",
        "isEnabled": True,
        "position": -3,
        "version": 1,
        "discount": {
            "kind": "FIXED_AMOUNT",
            "value": "5.00",
            "currency": "EUR",
            "minimumOrder": {"amount": "20.50", "currency": "EUR"},
            "maximumDiscount": None,
        },
        "window": {"startsAt": "2026-10-31T23:00:00Z", "endsAt": "2026-12-24T23:00:00Z", "isOpen": True},
        "limits": {
            "perPromotion": 100,
            "perCode": None,
            "perCustomer": 3,
            "perCustomerAndCode": 1,
            "codeLifetimeDays": 91,
        },
        "claimCount": "0",
        "metadata": {"colour": "yellow", "list": [1, None]},
        "locations": [],
        "codes": {"nodes": [{"text": "GOUDA"}, {"text": "brie de meaux"}], "totalCount": 2},
    }


async def test_a_promotion_of_defaults(secret: GraphQLClient) -> None:
    """A name is all a promotion needs: kind NONE, once a code, once a customer and code, 91 days."""
    promotion = (await secret.mutate("createPromotion", PROMOTION, {"name": "Plain"}))["promotion"]
    assert promotion["discount"]["kind"] == "NONE"
    assert promotion["discount"]["value"] == "0"
    assert promotion["limits"] == {
        "perPromotion": None,
        "perCode": 1,
        "perCustomer": None,
        "perCustomerAndCode": 1,
        "codeLifetimeDays": 91,
    }
    assert promotion["window"] == {"startsAt": None, "endsAt": None, "isOpen": True}


@pytest.mark.parametrize(
    ("input", "outcome", "path"),
    [
        ({"name": " "}, "InvalidInput", ["input", "name"]),
        ({"name": "x" * 201}, "InvalidInput", ["input", "name"]),
        ({"name": "x" * 1_000_000}, "InvalidInput", ["input", "name"]),
        ({"name": "a\x00b"}, "InvalidInput", ["input", "name"]),
        ({"name": "half \ud83d"}, "InvalidInput", ["input", "name"]),
        ({"name": "n", "reference": "default"}, "ReferenceTaken", None),
        ({"name": "n", "number": 1}, "InvalidInput", ["input", "number"]),
        ({"name": "n", "number": 0}, "InvalidInput", ["input", "number"]),
        ({"name": "n", "codes": ["hello–15"]}, "CodeTaken", None),
        ({"name": "n", "codes": ["A-1", "a1"]}, "InvalidInput", ["input", "codes", "1"]),
        ({"name": "n", "codes": ["A", "- -"]}, "InvalidInput", ["input", "codes", "1"]),
        ({"name": "n", "locationNumbers": [9]}, "UnknownLocation", None),
        ({"name": "n", "metadata": [1]}, "InvalidInput", ["input", "metadata"]),
        ({"name": "n", "metadata": {"a": "\x00"}}, "InvalidInput", ["input", "metadata"]),
        ({"name": "n", "metadata": {"a": "x" * 20_001}}, "InvalidInput", ["input", "metadata"]),
        (
            {"name": "n", "discount": {"kind": "PERCENTAGE", "value": "100.01"}},
            "InvalidInput",
            ["input", "discount", "value"],
        ),
        (
            {"name": "n", "discount": {"kind": "FIXED_AMOUNT", "value": "-1"}},
            "InvalidInput",
            ["input", "discount", "value"],
        ),
        (
            {"name": "n", "discount": {"kind": "FIXED_AMOUNT", "value": "0.005"}},
            "InvalidInput",
            ["input", "discount", "value"],
        ),
        (
            {"name": "n", "discount": {"currency": "XYZ"}},
            "InvalidInput",
            ["input", "discount", "currency"],
        ),
        (
            {
                "name": "n",
                "window": {"startsAt": "2026-12-01T00:00:00Z", "endsAt": "2026-12-01T00:00:00Z"},
            },
            "InvalidInput",
            ["input", "window", "endsAt"],
        ),
        (
            {"name": "n", "window": {"endsAt": "2026-12-01T00:00:00Z", "endsOn": "2026-12-01"}},
            "InvalidInput",
            ["input", "window", "endsOn"],
        ),
        ({"name": "n", "window": {"endsOn": "9999-12-31"}}, "InvalidInput", ["input", "window", "endsOn"]),
        ({"name": "n", "limits": {"perCode": 0}}, "InvalidInput", ["input", "limits", "perCode"]),
        ({"name": "n", "idempotencyKey": " "}, "InvalidInput", ["input", "idempotencyKey"]),
    ],
)
async def test_a_promotion_with_invalid_input_is_refused(
    secret: GraphQLClient, organization: Organization, input: Json, outcome: str, path: list[str] | None
) -> None:
    """createPromotion returns the refusal with its path, and nothing has changed."""
    await make.promotion(organization, "HELLO-15")
    before = await rows()
    refusal = await secret.mutate("createPromotion", "... on InvalidInput { path }", input)
    assert (refusal["__typename"], refusal.get("path")) == (outcome, path)
    assert await rows() == before


async def test_an_update_keeps_what_is_absent_and_clears_what_is_null(secret: GraphQLClient) -> None:
    """updatePromotion changes what it names, and goes up a version."""
    await secret.mutate(
        "createPromotion",
        PROMOTION,
        {"name": "Old", "reference": "r", "limits": {"perCode": 5, "perCustomer": 2}},
    )
    updated = await secret.mutate(
        "updatePromotion",
        PROMOTION,
        {"promotion": {"reference": "r"}, "expectedVersion": 1, "name": "New", "limits": {"perCustomer": None}},
    )
    promotion = updated["promotion"]
    assert (promotion["name"], promotion["reference"], promotion["version"]) == ("New", "r", 2)
    assert (promotion["limits"]["perCode"], promotion["limits"]["perCustomer"]) == (5, None)
    refusal = await secret.mutate(
        "updatePromotion",
        "... on VersionConflict { current }",
        {"promotion": {"reference": "r"}, "expectedVersion": 1, "name": "Late"},
    )
    assert (refusal["__typename"], refusal["current"]) == ("VersionConflict", 2)


async def test_a_promotion_is_deleted_with_its_codes(secret: GraphQLClient, organization: Organization) -> None:
    """A dry run counts what would be deleted, and then it is deleted; the default promotion stays."""
    await make.promotion(organization, "A-1", "A-2", reference="gone")
    await make.claimed(organization, "A-1")
    selection = "... on PromotionDeleted { reference codesDeleted claimsDeleted dryRun }"
    input = {"promotion": {"reference": "gone"}}
    expected = {"__typename": "PromotionDeleted", "reference": "gone", "codesDeleted": 2, "claimsDeleted": 1}
    assert await secret.mutate("deletePromotion", selection, {**input, "dryRun": True}) == {**expected, "dryRun": True}
    assert await Code.all().count() == 2
    assert await secret.mutate("deletePromotion", selection, input) == {**expected, "dryRun": False}
    assert await rows() == (1, 0, 0, 1, 0)
    assert (await secret.mutate("deletePromotion", selection, input))["__typename"] == "UnknownPromotion"
    default = await secret.mutate("deletePromotion", selection, {"promotion": {"reference": "default"}})
    assert default["__typename"] == "InvalidInput"


async def test_codes_are_generated(secret: GraphQLClient) -> None:
    """generateCodes makes codes in the default promotion, and returns how hard they are to guess."""
    generated = await secret.mutate(
        "generateCodes",
        """... on CodesGenerated { count replayed dryRun job { id } codes { text status allowedClaims promotion { reference } }
           format { style pattern capacity entropyBits guessesPerHit } }""",
        {"amount": 3, "format": {"style": "PATTERN", "pattern": "AA-99", "prefix": "X"}, "allowedClaims": None},
    )
    assert (generated["count"], generated["replayed"], generated["dryRun"], generated["job"]) == (3, False, False, None)
    assert [(code["status"], code["allowedClaims"], code["promotion"]) for code in generated["codes"]] == [
        ("CLAIMABLE", None, {"reference": "default"})
    ] * 3
    format = generated["format"]
    assert (format["style"], format["pattern"], format["capacity"], format["guessesPerHit"]) == (
        "PATTERN",
        "AA-99",
        "67600",
        "22533",
    )
    assert round(format["entropyBits"], 3) == 16.045


@pytest.mark.parametrize(
    ("input", "outcome"),
    [
        ({"amount": 0}, "InvalidInput"),
        ({"amount": -5}, "InvalidInput"),
        ({"amount": 10_000_001}, "InvalidInput"),
        ({"amount": 2_147_483_647}, "InvalidInput"),
        ({"amount": 11, "format": {"style": "PATTERN", "pattern": "Z-9"}}, "CodeSpaceTooSmall"),
        ({"amount": 1, "format": {"style": "PATTERN"}}, "InvalidInput"),
        ({"amount": 1, "format": {"pattern": "99"}}, "InvalidInput"),
        ({"amount": 1, "format": {"prefix": "ä"}}, "InvalidInput"),
        ({"amount": 1, "allowedClaims": 0}, "InvalidInput"),
        ({"amount": 1, "reservedFor": {"email": "nobody"}}, "InvalidInput"),
        ({"amount": 1, "promotion": {"reference": "none"}}, "UnknownPromotion"),
        ({"amount": 1, "promotion": {"reference": "\x00"}}, "InvalidInput"),
        ({"amount": 1, "promotion": {"id": "nonsense"}}, "UnknownPromotion"),
    ],
)
async def test_codes_that_cannot_be_generated(secret: GraphQLClient, input: Json, outcome: str) -> None:
    """generateCodes makes all of them or none."""
    refusal = await secret.mutate(
        "generateCodes", "... on CodeSpaceTooSmall { capacity taken requested } ... on InvalidInput { path }", input
    )
    assert refusal["__typename"] == outcome
    if outcome == "CodeSpaceTooSmall":
        assert (refusal["capacity"], refusal["taken"], refusal["requested"]) == ("10", 0, 11)
    assert await Code.all().count() == 0


async def test_a_code_is_changed(secret: GraphQLClient, organization: Organization) -> None:
    """updateCode renames in place, reserves and switches off; a text that is taken is refused."""
    await make.promotion(organization, "HELLO-15", "OTHER")
    updated = await secret.mutate(
        "updateCode",
        CODE,
        {
            "text": "hello 15",
            "newText": "Bonjour-15",
            "isEnabled": False,
            "allowedClaims": None,
            "reservedFor": {"email": "Ada@Example.com", "firstName": "Ada"},
            "metadata": {"a": 1},
        },
    )
    code = updated["code"]
    assert (code["text"], code["status"], code["allowedClaims"], code["metadata"]) == (
        "Bonjour-15",
        "DISABLED",
        None,
        {"a": 1},
    )
    assert code["reservedFor"] == {"email": "Ada@example.com", "firstName": "Ada"}
    cleared = await secret.mutate("updateCode", CODE, {"text": "bonjour15", "reservedFor": None, "isEnabled": True})
    assert (cleared["code"]["reservedFor"], cleared["code"]["status"]) == (None, "CLAIMABLE")
    assert (await secret.mutate("updateCode", CODE, {"text": "bonjour15", "newText": "o t h e r"}))[
        "__typename"
    ] == "CodeTaken"
    assert (await secret.mutate("updateCode", CODE, {"text": "HELLO-15"}))["__typename"] == "UnknownCode"


async def test_a_code_is_activated_once(secret: GraphQLClient, organization: Organization, clock: Clock) -> None:
    """activateCode names the person, the place and the thing, and starts a life of 91 days."""
    await secret.mutate("createLocation", "", {"name": "Utrecht"})
    await secret.mutate("createProduct", "", {"title": "Day ticket"})
    generated = await secret.mutate(
        "generateCodes",
        "... on CodesGenerated { codes { text status } }",
        {"amount": 1, "activated": False},
    )
    text = generated["codes"][0]["text"]
    assert generated["codes"][0]["status"] == "NOT_ACTIVATED"
    assert (await secret.claim(text))["__typename"] == "NotActivated"
    input = {
        "text": text,
        "customer": {"email": "ada@example.com"},
        "locationNumber": 1,
        "productNumber": 1,
        "offPeak": True,
    }
    activated = await secret.mutate("activateCode", CODE, input)
    assert activated["code"]["activation"] == {
        "at": "2026-11-22T12:00:00Z",
        "offPeak": True,
        "customer": {"email": "ada@example.com"},
        "location": {"number": 1},
        "product": {"title": "Day ticket"},
    }
    assert activated["code"]["window"]["endsAt"] == "2027-02-21T23:00:00Z"
    again = await secret.mutate("activateCode", "... on AlreadyActivated { at }", input)
    assert (again["__typename"], again["at"]) == ("AlreadyActivated", "2026-11-22T12:00:00Z")
    assert (await secret.claim(text, "eve@example.com"))["__typename"] == "ReservedForAnother"
    assert (await secret.claim(text))["__typename"] == "CodeClaimed"


@pytest.mark.parametrize(
    ("mutation", "more"),
    [("activateCode", {"text": "HELLO-15"}), ("issueCode", {"promotion": {"reference": "default"}})],
)
@pytest.mark.parametrize("field", ["locationNumber", "productNumber"])
async def test_an_unknown_place_or_product_is_invalid_input(
    secret: GraphQLClient, organization: Organization, mutation: str, more: dict[str, Any], field: str
) -> None:
    """It is so at its field, and nothing is activated or issued."""
    await make.code(organization)
    for number in (9, 0):
        refused = await secret.mutate(
            mutation, "... on InvalidInput { path }", {"customer": {"email": "ada@example.com"}, **more, field: number}
        )
        assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", field])
    assert await Code.all().count() == 1


async def test_a_code_is_issued(secret: GraphQLClient) -> None:
    """issueCode makes a code and gives it to a person; the same key gives back the same code."""
    input = {
        "promotion": {"reference": "default"},
        "customer": {"email": "ada@example.com"},
        "idempotencyKey": "issue-1",
    }
    first = await secret.mutate("issueCode", CODE, input)
    again = await secret.mutate("issueCode", CODE, input)
    assert first["code"]["reservedFor"] == {"email": "ada@example.com", "firstName": None}
    assert again == first
    assert await Code.all().count() == 1


async def test_a_claim_and_its_retry(secret: GraphQLClient, organization: Organization) -> None:
    """The same order gets the same claim with a fresh token, whatever totals come with it."""
    await make.promotion(organization, "HELLO-15")
    order = {"reference": "R-1", "total": {"amount": "9.99", "currency": "EUR"}, "quantity": 2}
    first = await secret.claim(order=order)
    assert first["claim"]["discount"] == {"amount": "1.50", "currency": "EUR"}
    assert first["claim"]["order"] == {"reference": "R-1", "total": {"amount": "9.99"}, "quantity": 2}
    again = await secret.claim("hello–15", "ADA@example.com", order={"reference": "R-1"})
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["claim"] == first["claim"]
    assert again["exchangeToken"] != first["exchangeToken"]
    assert (await secret.claim(email="eve@example.com", order=order))["__typename"] == "IdempotencyMismatch"
    assert await Claim.all().count() == 1


async def test_a_released_claim_is_not_replayed(secret: GraphQLClient, organization: Organization) -> None:
    """Neither its order nor its idempotency key replays a claim that was released: the next one is new."""
    await make.promotion(organization, "HELLO-15")
    input = {"order": {"reference": "R-1"}, "idempotencyKey": "once"}
    ids = []
    for _ in range(3):
        claimed = await secret.claim(**input)
        assert claimed["replayed"] is False
        assert (await secret.claim(**input))["replayed"] is True
        ids.append(claimed["claim"]["id"])
        await secret.mutate("releaseClaim", "", {"claimId": ids[-1], "reason": "card declined"})
    assert len(set(ids)) == 3


async def test_a_released_claim_gives_its_place_back(secret: GraphQLClient, organization: Organization) -> None:
    """releaseClaim stores the reason and gives the place back, once however often it is called."""
    await make.promotion(organization, "HELLO-15")
    claim_id = (await secret.claim())["claim"]["id"]
    assert (await secret.claim(email="eve@example.com"))["__typename"] == "FullyClaimed"
    selection = "... on ClaimReleased { claim { status releaseReason releasedAt code { claimCount } } }"
    for _ in range(2):
        released = await secret.mutate("releaseClaim", selection, {"claimId": claim_id, "reason": "card declined"})
        assert released["claim"] == {
            "status": "RELEASED",
            "releaseReason": "card declined",
            "releasedAt": "2026-11-22T12:00:00Z",
            "code": {"claimCount": "0"},
        }
    assert (await secret.claim(email="eve@example.com"))["__typename"] == "CodeClaimed"


async def test_a_code_is_sent(secret: GraphQLClient, organization: Organization) -> None:
    """sendCode queues one letter a recipient, and none about a code that was sent already."""
    await make.promotion(organization, "HELLO-15")
    selection = "... on CodeSent { received queued alreadySent dryRun deliveries { recipient status code { text } } }"
    input = {
        "text": "HELLO-15",
        "recipients": [{"email": "ada@example.com"}, {"email": "ADA@example.com"}, {"email": "bob@example.com"}],
    }
    dry_run = await secret.mutate("sendCode", selection, {**input, "dryRun": True})
    assert (dry_run["queued"], dry_run["dryRun"], await Delivery.all().count()) == (2, True, 0)
    sent = await secret.mutate("sendCode", selection, input)
    assert (sent["received"], sent["queued"], sent["alreadySent"]) == (2, 2, 0)
    assert sent["deliveries"] == [
        {"recipient": name, "status": "QUEUED", "code": {"text": "HELLO-15"}}
        for name in ("ada@example.com", "bob@example.com")
    ]
    again = await secret.mutate("sendCode", selection, input)
    assert (again["queued"], again["alreadySent"]) == (0, 2)
    assert (await secret.mutate("sendCode", selection, {**input, "resend": True}))["queued"] == 2


async def test_a_recipient_is_suppressed(secret: GraphQLClient, organization: Organization) -> None:
    """suppressRecipient keeps letters from an address, which sendCode counts."""
    await make.promotion(organization, "HELLO-15")
    selection = "... on RecipientSuppressed { email } ... on InvalidInput { path }"
    outcome = await secret.mutate("suppressRecipient", selection, {"email": " Ada@example.com"})
    assert outcome == {"__typename": "RecipientSuppressed", "email": "Ada@example.com"}
    assert (await secret.mutate("suppressRecipient", selection, {"email": "ada"}))["path"] == ["input", "email"]
    input = {"text": "HELLO-15", "recipients": [{"email": "ada@example.com"}, {"email": "bob@example.com"}]}
    sent = await secret.mutate("sendCode", "... on CodeSent { received queued alreadySent suppressed }", input)
    assert sent == {"__typename": "CodeSent", "received": 2, "queued": 1, "alreadySent": 0, "suppressed": 1}


async def test_a_sent_code_wakes_the_sender(
    secret: GraphQLClient, organization: Organization, services: Services
) -> None:
    """The process's sender hears of new letters once they are stored."""
    await make.promotion(organization, "HELLO-15")
    assert not services.letters_queued.is_set()
    await secret.mutate("sendCode", "", {"text": "HELLO-15", "recipients": [{"email": "ada@example.com"}]})
    assert services.letters_queued.is_set()


async def test_a_promotion_has_its_own_letter(secret: GraphQLClient, organization: Organization) -> None:
    """A letter is updated part by part, cleared by null, and refused with line and reason when it can't be rendered."""
    selection = """... on PromotionChanged { promotion { letter { subject body } } }
      ... on InvalidInput { path }"""
    letter = {"subject": "For {{ firstName }}", "body": "{{ code }}"}
    created = await secret.mutate("createPromotion", selection, {"name": "N", "reference": "r", "letter": letter})
    assert created["promotion"]["letter"] == letter

    async def update_letter(changes: Any) -> Json:
        return await secret.mutate("updatePromotion", selection, {"promotion": {"reference": "r"}, "letter": changes})

    assert (await update_letter({"body": "{{ url }}"}))["promotion"]["letter"] == {**letter, "body": "{{ url }}"}
    refusal = await update_letter({"body": "fine\n{{ frstName }}"})
    assert (refusal["__typename"], refusal["path"]) == ("InvalidInput", ["input", "letter", "body"])
    assert refusal["message"].startswith("line 2: there is no frstName")
    renamed = await secret.mutate("updatePromotion", selection, {"promotion": {"reference": "r"}, "name": "Other"})
    assert renamed["promotion"]["letter"] == {**letter, "body": "{{ url }}"}
    assert (await update_letter({"subject": None}))["promotion"]["letter"] == {"subject": None, "body": "{{ url }}"}
    assert (await update_letter(None))["promotion"]["letter"] == {"subject": None, "body": None}


async def test_a_code_is_deleted_for_good(secret: GraphQLClient, organization: Organization) -> None:
    """deleteCode deletes the claims too, after a dry run that counts them; the promotion's count stays."""
    await make.promotion(organization, "HELLO-15", reference="r")
    await secret.claim()
    selection = "... on CodeDeleted { text claimsDeleted dryRun }"
    expected = {"__typename": "CodeDeleted", "text": "HELLO-15", "claimsDeleted": 1}
    assert await secret.mutate("deleteCode", selection, {"text": "hello15", "dryRun": True}) == {
        **expected,
        "dryRun": True,
    }
    assert await secret.mutate("deleteCode", selection, {"text": "hello15"}) == {**expected, "dryRun": False}
    assert (await secret.mutate("deleteCode", selection, {"text": "hello15"}))["__typename"] == "UnknownCode"
    data = await secret.ask('{ promotion(ref: {reference: "r"}) { claimCount codes { totalCount } } }')
    assert data == {"promotion": {"claimCount": "1", "codes": {"totalCount": 0}}}


async def test_locations_and_products(secret: GraphQLClient, organization: Organization) -> None:
    """Locations and products get numbers; a promotion that is linked to locations holds only there."""
    selection = "... on LocationChanged { location { number name isDefault } } ... on InvalidInput { path }"
    first = await secret.mutate("createLocation", selection, {"name": "Utrecht", "isDefault": True})
    second = await secret.mutate("createLocation", selection, {"name": "Delft", "number": 7, "isDefault": True})
    assert (first["location"]["number"], second["location"]["number"]) == (1, 7)
    assert (await secret.mutate("createLocation", selection, {"name": "Delft", "number": 7}))["path"] == [
        "input",
        "number",
    ]
    listed = await secret.ask("{ organization { locations { number isDefault } } }")
    assert listed["organization"]["locations"] == [
        {"number": 1, "isDefault": False},
        {"number": 7, "isDefault": True},
    ]
    created = await secret.mutate(
        "createPromotion", PROMOTION, {"name": "Delft only", "locationNumbers": [7], "codes": ["DELFT"]}
    )
    assert created["promotion"]["locations"] == [{"number": 7}]
    assert (await secret.claim("DELFT", locationNumber=1))["__typename"] == "WrongLocation"
    assert (await secret.claim("DELFT", locationNumber=9))["__typename"] == "InvalidInput"
    assert (await secret.claim("DELFT", locationNumber=7))["__typename"] == "CodeClaimed"


async def test_a_device_activates_and_claims_and_sees_no_more(
    served: httpx.AsyncClient, organization: Organization
) -> None:
    """A DEVICE key may check, claim, activate, issue and make non-activated codes, and nothing else."""
    device = GraphQLClient(served, await make.key(organization, KeyKind.DEVICE))
    generated = await device.mutate(
        "generateCodes", "... on CodesGenerated { codes { text } }", {"amount": 1, "activated": False}
    )
    text = generated["codes"][0]["text"]
    input: dict[str, Any] = {"text": text, "customer": {"email": "ada@example.com"}}
    assert (await device.mutate("activateCode", CODE, input))["__typename"] == "CodeChanged"
    assert (await device.claim(text))["__typename"] == "CodeClaimed"
    for document in (
        "{ organization { name } }",
        "{ codes { nodes { text } } }",
        '{ code(text: "a") { text } }',
        "mutation { generateCodes(input: {amount: 1}) { __typename } }",
        'mutation { deleteCode(input: {text: "a"}) { __typename } }',
    ):
        response = await device.execute(document)
        assert [error["extensions"]["code"] for error in response["errors"]] == ["FORBIDDEN"], document


async def test_the_highest_limits_hold_to_the_last_place(secret: GraphQLClient) -> None:
    """Limits go up to 2³¹ - 1; a code that has given all places but one gives that one, and no more."""
    highest = 2**31 - 1
    limits = {"perPromotion": highest, "perCode": highest, "perCustomer": highest, "perCustomerAndCode": highest}
    input = {"name": "Most", "limits": limits, "codes": ["MOST"]}
    promotion = (await secret.mutate("createPromotion", PROMOTION, input))["promotion"]
    assert {name: promotion["limits"][name] for name in limits} == limits
    await Promotion.filter(reference=promotion["reference"]).update(claim_count=highest - 1)
    await Code.filter(text="MOST").update(claim_count=highest - 1)
    claim = {"text": "most", "customer": {"email": "ada@example.com"}}
    selection = "... on CodeClaimed { claim { code { claimCount remainingClaims status } } }"
    claimed = await secret.mutate("claimCode", selection, claim)
    assert claimed["claim"]["code"] == {"claimCount": str(highest), "remainingClaims": 0, "status": "EXHAUSTED"}
    assert (await secret.mutate("claimCode", "", claim))["reason"] == "FULLY_CLAIMED"
    await Code.filter(text="MOST").update(claim_count=highest - 1)
    assert (await secret.mutate("claimCode", "", claim))["reason"] == "PROMOTION_SPENT"
