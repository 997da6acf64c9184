"""Deliveries: one letter to one recipient."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from tortoise.expressions import F
from tortoise.functions import Count
from tortoise.queryset import QuerySet

from db import sql, statements
from db.enums import DeliveryStatus
from db.leases import LeaseQueue
from db.models import Delivery

_KEYS = statements.ValuesTable(key="text")
_NEW = statements.ValuesTable(recipient="text", recipient_key="text", first_name="text", last_name="text")


async def existing_recipients(code_id: int, recipient_keys: Sequence[str]) -> set[str]:
    """The recipients among these to whom the code was sent, or is about to be."""
    sent = await _KEYS.fetch(
        """
        SELECT recipient_key FROM delivery
        WHERE code_id = $1 AND status <> 'FAILED' AND recipient_key IN (SELECT key FROM {values} AS input)
        """,
        ((key,) for key in recipient_keys),
        code_id,
    )
    return {row["recipient_key"] for row in sent}


def draft(values: Mapping[str, object]) -> Delivery:
    """A letter that is not queued yet: `values` are the columns that drafts differ in."""
    constants = {"id": None, "status": DeliveryStatus.QUEUED, "attempts": 0, "last_error": None, "sent_at": None}
    return sql.model_from_row(Delivery, {**values, **constants, "due_at": values["created_at"]})


async def add(drafts: Sequence[Delivery]) -> None:
    """Queue letters about one code, of one moment and message, each to another recipient; sets the drafts' ids."""
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
        ((draft.recipient, draft.recipient_key, draft.first_name, draft.last_name) for draft in drafts),
        first.organization_id,
        first.code_id,
        first.message,
        first.created_at,
    )
    ids = {row["recipient_key"]: row["id"] for row in written}
    for draft in drafts:
        draft.id = ids[draft.recipient_key]


async def by_ids(ids: Sequence[int]) -> dict[int, Delivery]:
    return await Delivery.in_bulk(ids, "id")


def all_of(organization_id: int) -> QuerySet[Delivery]:
    return Delivery.filter(organization_id=organization_id)


def matching(organization_id: int, statuses: Sequence[DeliveryStatus] | None) -> QuerySet[Delivery]:
    """The organization's letters, or those with one of these statuses."""
    letters = all_of(organization_id)
    if statuses is not None and len(statuses) == 1:
        return letters.filter(status=statuses[0])  # the index has them in the page's order
    return letters if statuses is None else letters.filter(status__in=list(statuses))


# ------------------------------------------------------------------ the queue


QUEUE = LeaseQueue(
    Delivery,
    due="due_at <= $1",
    order="due_at, id",
    unfinished={"status": DeliveryStatus.SENDING},
    when_taken="status = 'SENDING', attempts = attempts + 1",
    when_released="status = 'QUEUED'",
)
"""Letters that are due, the longest due first; to take one is an attempt. The index `delivery_due` has them."""


async def with_organization_and_promotion(ids: Sequence[int]) -> list[Delivery]:
    """Letters, each with its organization, code and promotion."""
    return await Delivery.filter(id__in=ids).select_related("organization", "code__promotion").order_by("id")


async def record_attempt(ids: Sequence[int], worker: str, outcome: Mapping[str, object], was_tried: bool) -> None:
    """End the leases of letters and save their outcome, except of those that another worker has taken since.

    `outcome` is columns with their new values. What was not tried is no attempt.
    """
    attempts = {} if was_tried else {"attempts": F("attempts") - 1}
    await QUEUE.held(ids, worker).update(worker=None, leased_until=None, **outcome, **attempts)


async def retry_failed(now: datetime, organization_ids: Iterable[int]) -> int:
    """Queue failed letters again, except to recipients who have got one about that code, or will; how many."""
    queued = 0
    for organization_id in organization_ids:
        rows = await sql.rows(
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
        queued += len(rows)
    return queued


async def count_by_status(organization_id: int) -> Counter[DeliveryStatus]:
    """How many letters there are in each state."""
    counted = Delivery.filter(organization_id=organization_id).annotate(number=Count("id")).group_by("status")
    return Counter(dict(await counted.values_list("status", "number")))


async def latest(organization_id: int, status: DeliveryStatus | None, limit: int) -> list[Delivery]:
    """The newest letters, newest first, each with its code."""
    letters = all_of(organization_id) if status is None else all_of(organization_id).filter(status=status)
    return await letters.order_by("-created_at", "-id").limit(limit).select_related("code")
