"""Promos and their claims in LP Motor's format: bare objects, real booleans and numbers."""

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal

from db import statuses
from db.enums import CodeStatus, DiscountKind
from db.models import Claim, Code, Organization
from resolvers.domain import money
from schema.vendors.kit import JsonObject
from schema.vendors.lpmotor import promo


def iso(instant: datetime) -> str:
    """An instant as in [seed]: 2021-08-04T13:57:37.243Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_number(value: Decimal) -> int | float:
    """A number for JSON, an integer if it is whole."""
    return int(value) if value == int(value) else float(value)


def promo_object(code: Code, now: datetime) -> JsonObject:
    """A promo: the 11 fields of [seed], and in every response `id` and the fields of the list (choice)."""
    promotion, fields = code.promotion, promo.from_code(code)
    return {
        "id": promotion.number,
        "pos": promotion.position,
        **asdict(fields),
        "bonus_amount": json_number(fields.bonus_amount),
        "d_on": iso(fields.d_on) if fields.d_on else None,
        "d_off": iso(fields.d_off) if fields.d_off else None,
        "promo_used_count": promotion.claim_count,
        "is_valid": statuses.of_code(code, promotion, now) is CodeStatus.CLAIMABLE,
    }


def claim_row(claim: Claim, code: Code, organization: Organization) -> JsonObject:
    """A row of the statistics [seed], with the bonus of its time; its amounts are 0 without an order (choice)."""
    promotion, kind = code.promotion, claim.discount_kind
    currency = claim.currency or organization.currency
    size = promo.bonus(kind, claim.discount_value, claim.currency or promotion.currency or organization.currency)
    return {
        "id": claim.id,
        "promo_id": promotion.number,
        "lead_id": claim.id,
        "bonus_type_id": promo.from_code(code).bonus_type,
        "bonus_amount": json_number(size),
        "bonus_amount_is_in_percentages": int(kind is DiscountKind.PERCENTAGE),
        "order_price": json_number(money.of_minor(claim.order_total or 0, currency).amount),
        "order_quantity": 1 if claim.order_quantity is None else claim.order_quantity,
        "discount_amount": json_number(money.of_minor(claim.discount or 0, currency).amount),
        "promo": {"code": code.text},
        "d_lead_created": iso(claim.created_at),
        "currency": currency,
    }
