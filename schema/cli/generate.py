"""The command `generate`, which makes codes, shows progress, and resumes a job."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from schema.cli import export
from schema.cli.runtime import Runtime, with_database

if TYPE_CHECKING:
    from db.models import Job, Organization

STYLES = ("creative", "alphanumeric", "numeric")
POLL_SECONDS = 0.2
PROGRESS_LINES = 10
"""The number of progress lines of a job, where standard error is no terminal."""


class CodeProgress:
    """The progress of a job: a bar on a terminal, else some lines on standard error."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0
        self.task = progress.add_task("codes", total=total)

    def show(self, done: int) -> None:
        """Show the number of codes made by now."""
        self.progress.update(self.task, completed=done)
        step = max(1, self.total // PROGRESS_LINES)
        if self.progress.disable and done // step > self.done // step:
            print(f"{done:,} of {self.total:,} codes", file=sys.stderr, flush=True)
        self.done = done


def generate_codes(
    context: typer.Context,
    amount: Annotated[int, typer.Option(help="How many; more than 100,000 are a job.")] = 0,
    organization: Annotated[str | None, typer.Option(help="Whose, where there are several: its identifier.")] = None,
    promotion: Annotated[str | None, typer.Option(help="The promotion they are to belong to: its reference.")] = None,
    style: Annotated[str, typer.Option(help="creative, alphanumeric or numeric.")] = "creative",
    pattern: Annotated[str | None, typer.Option(help="# a digit or letter, A a letter, 9 a digit.")] = None,
    prefix: Annotated[str | None, typer.Option(help="What each code begins with.")] = None,
    resume: Annotated[int | None, typer.Option(help="Go on with the job that has this number.")] = None,
) -> None:
    """Make codes: all of them, or none. Those of a job can be claimed once all are there."""
    runtime: Runtime = context.obj
    job_ids: list[int] = []
    if pattern is None and style.lower() not in STYLES:
        raise typer.BadParameter("One of creative, alphanumeric, numeric.", param_hint="--style")
    if (resume is None) == (amount == 0):
        raise typer.BadParameter("Give one of --amount and --resume.")

    from resolvers import generate, guessability
    from resolvers.domain import code_format
    from resolvers.domain.code_format import Style
    from resolvers.domain.params import PromotionRef

    format = code_format.read_format(Style.PATTERN if pattern else Style[style.upper()], pattern, prefix)

    async def make(now: datetime) -> int:
        if resume is not None:
            job_ids.append(resume)
        else:
            owner = await _owner(organization)
            ref = PromotionRef(reference=promotion) if promotion else None
            result = await generate.codes(owner, ref, amount, format, generate.CodeOptions(), False, None, now)
            if result.job is None:
                return result.count
            job_ids.append(result.job.id)
        return (await _run_job(job_ids[0], runtime)).total

    try:
        print(f"{with_database(context, make):,} codes made.")
        for warning in guessability.warnings(amount, format):
            print(f"Strangers can guess these. {warning}", file=sys.stderr)
    except KeyboardInterrupt:
        for number in job_ids:
            print(
                f"Stopped. What is made of job {number} is kept, and can't be claimed yet. A server that runs, or is"
                f" started, goes on with it; so does `python main.py generate --resume {number}`.",
                file=sys.stderr,
            )
        sys.exit(130)


async def _owner(identifier: str | None) -> Organization:
    from resolvers import find
    from resolvers.domain.refusals import InvalidInput

    if identifier is not None:
        return await export.find_organization(identifier)
    organizations = await find.all_organizations()
    if len(organizations) != 1:
        raise InvalidInput(f"Name one of the {len(organizations)} organizations there are.", "organization")
    return organizations[0]


async def _run_job(job_id: int, runtime: Runtime) -> Job:
    """The finished job, whether this process or a server did the work. Raises InvalidInput when the job fails."""
    from db.enums import JobStatus
    from resolvers import jobs
    from resolvers.domain.refusals import InvalidInput

    worker = uuid4().hex
    job = await _job(job_id)
    work = asyncio.create_task(_work_until_finished(job_id, worker, runtime))
    try:
        with export.progress_bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as progress:
            code_progress = CodeProgress(progress, job.total)
            while not work.done():
                await asyncio.wait([work], timeout=POLL_SECONDS)
                code_progress.show((await _job(job_id)).done)
            await work
    finally:
        work.cancel()
        await asyncio.wait([work])
        await jobs.release_leases(worker, runtime.clock())
    job = await _job(job_id)
    if job.status is JobStatus.FAILED:
        raise InvalidInput(job.error or "The job failed.")
    return job


async def _work_until_finished(job_id: int, worker: str, runtime: Runtime) -> None:
    from resolvers import jobs

    while (await _job(job_id)).finished_at is None:
        await jobs.process(worker, runtime.clock, only=job_id)
        await asyncio.sleep(POLL_SECONDS)


async def _job(job_id: int) -> Job:
    from resolvers import jobs
    from resolvers.domain.refusals import InvalidInput

    job = await jobs.of_any_organization(job_id)
    if job is None:
        raise InvalidInput(f"There is no job {job_id}.", "resume")
    return job
