"""Works at jobs: makes their codes some thousands at a time, each time in a short transaction of its own.

A job is leased by one worker, a name that no other process has; a heartbeat (db/leases.py) keeps the lease while
texts are looked for, however long that takes. Each transaction begins by asking whether the lease still holds and ends
by counting what it made, so a job that is cut off anywhere is where its row says, and whoever takes it up goes on from
there. Its codes can't be claimed until the last of them is there (`rules.is_unfinished`), and one promotion has one
such job at a time: others wait for it.

Texts are drawn in runs and inserted in their order, because an insert into one part of an index costs a tenth of one
all over it. A run is as likely to have these texts as any others only when all of it is inserted: so it is drawn of
a seed that the job keeps, and a run that was cut off is gone through once more.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db import leases, sql
from db.enums import JobStatus
from db.leases import LeaseLost
from db.models import Job
from db.queries import codes, promotions
from db.queries import jobs as rows
from db.queries.codes import SharedColumns
from resolvers import generate, random_codes
from resolvers.domain.code_format import Format, Style, Text
from resolvers.domain.refusals import CodeSpaceTooSmall, Refusal, UnknownPromotion

LEASE = timedelta(seconds=10)
MAX_RUN_SIZE = 250_000
EXCLUSIVE_TRANSACTION_TARGET, CONCURRENT_TRANSACTION_TARGET = timedelta(seconds=0.1), timedelta(seconds=0.5)
"""What a transaction should take where claims wait for it, and where they go on beside it."""
MIN_BATCH_SIZE = 1_000
PAUSE_SECONDS = 0.005
"""Seconds between two transactions, in which others reach SQLite: a question is often several statements."""

Clock = Callable[[], datetime]


async def process(worker: str, clock: Clock, only: int | None = None) -> None:
    """Work at every unfinished job that nobody else is at, or at `only` this one, until each is finished."""
    for job_id in await rows.available(worker, clock()) if only is None else [only]:
        with suppress(LeaseLost):
            await _work(job_id, worker, clock)


async def _work(job_id: int, worker: str, clock: Clock) -> None:
    """Take one job and finish it. Raises LeaseLost when it is another's."""

    async def renew() -> bool:
        return await rows.renew(job_id, worker, clock() + LEASE)

    try:
        job = await _take(job_id, worker, clock())
        if job.status is JobStatus.RUNNING:
            async with leases.kept(LEASE, renew):
                await _make_all(job, worker, clock)
    except Refusal as no:
        await _fail(job_id, worker, no, clock())
    await _clear(job_id, worker, clock)


async def release_leases(worker: str) -> None:
    """Leave whatever this worker is at to others, at once."""
    await rows.release_leases(worker)


@db_errors.retry_on_conflict
async def _take(job_id: int, worker: str, now: datetime) -> Job:
    """Lease a job. Raises LeaseLost, and UnknownPromotion when its promotion was deleted."""
    async with in_transaction():
        job = await rows.lease(job_id, worker, now, now + LEASE)
        if job is None:
            raise LeaseLost
        if await rows.mark_unfinished(job.promotion_id, job.id):
            return job
        if await promotions.by_id(job.organization_id, job.promotion_id) is not None:
            raise LeaseLost  # the promotion's other job comes first
    raise UnknownPromotion


async def _make_all(job: Job, worker: str, clock: Clock) -> None:
    """Make what is missing. Raises LeaseLost, UnknownPromotion, CodeSpaceTooSmall."""
    format = Format(Style(job.style), job.pattern, job.prefix)
    is_cut_off = job.run_seed is not None
    while is_cut_off or random_codes.should_draw_blindly(job.drawn, format):
        if not is_cut_off:
            job = await _begin_run(job.id, worker, format, clock())
        run = await asyncio.to_thread(_run, job, format)
        job = await _make_each(job, run, format, worker, clock)
        if job.finished_at is not None:
            return
        is_cut_off = False
    while job.finished_at is None:
        missing = job.total - job.done
        left = await random_codes.free(job.organization_id, missing, format)
        job = await _make_each(job, left, format, worker, clock)
        if job.finished_at is None and len(left) < missing:  # else somebody took one of these: there may be others
            raise CodeSpaceTooSmall(format.capacity, taken=format.capacity - job.done, requested=job.total)


