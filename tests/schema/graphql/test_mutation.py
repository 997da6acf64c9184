"""Deeds through GraphQL: every mutation once as it is meant, and every way it may end."""

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
    """How many rows there are of what mutations change."""
    return tuple([await table.all().count() for table in (Promotion, Code, Claim, Customer, Delivery)])


async def test_a_promotion_is_made_as_it_is_said(secret: GraphQLClient) -> None:
    """createPromotion keeps every field, in the currency's digits and in UTC."""
    made = await secret.mutate(
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
    promotion = made["promotion"]
    del promotion["id"]
    assert made["__typename"] == "PromotionChanged"
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
    made = (await secret.mutate("createPromotion", PROMOTION, {"name": "Plain"}))["promotion"]
    assert made["discount"]["kind"] == "NONE"
    assert made["discount"]["value"] == "0"
    assert made["limits"] == {
        "perPromotion": None,
        "perCode": 1,
        "perCustomer": None,
        "perCustomerAndCode": 1,
        "codeLifetimeDays": 91,
    }
    assert made["window"] == {"startsAt": None, "endsAt": None, "isOpen": True}


@pytest.mark.parametrize(
    ("said", "outcome", "path"),
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
async def test_a_promotion_that_makes_no_sense(
    secret: GraphQLClient, organization: Organization, said: Json, outcome: str, path: list[str] | None
) -> None:
    """createPromotion says what is wrong and where, and nothing has changed."""
    await make.promotion(organization, "HELLO-15")
    before = await rows()
    told = await secret.mutate("createPromotion", "... on InvalidInput { path }", said)
    assert (told["__typename"], told.get("path")) == (outcome, path)
    assert await rows() == before


async def test_an_update_keeps_what_is_absent_and_clears_what_is_null(secret: GraphQLClient) -> None:
    """updatePromotion changes what it names, and goes up a version."""
    await secret.mutate(
        "createPromotion",
        PROMOTION,
        {"name": "Old", "reference": "r", "limits": {"perCode": 5, "perCustomer": 2}},
    )
    changed = await secret.mutate(
        "updatePromotion",
        PROMOTION,
        {"promotion": {"reference": "r"}, "expectedVersion": 1, "name": "New", "limits": {"perCustomer": None}},
    )
    promotion = changed["promotion"]
    assert (promotion["name"], promotion["reference"], promotion["version"]) == ("New", "r", 2)
    assert (promotion["limits"]["perCode"], promotion["limits"]["perCustomer"]) == (5, None)
    late = await secret.mutate(
        "updatePromotion",
        "... on VersionConflict { current }",
        {"promotion": {"reference": "r"}, "expectedVersion": 1, "name": "Late"},
    )
    assert (late["__typename"], late["current"]) == ("VersionConflict", 2)


async def test_a_promotion_is_deleted_with_its_codes(secret: GraphQLClient, organization: Organization) -> None:
    """A dry run says what would go, and then it goes; the default promotion stays."""
    await make.promotion(organization, "A-1", "A-2", reference="gone")
    await make.claimed(organization, "A-1")
    selection = "... on PromotionDeleted { reference codesDeleted claimsDeleted dryRun }"
    said = {"promotion": {"reference": "gone"}}
    told = {"__typename": "PromotionDeleted", "reference": "gone", "codesDeleted": 2, "claimsDeleted": 1}
    assert await secret.mutate("deletePromotion", selection, {**said, "dryRun": True}) == {**told, "dryRun": True}
    assert await Code.all().count() == 2
    assert await secret.mutate("deletePromotion", selection, said) == {**told, "dryRun": False}
    assert await rows() == (1, 0, 0, 1, 0)
    assert (await secret.mutate("deletePromotion", selection, said))["__typename"] == "UnknownPromotion"
    default = await secret.mutate("deletePromotion", selection, {"promotion": {"reference": "default"}})
    assert default["__typename"] == "InvalidInput"


async def test_codes_are_generated(secret: GraphQLClient) -> None:
    """generateCodes makes codes in the default promotion, and tells how hard they are to guess."""
    made = await secret.mutate(
        "generateCodes",
        """... on CodesGenerated { count replayed dryRun job { id } codes { text status allowedClaims promotion { reference } }
           format { style pattern capacity entropyBits guessesPerHit } }""",
        {"amount": 3, "format": {"style": "PATTERN", "pattern": "AA-99", "prefix": "X"}, "allowedClaims": None},
    )
    assert (made["count"], made["replayed"], made["dryRun"], made["job"]) == (3, False, False, None)
    assert [(code["status"], code["allowedClaims"], code["promotion"]) for code in made["codes"]] == [
        ("CLAIMABLE", None, {"reference": "default"})
    ] * 3
    format = made["format"]
    assert (format["style"], format["pattern"], format["capacity"], format["guessesPerHit"]) == (
        "PATTERN",
        "AA-99",
        "67600",
        "22533",
    )
    assert round(format["entropyBits"], 3) == 16.045


@pytest.mark.parametrize(
    ("said", "outcome"),
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
async def test_codes_that_cannot_be_generated(secret: GraphQLClient, said: Json, outcome: str) -> None:
    """generateCodes makes all of them or none."""
    told = await secret.mutate(
        "generateCodes", "... on CodeSpaceTooSmall { capacity taken requested } ... on InvalidInput { path }", said
    )
    assert told["__typename"] == outcome
    if outcome == "CodeSpaceTooSmall":
        assert (told["capacity"], told["taken"], told["requested"]) == ("10", 0, 11)
    assert await Code.all().count() == 0


async def test_a_code_is_changed(secret: GraphQLClient, organization: Organization) -> None:
    """updateCode renames in place, reserves and switches off; a text that is taken is refused."""
    await make.promotion(organization, "HELLO-15", "OTHER")
    changed = await secret.mutate(
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
    code = changed["code"]
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
    made = await secret.mutate(
        "generateCodes",
        "... on CodesGenerated { codes { text status } }",
        {"amount": 1, "activated": False},
    )
    text = made["codes"][0]["text"]
    assert made["codes"][0]["status"] == "NOT_ACTIVATED"
    assert (await secret.claim(text))["__typename"] == "NotActivated"
    said = {
        "text": text,
        "customer": {"email": "ada@example.com"},
        "locationNumber": 1,
        "productNumber": 1,
        "offPeak": True,
    }
    activated = await secret.mutate("activateCode", CODE, said)
    assert activated["code"]["activation"] == {
        "at": "2026-11-22T12:00:00Z",
        "offPeak": True,
        "customer": {"email": "ada@example.com"},
        "location": {"number": 1},
        "product": {"title": "Day ticket"},
    }
    assert activated["code"]["window"]["endsAt"] == "2027-02-21T23:00:00Z"
    again = await secret.mutate("activateCode", "... on AlreadyActivated { at }", said)
    assert (again["__typename"], again["at"]) == ("AlreadyActivated", "2026-11-22T12:00:00Z")
    assert (await secret.claim(text, "eve@example.com"))["__typename"] == "ReservedForAnother"
    assert (await secret.claim(text))["__typename"] == "CodeClaimed"


async def test_a_code_is_issued(secret: GraphQLClient) -> None:
    """issueCode makes a code and gives it to a person; the same key gives back the same code."""
    said = {
        "promotion": {"reference": "default"},
        "customer": {"email": "ada@example.com"},
        "idempotencyKey": "issue-1",
    }
    first = await secret.mutate("issueCode", CODE, said)
    again = await secret.mutate("issueCode", CODE, said)
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


async def test_a_released_claim_is_not_given_back(secret: GraphQLClient, organization: Organization) -> None:
    """Neither its order nor its idempotency key replays a claim that was released: the next one is new."""
    await make.promotion(organization, "HELLO-15")
    said = {"order": {"reference": "R-1"}, "idempotencyKey": "once"}
    ids = []
    for _ in range(3):
        claimed = await secret.claim(**said)
        assert claimed["replayed"] is False
        assert (await secret.claim(**said))["replayed"] is True
        ids.append(claimed["claim"]["id"])
        await secret.mutate("releaseClaim", "", {"claimId": ids[-1], "reason": "card declined"})
    assert len(set(ids)) == 3


async def test_a_released_claim_gives_its_place_back(secret: GraphQLClient, organization: Organization) -> None:
    """releaseClaim says why and gives the place back, once however often it is asked."""
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
    said = {
        "text": "HELLO-15",
        "recipients": [{"email": "ada@example.com"}, {"email": "ADA@example.com"}, {"email": "bob@example.com"}],
    }
    tried = await secret.mutate("sendCode", selection, {**said, "dryRun": True})
    assert (tried["queued"], tried["dryRun"], await Delivery.all().count()) == (2, True, 0)
    sent = await secret.mutate("sendCode", selection, said)
    assert (sent["received"], sent["queued"], sent["alreadySent"]) == (2, 2, 0)
    assert sent["deliveries"] == [
        {"recipient": name, "status": "QUEUED", "code": {"text": "HELLO-15"}}
        for name in ("ada@example.com", "bob@example.com")
    ]
    again = await secret.mutate("sendCode", selection, said)
    assert (again["queued"], again["alreadySent"]) == (0, 2)
    assert (await secret.mutate("sendCode", selection, {**said, "resend": True}))["queued"] == 2


async def test_a_recipient_is_suppressed(secret: GraphQLClient, organization: Organization) -> None:
    """suppressRecipient keeps letters from an address, which sendCode counts."""
    await make.promotion(organization, "HELLO-15")
    selection = "... on RecipientSuppressed { email } ... on InvalidInput { path }"
    told = await secret.mutate("suppressRecipient", selection, {"email": " Ada@example.com"})
    assert told == {"__typename": "RecipientSuppressed", "email": "Ada@example.com"}
    assert (await secret.mutate("suppressRecipient", selection, {"email": "ada"}))["path"] == ["input", "email"]
    said = {"text": "HELLO-15", "recipients": [{"email": "ada@example.com"}, {"email": "bob@example.com"}]}
    sent = await secret.mutate("sendCode", "... on CodeSent { received queued alreadySent suppressed }", said)
    assert sent == {"__typename": "CodeSent", "received": 2, "queued": 1, "alreadySent": 0, "suppressed": 1}


async def test_a_sent_code_wakes_the_sender(
    secret: GraphQLClient, organization: Organization, services: Services
) -> None:
    """The process's sender hears of new letters once they are stored."""
    await make.promotion(organization, "HELLO-15")
    assert not services.letters_queued.is_set()
    await secret.mutate("sendCode", "", {"text": "HELLO-15", "recipients": [{"email": "ada@example.com"}]})
    assert services.letters_queued.is_set()


async def test_a_promotion_has_its_own_words(secret: GraphQLClient, organization: Organization) -> None:
    """A letter is kept part by part, cleared by null, and refused with line and reason when it can't be rendered."""
    selection = """... on PromotionChanged { promotion { letter { subject body } } }
      ... on InvalidInput { path }"""
    words = {"subject": "For {{ firstName }}", "body": "{{ code }}"}
    made = await secret.mutate("createPromotion", selection, {"name": "N", "reference": "r", "letter": words})
    assert made["promotion"]["letter"] == words

    async def changed(letter: Any) -> Json:
        return await secret.mutate("updatePromotion", selection, {"promotion": {"reference": "r"}, "letter": letter})

    assert (await changed({"body": "{{ url }}"}))["promotion"]["letter"] == {**words, "body": "{{ url }}"}
    no = await changed({"body": "fine\n{{ frstName }}"})
    assert (no["__typename"], no["path"]) == ("InvalidInput", ["input", "letter", "body"])
    assert no["message"].startswith("line 2: there is no frstName")
    named = {"promotion": {"reference": "r"}, "name": "Other"}
    kept = await secret.mutate("updatePromotion", selection, named)
    assert kept["promotion"]["letter"] == {**words, "body": "{{ url }}"}
    assert (await changed({"subject": None}))["promotion"]["letter"] == {"subject": None, "body": "{{ url }}"}
    assert (await changed(None))["promotion"]["letter"] == {"subject": None, "body": None}


async def test_a_code_is_deleted_for_good(secret: GraphQLClient, organization: Organization) -> None:
    """deleteCode takes the claims along, after a dry run that says so; the promotion's count stays."""
    await make.promotion(organization, "HELLO-15", reference="r")
    await secret.claim()
    selection = "... on CodeDeleted { text claimsDeleted dryRun }"
    told = {"__typename": "CodeDeleted", "text": "HELLO-15", "claimsDeleted": 1}
    assert await secret.mutate("deleteCode", selection, {"text": "hello15", "dryRun": True}) == {**told, "dryRun": True}
    assert await secret.mutate("deleteCode", selection, {"text": "hello15"}) == {**told, "dryRun": False}
    assert (await secret.mutate("deleteCode", selection, {"text": "hello15"}))["__typename"] == "UnknownCode"
    asked = await secret.ask('{ promotion(ref: {reference: "r"}) { claimCount codes { totalCount } } }')
    assert asked == {"promotion": {"claimCount": "1", "codes": {"totalCount": 0}}}


async def test_places_and_things(secret: GraphQLClient, organization: Organization) -> None:
    """Locations and products get numbers; a promotion that is linked to places holds only there."""
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
    made = await secret.mutate(
        "createPromotion", PROMOTION, {"name": "Delft only", "locationNumbers": [7], "codes": ["DELFT"]}
    )
    assert made["promotion"]["locations"] == [{"number": 7}]
    assert (await secret.claim("DELFT", locationNumber=1))["__typename"] == "WrongLocation"
    assert (await secret.claim("DELFT", locationNumber=9))["__typename"] == "InvalidInput"
    assert (await secret.claim("DELFT", locationNumber=7))["__typename"] == "CodeClaimed"


async def test_a_device_activates_and_claims_and_sees_no_more(
    served: httpx.AsyncClient, organization: Organization
) -> None:
    """A DEVICE key may check, claim, activate, issue and make non-activated codes, and nothing else."""
    device = GraphQLClient(served, await make.key(organization, KeyKind.DEVICE))
    made = await device.mutate(
        "generateCodes", "... on CodesGenerated { codes { text } }", {"amount": 1, "activated": False}
    )
    text = made["codes"][0]["text"]
    said: dict[str, Any] = {"text": text, "customer": {"email": "ada@example.com"}}
    assert (await device.mutate("activateCode", CODE, said))["__typename"] == "CodeChanged"
    assert (await device.claim(text))["__typename"] == "CodeClaimed"
    for document in (
        "{ organization { name } }",
        "{ codes { nodes { text } } }",
        '{ code(text: "a") { text } }',
        "mutation { generateCodes(input: {amount: 1}) { __typename } }",
        'mutation { deleteCode(input: {text: "a"}) { __typename } }',
    ):
        told = await device.execute(document)
        assert [error["extensions"]["code"] for error in told["errors"]] == ["FORBIDDEN"], document


async def test_the_highest_limits_hold_to_the_last_place(secret: GraphQLClient) -> None:
    """Limits go up to 2³¹ - 1; a code that has given all places but one gives that one, and no more."""
    most = 2**31 - 1
    limits = {"perPromotion": most, "perCode": most, "perCustomer": most, "perCustomerAndCode": most}
    said = {"name": "Most", "limits": limits, "codes": ["MOST"]}
    made = (await secret.mutate("createPromotion", PROMOTION, said))["promotion"]
    assert {name: made["limits"][name] for name in limits} == limits
    await Promotion.filter(reference=made["reference"]).update(claim_count=most - 1)
    await Code.filter(text="MOST").update(claim_count=most - 1)
    claim = {"text": "most", "customer": {"email": "ada@example.com"}}
    selection = "... on CodeClaimed { claim { code { claimCount remainingClaims status } } }"
    claimed = await secret.mutate("claimCode", selection, claim)
    assert claimed["claim"]["code"] == {"claimCount": str(most), "remainingClaims": 0, "status": "EXHAUSTED"}
    assert (await secret.mutate("claimCode", "", claim))["reason"] == "FULLY_CLAIMED"
    await Code.filter(text="MOST").update(claim_count=most - 1)
    assert (await secret.mutate("claimCode", "", claim))["reason"] == "PROMOTION_SPENT"
