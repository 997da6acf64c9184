"""Translates between LP Motor's promo and a promotion with exactly one code, in both directions.

A promotion's columns hold what has an effect. Fields that only LP Motor has are in `particulars`: `bonus_type`, and
the dates and numbers of limits that are switched off. Where a column has a value, it wins: the promotion may have
been changed through another API.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from db.enums import DiscountKind
from db.models import Code, Promotion
from resolvers import create, update
from resolvers.domain import money, params, validate
from resolvers.domain.params import ABSENT
from schema.vendors.lpmotor.requests import PromoFields


@dataclass(frozen=True)
class Promo:
    """The fields of a promo, with the defaults of a new one (choices)."""

    code: str
    is_enabled: bool = True
    bonus_type: int = 0
    bonus_amount: Decimal = Decimal(0)
    bonus_amount_is_in_percentages: bool = False
    time_limit_is_enabled: bool = False
    d_on: datetime | None = None
    d_off: datetime | None = None
    quantity_limit_is_enabled: bool = False
    quantity_limit: int = 0
    personal_limit_is_enabled: bool = False


class PromoParticulars(TypedDict, total=False):
    """LP Motor's own fields of a promotion, as they are stored; dates in ISO 8601."""

    bonus_type: int
    time_limit_is_enabled: bool
    d_on: str
    d_off: str
    quantity_limit_is_enabled: bool
    quantity_limit: int
    is_enabled: bool


# ------------------------------------------------------------------ from a promotion


def particulars(promotion: Promotion) -> PromoParticulars:
    """LP Motor's own fields of a promotion."""
    by_vendor: object = promotion.particulars  # a field of text, whose value is the JSON in it
    own: PromoParticulars = by_vendor.get("lpmotor", {}) if isinstance(by_vendor, dict) else {}
    return own


def from_code(code: Code) -> Promo:
    """The promo of a code, whose promotion is loaded."""
    promotion, own = code.promotion, particulars(code.promotion)
    limits = [limit for limit in (promotion.per_promotion, code.allowed_claims) if limit is not None]
    is_closed_by_limit = not limits and not promotion.is_enabled and _has_limit_of_zero(own)
    has_window = promotion.starts_at is not None or promotion.ends_at is not None
    kind = promotion.discount_kind
    return Promo(
        code=code.text,
        is_enabled=own.get("is_enabled", True) if is_closed_by_limit else promotion.is_enabled and code.is_enabled,
        bonus_type=own.get("bonus_type", 0),
        bonus_amount=bonus(kind, promotion.discount_value, promotion.currency),
        bonus_amount_is_in_percentages=kind is DiscountKind.PERCENTAGE,
        time_limit_is_enabled=has_window or own.get("time_limit_is_enabled", False),
        d_on=promotion.starts_at if has_window else _date(own.get("d_on")),
        d_off=promotion.ends_at if has_window else _date(own.get("d_off")),
        quantity_limit_is_enabled=bool(limits) or is_closed_by_limit,
        quantity_limit=min(limits, default=own.get("quantity_limit", 0)),
        personal_limit_is_enabled=promotion.per_customer_and_code == 1,
    )


def bonus(kind: DiscountKind, value: int, currency: str | None) -> Decimal:
    """A discount's size in percent or in whole units of its currency; 0 for other kinds."""
    is_sized = kind in (DiscountKind.PERCENTAGE, DiscountKind.FIXED_AMOUNT)
    return money.discount_amount(kind, value, currency) if is_sized else Decimal(0)


def _has_limit_of_zero(own: PromoParticulars) -> bool:
    """Whether a quantity limit of 0 was requested, for which the promotion is switched off."""
    return bool(own.get("quantity_limit_is_enabled")) and own.get("quantity_limit") == 0


