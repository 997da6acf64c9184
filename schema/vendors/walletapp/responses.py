"""Successful responses in WalletApp's format: each endpoint has its own member and its own fixed sentence."""

from collections.abc import Sequence
from datetime import UTC, datetime

from db.models import Code, Organization, Product, Promotion
from resolvers.domain import rules
from schema import pages
from schema.vendors.kit import JsonObject, JsonResponse


def success(message: str, **members: object) -> JsonResponse:
    """A success, always with status 200; the sentences are compared letter for letter [seed]."""
    return JsonResponse({"success": True, "message": message, **members})


def issued_code(
    code: Code, promotion: Promotion, product: Product | None, organization: Organization, public_url: str
) -> list[JsonObject]:
    """The array of one object [seed]; `product_title` is absent without a valid product [seed]."""
    _, ends_at = rules.window(code, promotion)
    entry: JsonObject = {
        "code": code.text,
        "expiration_date": None if ends_at is None else iso(ends_at),
        "url": pages.url(public_url, organization, code.id),
    }
    return [entry if product is None else {**entry, "product_title": product.title}]


def code_texts(codes: Sequence[Code]) -> list[dict[str, str]]:
    """New codes as JSON [seed]."""
    return [{"code": code.text} for code in codes]


def iso(instant: datetime) -> str:
    """UTC with milliseconds (choice): 2027-02-21T00:00:00.000Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
