"""What a customer is told of a code, in words: what it gives, from when until when, and how it stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from db.enums import DiscountKind
from db.models import Promotion
from resolvers.domain import money, usage_buckets


@dataclass(frozen=True)
class State:
    """How a code stands; `mood` is good, wait or over."""

    mood: str
    title: str
    sentence: str


STATES = {
    "CLAIMABLE": State("good", "Ready to use", "Show it, or type it in when you order."),
    "SCHEDULED": State("wait", "Not yet", "Keep it: it can be used from {start}."),
    "NOT_ACTIVATED": State("wait", "Not activated yet", "It can be used as soon as it has been activated."),
    "EXHAUSTED": State("over", "Used up", "This code has been used as often as it could be."),
    "EXPIRED": State("over", "It has ended", "This code could be used {end}."),
    "DISABLED": State("over", "Switched off", "This code can't be used now. Whoever gave it to you can tell you more."),
}


def state(status: str, starts_at: datetime | None, ends_at: datetime | None, zone: str) -> State:
    """How a code with that status stands."""
    told = STATES[status]
    start = since(starts_at, zone) if starts_at else ""
    end = until(ends_at, zone) if ends_at else ""
    return State(told.mood, told.title, told.sentence.format(start=start, end=end))


def validity(status: str, ends_at: datetime | None, zone: str) -> str | None:
    """Until when a code can be used, where its state does not say so already."""
    if status not in ("CLAIMABLE", "SCHEDULED", "NOT_ACTIVATED"):
        return None
    return f"Valid {until(ends_at, zone)}." if ends_at else "It has no end date."


def since(instant: datetime, zone: str) -> str:
    """A window's beginning: a day, or a day and a time where it does not begin with the day."""
    local = instant.astimezone(ZoneInfo(zone))
    return _day(local) if _begins_a_day(instant, zone) else _moment(local, zone)


def until(instant: datetime, zone: str) -> str:
    """A window's end: the last day that is in it, or the moment at which it is over."""
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


def gives(promotion: Promotion) -> str | None:
    """What a promotion takes off, from which order, and at most how much; None where it says nothing of that."""
    size = money.discount_amount(promotion.discount_kind, promotion.discount_value, promotion.currency)
    said = {
        DiscountKind.PERCENTAGE: f"{size:f} % off",
        DiscountKind.FIXED_AMOUNT: f"{amount(promotion.discount_value, promotion.currency)} off",
        DiscountKind.FREE_SHIPPING: "Free shipping",
        DiscountKind.NONE: "",
    }[promotion.discount_kind]
    if promotion.minimum_order:
        orders = f"orders from {amount(promotion.minimum_order, promotion.currency)}"
        joined = {DiscountKind.FREE_SHIPPING: "Free shipping for ", DiscountKind.NONE: "For "}
        said = joined.get(promotion.discount_kind, f"{said} ") + orders
    if said and promotion.maximum_discount is not None:
        said += f", at most {amount(promotion.maximum_discount, promotion.currency)}"
    return said or None


def amount(minor: int, currency: str | None) -> str:
    """Money as a customer reads it: EUR 1,234.50."""
    told = money.of_minor(minor, currency or "")
    return f"{told.currency} {told.amount:,f}".strip()
