"""Addresses of codes' pages: whoever holds one may see the page; from the code's text it can't be guessed."""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from db.models import Organization

_ID_BYTES, _SEAL_BYTES = 8, 12


def of_code(organization: Organization, code_id: int) -> str:
    """The last part of the address: the code's row, sealed with the organization's secret; 38 characters."""
    rows = organization.id.to_bytes(_ID_BYTES) + code_id.to_bytes(_ID_BYTES)
    return urlsafe_b64encode(rows + _seal(organization, rows)).decode().rstrip("=")


def _seal(organization: Organization, rows: bytes) -> bytes:
    return hmac.digest(organization.page_secret.encode(), rows, hashlib.sha256)[:_SEAL_BYTES]
