"""Leads as Lancero's clients read them, and who brought whom: what this door alone knows of customers."""

import base64
import hmac
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from db.models import Customer, Organization
from resolvers import find
from schema.vendors.lancero.responses import iso


async def lead_of(customer: Customer, organization: Organization, is_new: bool = False) -> dict[str, Any]:
    """One lead; a new one has referred nobody yet."""
    brought_by = customer.brought_by_id or 0
    referrer = (await find.by_ids(Customer, [brought_by])).get(brought_by) if brought_by else None
    referred = [] if is_new else await find.customers_referred_by([customer.id])
    has_claimed = customer.id in await find.customers_with_claims([customer.id])
    return lead(customer, organization, referrer, referred, has_claimed)


async def every(organization: Organization) -> AsyncIterator[list[dict[str, Any]]]:
    """All leads of an organization, a page of them at a time."""
    async for page in find.joined_customers(organization.id):
        yield await _leads(page, organization)


async def _leads(found: list[Customer], organization: Organization) -> list[dict[str, Any]]:
    ids = [customer.id for customer in found]
    have_claimed = await find.customers_with_claims(ids)
    referrers = await find.by_ids(Customer, list({one.brought_by_id for one in found if one.brought_by_id is not None}))
    referred: dict[int, list[Customer]] = defaultdict(list)
    for customer in await find.customers_referred_by(ids):
        referred[customer.brought_by_id or 0].append(customer)
    return [
        lead(
            customer,
            organization,
            referrers.get(customer.brought_by_id or 0),
            referred.get(customer.id, []),
            customer.id in have_claimed,
        )
        for customer in found
    ]


def lead(
    customer: Customer,
    organization: Organization,
    referrer: Customer | None,
    referred: list[Customer],
    has_claimed: bool,
) -> dict[str, Any]:
    """An `ILead` [doc]; what was never said of a lead is an empty string (choice)."""
    known, joined_at = told(customer), customer.joined_at or customer.created_at
    lead = {
        "firstname": customer.first_name or "",
        "lastname": customer.last_name or "",
        "email": customer.email,
        "notes": known.get("notes", ""),
        "hasClaimedCode": has_claimed,
        "onWaitlist": known.get("onWaitlist", False),
        "referralCode": referral_code(organization, customer.id),
        "referredLeads": [{"email": person.email} for person in referred],
        "createdAt": iso(joined_at),
        "updatedAt": iso(max(joined_at, customer.updated_at)),
    }
    if referrer is not None and referrer.email is not None:
        code = referral_code(organization, referrer.id)
        lead["referredBy"] = {"email": referrer.email, "referralCode": code}
    return lead


def told(customer: Customer) -> dict[str, Any]:
    """What this door alone knows of a customer: notes and onWaitlist."""
    particulars: Any = customer.particulars
    told: dict[str, Any] = particulars.get("lancero", {})
    return told


HALF = 2**20


def referral_code(organization: Organization, customer_id: int) -> str:
    """A customer's 8 characters [doc]: its id, shuffled in a way only the organization's secret can undo.

    So everybody has one, also who came by claiming; no two are the same; and whose a code is takes no search.
    """
    left, right = divmod(customer_id, HALF)
    for step in range(4):
        left, right = right, left ^ _noise(organization, step, right)
    return base64.b32encode((left * HALF + right).to_bytes(5, "big")).decode().lower()


def _noise(organization: Organization, step: int, half: int) -> int:
    said = f"lancero referral {step} {half}".encode()
    return int.from_bytes(hmac.digest(organization.page_secret.encode(), said, "sha256")[:4], "big") % HALF


async def referrer(organization: Organization, code: str | None) -> Customer | None:
    """The lead whose referral code this is; a code of nobody's is no reason to send anybody away (choice)."""
    said = (code or "").strip()
    try:
        decoded = base64.b32decode(said.upper()) if len(said) == 8 else b""
    except ValueError:
        return None
    if len(decoded) != 5:
        return None
    left, right = divmod(int.from_bytes(decoded, "big"), HALF)
    for step in reversed(range(4)):
        left, right = right ^ _noise(organization, step, left), left
    customer_id = left * HALF + right
    found: Customer | None = (await find.by_ids(Customer, [customer_id])).get(customer_id)
    is_lead = found is not None and found.organization_id == organization.id and found.joined_at is not None
    return found if is_lead else None
