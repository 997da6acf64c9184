"""Processes generation jobs: inserts their codes some thousands at a time, each time in a short transaction.

A job is leased by one worker, whose name no other process has; a heartbeat (db/leases.py) renews the lease while texts
are looked up, however long that takes. Each transaction begins by checking the lease and ends by counting what it
inserted, so an interrupted job continues from its row, in whichever process. Its codes can't be claimed until the last
of them is there (`statuses.is_unfinished`), and a promotion has one such job at a time: others wait for it.

Texts are drawn in runs and inserted in their order: inserts into one part of an index cost a tenth of inserts all over
it. A run is as likely to have these texts as any others only when all of it is inserted. So it is drawn of a seed that
the job stores, and an interrupted run is inserted once more.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db import sql
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
MAX_JOBS = 100
"""Jobs that are looked up at a time."""
MAX_RUN_SIZE = 250_000
EXCLUSIVE_TRANSACTION_TARGET, CONCURRENT_TRANSACTION_TARGET = timedelta(seconds=0.1), timedelta(seconds=0.5)
"""How long a transaction should take where claims wait for it (SQLite), and where they run beside it."""
MIN_BATCH_SIZE = 1_000
PAUSE_SECONDS = 0.005
"""The pause between two transactions, in which others reach SQLite: a query is often several statements."""

Clock = Callable[[], datetime]


async def process(worker: str, clock: Clock, only: int | None = None) -> None:
    """Process every unfinished job that no other worker has leased, or `only` this one, until each is finished."""
    for job_id in await rows.QUEUE.available(clock(), MAX_JOBS, worker) if only is None else [only]:
        with suppress(LeaseLost):
            await _process_job(job_id, worker, clock)


async def _process_job(job_id: int, worker: str, clock: Clock) -> None:
    """Lease one job and finish it. Raises LeaseLost when another worker has it."""
    try:
        job = await _lease(job_id, worker, clock())
        if job.status is JobStatus.RUNNING:
            async with rows.QUEUE.heartbeat([job_id], worker, LEASE, clock):
                await _insert_missing(job, worker, clock)
    except Refusal as refusal:
        await _fail(job_id, worker, refusal, clock())
    await _remove_codes(job_id, worker, clock)


async def of_any_organization(job_id: int) -> Job | None:
    """A job by its number, for the operator who goes on with it."""
    return await rows.of_any_organization(job_id)


async def release_leases(worker: str, now: datetime) -> None:
    """End this worker's leases, so that others can take up its jobs at once."""
    await rows.QUEUE.release(worker, now)


@db_errors.retry_on_conflict
async def _lease(job_id: int, worker: str, now: datetime) -> Job:
    """Lease a job. Raises LeaseLost, and UnknownPromotion when its promotion was deleted."""
    async with in_transaction():
        if not await rows.QUEUE.take_one(job_id, worker, now, LEASE):
            raise LeaseLost
        job = await _lock_leased(job_id, worker, now)
        if await rows.mark_unfinished(job.promotion_id, job.id):
            return job
        if await promotions.by_id(job.organization_id, job.promotion_id) is not None:
            raise LeaseLost  # the promotion's other job comes first
    raise UnknownPromotion


async def _insert_missing(job: Job, worker: str, clock: Clock) -> None:
    """Insert the missing codes: first blindly drawn runs, then texts that are looked up.

    Raises LeaseLost, UnknownPromotion, CodeSpaceTooSmall.
    """
    format = Format(Style(job.style), job.pattern, job.prefix)
    is_interrupted = job.run_seed is not None
    while is_interrupted or random_codes.should_draw_blindly(job.drawn, format):
        if not is_interrupted:
            job = await _begin_run(job.id, worker, format, clock())
        run = await asyncio.to_thread(_run_numbers, job, format)
        job = await _insert_batches(job, run, format, worker, clock)
        if job.finished_at is not None:
            return
        is_interrupted = False
    while job.finished_at is None:
        missing = job.total - job.done
        numbers = await random_codes.free(job.organization_id, missing, format)
        job = await _insert_batches(job, numbers, format, worker, clock)
        if job.finished_at is None and len(numbers) < missing:  # else another call took one: there may be more
            raise CodeSpaceTooSmall(format.capacity, taken=format.capacity - job.done, requested=job.total)


def _run_numbers(job: Job, format: Format) -> list[int]:
    """The numbers of the job's current run, in the order of the index."""
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


async def _insert_batches(job: Job, numbers: list[int], format: Format, worker: str, clock: Clock) -> Job:
    start, size = 0, generate.MAX_TEXTS_PER_INSERT
    while start < len(numbers) and job.finished_at is None:
        began = clock()
        job = await _insert_batch(job.id, format.texts(numbers[start : start + size]), worker, began)
        start += size
        target = EXCLUSIVE_TRANSACTION_TARGET if sql.is_single_writer() else CONCURRENT_TRANSACTION_TARGET
        size = _next_size(size, clock() - began, target)
        await asyncio.sleep(PAUSE_SECONDS)
    return job


def _next_size(size: int, duration: timedelta, target: timedelta) -> int:
    """How many texts a transaction should insert to take about `target`, after one of `size` that took `duration`."""
    if duration > 2 * target:
        return max(size // 2, min(MIN_BATCH_SIZE, generate.MAX_TEXTS_PER_INSERT))
    return min(size * 2, generate.MAX_TEXTS_PER_INSERT) if duration < target / 2 else size


@db_errors.retry_on_conflict
async def _insert_batch(job_id: int, texts: list[Text], worker: str, now: datetime) -> Job:
    """Insert the texts that are free; the last code of all makes the job's codes claimable."""
    async with in_transaction():
        job = await _lock_leased(job_id, worker, now)
        if await promotions.by_id(job.organization_id, job.promotion_id) is None:
            raise UnknownPromotion
        job.done += await codes.insert_and_count(texts[: job.total - job.done], _shared_columns(job), now)
        if job.done == job.total:
            await rows.mark_finished(job.promotion_id, job.id)
            job.status, job.finished_at, job.run_seed = JobStatus.DONE, now, None
        await rows.save(job, ["done", "status", "finished_at", "run_seed"])
        return job


def _shared_columns(job: Job) -> SharedColumns:
    columns = {name: getattr(job, name) for name in SharedColumns._fields if name != "job_id"}
    return SharedColumns(**columns, job_id=job.id)


@db_errors.retry_on_conflict
async def _fail(job_id: int, worker: str, refusal: Refusal, now: datetime) -> None:
    async with in_transaction():
        job = await rows.QUEUE.lock(job_id, worker, now + LEASE)
        if job is not None:
            job.status, job.error, job.run_seed = JobStatus.FAILED, job.error or str(refusal), None
            await rows.save(job, ["status", "error", "run_seed"])


async def _remove_codes(job_id: int, worker: str, clock: Clock) -> None:
    """Delete the codes of a failed job, and finish it."""
    while await _remove_batch(job_id, worker, clock()):
        pass


@db_errors.retry_on_conflict
async def _remove_batch(job_id: int, worker: str, now: datetime) -> bool:
    """Delete some codes of a failed job; returns whether there are more."""
    async with in_transaction():
        job = await rows.QUEUE.lock(job_id, worker, now + LEASE)
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
    """The job, with its row locked, if the worker still has the lease. Raises LeaseLost."""
    job = await rows.QUEUE.lock(job_id, worker, now + LEASE)
    if job is None:
        raise LeaseLost
    return job
