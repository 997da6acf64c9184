"""Deliveries: one letter to one recipient."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from tortoise.expressions import F
from tortoise.functions import Count
from tortoise.queryset import QuerySet

from db import sql
from db.models import Delivery, DeliveryStatus


async def recipients_of(code_id: int, recipient_keys: Sequence[str]) -> set[str]:
    """Those of the recipients to whom the code was sent, or is about to be."""
    found = Delivery.filter(code_id=code_id, recipient_key__in=recipient_keys)
    sent = found.exclude(status=DeliveryStatus.FAILED)
    return set(await sent.values_list("recipient_key", flat=True))  # type: ignore[arg-type]


async def add(deliveries: Sequence[Delivery]) -> None:
    await Delivery.bulk_create(deliveries, batch_size=500)


async def queued_at(code_id: int, now: datetime, recipient_keys: Sequence[str]) -> list[Delivery]:
    """What was queued about a code at that moment to these recipients."""
    found = Delivery.filter(code_id=code_id, created_at=now, recipient_key__in=recipient_keys)
    latest = await found.order_by("-id").limit(len(recipient_keys))  # others may be of the same instant, resent
    return latest[::-1]


async def by_ids(ids: Sequence[int]) -> dict[int, Delivery]:
    return await Delivery.in_bulk(ids, "id")


def all_of(organization_id: int) -> QuerySet[Delivery]:
    return Delivery.filter(organization_id=organization_id)


# ------------------------------------------------------------------ the queue


async def any_due(now: datetime) -> bool:
    """Whether there is a letter to take; a question of one index, that keeps no writer waiting."""
    return await Delivery.filter(due_at__lte=now).exists()


async def take(now: datetime, lease: datetime, most: int) -> list[int]:
    """Take the letters that are due longest, until the lease is over; what one has taken no other takes.

    Materialized: PostgreSQL may else ask once more for each row, pass over what it has just locked, and take more.
    """
    taken = await sql.rows(
        f"""
        WITH due AS MATERIALIZED (
            SELECT id FROM delivery WHERE due_at <= $2 ORDER BY due_at, id LIMIT $3 {sql.passing_over_locked()}
        )
        UPDATE delivery SET status = 'SENDING', attempts = attempts + 1, due_at = $1
        WHERE due_at <= $2 AND id IN (SELECT id FROM due)
        RETURNING id
        """,  # noqa: S608 (a word of our own)
        lease,
        now,
        most,
    )
    return [row["id"] for row in taken]


async def with_all_they_tell(ids: Sequence[int]) -> list[Delivery]:
    """Letters with what stands in them: organization, code and promotion."""
    return await Delivery.filter(id__in=ids).select_related("organization", "code__promotion").order_by("id")


async def settle(ids: Sequence[int], lease: datetime, columns: dict[str, Any], was_tried: bool) -> None:
    """Write down what became of letters, unless somebody else has taken them after this lease."""
    ours = Delivery.filter(id__in=ids, status=DeliveryStatus.SENDING, due_at=lease)
    await ours.update(**columns, **({} if was_tried else {"attempts": F("attempts") - 1}))


async def retry_failed(now: datetime, organization_ids: Iterable[int]) -> int:
    """Queue failed letters anew, but to nobody who has got one about that code, or is about to; how many."""
    queued = 0
    for organization_id in organization_ids:
        found = await sql.rows(
            """
            UPDATE delivery SET status = 'QUEUED', attempts = 0, due_at = $1
            WHERE organization_id = $2 AND status = 'FAILED' AND NOT EXISTS (
                SELECT 1 FROM delivery AS other
                WHERE other.code_id = delivery.code_id AND other.recipient_key = delivery.recipient_key
                    AND (other.status <> 'FAILED' OR other.id > delivery.id)
            )
            RETURNING id
            """,
            now,
            organization_id,
        )
        queued += len(found)
    return queued


async def by_status(organization_id: int) -> Counter[DeliveryStatus]:
    """How many letters there are in each state."""
    counted = Delivery.filter(organization_id=organization_id).annotate(number=Count("id")).group_by("status")
    return Counter(dict(await counted.values_list("status", "number")))


async def latest(organization_id: int, status: DeliveryStatus | None, most: int) -> list[Delivery]:
    """The newest letters, newest first, each with its code."""
    found = all_of(organization_id) if status is None else all_of(organization_id).filter(status=status)
    return await found.order_by("-created_at", "-id").limit(most).select_related("code")
