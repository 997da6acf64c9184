"""Customers as Lancero's leads: their JSON, their referral codes and referrers."""

import base64
import hmac
from collections import defaultdict
from collections.abc import AsyncIterator

from db.models import Customer, Organization
from resolvers import find
from schema.vendors.kit import JsonObject
from schema.vendors.lancero.requests import LeadParticulars
from schema.vendors.lancero.responses import iso


async def load_lead(customer: Customer, organization: Organization, is_new: bool = False) -> JsonObject:
    """The JSON of one lead; `is_new` saves the search for leads that it has referred."""
    brought_by = customer.brought_by_id or 0
    referrer = (await find.by_ids(Customer, organization.id, [brought_by])).get(brought_by) if brought_by else None
    referred = [] if is_new else await find.customers_referred_by(organization.id, [customer.id])
    has_claimed = customer.id in await find.customers_with_claims(organization.id, [customer.id])
    return lead_object(customer, organization, referrer, referred, has_claimed)


async def pages(organization: Organization) -> AsyncIterator[list[JsonObject]]:
    """The JSON of all leads of an organization, in pages."""
    async for page in find.joined_customers(organization.id):
        yield await _page(page, organization)


async def _page(customers: list[Customer], organization: Organization) -> list[JsonObject]:
    ids = [customer.id for customer in customers]
    have_claimed = await find.customers_with_claims(organization.id, ids)
    referrers = await find.by_ids(
        Customer, organization.id, {row.brought_by_id for row in customers if row.brought_by_id is not None}
    )
    referred: dict[int, list[Customer]] = defaultdict(list)
    for customer in await find.customers_referred_by(organization.id, ids):
        referred[customer.brought_by_id or 0].append(customer)
    return [
        lead_object(
            customer,
            organization,
            referrers.get(customer.brought_by_id or 0),
            referred.get(customer.id, []),
            customer.id in have_claimed,
        )
        for customer in customers
    ]


def lead_object(
    customer: Customer,
    organization: Organization,
    referrer: Customer | None,
    referred: list[Customer],
    has_claimed: bool,
) -> JsonObject:
    """An `ILead` [doc]; a missing text is an empty string (choice)."""
    own, joined_at = particulars(customer), customer.joined_at or customer.created_at
    lead: JsonObject = {
        "firstname": customer.first_name or "",
        "lastname": customer.last_name or "",
        "email": customer.email,
        "notes": own.get("notes", ""),
        "hasClaimedCode": has_claimed,
        "onWaitlist": own.get("onWaitlist", False),
        "referralCode": referral_code(organization, customer.id),
        "referredLeads": [{"email": person.email} for person in referred],
        "createdAt": iso(joined_at),
        "updatedAt": iso(max(joined_at, customer.updated_at)),
    }
    if referrer is not None and referrer.email is not None:
        code = referral_code(organization, referrer.id)
        lead["referredBy"] = {"email": referrer.email, "referralCode": code}
    return lead


def particulars(customer: Customer) -> LeadParticulars:
    """Lancero's own members of a customer: notes and onWaitlist."""
    by_vendor: object = customer.particulars  # a field of text, whose value is the JSON in it
    own: LeadParticulars = by_vendor.get("lancero", {}) if isinstance(by_vendor, dict) else {}
    return own


HALF_RANGE = 2**20


def referral_code(organization: Organization, customer_id: int) -> str:
    """A customer's referral code of 8 characters [doc]: its id, encrypted under the organization's secret.

    So every customer has one, also those who came by claiming; codes are unique; and a code's owner is decrypted
    without a search.
    """
    left, right = divmod(customer_id, HALF_RANGE)
    for step in range(4):
        left, right = right, left ^ _round_function(organization, step, right)
    return base64.b32encode((left * HALF_RANGE + right).to_bytes(5, "big")).decode().lower()


def _round_function(organization: Organization, step: int, half: int) -> int:
    message = f"lancero referral {step} {half}".encode()
    return int.from_bytes(hmac.digest(organization.page_secret.encode(), message, "sha256")[:4], "big") % HALF_RANGE


async def referrer(organization: Organization, code: str | None) -> Customer | None:
    """The lead with a referral code; None for an invalid one, which refuses no sign-up (choice)."""
    text = (code or "").strip()
    try:
        decoded = base64.b32decode(text.upper()) if len(text) == 8 else b""
    except ValueError:
        return None
    if len(decoded) != 5:
        return None
    left, right = divmod(int.from_bytes(decoded, "big"), HALF_RANGE)
    for step in reversed(range(4)):
        left, right = right ^ _round_function(organization, step, left), left
    customer_id = left * HALF_RANGE + right
    customer = (await find.by_ids(Customer, organization.id, [customer_id])).get(customer_id)
    return customer if customer is not None and customer.joined_at is not None else None
