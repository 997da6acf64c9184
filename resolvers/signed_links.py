"""Addresses that only we can write: of codes' pages, and of the page where a recipient wants no more letters.

Whoever holds one may see its page; from a code's text, or from somebody's e-mail address, it can't be guessed.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from db.models import Organization

_ID_BYTES, _SIGNATURE_BYTES = 8, 12
_HIGHEST_ID = 2**63 - 1
_SHAPE = re.compile(r"[A-Za-z0-9_-]{38}")
_SHAPE_OF_RECIPIENT = re.compile(r"[A-Za-z0-9_-]{28,2000}")


def code_token(organization: Organization, code_id: int) -> str:
    """The last part of the address: the code's row, sealed with the organization's secret; 38 characters."""
    rows = organization.id.to_bytes(_ID_BYTES) + code_id.to_bytes(_ID_BYTES)
    return urlsafe_b64encode(rows + _signature(organization, rows)).decode().rstrip("=")


def read_code_token(address: str) -> tuple[int, int] | None:
    """The ids of the organization and the code that an address speaks of, unsealed; None for nonsense.

    Anybody can write ids down: what they lead to may be shown only if `is_code_token` says so.
    """
    if not _SHAPE.fullmatch(address):
        return None
    rows = urlsafe_b64decode(f"{address}==")
    organization_id, code_id = int.from_bytes(rows[:_ID_BYTES]), int.from_bytes(rows[_ID_BYTES : 2 * _ID_BYTES])
    return (organization_id, code_id) if max(organization_id, code_id) <= _HIGHEST_ID else None


def is_code_token(organization: Organization, code_id: int, address: str) -> bool:
    """Whether an address is the code's, to its last character; how long this takes tells nothing."""
    return hmac.compare_digest(code_token(organization, code_id).encode(), address.encode(errors="replace"))


def recipient_token(organization: Organization, email: str) -> str:
    """The last part of the address where somebody says that the organization is to write them no more.

    It holds all that is needed, so it works as long as the organization is there, whatever becomes of the letter.
    """
    row = organization.id.to_bytes(_ID_BYTES)
    seal = _signature(organization, b"recipient:" + row + email.encode())
    return urlsafe_b64encode(row + seal + email.encode()).decode().rstrip("=")


def read_recipient_token(address: str) -> tuple[int, str] | None:
    """The organization's id and the e-mail address that such an address speaks of, unsealed; None for nonsense."""
    if not _SHAPE_OF_RECIPIENT.fullmatch(address):
        return None
    try:
        told = urlsafe_b64decode(address + "=" * (-len(address) % 4))
        email = told[_ID_BYTES + _SIGNATURE_BYTES :].decode()
    except ValueError:
        return None
    organization_id = int.from_bytes(told[:_ID_BYTES])
    return (organization_id, email) if organization_id <= _HIGHEST_ID else None


def is_recipient_token(organization: Organization, email: str, address: str) -> bool:
    """Whether an address is this recipient's, to its last character; how long this takes tells nothing."""
    return hmac.compare_digest(recipient_token(organization, email).encode(), address.encode(errors="replace"))


def message_id(organization: Organization, delivery_id: int) -> str:
    """The first part of a letter's Message-ID: the same each time it is sent, and no other letter's anywhere."""
    seal = _signature(organization, b"letter:" + delivery_id.to_bytes(_ID_BYTES))
    return f"{delivery_id}.{seal.hex()}"


def _signature(organization: Organization, told: bytes) -> bytes:
    return hmac.digest(organization.page_secret.encode(), told, hashlib.sha256)[:_SIGNATURE_BYTES]