def _run(job: Job, format: Format) -> list[int]:
    return sorted(random_codes.numbers(job.run_size, format.capacity, job.run_seed or ""))


@db_errors.retry_on_conflict
async def _begin_run(job_id: int, worker: str, format: Format, now: datetime) -> Job:
    async with in_transaction():
        job = await _lock_leased(job_id, worker, now)
        job.run_seed = random_codes.new_seed()
        job.run_size = min(MAX_RUN_SIZE, job.total - job.done, max(1, format.capacity // 2))
        job.drawn += job.run_size
        await rows.save(job, ["run_seed", "run_size", "drawn"])
        return job


async def _make_each(job: Job, numbers: list[int], format: Format, worker: str, clock: Clock) -> Job:
    start, size = 0, generate.MAX_TEXTS_PER_INSERT
    while start < len(numbers) and job.finished_at is None:
        began = clock()
        job = await _make(job.id, format.texts(numbers[start : start + size]), worker, began)
        start += size
        target = EXCLUSIVE_TRANSACTION_TARGET if sql.is_single_writer() else CONCURRENT_TRANSACTION_TARGET
        size = _next_size(size, clock() - began, target)
        await asyncio.sleep(PAUSE_SECONDS)
    return job


def _next_size(size: int, took: timedelta, aim: timedelta) -> int:
    """How many texts a transaction should insert to take `aim`, after one of `size` that took so long."""
    if took > 2 * aim:
        return max(size // 2, min(MIN_BATCH_SIZE, generate.MAX_TEXTS_PER_INSERT))
    return min(size * 2, generate.MAX_TEXTS_PER_INSERT) if took < aim / 2 else size


@db_errors.retry_on_conflict
async def _make(job_id: int, texts: list[Text], worker: str, now: datetime) -> Job:
    """Insert those of the texts that are free; the last of all makes the job's codes claimable."""
    async with in_transaction():
        job = await _lock_leased(job_id, worker, now)
        if await promotions.by_id(job.organization_id, job.promotion_id) is None:
            raise UnknownPromotion
        job.done += await codes.insert_and_count(texts[: job.total - job.done], _shared(job), now)
        if job.done == job.total:
            await rows.mark_finished(job.promotion_id, job.id)
            job.status, job.finished_at, job.run_seed = JobStatus.DONE, now, None
        await rows.save(job, ["done", "status", "finished_at", "run_seed"])
        return job


def _shared(job: Job) -> SharedColumns:
    kept = {name: getattr(job, name) for name in SharedColumns._fields if name != "job_id"}
    return SharedColumns(**kept, job_id=job.id)


@db_errors.retry_on_conflict
async def _fail(job_id: int, worker: str, no: Refusal, now: datetime) -> None:
    async with in_transaction():
        job = await rows.lock(job_id, worker, now + LEASE)
        if job is not None:
            job.status, job.error, job.run_seed = JobStatus.FAILED, job.error or str(no), None
            await rows.save(job, ["status", "error", "run_seed"])


async def _clear(job_id: int, worker: str, clock: Clock) -> None:
    """Remove what a failed job has made, and finish it."""
    while (left := await _remove(job_id, worker, clock())) is not None and left:
        pass


@db_errors.retry_on_conflict
async def _remove(job_id: int, worker: str, now: datetime) -> bool:
    """Remove some of what a failed job has made; whether there is more."""
    async with in_transaction():
        job = await rows.lock(job_id, worker, now + LEASE)
        if job is None or job.status is not JobStatus.FAILED:
            return False
        removed = await codes.delete_of_job(job.promotion_id, job.id, job.created_at, generate.MAX_TEXTS_PER_INSERT)
        job.done = max(0, job.done - removed)
        if removed < generate.MAX_TEXTS_PER_INSERT:
            await rows.mark_finished(job.promotion_id, job.id)
            job.finished_at = now
        await rows.save(job, ["done", "finished_at"])
        return job.finished_at is None


async def _lock_leased(job_id: int, worker: str, now: datetime) -> Job:
    """The job, if the worker still has it. Raises LeaseLost."""
    job = await rows.lock(job_id, worker, now + LEASE)
    if job is None:
        raise LeaseLost
    return job
