"""Sentences about a code for customers: its discount, its window and its state."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from db.enums import CodeStatus, DiscountKind
from db.models import Promotion
from resolvers.domain import money, usage_buckets


@dataclass(frozen=True)
class CodeState:
    """A code's state for customers; `mood` is good, wait or over."""

    mood: str
    title: str
    sentence: str


STATES = {
    CodeStatus.CLAIMABLE: CodeState("good", "Ready to use", "Show it, or type it in when you order."),
    CodeStatus.SCHEDULED: CodeState("wait", "Not yet", "Keep it: it can be used from {start}."),
    CodeStatus.NOT_ACTIVATED: CodeState(
        "wait", "Not activated yet", "It can be used as soon as it has been activated."
    ),
    CodeStatus.EXHAUSTED: CodeState("over", "Used up", "This code has been used as often as it could be."),
    CodeStatus.EXPIRED: CodeState("over", "It has ended", "This code could be used {end}."),
    CodeStatus.DISABLED: CodeState(
        "over", "Switched off", "This code can't be used now. Whoever gave it to you can tell you more."
    ),
}


def state(status: CodeStatus, starts_at: datetime | None, ends_at: datetime | None, zone: str) -> CodeState:
    """The state of a code with that status (`statuses.of_code`)."""
    template = STATES[status]
    start = since(starts_at, zone) if starts_at else ""
    end = until(ends_at, zone) if ends_at else ""
    return CodeState(template.mood, template.title, template.sentence.format(start=start, end=end))


def validity(status: CodeStatus, ends_at: datetime | None, zone: str) -> str | None:
    """The end of a code's validity; None where its state names it already."""
    if status not in (CodeStatus.CLAIMABLE, CodeStatus.SCHEDULED, CodeStatus.NOT_ACTIVATED):
        return None
    return f"Valid {until(ends_at, zone)}." if ends_at else "It has no end date."


def since(instant: datetime, zone: str) -> str:
    """A window's beginning: a day, or a day and a time unless it begins at the start of the day."""
    local = instant.astimezone(ZoneInfo(zone))
    return _day(local) if _begins_a_day(instant, zone) else _moment(local, zone)


def until(instant: datetime, zone: str) -> str:
    """A window's end: its last day, or the moment of its end."""
    local = instant.astimezone(ZoneInfo(zone))
    if _begins_a_day(instant, zone):
        return f"until the end of {_day(local - timedelta(days=1))}"
    return f"until {_moment(local, zone)}"


def _begins_a_day(instant: datetime, zone: str) -> bool:
    return usage_buckets.start_of_day(instant.astimezone(ZoneInfo(zone)).date(), zone) == instant


def _day(local: datetime) -> str:
    return f"{local:%A} {local.day} {local:%B} {local.year}"


def _moment(local: datetime, zone: str) -> str:
    return f"{_day(local)}, {local:%H:%M} ({zone.replace('_', ' ')})"


def discount(promotion: Promotion) -> str | None:
    """A promotion's discount, its minimum order and its maximum; None if it has none of these."""
    size = money.discount_amount(promotion.discount_kind, promotion.discount_value, promotion.currency)
    sentence = {
        DiscountKind.PERCENTAGE: f"{size:f} % off",
        DiscountKind.FIXED_AMOUNT: f"{amount(promotion.discount_value, promotion.currency)} off",
        DiscountKind.FREE_SHIPPING: "Free shipping",
        DiscountKind.NONE: "",
    }[promotion.discount_kind]
    if promotion.minimum_order:
        orders = f"orders from {amount(promotion.minimum_order, promotion.currency)}"
        joined = {DiscountKind.FREE_SHIPPING: "Free shipping for ", DiscountKind.NONE: "For "}
        sentence = joined.get(promotion.discount_kind, f"{sentence} ") + orders
    if sentence and promotion.maximum_discount is not None:
        sentence += f", at most {amount(promotion.maximum_discount, promotion.currency)}"
    return sentence or None


def amount(minor: int, currency: str | None) -> str:
    """An amount in minor units as text: EUR 1,234.50."""
    value = money.of_minor(minor, currency or "")
    return f"{value.currency} {value.amount:,f}".strip()
