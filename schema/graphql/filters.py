"""Inputs that select rows of a list, or the time and buckets of usage."""

from datetime import datetime
from typing import TypeVar

import strawberry
from strawberry import UNSET

from db.enums import ClaimStatus, CodeStatus, PromotionStatus
from resolvers import listing, usage_report
from resolvers.domain.usage_buckets import BucketSize
from schema.graphql.parts import or_none

S = TypeVar("S")


@strawberry.input
class PromotionFilter:
    status: list[PromotionStatus] | None = UNSET
    search: str | None = UNSET

    def to_params(self) -> listing.PromotionFilter:
        return listing.PromotionFilter(_distinct(self.status), or_none(self.search))


@strawberry.input
class CodeFilter:
    status: list[CodeStatus] | None = UNSET
    text_prefix: str | None = UNSET
    reserved_for_email: str | None = UNSET
    created_after: datetime | None = UNSET
    created_before: datetime | None = UNSET

    def to_params(self) -> listing.CodeFilter:
        return listing.CodeFilter(
            status=_distinct(self.status),
            text_prefix=or_none(self.text_prefix),
            reserved_for_email=or_none(self.reserved_for_email),
            created_after=or_none(self.created_after),
            created_before=or_none(self.created_before),
        )


@strawberry.input
class ClaimFilter:
    email: str | None = UNSET
    order_reference: str | None = UNSET
    status: list[ClaimStatus] | None = UNSET
    created_after: datetime | None = UNSET
    created_before: datetime | None = UNSET

    def to_params(self) -> listing.ClaimFilter:
        return listing.ClaimFilter(
            email=or_none(self.email),
            order_reference=or_none(self.order_reference),
            status=_distinct(self.status),
            created_after=or_none(self.created_after),
            created_before=or_none(self.created_before),
        )


def _distinct(statuses: list[S] | None) -> tuple[S, ...] | None:
    return None if statuses is UNSET or statuses is None else tuple(dict.fromkeys(statuses))


@strawberry.input(description="Widened to whole buckets. from and to left out: from the first use to now.")
class UsageInput:
    bucket: BucketSize = BucketSize.TOTAL
    from_: datetime | None = strawberry.field(name="from", default=UNSET)
    to: datetime | None = UNSET

    def to_params(self) -> usage_report.UsageQuery:
        return usage_report.UsageQuery(self.bucket, or_none(self.from_), or_none(self.to))
