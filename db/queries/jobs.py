"""Jobs: codes that are made in the background.

Whoever works at a job holds its lease, and every change begins with the guarded UPDATE that asks whether it still
does: of two processes that think a job is theirs, one writes.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from db.models import Job, Promotion


async def by_id(organization_id: int, job_id: int) -> Job | None:
    return await Job.get_or_none(organization_id=organization_id, id=job_id)


async def by_ids(ids: Iterable[int]) -> dict[int, Job]:
    return await Job.in_bulk(ids, "id")


async def add(values: dict[str, Any]) -> Job:
    return await Job.create(**values)


def all_of(organization_id: int) -> QuerySet[Job]:
    return Job.filter(organization_id=organization_id)


async def idle(worker: str, now: datetime) -> list[int]:
    """Unfinished jobs that nobody else is at, the oldest first."""
    found = Job.filter(_free(worker, now), finished_at=None)
    return await found.order_by("id").limit(100).values_list("id", flat=True)  # type: ignore[return-value]


def _free(worker: str, now: datetime) -> Q:
    return Q(leased_until__isnull=True) | Q(leased_until__lte=now) | Q(worker=worker)


async def lease(job_id: int, worker: str, now: datetime, until: datetime) -> Job | None:
    """Take a job that nobody else is at; None when somebody is, or it is finished."""
    free = Job.filter(_free(worker, now), id=job_id, finished_at=None)
    return await Job.get(id=job_id) if await free.update(worker=worker, leased_until=until) else None


async def hold(job_id: int, worker: str, until: datetime) -> Job | None:
    """The job with its row locked and its lease renewed; None when it is another's by now, or finished."""
    return await Job.get(id=job_id) if await renew(job_id, worker, until) else None


async def renew(job_id: int, worker: str, until: datetime) -> bool:
    """Whether the job is still this worker's, whose lease is longer then."""
    return bool(await Job.filter(id=job_id, worker=worker, finished_at=None).update(leased_until=until))


async def let_go(worker: str) -> None:
    """Whatever this worker is at may be taken by others."""
    await Job.filter(worker=worker, finished_at=None).update(worker=None, leased_until=None)


async def save(job: Job, fields: list[str]) -> None:
    await job.save(update_fields=fields)


async def make_unfinished(promotion_id: int, job_id: int) -> bool:
    """The job's codes can't be claimed from now on; false where another job's can't, or the promotion is gone."""
    free = Promotion.filter(Q(unfinished_job_id__isnull=True) | Q(unfinished_job_id=job_id), id=promotion_id)
    return bool(await free.update(unfinished_job_id=job_id))


async def make_finished(promotion_id: int, job_id: int) -> None:
    """What the job has made can be claimed, all of it at once."""
    await Promotion.filter(id=promotion_id, unfinished_job_id=job_id).update(unfinished_job_id=None)
