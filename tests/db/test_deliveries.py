"""The queue of letters: however long it is, every query of it uses an index."""

from datetime import timedelta
from typing import Any

import pytest
from tortoise.connection import get_connection
from tortoise.queryset import QuerySet

from db import sql
from db.enums import DeliveryStatus
from db.models import Delivery, Organization
from db.queries import deliveries
from tests import make
from tests.make import NOW


async def plan(queryset: QuerySet[Delivery]) -> str:
    """The database's plan for a query set."""
    queryset._make_query()
    statement, values = queryset.query.get_parameterized_sql()
    return str(await sql.execute(f"{explain()} {statement}", values))


def explain() -> str:
    return "EXPLAIN QUERY PLAN" if get_connection("default").capabilities.dialect == "sqlite" else "EXPLAIN"


async def many(organization: Organization) -> None:
    """Some thousand letters that are sent, and two that are due."""
    code = await make.code(organization)
    rows = [
        Delivery(
            organization_id=organization.id,
            code_id=code.id,
            recipient=f"{number}@example.com",
            recipient_key=f"{number}@example.com",
            status=DeliveryStatus.QUEUED if number < 2 else DeliveryStatus.SENT,
            due_at=NOW if number < 2 else None,
            created_at=NOW - timedelta(seconds=number),
        )
        for number in range(5_000)
    ]
    await Delivery.bulk_create(rows, batch_size=500)
    await sql.execute("ANALYZE", [])


@pytest.mark.long
async def test_due_letters_are_read_from_their_index(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queries that every process runs each second read the letters that are due, and no other."""
    await many(organization)
    rows, plans = sql.rows, list[str]()

    async def explained(text: str, *values: object) -> list[dict[str, Any]]:
        plans.append(str(await rows(f"{explain()} {text}", *values)))
        return await rows(text, *values)

    monkeypatch.setattr(sql, "rows", explained)
    assert len(await deliveries.QUEUE.available(NOW, 1)) == 1
    assert len(await deliveries.QUEUE.take(20, "one", NOW, timedelta(seconds=30))) == 2
    await deliveries.QUEUE.release("one", NOW)
    assert await Delivery.filter(status=DeliveryStatus.QUEUED, worker=None).count() == 2
    assert len(plans) == 3
    assert all("delivery_due" in plan for plan in plans)


@pytest.mark.long
async def test_a_state_is_read_from_its_index(organization: Organization) -> None:
    """A page of the letters in one state, in the order in which it is shown, reads that page."""
    await many(organization)
    queued = deliveries.matching(organization.id, [DeliveryStatus.QUEUED])
    assert "delivery_page_of_status" in await plan(queued.order_by("created_at", "id").limit(51))
    assert await queued.count() == 2
    both = deliveries.matching(organization.id, [DeliveryStatus.QUEUED, DeliveryStatus.SENT])
    assert await both.count() == 5_000
