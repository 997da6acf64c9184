"""Signed links: addresses of codes' pages, and of the page where a recipient unsubscribes.

The last part of an address is a token of ids and their HMAC under the organization's secret. Whoever holds it may see
the page; it can't be guessed from a code's text or from somebody's e-mail address.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from db.models import Organization

_ID_BYTES, _SIGNATURE_BYTES = 8, 12
_MAX_ID = 2**63 - 1
_CODE_TOKEN = re.compile(r"[A-Za-z0-9_-]{38}")
_RECIPIENT_TOKEN = re.compile(r"[A-Za-z0-9_-]{28,2000}")


def code_token(organization: Organization, code_id: int) -> str:
    """The last part of the address of a code's page: its ids with their signature, 38 characters."""
    ids = organization.id.to_bytes(_ID_BYTES) + code_id.to_bytes(_ID_BYTES)
    return urlsafe_b64encode(ids + _signature(organization, ids)).decode().rstrip("=")


def read_code_token(token: str) -> tuple[int, int] | None:
    """The ids of organization and code in a token, not verified; None for a malformed one.

    Anybody can write ids down: the code may be shown only if `is_code_token` says so.
    """
    if not _CODE_TOKEN.fullmatch(token):
        return None
    ids = urlsafe_b64decode(f"{token}==")
    organization_id, code_id = int.from_bytes(ids[:_ID_BYTES]), int.from_bytes(ids[_ID_BYTES : 2 * _ID_BYTES])
    return (organization_id, code_id) if max(organization_id, code_id) <= _MAX_ID else None


def is_code_token(organization: Organization, code_id: int, token: str) -> bool:
    """Whether a token is the code's, to its last character; compared in constant time."""
    return hmac.compare_digest(code_token(organization, code_id).encode(), token.encode(errors="replace"))


def recipient_token(organization: Organization, email: str) -> str:
    """The last part of the address where a recipient unsubscribes from an organization's letters.

    It holds all that is needed, so it works as long as the organization is there, whatever becomes of the letter.
    """
    id = organization.id.to_bytes(_ID_BYTES)
    signature = _signature(organization, b"recipient:" + id + email.encode())
    return urlsafe_b64encode(id + signature + email.encode()).decode().rstrip("=")


def read_recipient_token(token: str) -> tuple[int, str] | None:
    """The organization's id and the e-mail address in a token, not verified; None for a malformed one."""
    if not _RECIPIENT_TOKEN.fullmatch(token):
        return None
    try:
        content = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        email = content[_ID_BYTES + _SIGNATURE_BYTES :].decode()
    except ValueError:
        return None
    organization_id = int.from_bytes(content[:_ID_BYTES])
    return (organization_id, email) if organization_id <= _MAX_ID else None


def is_recipient_token(organization: Organization, email: str, token: str) -> bool:
    """Whether a token is this recipient's, to its last character; compared in constant time."""
    return hmac.compare_digest(recipient_token(organization, email).encode(), token.encode(errors="replace"))


def message_id(organization: Organization, delivery_id: int) -> str:
    """The first part of a letter's Message-ID: the same each time it is sent, and no other letter's anywhere."""
    signature = _signature(organization, b"letter:" + delivery_id.to_bytes(_ID_BYTES))
    return f"{delivery_id}.{signature.hex()}"


def _signature(organization: Organization, content: bytes) -> bytes:
    return hmac.digest(organization.page_secret.encode(), content, hashlib.sha256)[:_SIGNATURE_BYTES]
