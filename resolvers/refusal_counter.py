"""Counts refusals in memory, and writes the counts about once a second in a statement of their own.

A refused claim is rolled back and must not wait for a second transaction; a kill may lose the counts since the last
writing.
"""

from collections import Counter
from datetime import datetime

from db.models import Organization
from db.queries import usage
from db.values import Bucket
from resolvers.domain import usage_buckets
from resolvers.domain.refusals import Refusal


class RefusalCounter:
    """The refusals of one process that are not written yet, by bucket and reason."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Bucket, str]] = Counter()

    def add(
        self,
        organization: Organization,
        refusal: Refusal,
        promotion_id: int,
        currency: str | None,
        now: datetime,
    ) -> None:
        """Count one refused claim; `promotion_id` is 0 when its promotion is not known."""
        for bucket in usage_buckets.hour_and_day(organization.id, promotion_id, currency, now, organization.time_zone):
            self._counts[bucket, refusal.reason] += 1

    async def write(self) -> None:
        """Write the counts; where that fails they are kept for the next time."""
        counts, self._counts = self._counts, Counter()
        in_order = sorted(counts.items(), key=lambda item: (str(item[0][0]), item[0][1]))
        try:
            await usage.count_refusals((bucket, reason, count) for (bucket, reason), count in in_order)
        except BaseException:
            self._counts.update(counts)
            raise
