"""Promos and their uses as LP Motor's clients read them: bare objects, real booleans and numbers."""

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from db.enums import DiscountKind
from db.models import Claim, Code, Organization
from resolvers.domain import money, rules
from schema.vendors.lpmotor import promo


def iso(instant: datetime) -> str:
    """As in [seed]: 2021-08-04T13:57:37.243Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: Decimal) -> int | float:
    """A JSON number, whole where it is."""
    return int(value) if value == int(value) else float(value)


def one(found: Code, now: datetime) -> dict[str, Any]:
    """A promo: the 11 fields of [seed], and `id` and the list's own everywhere (choice)."""
    promotion, fields = found.promotion, promo.of(found)
    return {
        "id": promotion.number,
        "pos": promotion.position,
        **asdict(fields),
        "bonus_amount": plain(fields.bonus_amount),
        "d_on": iso(fields.d_on) if fields.d_on else None,
        "d_off": iso(fields.d_off) if fields.d_off else None,
        "promo_used_count": promotion.claim_count,
        "is_valid": rules.code_status(found, promotion, now) == "CLAIMABLE",
    }


def use(claim: Claim, found: Code, organization: Organization) -> dict[str, Any]:
    """A row of the statistics [seed], the bonus as it was then; without an order it is of nothing (choice)."""
    promotion, kind = found.promotion, claim.discount_kind
    currency = claim.currency or organization.currency
    size = promo.bonus(kind, claim.discount_value, claim.currency or promotion.currency or organization.currency)
    return {
        "id": claim.id,
        "promo_id": promotion.number,
        "lead_id": claim.id,
        "bonus_type_id": promo.of(found).bonus_type,
        "bonus_amount": plain(size),
        "bonus_amount_is_in_percentages": int(kind is DiscountKind.PERCENTAGE),
        "order_price": plain(money.of_minor(claim.order_total or 0, currency).amount),
        "order_quantity": 1 if claim.order_quantity is None else claim.order_quantity,
        "discount_amount": plain(money.of_minor(claim.discount or 0, currency).amount),
        "promo": {"code": found.text},
        "d_lead_created": iso(claim.created_at),
        "currency": currency,
    }
