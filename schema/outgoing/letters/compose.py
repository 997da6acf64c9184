"""Composes letters: one delivery as what a mail server takes."""

import io
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.charset import QP, Charset
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path

import segno
from email_validator import EmailNotValidError, validate_email
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from db.models import Code, Delivery, Organization, Promotion
from resolvers import signed_links
from resolvers.domain import letter_template, rules
from schema import pages
from schema.outgoing.letters import headers
from schema.pages import describe

HERE = Path(__file__).resolve().parent
SUBJECT = "Your code from {{ organization }}"
BODY = """Hello{% if firstName %} {{ firstName }}{% endif %},

{% if message %}{{ message }}{% else %}here is your code from {{ organization }}.{% endif %}
"""
"""The house's words, for promotions that have none of their own."""

_ATOM, _LABEL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
PLAIN_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
"""What goes to the server as it is: ASCII, also at `localhost` and other hosts that only our own network knows."""

LINES = compat32.clone(linesep="\r\n", mangle_from_=False)
QUOTED = Charset("utf-8")
QUOTED.body_encoding = QP
"""Everything is 7-bit, so that servers that know nothing of 8BITMIME take it as well."""

LONGEST_LINE = 900
"""Characters that a line may have as it is; SMTP allows 998."""

plain = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True)  # noqa: S701 (text)
escaping = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


class Unwritable(Exception):
    """Raised when no letter can be made of a delivery, now or later; its text says why."""


@dataclass(frozen=True)
class Letter:
    """A letter as a mail server takes it: whom from, whom to, and all of it."""

    id: int
    sender: str
    recipient: str
    content: bytes


@dataclass(frozen=True)
class Sender:
    """Who letters are from; without a name of its own it is the organization's."""

    name: str
    address: str


def read_sender(said: str) -> Sender:
    """Who letters are from, as `codes@shop.example` or `Shop <codes@shop.example>`. Raises ValueError."""
    name, bracket, rest = said.strip().rpartition("<")
    written = rest.removesuffix(">") if bracket else rest
    try:
        return Sender(name.strip().strip('"'), mailbox(written.strip()))
    except Unwritable as no:
        raise ValueError(f"write codes@shop.example, or Shop <codes@shop.example>: {no}") from None


@lru_cache(maxsize=1024)
def mailbox(written: str) -> str:
    """An address as mail servers want it: the domain in ASCII, what stands before it as it is. Raises Unwritable."""
    if PLAIN_ADDRESS.fullmatch(written):
        return written
    try:
        known = validate_email(written, check_deliverability=False, test_environment=True)
    except EmailNotValidError as no:
        raise Unwritable(f"{written!r} is no address: {no}") from None
    return f"{known.local_part}@{known.ascii_domain}"


@lru_cache(maxsize=256)
def qr(text: str) -> bytes:
    """A code's text as a QR code that mail programs show: a PNG, black on white also in the dark."""
    drawn = io.BytesIO()
    segno.make_qr(text, error="m").save(drawn, kind="png", scale=8, border=4)
    return drawn.getvalue()


def draw(texts: Iterable[str]) -> None:
    """Have the QR codes of these texts at hand."""
    for text in texts:
        qr(text)


def letter(delivery: Delivery, sender: Sender, public_url: str, now: datetime) -> Letter:
    """A delivery as a letter; it comes with its organization, code and promotion. Raises Unwritable."""
    organization, promotion = delivery.organization, delivery.code.promotion
    told = values(delivery, organization, promotion, delivery.code, public_url)
    recipient, domain = mailbox(delivery.recipient), sender.address.rpartition("@")[2]
    name = f"{delivery.first_name or ''} {delivery.last_name or ''}"
    try:
        subject = letter_template.render(promotion.letter_subject or SUBJECT, told, "subject")
        words = letter_template.render(promotion.letter_body or BODY, told).strip()
    except letter_template.Unrenderable as wrong:
        raise Unwritable(f"The promotion's own words can't be rendered: {wrong}") from None
    head = [
        headers.of_mailbox("From", sender.name or organization.name, sender.address),
        headers.of_mailbox("To", name, recipient),
        headers.of_text("Subject", subject),
        headers.of_token("Date", format_datetime(now)),
        headers.of_token("Message-ID", f"<{signed_links.message_id(organization, delivery.id)}@{domain}>"),
        headers.of_token("List-Unsubscribe", f"<{told['unsubscribeUrl']}>"),
        headers.of_token("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        headers.of_token("Auto-Submitted", "auto-generated"),
    ]
    content = "".join(head).encode() + _body(told, subject, words, domain).as_bytes()
    return Letter(delivery.id, sender.address, recipient, content)


def values(
    delivery: Delivery, organization: Organization, promotion: Promotion, code: Code, public_url: str
) -> dict[str, str]:
    """What a letter may tell: the variables of resolvers/domain/letter_template.py."""
    _, ends_at = rules.window(code, promotion)
    return {
        "code": code.text,
        "url": pages.url(public_url, organization, code.id),
        "firstName": headers.one_line(delivery.first_name or ""),
        "lastName": headers.one_line(delivery.last_name or ""),
        "email": delivery.recipient,
        "organization": organization.name,
        "promotion": promotion.name,
        "gives": describe.gives(promotion) or "",
        "until": f"Valid {describe.until(ends_at, organization.time_zone)}." if ends_at else "",
        "message": delivery.message or "",
        "unsubscribeUrl": pages.unsubscribe_url(public_url, organization, delivery.recipient),
    }


def _body(told: dict[str, str], subject: str, words: str, domain: str) -> MIMEMultipart:
    """The letter in text and in HTML, with the QR code that the latter shows."""
    image = f"qr@{domain}"
    paragraphs = [paragraph.strip() for paragraph in re.split(r"\n\s*\n", words.replace("\r\n", "\n"))]
    html = escaping.get_template("letter.html").render(told, subject=subject, paragraphs=paragraphs, qr=image)
    text = plain.get_template("letter.txt").render(told, words=words)
    shown = MIMEImage(qr(told["code"]), "png", policy=LINES)
    shown["Content-ID"] = f"<{image}>"
    shown["Content-Disposition"] = 'inline; filename="code.png"'
    related = MIMEMultipart("related", _boundary(), [_part(html, "html"), shown], policy=LINES)
    return MIMEMultipart("alternative", _boundary(), [_part(text, "plain"), related], policy=LINES)


def _boundary() -> str:
    """What stands between two parts; nobody who has a word in a letter can write it."""
    return f"=_{secrets.token_hex(12)}"


def _part(text: str, kind: str) -> MIMEText:
    if text.isascii() and len(max(text.splitlines(), key=len, default="")) <= LONGEST_LINE:
        return MIMEText(text, kind, "us-ascii", policy=LINES)
    return MIMEText(text, kind, QUOTED, policy=LINES)  # type: ignore[arg-type]  # a Charset is what it is made into
