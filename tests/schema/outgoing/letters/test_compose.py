"""What a recipient sees, read back as mail programs read it."""

import io
import re
from datetime import timedelta
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import pytest

from db.models import Delivery, Organization
from resolvers import find, send, update
from resolvers.domain import params
from resolvers.domain.params import PromotionRef
from schema import pages
from schema.outgoing.letters import compose, headers
from schema.outgoing.letters.compose import CannotCompose, FromAddress, Message
from tests import make

ADA = params.Person("ada@example.com", "Ada")
SENDER = FromAddress("", "codes@shop.example")


async def composed(organization: Organization, person: params.Person = ADA, **more: Any) -> Message:
    message = more.get("message")
    sent = await send.code(organization, "HELLO-15", [person], message, True, False, None, make.NOW)
    row = await Delivery.get(id=sent.deliveries[0].id).select_related("organization", "code__promotion")
    return compose.message(row, more.get("sender", SENDER), "https://codes.example", make.NOW)


def read(letter: Message) -> EmailMessage:
    message = message_from_bytes(letter.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text(letter: Message) -> str:
    part = read(letter).get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html(letter: Message) -> str:
    part = read(letter).get_body(("html",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def called_in(letter: Message, header: str) -> str:
    """The name in an address; the newer parser (Python 3.11) puts spaces between the lines of a long one."""
    name, _ = parseaddr(message_from_bytes(letter.content)[header])
    return str(make_header(decode_header(name)))


@pytest.fixture
def database_url(migrated: Any, tmp_path: Any) -> str:
    """One database is enough: nothing here is asked of it twice."""
    import shutil

    return f"sqlite://{shutil.copy(migrated, tmp_path / 'tessera.db')}"


async def test_a_letter_has_all_headers_and_parts(organization: Organization) -> None:
    """Code, its QR, what it gives, until when, its page, and how to get no more: in text and in HTML."""
    until = params.Window(ends_at=make.NOW + timedelta(days=1))
    await make.promotion(organization, "HELLO-15", window=until)
    code = await find.code(organization.id, "HELLO-15")
    letter = await composed(organization, message="With\n\nlove & <3")
    message = read(letter)
    assert (message["From"], message["To"], message["Subject"]) == (
        "demo <codes@shop.example>",
        "Ada <ada@example.com>",
        "Your code from demo",
    )
    assert message["Date"].datetime == make.NOW
    assert re.fullmatch(r"<\d+\.[0-9a-f]{24}@shop\.example>", str(message["Message-ID"]))
    page, leave = pages.url("https://codes.example", organization, code.id), message["List-Unsubscribe"].strip("<>")
    assert leave == pages.unsubscribe_url("https://codes.example", organization, "ada@example.com")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for written in (text(letter), html(letter)):
        for part in ("Ada", "HELLO-15", "15 % off", "until Monday 23 November 2026, 13:00", page, leave):
            assert part in written
    assert "With\n\nlove & <3" in text(letter)
    assert "love &amp; &lt;3</p>" in html(letter)
    assert b"\n" not in letter.content.replace(b"\r\n", b"")
    assert letter.content.isascii()


async def test_the_qr_code_is_in_the_letter(organization: Organization) -> None:
    """The picture travels with the letter, and the HTML shows it by its own name."""
    await make.code(organization)
    letter = await composed(organization)
    [picture] = [part for part in read(letter).walk() if part.get_content_type() == "image/png"]
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html(letter)
    assert picture.get_content().startswith(b"\x89PNG")
    assert compose.qr_png("HELLO-15") == picture.get_content() != compose.qr_png("HELLO-16")
    assert [part.get_content_type() for part in read(letter).walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    assert io.BytesIO(picture.get_content()).read(4)


async def test_a_letter_sent_again_is_the_same_letter(organization: Organization) -> None:
    """Its Message-ID stays; another letter, or another organization's, has another."""
    await make.code(organization)
    await composed(organization)
    await composed(organization)
    rows = await Delivery.all().select_related("organization", "code__promotion").order_by("id")
    ids = [
        [read(compose.message(row, SENDER, "https://x.example", make.NOW + later))["Message-ID"] for row in rows]
        for later in (timedelta(), timedelta(hours=1))
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2
    rows[0].organization.page_secret = "another"
    assert read(compose.message(rows[0], SENDER, "https://x.example", make.NOW))["Message-ID"] not in ids[0]


NAMES = [
    "Ada\r\nBcc: eve@example.com",
    "Ada\nSubject: You won",
    "Ada\x0bX: y\x0c\x1c\x85\u2028Z: z",
    'Ada" <eve@example.com>, "',
    "Ada\\",
    "\x1b[31mAda",
    "علي بن أبي طالب",
    "שלום עליכם",
    "Ада Лавлейс " * 12,
    "愛達·勒芙蕾絲" * 20,
    "👩‍🔬 Ada",
    "Ada, PhD (née Byron)",
    "a b " * 60,
]


@pytest.mark.parametrize("name", NAMES)
async def test_no_name_breaks_out_of_its_header(organization: Organization, name: str) -> None:
    """Whatever somebody is called, the letter has the headers it should, and one recipient, called just so."""
    await make.promotion(
        organization, "HELLO-15", name=name[:150], letter=params.Letter("{{ firstName }}: {{ promotion }}")
    )
    organization.name = name[:150]
    await organization.save()
    plain = read(await composed(organization, params.Person("ada@example.com")))
    letter = await composed(organization, params.Person("ada@example.com", name[:150], name[:40]))
    message = read(letter)
    assert message.keys() == plain.keys()
    assert [address.addr_spec for address in message["To"].addresses] == ["ada@example.com"]
    assert [address.addr_spec for address in message["From"].addresses] == ["codes@shop.example"]
    called = headers.one_line(f"{name[:150]} {name[:40]}")
    assert called_in(letter, "To") == called
    assert called_in(letter, "From") == headers.one_line(name[:150])
    assert message["Subject"] == headers.one_line(f"{headers.one_line(name[:150])}: {name[:150]}")
    assert max(len(line) for line in letter.content.split(b"\r\n")) <= 998


async def test_addresses_of_the_world(organization: Organization) -> None:
    """A domain is told in ASCII; what stands before the @ stays as it is, which not every server can carry."""
    await make.code(organization)
    domain = await composed(organization, params.Person("ada@käse.example"))
    assert (domain.recipient, domain.content.isascii()) == ("ada@xn--kse-qla.example", True)
    mailbox = await composed(organization, params.Person("ёлка@example.com", "Ёлка"))
    assert mailbox.recipient == "ёлка@example.com"
    assert "<ёлка@example.com>\r\n".encode() in mailbox.content
    for nonsense in ("ada@example.com>\r\nDATA", "ada@example.com> NOTIFY=SUCCESS", "ada\r\n@example.com", "ada"):
        with pytest.raises(CannotCompose):
            compose.mailbox(nonsense)


async def test_a_promotions_own_words(organization: Organization) -> None:
    """Its subject and body take the house's place; the code, its QR and its page are there all the same."""
    await make.promotion(organization, "HELLO-15", reference="spring")
    words = params.Letter(
        "{{ firstName }}, {{ gives }}!", "Liebe {{ firstName }},\n\n<b>{{ message }}</b>\r\n\r\nIhre Käserei"
    )
    await update.promotion(
        organization, PromotionRef(reference="spring"), None, update.PromotionChange(letter=words), make.NOW
    )
    letter = await composed(organization, params.Person("ada@example.com", "<Ada>"), message="a & b")
    assert read(letter)["Subject"] == "<Ada>, 15 % off!"
    assert text(letter).startswith("Liebe <Ada>,\n\n<b>a & b</b>\n\nIhre Käserei\n\n    HELLO-15\n")
    assert "Liebe &lt;Ada&gt;,</p>" in html(letter)
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;</p>" in html(letter)
    assert "cid:" in html(letter)
    assert "Hello" not in text(letter)


async def test_lines_that_look_like_something_else(organization: Organization) -> None:
    """A message that speaks SMTP or MIME is a message."""
    await make.code(organization)
    written = "From here\n.\nQUIT\n--=_\nContent-Type: text/html\n\n" + "x" * 2_000
    letter = await composed(organization, message=written)
    assert written in text(letter)
    assert len(list(read(letter).walk())) == 5


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("codes@shop.example", FromAddress("", "codes@shop.example")),
        ("Shop <codes@shop.example>", FromAddress("Shop", "codes@shop.example")),
        ('"Käserei, Zürich" <codes@käse.example>', FromAddress("Käserei, Zürich", "codes@xn--kse-qla.example")),
        ("tessera@localhost", FromAddress("", "tessera@localhost")),
    ],
)
def test_from_addresses(text: str, sender: FromAddress) -> None:
    """`TESSERA_MAIL_FROM` is an address, with a name or without."""
    assert compose.read_from_address(text) == sender


@pytest.mark.parametrize("text", ["Shop", "Shop <>", "a@b@c", "codes@shop.example\r\nBcc: x@y.z", "@shop.example"])
def test_invalid_from_addresses(text: str) -> None:
    """Anything else is refused with a sentence."""
    with pytest.raises(ValueError, match=r"codes@shop\.example"):
        compose.read_from_address(text)
