"""A promo, which is a promotion with exactly one code: what its fields mean in this house, both ways.

A promotion's columns hold what counts. What counts for nobody else is sealed in `particulars`: `bonus_type`, and
the dates and the number of limits that are switched off. Where a column says something, it is what holds: the
promotion may have been changed through another door.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from db.enums import DiscountKind
from db.models import Code, Promotion
from resolvers import create, update
from resolvers.domain import money, params, validate
from resolvers.domain.params import ABSENT


@dataclass(frozen=True)
class Promo:
    """What a client may say of a promo, with the defaults of a new one (choices)."""

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


# ------------------------------------------------------------------ from the house's words


def told(promotion: Promotion) -> dict[str, Any]:
    """What this door alone knows of a promotion."""
    particulars: Any = promotion.particulars
    told: dict[str, Any] = particulars.get("lpmotor", {})
    return told


def of(found: Code) -> Promo:
    """The promo that a code and its promotion are."""
    promotion, known = found.promotion, told(found.promotion)
    limits = [limit for limit in (promotion.per_promotion, found.allowed_claims) if limit is not None]
    is_held_shut = not limits and not promotion.is_enabled and _is_used_up_by_none(known)
    kind = promotion.discount_kind
    return Promo(
        code=found.text,
        is_enabled=known["is_enabled"] if is_held_shut else promotion.is_enabled and found.is_enabled,
        bonus_type=known.get("bonus_type", 0),
        bonus_amount=bonus(kind, promotion.discount_value, promotion.currency),
        bonus_amount_is_in_percentages=kind is DiscountKind.PERCENTAGE,
        **_window_of(promotion, known),
        quantity_limit_is_enabled=bool(limits) or is_held_shut,
        quantity_limit=min(limits, default=known.get("quantity_limit", 0)),
        personal_limit_is_enabled=promotion.per_customer_and_code == 1,
    )


def bonus(kind: DiscountKind, value: int, currency: str | None) -> Decimal:
    """A discount's size in percent or in whole units of its currency; 0 for what is neither."""
    is_sized = kind in (DiscountKind.PERCENTAGE, DiscountKind.FIXED_AMOUNT)
    return money.discount_amount(kind, value, currency) if is_sized else Decimal(0)


def _is_used_up_by_none(known: dict[str, Any]) -> bool:
    """Whether a limit of no use at all was asked for; in this house that is a promotion switched off."""
    return bool(known.get("quantity_limit_is_enabled")) and known.get("quantity_limit") == 0


def _window_of(promotion: Promotion, known: dict[str, Any]) -> dict[str, Any]:
    if promotion.starts_at or promotion.ends_at:
        return {"time_limit_is_enabled": True, "d_on": promotion.starts_at, "d_off": promotion.ends_at}
    return {
        "time_limit_is_enabled": known.get("time_limit_is_enabled", False),
        **{name: datetime.fromisoformat(known[name]) for name in ("d_on", "d_off") if known.get(name)},
    }


# ------------------------------------------------------------------ to the house's words


def new(said: dict[str, Any]) -> create.NewPromotion:
    """The promotion and code that a new promo is, of which these fields were said. Raises InvalidInput."""
    promo = _checked(Promo(**said))
    return create.NewPromotion(
        name=promo.code,
        is_enabled=_is_open(promo),
        discount=_discount(promo),
        window=_window(promo),
        limits=params.Limits(
            per_promotion=_per_promotion(promo), per_code=None, per_customer_and_code=_per_customer(promo)
        ),
        codes=(promo.code,),
        particulars={"lpmotor": _sealed(promo)},
    )


def change(found: Code, said: dict[str, Any]) -> tuple[update.PromotionChange, update.CodeChange]:
    """What is to be changed so that the promo has the fields that were said, and the others as they are.

    What would say the same in other words is left alone: a client may send back a whole promo that is more here.
    Raises InvalidInput.
    """
    promotion, old = found.promotion, of(found)
    now = _checked(replace(old, **said))
    limits_uses = _per_promotion(now) != _per_promotion(old)
    opens = _is_open(now) and not _is_open(old)
    of_promotion = update.PromotionChange(
        name=now.code if promotion.name == old.code != now.code else ABSENT,
        is_enabled=_is_open(now) if _is_open(now) != _is_open(old) else ABSENT,
        discount=_discount(now, promotion) if _discount(now) != _discount(old) else ABSENT,
        window=_window(now) if _window(now) != _window(old) else ABSENT,
        limits=params.Limits(
            per_promotion=_per_promotion(now) if limits_uses else ABSENT,
            per_customer_and_code=_per_customer(now) if _per_customer(now) != _per_customer(old) else ABSENT,
        ),
        particulars={"lpmotor": _sealed(now)},
    )
    of_code = update.CodeChange(
        new_text=now.code if now.code != old.code else ABSENT,
        is_enabled=True if opens else ABSENT,
        allowed_claims=None if limits_uses else ABSENT,
    )
    return of_promotion, of_code


def _is_open(promo: Promo) -> bool:
    return promo.is_enabled and not (promo.quantity_limit_is_enabled and promo.quantity_limit == 0)


def _checked(promo: Promo) -> Promo:
    """A promo whose dates are in order, whether they count or not."""
    validate.window(params.Window(promo.d_on, promo.d_off), None, None, "UTC")
    return promo


def _discount(promo: Promo, present: Promotion | None = None) -> params.Discount:
    """Percent of any currency's order; or units of the currency that the promotion has, or else its organization's."""
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


def _sealed(promo: Promo) -> dict[str, Any]:
    """What the columns can't hold."""
    sealed: dict[str, Any] = {"bonus_type": promo.bonus_type}
    if _window(promo) == params.Window(None, None):
        sealed["time_limit_is_enabled"] = promo.time_limit_is_enabled
        sealed |= {name: at.isoformat() for name in ("d_on", "d_off") if (at := getattr(promo, name))}
    if _per_promotion(promo) is None:
        sealed["quantity_limit_is_enabled"] = promo.quantity_limit_is_enabled
        sealed["quantity_limit"] = promo.quantity_limit
        sealed["is_enabled"] = promo.is_enabled
    return sealed
