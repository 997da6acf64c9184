"""The enumerations of the schema: of columns, under their own names, of statuses, and of the refusals' reasons."""

from enum import Enum

import strawberry

from db.enums import ClaimStatus, CodeStatus, DeliveryStatus, DiscountKind, JobStatus, PromotionStatus
from resolvers.domain import refusals
from resolvers.domain.code_format import Style
from resolvers.domain.usage_buckets import BucketSize

strawberry.enum(ClaimStatus, name="ClaimStatus")
strawberry.enum(CodeStatus, name="CodeStatus")
strawberry.enum(PromotionStatus, name="PromotionStatus")
strawberry.enum(DiscountKind, name="DiscountKind")
strawberry.enum(DeliveryStatus, name="DeliveryStatus")
strawberry.enum(JobStatus, name="JobStatus")
StatBucket = strawberry.enum(BucketSize, name="StatBucket")
CodeStyle = strawberry.enum(Style, name="CodeStyle")


REST_ALONE = (refusals.EmailTaken, refusals.UnknownCustomer, refusals.UnknownToken)
"""Refusals that no GraphQL field gives."""
IN_GRAPHQL = tuple(kind for kind in refusals.REFUSALS if kind not in REST_ALONE)
"""Refusals that have a reason and a type in the schema."""


@strawberry.enum
class RefusalReason(Enum):
    vars().update({kind.reason: kind.reason for kind in IN_GRAPHQL})
