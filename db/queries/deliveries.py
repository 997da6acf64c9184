"""Deliveries: one letter to one recipient."""

from collections.abc import Sequence
from datetime import datetime

from tortoise.queryset import QuerySet

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
