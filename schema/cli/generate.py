"""The command line's words for making codes: `generate`, which shows how far it is."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from schema.cli import export
from schema.cli.process import Process, with_database

if TYPE_CHECKING:
    from db.models import Job, Organization

STYLES = ("creative", "alphanumeric", "numeric")
EVERY_SECONDS = 0.2
LINES = 10
"""In how many lines the progress is told where nobody sees a bar."""


class Bar:
    """How many codes there are: a bar for whoever sees it, else some lines on standard error."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.total, self.told = progress, total, 0
        self.task = progress.add_task("codes", total=total)

    def show(self, done: int) -> None:
        """There are so many now."""
        self.progress.update(self.task, completed=done)
        step = max(1, self.total // LINES)
        if self.progress.disable and done // step > self.told // step:
            print(f"{done:,} of {self.total:,} codes", file=sys.stderr, flush=True)
        self.told = done


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
    process: Process = context.obj
    job_ids: list[int] = []
    if pattern is None and style.lower() not in STYLES:
        raise typer.BadParameter("One of creative, alphanumeric, numeric.", param_hint="--style")
    if (resume is None) == (amount == 0):
        raise typer.BadParameter("Give one of --amount and --resume.")

    from resolvers import generate, guessability
    from resolvers.domain import code_format
    from resolvers.domain.code_format import Style
    from resolvers.domain.params import PromotionRef

    form = code_format.read_format(Style.PATTERN if pattern else Style[style.upper()], pattern, prefix)

    async def make(now: datetime) -> int:
        if resume is not None:
            job_ids.append(resume)
        else:
            of = await _owner(organization)
            ref = PromotionRef(reference=promotion) if promotion else None
            made = await generate.codes(of, ref, amount, form, generate.CodeOptions(), False, None, now)
            if made.job is None:
                return made.count
            job_ids.append(made.job.id)
        return (await _watched(job_ids[0], process)).total

    try:
        print(f"{with_database(context, make):,} codes made.")
        for warning in guessability.warnings(amount, form):
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
        return await export.owner(identifier)
    every = await find.all_organizations()
    if len(every) != 1:
        raise InvalidInput(f"Name one of the {len(every)} organizations there are.", "organization")
    return every[0]


async def _watched(job_id: int, process: Process) -> Job:
    """The job once it is finished: by us, or by a server that came first. Raises InvalidInput when it fails."""
    from db.enums import JobStatus
    from resolvers import jobs
    from resolvers.domain.refusals import InvalidInput

    worker = uuid4().hex
    job = await _job(job_id)
    making = asyncio.create_task(_until_finished(job_id, worker, process))
    try:
        with export.shown(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as progress:
            bar = Bar(progress, job.total)
            while not making.done():
                await asyncio.wait([making], timeout=EVERY_SECONDS)
                bar.show((await _job(job_id)).done)
            await making
    finally:
        making.cancel()
        await asyncio.wait([making])
        await jobs.release_leases(worker)
    job = await _job(job_id)
    if job.status is JobStatus.FAILED:
        raise InvalidInput(job.error or "The job failed.")
    return job


async def _until_finished(job_id: int, worker: str, process: Process) -> None:
    from resolvers import jobs

    while (await _job(job_id)).finished_at is None:
        await jobs.process(worker, process.clock, only=job_id)
        await asyncio.sleep(EVERY_SECONDS)


async def _job(job_id: int) -> Job:
    from db.models import Job
    from resolvers import find
    from resolvers.domain.refusals import InvalidInput

    found: Job | None = (await find.by_ids(Job, [job_id])).get(job_id)
    if found is None:
        raise InvalidInput(f"There is no job {job_id}.", "resume")
    return found
