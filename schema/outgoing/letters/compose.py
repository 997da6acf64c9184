"""Composes letters: a delivery becomes an e-mail message in text and HTML, with the code as a QR code."""

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
"""The default templates, for promotions without their own."""

_ATOM, _LABEL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
PLAIN_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
"""Addresses that need no conversion: ASCII, also at `localhost` and other local hosts."""

POLICY = compat32.clone(linesep="\r\n", mangle_from_=False)
QUOTED_PRINTABLE = Charset("utf-8")
QUOTED_PRINTABLE.body_encoding = QP
"""All parts are 7-bit, for servers without 8BITMIME."""

MAX_LINE_CHARS = 900
"""Characters of a line in an unencoded part; SMTP allows 998."""

plain = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True)  # noqa: S701 (text)
escaping = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


class CannotCompose(Exception):
    """Raised when a delivery can't become a letter, now or later; its text gives the reason."""


@dataclass(frozen=True)
class Message:
    """A letter for a mail server: envelope addresses, and its content with headers; `id` is the delivery's."""

    id: int
    sender: str
    recipient: str
    content: bytes


@dataclass(frozen=True)
class FromAddress:
    """The From address of letters; an empty name stands for the organization's."""

    name: str
    address: str


def read_from_address(text: str) -> FromAddress:
    """Read a From address: `codes@shop.example` or `Shop <codes@shop.example>`. Raises ValueError."""
    name, bracket, rest = text.strip().rpartition("<")
    address = rest.removesuffix(">") if bracket else rest
    try:
        return FromAddress(name.strip().strip('"'), mailbox(address.strip()))
    except CannotCompose as error:
        raise ValueError(f"write codes@shop.example, or Shop <codes@shop.example>: {error}") from None


@lru_cache(maxsize=1024)
def mailbox(address: str) -> str:
    """An address for a mail server: the domain in ASCII, the local part unchanged. Raises CannotCompose."""
    if PLAIN_ADDRESS.fullmatch(address):
        return address
    try:
        valid = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise CannotCompose(f"{address!r} is no address: {error}") from None
    return f"{valid.local_part}@{valid.ascii_domain}"


@lru_cache(maxsize=256)
def qr_png(text: str) -> bytes:
    """A code's text as a QR code for mail programs: a PNG, black on white also in dark mode."""
    image = io.BytesIO()
    segno.make_qr(text, error="m").save(image, kind="png", scale=8, border=4)
    return image.getvalue()


def prepare_qr_codes(texts: Iterable[str]) -> None:
    """Render the QR codes of these texts into the cache of `qr_png`."""
    for text in texts:
        qr_png(text)


def message(delivery: Delivery, from_address: FromAddress, public_url: str, now: datetime) -> Message:
    """The letter of a delivery, whose organization, code and promotion are loaded. Raises CannotCompose."""
    organization, promotion = delivery.organization, delivery.code.promotion
    values = variables(delivery, organization, promotion, delivery.code, public_url)
    recipient, domain = mailbox(delivery.recipient), from_address.address.rpartition("@")[2]
    name = f"{delivery.first_name or ''} {delivery.last_name or ''}"
    try:
        subject = letter_template.render(promotion.letter_subject or SUBJECT, values, "subject")
        body = letter_template.render(promotion.letter_body or BODY, values).strip()
    except letter_template.Unrenderable as error:
        raise CannotCompose(f"The promotion's own words can't be rendered: {error}") from None
    head = [
        headers.mailbox_header("From", from_address.name or organization.name, from_address.address),
        headers.mailbox_header("To", name, recipient),
        headers.text_header("Subject", subject),
        headers.token_header("Date", format_datetime(now)),
        headers.token_header("Message-ID", f"<{signed_links.message_id(organization, delivery.id)}@{domain}>"),
        headers.token_header("List-Unsubscribe", f"<{values['unsubscribeUrl']}>"),
        headers.token_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        headers.token_header("Auto-Submitted", "auto-generated"),
    ]
    content = "".join(head).encode() + _body(values, subject, body, domain).as_bytes()
    return Message(delivery.id, from_address.address, recipient, content)


def variables(
    delivery: Delivery, organization: Organization, promotion: Promotion, code: Code, public_url: str
) -> dict[str, str]:
    """The values of a letter's template variables (resolvers/domain/letter_template.py)."""
    _, ends_at = rules.window(code, promotion)
    return {
        "code": code.text,
        "url": pages.url(public_url, organization, code.id),
        "firstName": headers.one_line(delivery.first_name or ""),
        "lastName": headers.one_line(delivery.last_name or ""),
        "email": delivery.recipient,
        "organization": organization.name,
        "promotion": promotion.name,
        "gives": describe.discount(promotion) or "",
        "until": f"Valid {describe.until(ends_at, organization.time_zone)}." if ends_at else "",
        "message": delivery.message or "",
        "unsubscribeUrl": pages.unsubscribe_url(public_url, organization, delivery.recipient),
    }


def _body(values: dict[str, str], subject: str, body: str, domain: str) -> MIMEMultipart:
    """The letter in text and in HTML, the latter with an inline QR code."""
    image = f"qr@{domain}"
    paragraphs = [paragraph.strip() for paragraph in re.split(r"\n\s*\n", body.replace("\r\n", "\n"))]
    html = escaping.get_template("letter.html").render(values, subject=subject, paragraphs=paragraphs, qr=image)
    text = plain.get_template("letter.txt").render(values, words=body)
    picture = MIMEImage(qr_png(values["code"]), "png", policy=POLICY)
    picture["Content-ID"] = f"<{image}>"
    picture["Content-Disposition"] = 'inline; filename="code.png"'
    related = MIMEMultipart("related", _boundary(), [_part(html, "html"), picture], policy=POLICY)
    return MIMEMultipart("alternative", _boundary(), [_part(text, "plain"), related], policy=POLICY)


def _boundary() -> str:
    """A random boundary between parts, which no content can contain."""
    return f"=_{secrets.token_hex(12)}"


def _part(text: str, kind: str) -> MIMEText:
    if text.isascii() and len(max(text.splitlines(), key=len, default="")) <= MAX_LINE_CHARS:
        return MIMEText(text, kind, "us-ascii", policy=POLICY)
    return MIMEText(text, kind, QUOTED_PRINTABLE, policy=POLICY)  # type: ignore[arg-type]  # a Charset is converted
