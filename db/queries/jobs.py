"""Jobs: codes that are made in the background."""

from datetime import datetime

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from db.leases import LeaseQueue
from db.models import Job, Promotion
from db.queries.codes import SharedColumns

QUEUE = LeaseQueue(Job, due="finished_at IS NULL", order="id", unfinished={"finished_at": None})
"""Unfinished jobs, the oldest first; each change begins with `lock`, so that of two workers one writes."""


async def by_id(organization_id: int, job_id: int) -> Job | None:
    return await Job.get_or_none(organization_id=organization_id, id=job_id)


async def of_any_organization(job_id: int) -> Job | None:
    """A job by its number, which the host's operator is told."""
    return await Job.get_or_none(id=job_id)


async def add(columns: SharedColumns, style: str, pattern: str | None, prefix: str, total: int, now: datetime) -> Job:
    """Insert a job for `total` codes with these columns, whose texts have this format."""
    shared = {name: value for name, value in columns._asdict().items() if name != "job_id"}
    return await Job.create(**shared, style=style, pattern=pattern, prefix=prefix, total=total, created_at=now)


def all_of(organization_id: int) -> QuerySet[Job]:
    return Job.filter(organization_id=organization_id)


async def save(job: Job, fields: list[str]) -> None:
    await job.save(update_fields=fields)


async def mark_unfinished(promotion_id: int, job_id: int) -> bool:
    """Block claims of the job's codes; false where another job blocks the promotion, or the promotion is gone."""
    free = Promotion.filter(Q(unfinished_job_id__isnull=True) | Q(unfinished_job_id=job_id), id=promotion_id)
    return bool(await free.update(unfinished_job_id=job_id))


async def mark_finished(promotion_id: int, job_id: int) -> None:
    """Unblock claims of the job's codes, all of them at once."""
    await Promotion.filter(id=promotion_id, unfinished_job_id=job_id).update(unfinished_job_id=None)
