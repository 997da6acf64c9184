"""Codes and envelopes in Lancero's format."""

from collections.abc import Sequence
from datetime import UTC, datetime

from db.models import Code, Customer
from resolvers import find
from schema.vendors.kit import JsonObject, JsonResponse
from schema.vendors.lancero.requests import NO_LIMIT


def success(data: object, **more: object) -> JsonResponse:
    """The envelope of every success, always with status 200 [doc]."""
    return JsonResponse({"success": True, "data": data, **more})


def iso(instant: datetime) -> str:
    """An instant as in [seed]: 2021-11-29T17:42:07.647Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def codes(organization_id: int, rows: Sequence[Code]) -> list[JsonObject]:
    """An organization's codes as JSON [doc], with the addresses of the customers for whom they are reserved."""
    ids = list({row.reserved_for_id for row in rows if row.reserved_for_id is not None})
    people = await find.by_ids(Customer, organization_id, ids) if ids else {}
    return [code_object(row, people.get(row.reserved_for_id or 0)) for row in rows]


def code_object(row: Code, person: Customer | None) -> JsonObject:
    """An `ICode` [doc]; `reservedFor` is absent unless the code is reserved for a customer with an address."""
    reserved = {"reservedFor": {"email": person.email}} if person and person.email else {}
    return {
        "code": row.text,
        "allowedClaims": NO_LIMIT if row.allowed_claims is None else row.allowed_claims,
        "validFrom": iso(row.starts_at) if row.starts_at else None,
        "validUntil": iso(row.ends_at) if row.ends_at else None,
        **reserved,
        "claims": row.claim_count,
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.updated_at),
    }
