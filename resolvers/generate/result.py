"""The result of a call that generates codes, and of the same call made again."""

from dataclasses import dataclass

from db.models import Code, Job, Organization
from db.queries import jobs, rows
from resolvers.domain.code_format import Format
from resolvers.domain.refusals import IdempotencyMismatch
from resolvers.idempotency import stored_ids


@dataclass(frozen=True)
class GenerateResult:
    """The codes of one call: `codes` are at most the first MAX_CODES_RETURNED of `count`, none of a dry run or a job.

    `ids` are those of all codes that were made just now, none of a replay; `job` is the job that makes them.
    """

    codes: list[Code]
    count: int
    format: Format
    replayed: bool = False
    dry_run: bool = False
    ids: tuple[int, ...] = ()
    job: Job | None = None


async def replay(organization: Organization, answer: object, format: Format) -> GenerateResult:
    """The result that a call with the same idempotency key had: `{"job": id}` or `[amount, ids]`, as it was stored.

    Raises IdempotencyMismatch when its job or codes have been deleted.
    """
    match answer:
        case {"job": int(job_id)}:
            job = await jobs.by_id(organization.id, job_id)
            if job is None:
                raise IdempotencyMismatch("The job that this key was used for is gone.")
            return GenerateResult([], job.total, format, replayed=True, job=job)
        case [int(amount), part]:
            ids = stored_ids(part)
        case _:
            raise IdempotencyMismatch("This idempotency key was used before for something else.")
    codes = await rows.by_ids(Code, organization.id, ids)
    if len(codes) < len(ids):
        raise IdempotencyMismatch("Some of the codes that this key was used for have been deleted.")
    return GenerateResult([codes[id] for id in ids], amount, format, replayed=True)
