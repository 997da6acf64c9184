"""Codes match as people type them, and an address is one key: what is one and what is two, at every door."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.enums import KeyKind
from db.models import Claim, Code, Customer, Organization, Suppression
from resolvers import create, find, suppress
from resolvers.domain import folding, params, validate
from resolvers.domain.refusals import InvalidInput
from resolvers.import_codes import ImportRow, RejectedRow
from resolvers.import_codes import codes as import_rows
from tests import make
from tests.graphql_client import GraphQLClient
from tests.resolvers.refused import refused

UNSEEN = ["\u200e", "\u200f", "\u202a", "\u202c", "\u2066", "\u2069", "\u200d", "\u200c", "\ufe0f", "\ufe00", "\u034f", "\u061c",
          "\u180e", "\u115f", "\u3164", "\uffa0", "\U000e0041", "\U000e0100", "\u2064", "\u00ad", "\ufff8", "\U0001d173"]  # fmt: skip


@pytest.mark.case("W5")
@pytest.mark.parametrize("unseen", UNSEEN, ids=[f"U+{ord(letter):04X}" for letter in UNSEEN])
def test_what_shows_nothing_does_not_matter(unseen: str) -> None:
    """Wherever it stands, and nothing else left is no code."""
    for typed in (f"HELLO{unseen}15", f"{unseen}HELLO-15", f"hello 15{unseen}", f"{unseen}h{unseen}ello15{unseen}"):
        assert folding.code_key(typed) == "hello15"
    with pytest.raises(InvalidInput):
        validate.code_text(unseen * 3, "text")


@pytest.mark.case("W5")
def test_the_ranges_are_those_of_the_property() -> None:
    """What Unicode files as a format control or a variation selector and shows nothing is in them; letters are not."""
    ignorable = {number for first, last in folding.IGNORABLE for number in range(first, last + 1)}
    shown = {0x0600, 0x0601, 0x0602, 0x0603, 0x0604, 0x0605, 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD}
    shown |= set(range(0xFFF9, 0xFFFC)) | set(
        range(0x13430, 0x13440)
    )  # Arabic, Syriac, Kaithi, hieroglyphs, annotations
    controls = {number for number in range(0x110000) if unicodedata.category(chr(number)) == "Cf"}
    assert controls - shown <= ignorable
    assert {unicodedata.category(chr(number)) for number in ignorable} <= {"Cf", "Cn", "Lo", "Mn"}


@pytest.mark.case("W6")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("YILBAŞI", "yılbaşı"),
        ("YILBAŞI", "yilbaşi"),
        ("İSTANBUL", "istanbul"),
        ("İSTANBUL", "ISTANBUL"),
        ("İSTANBUL", "ıstanbul"),
        ("İSTANBUL", "I\u0307STANBUL"),
        ("İSTANBUL", "i\u0307stanbul"),
        ("İSTANBUL", "i\u200d\u0307stanbul"),
        ("Ị\u0307", "i\u0323"),
        ("ℹ", "İ"),
        ("ﬁ", "fİ"),
    ],
)
def test_the_letters_i_are_one(one: str, other: str) -> None:
    """İ, I, ı and i, composed or not."""
    assert folding.code_key(one) == folding.code_key(other)


@pytest.mark.long
@pytest.mark.case("W5")
@pytest.mark.case("W6")
@settings(derandomize=True, database=None, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=20))
def test_a_key_is_of_every_way_to_write_a_text(typed: str) -> None:
    """Composed or not, folded once or twice; and by case, for what comes back from the other case."""
    key = folding.code_key(typed)
    assert folding.code_key(key) == key
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert folding.code_key(unicodedata.normalize(form, typed)) == key
    assert folding.code_key(typed.casefold()) == key


LETTERS = [
    chr(number)
    for number in range(0x110000)
    if chr(number).upper() != chr(number) or chr(number).lower() != chr(number)
]


@pytest.mark.case("W6")
def test_case_does_not_matter_in_any_alphabet() -> None:
    """Each letter, small and large, is one."""
    assert [
        letter
        for letter in LETTERS
        if len({folding.code_key(form) for form in (letter, letter.upper(), letter.lower(), letter.title())}) != 1
    ] == []


@pytest.mark.case("W5")
@pytest.mark.case("W6")
async def test_a_code_is_found_as_it_is_typed_at_every_door(
    public: GraphQLClient, secret: GraphQLClient, organization: Organization
) -> None:
    """A Turkish code that was pasted with marks of direction, claimed by GraphQL and by Lancero's door."""
    made = await secret.mutate("createPromotion", "", {"name": "New Year", "codes": ["YILBAŞI", "FAMILY👨‍👩‍👧"]})
    assert made["__typename"] == "PromotionChanged"
    assert (await public.claim("\u202ayılbaşı\u202c", "a@example.com"))["__typename"] == "CodeClaimed"
    assert (await public.claim("family👨👩👧\ufe0f", "a@example.com"))["__typename"] == "CodeClaimed"
    for path, body in (
        ("/codes/claim", {"code": "Yi\u0307lba\u200es\u0327i", "email": "b@example.com"}),
        ("/codes/send", {"code": "yilbaşi", "emails": ["c@example.com"]}),
    ):
        response = await secret.client.post(path, json=body, headers=secret.headers)
        assert response.status_code in (200, 409), response.text
    taken = await secret.mutate("createPromotion", "", {"name": "Again", "codes": ["yılbaşı\u200e"]})
    assert taken["__typename"] == "CodeTaken"


# ------------------------------------------------------------------ addresses

