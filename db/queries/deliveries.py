"""Deliveries: one letter to one recipient."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from tortoise.expressions import F
from tortoise.functions import Count
from tortoise.queryset import QuerySet

from db import sql, statements
from db.enums import DeliveryStatus
from db.leases import LeaseQueue
from db.models import Delivery

_KEYS = statements.ValuesTable(key="text")


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


class DeliveryColumns(TypedDict):
    """The columns of a new letter: those in common with others that are queued together, then its recipient's."""

    organization_id: int
    code_id: int
    message: str | None
    created_at: datetime
    recipient: str
    recipient_key: str
    first_name: str | None
    last_name: str | None


_SHARED = ("organization_id", "code_id", "message", "created_at")
_NEW = statements.ValuesTable.of(DeliveryColumns).without(*_SHARED)
_INSERT = _NEW.insert_select(
    "delivery",
    "RETURNING id, recipient_key",
    **{name: f"${place}" for place, name in enumerate(_SHARED, 1)},
    due_at=f"${_SHARED.index('created_at') + 1}",
    status="'QUEUED'",
    attempts="0",
)


def draft(columns: DeliveryColumns) -> Delivery:
    """A letter that is not queued yet."""
    constants = {"id": None, "status": DeliveryStatus.QUEUED, "attempts": 0, "last_error": None, "sent_at": None}
    return sql.model_from_row(Delivery, {**columns, **constants, "due_at": columns["created_at"]})


async def add(drafts: Sequence[Delivery]) -> None:
    """Queue letters about one code, of one moment and message, each to another recipient; sets the drafts' ids."""
    if not drafts:
        return
    shared = map(vars(drafts[0]).get, _SHARED)
    written = await _NEW.fetch(_INSERT, (list(map(vars(draft).get, _NEW.columns)) for draft in drafts), *shared)
    ids = {row["recipient_key"]: row["id"] for row in written}
    for draft in drafts:
        draft.id = ids[draft.recipient_key]


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
