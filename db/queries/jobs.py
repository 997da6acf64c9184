"""Jobs: codes that are made in the background.

A worker leases a job, and every change begins with a guarded UPDATE that checks the lease: of two processes that
both take a job for theirs, one writes.
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


async def available(worker: str, now: datetime) -> list[int]:
    """The ids of at most 100 unfinished jobs that no other worker has leased, the oldest first."""
    unfinished = Job.filter(_free(worker, now), finished_at=None)
    return await unfinished.order_by("id").limit(100).values_list("id", flat=True)  # type: ignore[return-value]


def _free(worker: str, now: datetime) -> Q:
    return Q(leased_until__isnull=True) | Q(leased_until__lte=now) | Q(worker=worker)


async def lease(job_id: int, worker: str, now: datetime, until: datetime) -> Job | None:
    """Lease a job; None when another worker has, or it is finished."""
    free = Job.filter(_free(worker, now), id=job_id, finished_at=None)
    return await Job.get(id=job_id) if await free.update(worker=worker, leased_until=until) else None


async def lock(job_id: int, worker: str, until: datetime) -> Job | None:
    """The job with its row locked and its lease renewed; None when another worker has leased it, or it is finished."""
    return await Job.get(id=job_id) if await renew(job_id, worker, until) else None


async def renew(job_id: int, worker: str, until: datetime) -> bool:
    """Renew a lease: whether the job is still this worker's, and unfinished."""
    return bool(await Job.filter(id=job_id, worker=worker, finished_at=None).update(leased_until=until))


async def release_leases(worker: str) -> None:
    """Give up all leases of a worker, so that others can take its jobs."""
    await Job.filter(worker=worker, finished_at=None).update(worker=None, leased_until=None)


async def save(job: Job, fields: list[str]) -> None:
    await job.save(update_fields=fields)


async def mark_unfinished(promotion_id: int, job_id: int) -> bool:
    """Block claims of the job's codes; false where another job blocks the promotion, or the promotion is gone."""
    free = Promotion.filter(Q(unfinished_job_id__isnull=True) | Q(unfinished_job_id=job_id), id=promotion_id)
    return bool(await free.update(unfinished_job_id=job_id))


async def mark_finished(promotion_id: int, job_id: int) -> None:
    """Unblock claims of the job's codes, all of them at once."""
    await Promotion.filter(id=promotion_id, unfinished_job_id=job_id).update(unfinished_job_id=None)
