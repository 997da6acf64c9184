"""Addresses of codes' pages: whoever holds one may see the page; from the code's text it can't be guessed."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from db.models import Organization

_ID_BYTES, _SEAL_BYTES = 8, 12
_HIGHEST_ID = 2**63 - 1
_SHAPE = re.compile(r"[A-Za-z0-9_-]{38}")


def of_code(organization: Organization, code_id: int) -> str:
    """The last part of the address: the code's row, sealed with the organization's secret; 38 characters."""
    rows = organization.id.to_bytes(_ID_BYTES) + code_id.to_bytes(_ID_BYTES)
    return urlsafe_b64encode(rows + _seal(organization, rows)).decode().rstrip("=")


def read(address: str) -> tuple[int, int] | None:
    """The ids of the organization and the code that an address speaks of, unsealed; None for nonsense.

    Anybody can write ids down: what they lead to may be shown only if `is_of` says so.
    """
    if not _SHAPE.fullmatch(address):
        return None
    rows = urlsafe_b64decode(f"{address}==")
    organization_id, code_id = int.from_bytes(rows[:_ID_BYTES]), int.from_bytes(rows[_ID_BYTES : 2 * _ID_BYTES])
    return (organization_id, code_id) if max(organization_id, code_id) <= _HIGHEST_ID else None


def is_of(organization: Organization, code_id: int, address: str) -> bool:
    """Whether an address is the code's, to its last character; how long this takes tells nothing."""
    return hmac.compare_digest(of_code(organization, code_id).encode(), address.encode(errors="replace"))


def _seal(organization: Organization, rows: bytes) -> bytes:
    return hmac.digest(organization.page_secret.encode(), rows, hashlib.sha256)[:_SEAL_BYTES]
