"""The enumerations of the schema; the columns' own ones are registered here under their names."""

from enum import Enum

import strawberry

from db.enums import DeliveryStatus, DiscountKind, JobStatus
from resolvers.domain.code_format import Style
from resolvers.domain.usage_buckets import BucketSize

strawberry.enum(DiscountKind, name="DiscountKind")
strawberry.enum(DeliveryStatus, name="DeliveryStatus")
strawberry.enum(JobStatus, name="JobStatus")
StatBucket = strawberry.enum(BucketSize, name="StatBucket")
CodeStyle = strawberry.enum(Style, name="CodeStyle")


@strawberry.enum
class PromotionStatus(Enum):
    SCHEDULED = "SCHEDULED"
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"
    SPENT = "SPENT"
    DISABLED = "DISABLED"


@strawberry.enum
class CodeStatus(Enum):
    NOT_ACTIVATED = "NOT_ACTIVATED"
    SCHEDULED = "SCHEDULED"
    CLAIMABLE = "CLAIMABLE"
    EXHAUSTED = "EXHAUSTED"
    EXPIRED = "EXPIRED"
    DISABLED = "DISABLED"


@strawberry.enum
class ClaimStatus(Enum):
    CLAIMED = "CLAIMED"
    RELEASED = "RELEASED"


@strawberry.enum
class RefusalReason(Enum):
    NOT_CLAIMABLE = "NOT_CLAIMABLE"
    UNKNOWN_CODE = "UNKNOWN_CODE"
    UNKNOWN_PROMOTION = "UNKNOWN_PROMOTION"
    UNKNOWN_LOCATION = "UNKNOWN_LOCATION"
    NOT_STARTED = "NOT_STARTED"
    ENDED = "ENDED"
    DISABLED = "DISABLED"
    NOT_ACTIVATED = "NOT_ACTIVATED"
    ALREADY_ACTIVATED = "ALREADY_ACTIVATED"
    FULLY_CLAIMED = "FULLY_CLAIMED"
    ALREADY_CLAIMED = "ALREADY_CLAIMED"
    PROMOTION_SPENT = "PROMOTION_SPENT"
    CUSTOMER_LIMIT_REACHED = "CUSTOMER_LIMIT_REACHED"
    RESERVED_FOR_ANOTHER = "RESERVED_FOR_ANOTHER"
    ORDER_TOO_SMALL = "ORDER_TOO_SMALL"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    WRONG_LOCATION = "WRONG_LOCATION"
    INVALID_INPUT = "INVALID_INPUT"
    CODE_TAKEN = "CODE_TAKEN"
    REFERENCE_TAKEN = "REFERENCE_TAKEN"
    CODE_SPACE_TOO_SMALL = "CODE_SPACE_TOO_SMALL"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"