def _date(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


# ------------------------------------------------------------------ to a promotion


def new_promotion(fields: PromoFields) -> create.NewPromotion:
    """The promotion and code of a new promo with these fields. Raises InvalidInput."""
    promo = _validated(Promo(**fields))
    return create.NewPromotion(
        name=promo.code,
        is_enabled=_is_open(promo),
        discount=_discount(promo),
        window=_window(promo),
        limits=params.Limits(
            per_promotion=_per_promotion(promo), per_code=None, per_customer_and_code=_per_customer(promo)
        ),
        codes=(promo.code,),
        particulars={"lpmotor": _to_particulars(promo)},
    )


def changes(code: Code, fields: PromoFields) -> tuple[update.PromotionChange, update.CodeChange]:
    """The changes of promotion and code that give a promo these fields, and leave the others as they are.

    A field that stays the same changes nothing, even where the promotion has more than a promo can express: a client
    may send back a whole promo. Raises InvalidInput.
    """
    promotion, old = code.promotion, from_code(code)
    new = _validated(replace(old, **fields))
    changes_limit = _per_promotion(new) != _per_promotion(old)
    opens = _is_open(new) and not _is_open(old)
    promotion_change = update.PromotionChange(
        name=new.code if promotion.name == old.code != new.code else ABSENT,
        is_enabled=_is_open(new) if _is_open(new) != _is_open(old) else ABSENT,
        discount=_discount(new, promotion) if _discount(new) != _discount(old) else ABSENT,
        window=_window(new) if _window(new) != _window(old) else ABSENT,
        limits=params.Limits(
            per_promotion=_per_promotion(new) if changes_limit else ABSENT,
            per_customer_and_code=_per_customer(new) if _per_customer(new) != _per_customer(old) else ABSENT,
        ),
        particulars={"lpmotor": _to_particulars(new)},
    )
    code_change = update.CodeChange(
        new_text=new.code if new.code != old.code else ABSENT,
        is_enabled=True if opens else ABSENT,
        allowed_claims=None if changes_limit else ABSENT,
    )
    return promotion_change, code_change


def _is_open(promo: Promo) -> bool:
    return promo.is_enabled and not (promo.quantity_limit_is_enabled and promo.quantity_limit == 0)


def _validated(promo: Promo) -> Promo:
    """The promo, if its dates are in order, whether they are enabled or not. Raises InvalidInput."""
    validate.window(params.Window(promo.d_on, promo.d_off), None, None, "UTC")
    return promo


def _discount(promo: Promo, present: Promotion | None = None) -> params.Discount:
    """A percentage in any currency; or an amount in the promotion's currency, or else its organization's."""
    if not promo.bonus_amount_is_in_percentages:
        return params.Discount(kind=DiscountKind.FIXED_AMOUNT, value=promo.bonus_amount)
    was_amount = present is not None and present.discount_kind is DiscountKind.FIXED_AMOUNT
    has_others = present is not None and (present.minimum_order is not None or present.maximum_discount is not None)
    currency = None if was_amount and not has_others else ABSENT
    return params.Discount(kind=DiscountKind.PERCENTAGE, value=promo.bonus_amount, currency=currency)


def _window(promo: Promo) -> params.Window:
    return params.Window(promo.d_on, promo.d_off) if promo.time_limit_is_enabled else params.Window(None, None)


def _per_promotion(promo: Promo) -> int | None:
    return promo.quantity_limit or None if promo.quantity_limit_is_enabled else None


def _per_customer(promo: Promo) -> int | None:
    return 1 if promo.personal_limit_is_enabled else None


def _to_particulars(promo: Promo) -> PromoParticulars:
    """The fields that the columns can't hold."""
    own: PromoParticulars = {"bonus_type": promo.bonus_type}
    if _window(promo) == params.Window(None, None):
        own["time_limit_is_enabled"] = promo.time_limit_is_enabled
        if promo.d_on:
            own["d_on"] = promo.d_on.isoformat()
        if promo.d_off:
            own["d_off"] = promo.d_off.isoformat()
    if _per_promotion(promo) is None:
        own["quantity_limit_is_enabled"] = promo.quantity_limit_is_enabled
        own["quantity_limit"] = promo.quantity_limit
        own["is_enabled"] = promo.is_enabled
    return own
