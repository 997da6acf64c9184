"""Enumerations that columns hold, as their names, and those that follow from columns (db/statuses.py)."""

from enum import StrEnum


class KeyKind(StrEnum):
    SECRET = "SECRET"  # noqa: S105 (a kind of key, not one)
    PUBLIC = "PUBLIC"
    DEVICE = "DEVICE"
    ACCOUNT = "ACCOUNT"


class DiscountKind(StrEnum):
    PERCENTAGE = "PERCENTAGE"
    FIXED_AMOUNT = "FIXED_AMOUNT"
    FREE_SHIPPING = "FREE_SHIPPING"
    NONE = "NONE"


class ClaimStatus(StrEnum):
    CLAIMED = "CLAIMED"
    RELEASED = "RELEASED"


class CodeStatus(StrEnum):
    NOT_ACTIVATED = "NOT_ACTIVATED"
    SCHEDULED = "SCHEDULED"
    CLAIMABLE = "CLAIMABLE"
    EXHAUSTED = "EXHAUSTED"
    EXPIRED = "EXPIRED"
    DISABLED = "DISABLED"


class PromotionStatus(StrEnum):
    SCHEDULED = "SCHEDULED"
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"
    SPENT = "SPENT"
    DISABLED = "DISABLED"


class DeliveryStatus(StrEnum):
    QUEUED = "QUEUED"
    SENDING = "SENDING"
    SENT = "SENT"
    FAILED = "FAILED"


class JobStatus(StrEnum):
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


class UsageLevel(StrEnum):
    HOUR = "HOUR"
    DAY = "DAY"