TWO = [
    ("info@straße.de", "info@strasse.de"),
    ("groß@example.com", "gross@example.com"),
    ("oﬃce@example.com", "office@example.com"),
    ("σοφός@example.gr", "σοφόσ@example.gr"),
    ("info@βόλος.com", "info@βόλοσ.com"),
    ("ada+1@example.com", "ada@example.com"),
]
ONE = [
    ("Info@Straße.DE", "info@xn--strae-oqa.de"),
    ("ada@ÖSTERREICH.at", "ada@o\u0308sterreich.at"),
    ("ada@österreich.at", "ADA@XN--STERREICH-Z7A.AT"),
    ("ZOË@example.com", "zoe\u0308@example.com"),
    ("ada@example.com", "Ada@EXAMPLE。com"),
]


@pytest.mark.case("W4")
@pytest.mark.parametrize(("one", "other"), TWO)
async def test_two_addresses_are_two_customers(
    public: GraphQLClient, organization: Organization, one: str, other: str
) -> None:
    """The other's claim and token are not told, nor is the other suppressed, refused or deleted."""
    await make.promotion(organization, "HELLO-15")
    order = {"reference": "R-1"}
    assert (await public.claim(email=one, order=order))["__typename"] == "CodeClaimed"
    again = await public.claim(email=other, order=order)
    assert again["__typename"] == "NotClaimable" or again["__typename"] == "IdempotencyMismatch", again
    await suppress.recipient(organization, one, make.NOW)
    secret = GraphQLClient(public.client, await make.key(organization))
    selection = "... on CodeSent { queued suppressed }"
    sent = await secret.mutate(
        "sendCode", selection, {"text": "HELLO-15", "recipients": [{"email": other}], "evenIfNotClaimable": True}
    )
    assert (sent["queued"], sent["suppressed"]) == (1, 0)
    data = await secret.ask("query ($of: String!) { claims(filter: {email: $of}) { totalCount } }", of=other)
    assert data["claims"]["totalCount"] == 0


@pytest.mark.case("W4")
@pytest.mark.parametrize(("one", "other"), ONE)
async def test_one_address_is_one_customer(
    public: GraphQLClient, organization: Organization, one: str, other: str
) -> None:
    """However case, composition and the domain's form are written."""
    assert validate.email(one)[1] == validate.email(other)[1]
    await make.promotion(organization, "HELLO-15")
    assert (await public.claim(email=one, order={"reference": "R-1"}))["replayed"] is False
    assert (await public.claim(email=other, order={"reference": "R-1"}))["replayed"] is True
    assert (await Customer.all().count(), await Claim.all().count()) == (1, 1)
    await suppress.recipient(organization, one, make.NOW)
    await suppress.recipient(organization, other, make.NOW)
    assert await Suppression.all().count() == 1


# ------------------------------------------------------------------ what no code's text has

UNWRITABLE = [
    "HELLO\n15",
    "HELLO15\n",
    "HELLO\r15",
    "HELLO\x7f15",
    "\x7f",
    "HEL\tLO",
    "HELLO\x1b[31m",
    "HELLO\x8515",
    "HELLO\u202815",
    "\u2029HELLO",
]


@pytest.mark.case("W22")
@pytest.mark.parametrize("text", UNWRITABLE, ids=ascii)
async def test_a_code_is_one_line_at_every_door(secret: GraphQLClient, organization: Organization, text: str) -> None:
    """Made, renamed, imported or drawn, by GraphQL and by LP Motor's door; looked up, it is typed as ever."""
    await make.promotion(organization, "OTHER", number=7)
    selection = "... on InvalidInput { path }"
    made = await secret.mutate("createPromotion", selection, {"name": "Broken", "codes": ["FINE", text]})
    assert (made["__typename"], made["path"][:2]) == ("InvalidInput", ["input", "codes"])
    renamed = await secret.mutate("updateCode", selection, {"text": "OTHER", "newText": text})
    assert (renamed["__typename"], renamed["path"]) == ("InvalidInput", ["input", "newText"])
    for style, field in (("PATTERN", "pattern"), ("NUMERIC", "prefix")):
        drawn = await secret.mutate("generateCodes", selection, {"amount": 1, "format": {"style": style, field: text}})
        assert (drawn["__typename"], drawn["path"]) == ("InvalidInput", ["input", "format", field])
    rejected: list[RejectedRow] = []
    ref = params.PromotionRef(reference="default")
    await import_rows(organization, ref, [ImportRow(2, text)], False, True, rejected.append, make.NOW)
    assert [type(one.refusal) for one in rejected] == [InvalidInput]
    account = await make.key(organization, KeyKind.ACCOUNT)
    headers = {"Authorization": f"Bearer {account}", "X-Api-User-Id": "1"}
    body = {"user_id": 1, "site_id": organization.number, "code": text}
    for method, path in (("POST", "/v1/promo"), ("PUT", "/v1/promo/7")):
        response = await secret.client.request(method, path, json=body, headers=headers)
        assert (response.status_code, response.json()["error"]) == (400, 10)
    assert await Code.all().count() == 1


@pytest.mark.case("W22")
async def test_a_code_is_looked_up_over_a_line_break(organization: Organization) -> None:
    """What was pasted with one is found: in a text that is looked up it is a space."""
    await make.promotion(organization, "HELLO-15")
    assert (await find.code(organization.id, "hello\n15\n")).text == "HELLO-15"


@pytest.mark.case("W22")
@pytest.mark.parametrize(
    "value", [" key", "key\n", "key\r\n", "\tkey", "ke y", "ke\x7fy", "ke\u200by", "kéy", "key\u00a0", ""], ids=ascii
)
async def test_a_key_has_one_spelling(organization: Organization, value: str) -> None:
    """A key that a header could not carry as it is, or that is another's but for what isn't seen, is not taken."""
    async with refused(InvalidInput) as no:
        await create.key(KeyKind.SECRET, organization.account_id, organization.id, value, make.NOW)
    assert no.value.path == ("value",)
