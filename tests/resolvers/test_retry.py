"""Retrying: failed letters are queued anew, and nobody gets a code twice by it."""

from datetime import timedelta

from db.enums import DeliveryStatus
from db.models import Delivery, Organization
from resolvers import retry, send
from resolvers.domain import params
from tests import make
from tests.make import NOW

LATER = NOW + timedelta(days=3)


async def queued(organization: Organization, *recipients: str) -> None:
    people = [params.Person(recipient) for recipient in recipients]
    await send.code(organization, "HELLO-15", people, None, True, False, None, NOW)


async def test_what_has_failed_is_queued_anew(organization: Organization) -> None:
    """All tries are before it again, and it is due at once; what was sent stays sent, and others' letters theirs."""
    other = await make.organization("other", account=2)
    for one in (organization, other):
        await make.code(one)
        await queued(one, "ada@example.com", "ben@example.com")
    await Delivery.all().update(status=DeliveryStatus.SENT, attempts=1, due_at=None)
    failed = Delivery.filter(recipient="ada@example.com")
    await failed.update(status=DeliveryStatus.FAILED, attempts=8, last_error="451 Later")
    assert await retry.letters([organization], LATER) == 1
    rows = await Delivery.filter(organization_id=organization.id).order_by("id")
    assert [(row.status, row.attempts, row.due_at) for row in rows] == [
        (DeliveryStatus.QUEUED, 0, LATER),
        (DeliveryStatus.SENT, 1, None),
    ]
    assert await Delivery.filter(organization_id=other.id, status=DeliveryStatus.FAILED).count() == 1
    assert await retry.letters([organization], LATER) == 0


async def test_who_has_the_code_by_now_is_not_written_to(organization: Organization) -> None:
    """Somebody with a newer letter gets no second one, and of several failed ones the newest is tried."""
    await make.code(organization)
    for _ in range(3):
        await queued(organization, "ada@example.com", "ben@example.com")
    await Delivery.all().update(status=DeliveryStatus.FAILED, due_at=None)
    newest = await Delivery.filter(recipient="ben@example.com").order_by("-id").first()
    assert newest
    await Delivery.filter(id=newest.id).update(status=DeliveryStatus.SENT)
    assert await retry.letters([organization], LATER) == 1
    [row] = await Delivery.filter(status=DeliveryStatus.QUEUED)
    assert row.recipient == "ada@example.com"
    assert row.id == max(one.id for one in await Delivery.filter(recipient="ada@example.com"))
