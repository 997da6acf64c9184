"""The enumerations of the schema; those that rows hold are the store's own."""

from enum import Enum

import strawberry

from db.models import DeliveryStatus, DiscountKind, JobStatus
from resolvers.domain.code_format import Style
from resolvers.domain.usage_buckets import Size

strawberry.enum(DiscountKind, name="DiscountKind")
strawberry.enum(DeliveryStatus, name="DeliveryStatus")
strawberry.enum(JobStatus, name="JobStatus")
StatBucket = strawberry.enum(Size, name="StatBucket")
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
