"""Deliveries: one letter to one recipient."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from tortoise.expressions import F
from tortoise.functions import Count
from tortoise.queryset import QuerySet

from db import sql, statements
from db.enums import DeliveryStatus
from db.models import Delivery

_KEYS = statements.ValuesTable(key="text")
_NEW = statements.ValuesTable(recipient="text", recipient_key="text", first_name="text", last_name="text")


async def recipients_of(code_id: int, recipient_keys: Sequence[str]) -> set[str]:
    """Those of the recipients to whom the code was sent, or is about to be."""
    sent = await _KEYS.fetch(
        """
        SELECT recipient_key FROM delivery
        WHERE code_id = $1 AND status <> 'FAILED' AND recipient_key IN (SELECT key FROM {values} AS input)
        """,
        ((key,) for key in recipient_keys),
        code_id,
    )
    return {row["recipient_key"] for row in sent}


def draft(values: dict[str, Any]) -> Delivery:
    """A letter that is not queued yet: `values` are the columns that drafts differ in."""
    same = {"id": None, "status": DeliveryStatus.QUEUED, "attempts": 0, "last_error": None, "sent_at": None}
    return sql.model_from_row(Delivery, {**values, **same, "due_at": values["created_at"]})


async def add(drafts: Sequence[Delivery]) -> None:
    """Queue letters about one code, of one moment and message, each to another recipient; they get their ids."""
    if not drafts:
        return
    first = drafts[0]
    written = await _NEW.fetch(
        """
        INSERT INTO delivery (organization_id, code_id, message, due_at, created_at, status, attempts,
            recipient, recipient_key, first_name, last_name)
        SELECT $1, $2, $3, $4, $4, 'QUEUED', 0, recipient, recipient_key, first_name, last_name
        FROM {values} AS new
        RETURNING id, recipient_key
        """,
        ((one.recipient, one.recipient_key, one.first_name, one.last_name) for one in drafts),
        first.organization_id,
        first.code_id,
        first.message,
        first.created_at,
    )
    ids = {row["recipient_key"]: row["id"] for row in written}
    for one in drafts:
        one.id = ids[one.recipient_key]


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
            SELECT id FROM delivery WHERE due_at <= $2 ORDER BY due_at, id LIMIT $3 {sql.skip_locked()}
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
