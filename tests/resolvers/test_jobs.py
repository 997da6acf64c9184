"""Jobs: made a bit at a time, taken over from whoever was cut off, and claimable all at once or not at all."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from tortoise.connection import get_connection

from db import leases, statuses
from db.enums import JobStatus
from db.leases import LeaseLost, LeaseQueue
from db.models import Code, Customer, Job, Organization, Promotion
from db.queries import codes as rows
from db.queries import jobs as job_rows
from resolvers import activate, check, delete, generate, jobs, listing, random_codes
from resolvers.domain import params
from resolvers.domain.code_format import Format, Style, Text
from resolvers.domain.refusals import CodeSpaceTooSmall, Disabled, IdempotencyMismatch
from tests import make
from tests.conftest import Clock
from tests.make import NOW
from tests.resolvers.refused import refused

HUNDRED = Format(Style.PATTERN, "X-99")
ROOMY = Format(Style.PATTERN, "X-9999999999")  # no two runs draw the same text


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs begin at eleven codes, and are made five at a time in runs of twenty."""
    monkeypatch.setattr(generate, "MAX_CODES_WITHOUT_JOB", 10)
    monkeypatch.setattr(generate, "MAX_TEXTS_PER_INSERT", 5)
    monkeypatch.setattr(jobs, "MAX_RUN_SIZE", 20)


async def started(organization: Organization, amount: int = 50, format: Format = ROOMY, **args: object) -> Job:
    """A job that nobody is at yet."""
    words = {"promotion": None, "options": generate.CodeOptions(), "dry_run": False, "idempotency_key": None, **args}
    result = await generate.codes(organization, amount=amount, format=format, now=NOW, **words)  # type: ignore[arg-type]
    assert result.job is not None
    assert (result.codes, result.ids, result.count) == ([], (), amount)
    return result.job


class Cut(BaseException):
    """What a killed process is like to those who look at the database afterwards."""


def cut_after(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever works is cut off in the middle of the transaction after so many inserts."""
    left = iter([True] * calls)
    insert = rows.insert_and_count

    async def cut(*args: object) -> int:
        new = await insert(*args)  # type: ignore[arg-type]
        if not next(left, False):
            raise Cut
        return new

    monkeypatch.setattr(rows, "insert_and_count", cut)


async def status_counts(organization: Organization) -> Counter[str]:
    """How many codes have which status, as each of them says."""
    promotions = {row.id: row for row in await Promotion.all()}
    return Counter(statuses.of_code(code, promotions[code.promotion_id], NOW) for code in await Code.all())


async def test_a_job_makes_all_its_codes(organization: Organization, clock: Clock) -> None:
    """Exactly as many as were asked for, as they were asked for, and its row says so."""
    promotion = await make.promotion(organization, reference="spring", limits=params.Limits(per_code=3))
    window = params.Window(starts_at=NOW, ends_at=NOW + timedelta(days=1))
    person = params.Person("ada@example.com")
    options = generate.CodeOptions(window, reserved_for=person, activated=False, metadata={"batch": 1})
    job = await started(organization, promotion=params.PromotionRef(reference="spring"), options=options)
    assert (job.status, job.total, job.done, job.finished_at) == (JobStatus.RUNNING, 50, 0, None)
    await jobs.process("one", clock)
    await job.refresh_from_db()
    assert (job.status, job.total, job.done, job.finished_at) == (JobStatus.DONE, 50, 50, NOW)
    codes = await Code.all().select_related("reserved_for")
    assert len(codes) == len({code.text_key for code in codes}) == 50
    for code in codes:
        assert (code.promotion_id, code.allowed_claims, code.needs_activation) == (promotion.id, 3, True)
        assert (code.starts_at, code.ends_at, code.metadata) == (NOW, NOW + timedelta(days=1), {"batch": 1})
        assert code.reserved_for is not None
        assert code.reserved_for.email == "ada@example.com"
    assert job.run_seed is None


async def test_codes_of_a_job_become_claimable_together(
    organization: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the last is there each of them is as if switched off, wherever it is asked; others are not."""
    await started(organization)
    before = (await generate.codes(organization, None, 1, ROOMY, generate.CodeOptions(), False, None, NOW)).codes[0]
    with monkeypatch.context() as patched:
        cut_after(7, patched)
        with pytest.raises(Cut):
            await jobs.process("one", clock)
    assert await status_counts(organization) == {"DISABLED": 35, "CLAIMABLE": 1}
    assert await listing.codes(organization.id, listing.CodeFilter(status=("CLAIMABLE",)), NOW).count() == 1
    assert await listing.codes(organization.id, listing.CodeFilter(status=("DISABLED",)), NOW).count() == 35
    unfinished = await Code.exclude(id=before.id).first()
    assert unfinished is not None
    async with refused(Disabled):
        await make.claimed(organization, unfinished.text)
    [no] = (await check.code(organization, unfinished.text, None, None, None, None, NOW)).refusals
    assert isinstance(no, Disabled)
    await make.claimed(organization, before.text)
    clock.advance(seconds=11)
    await jobs.process("two", clock)
    assert await status_counts(organization) == {"CLAIMABLE": 50, "EXHAUSTED": 1}
    await make.claimed(organization, unfinished.text)


async def test_a_half_made_code_is_not_activated(
    organization: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code that may yet be removed is given to nobody."""
    await started(organization, options=generate.CodeOptions(activated=False))
    with monkeypatch.context() as patched:
        cut_after(2, patched)
        with pytest.raises(Cut):
            await jobs.process("one", clock)
    code = await Code.all().first()
    assert code is not None
    async with refused(Disabled):
        await activate.code(organization, code.text, None, params.Person("ada@example.com"), None, None, False, NOW)


@pytest.mark.long
@pytest.mark.parametrize("calls", range(10))
@pytest.mark.parametrize("format", [HUNDRED, ROOMY], ids=["tight", "roomy"])
async def test_a_job_is_gone_on_with_wherever_it_was_cut(
    organization: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch, calls: int, format: Format
) -> None:
    """Cut anywhere, twice, another worker makes exactly what is missing; what is told of it only grows."""
    await make.promotion(organization, *(f"X-{number}" for number in range(10, 60)))
    job = await started(organization, format=format)
    progress = [0]
    for worker in ("one", "two"):
        with monkeypatch.context() as patched:
            cut_after(calls, patched)
            with pytest.raises(Cut):
                await jobs.process(worker, clock)
        await job.refresh_from_db()
        progress.append(job.done)
        assert job.done == await Code.filter(job_id=job.id).count()
        assert job.status is JobStatus.RUNNING
        clock.advance(seconds=11)
        if calls > 4:
            break
    await jobs.process("three", clock)
    await job.refresh_from_db()
    assert (job.status, job.done) == (JobStatus.DONE, 50)
    assert await Code.filter(job_id=job.id).count() == 50
    assert sorted(progress) == progress


async def test_a_cut_run_is_drawn_of_its_seed_again(
    organization: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is inserted in order: one that is cut off and drawn anew would have too many of the first texts."""
    job = await started(organization, amount=20)
    with monkeypatch.context() as patched:
        cut_after(2, patched)
        with pytest.raises(Cut):
            await jobs.process("one", clock)
    await job.refresh_from_db()
    assert job.run_seed is not None
    run = ROOMY.texts(sorted(random_codes.numbers(20, ROOMY.capacity, job.run_seed)))
    assert await Code.all().order_by("id").values_list("text", flat=True) == [text for text, _ in run[:10]]
    clock.advance(seconds=11)
    await jobs.process("two", clock)
    assert await Code.all().order_by("id").values_list("text", flat=True) == [text for text, _ in run]


async def test_a_lease_keeps_others_away_until_it_is_over(organization: Organization, clock: Clock) -> None:
    """What somebody is at is left to them; let go, or not renewed for a while, it is anybody's."""
    job = await started(organization)
    assert await job_rows.QUEUE.take_one(job.id, "one", NOW, jobs.LEASE)
    await jobs.process("two", clock)
    assert await Code.all().count() == 0
    clock.advance(seconds=10)
    assert await job_rows.QUEUE.take_one(job.id, "two", clock(), jobs.LEASE)
    with pytest.raises(LeaseLost):
        await jobs._lock_leased(job.id, "one", clock())
    await jobs.release_leases("two", clock())
    await jobs.process("three", clock)
    assert await Code.all().count() == 50


async def test_one_promotion_has_one_job_at_a_time(organization: Organization, clock: Clock) -> None:
    """The second waits for the first, and both are made."""
    first, second = await started(organization), await started(organization, 30)
    await Promotion.filter(reference="default").update(unfinished_job_id=first.id)
    await jobs.process("one", clock, only=second.id)
    assert await Code.all().count() == 0
    await jobs.process("one", clock)
    assert [job.status for job in await Job.all()] == [JobStatus.DONE] * 2
    assert (await Code.filter(job_id=first.id).count(), await Code.filter(job_id=second.id).count()) == (50, 30)


async def test_a_space_that_is_too_small_is_refused_before_the_job(organization: Organization) -> None:
    """No job is begun that can't be done."""
    await make.promotion(organization, *(f"X-{number}" for number in range(10, 60)))
    async with refused(CodeSpaceTooSmall) as no:
        await started(organization, 51, HUNDRED)
    assert (no.value.capacity, no.value.taken, no.value.requested) == (100, 50, 51)
    assert await Job.all().count() == 0


@pytest.mark.long
async def test_of_two_jobs_for_one_space_the_later_fails_whole(organization: Organization, clock: Clock) -> None:
    """What it had made is removed, it says why, and nothing of it was ever claimable."""
    await make.promotion(organization, reference="other")
    first = await started(organization, 60, HUNDRED)
    second = await started(organization, 60, HUNDRED, promotion=params.PromotionRef(reference="other"))
    await jobs.process("one", clock)
    await first.refresh_from_db()
    await second.refresh_from_db()
    assert (first.status, first.done) == (JobStatus.DONE, 60)
    assert (second.status, second.done, second.finished_at) == (JobStatus.FAILED, 0, NOW)
    assert second.error == "This format has 100 texts, 60 of them are taken: 60 more can't be made."
    assert await status_counts(organization) == {"CLAIMABLE": 60}
    assert await Promotion.filter(unfinished_job_id__isnull=False).count() == 0


@pytest.mark.long
async def test_what_a_failed_job_made_is_removed_also_after_a_cut(
    organization: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off while it removes, nothing becomes claimable, and the next worker removes the rest."""
    job = await started(organization, 60, HUNDRED)
    await make.promotion(organization, *(f"X-{number}" for number in range(10, 60)), reference="other")
    remove = rows.delete_of_job
    removed: list[int] = []

    async def cut(*args: int) -> int:
        if len(removed) == 3:
            raise Cut
        removed.append(await remove(*args))  # type: ignore[arg-type]
        return removed[-1]

    with monkeypatch.context() as patched:
        patched.setattr(rows, "delete_of_job", cut)
        with pytest.raises(Cut):
            await jobs.process("one", clock)
    await job.refresh_from_db()
    assert (removed, job.status, job.done, job.finished_at) == ([5, 5, 5], JobStatus.FAILED, 35, None)
    assert await status_counts(organization) == {"CLAIMABLE": 50, "DISABLED": 35}
    clock.advance(seconds=11)
    await jobs.process("two", clock)
    await job.refresh_from_db()
    assert (job.status, job.done, job.finished_at) == (JobStatus.FAILED, 0, clock())
    assert await status_counts(organization) == {"CLAIMABLE": 50}


async def test_a_job_whose_promotion_is_deleted_fails(
    organization: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it began, or in the middle: it says so, and no code of it is left."""
    for calls in (0, 3):
        ref = params.PromotionRef(reference=f"spring{calls}")
        await make.promotion(organization, reference=f"spring{calls}")
        job = await started(organization, promotion=ref)
        if calls:
            with monkeypatch.context() as patched:
                cut_after(calls, patched)
                with pytest.raises(Cut):
                    await jobs.process("one", clock)
        await delete.promotion(organization, ref, dry_run=False)
        clock.advance(seconds=11)
        await jobs.process("two", clock)
        await job.refresh_from_db()
        assert (job.status, job.error, job.finished_at) == (JobStatus.FAILED, "There is no such promotion.", clock())
        assert await Code.all().count() == 0


async def test_a_customer_codes_will_be_reserved_for_is_kept(organization: Organization, clock: Clock) -> None:
    """Forgotten while the job waits, they stay as a nameless row, which its codes are reserved for."""
    await make.customer(organization, "ada@example.com")
    await started(organization, options=generate.CodeOptions(reserved_for=params.Person("ada@example.com")))
    await delete.customer(organization, "ada@example.com", NOW)
    await jobs.process("one", clock)
    [nameless] = await Customer.all()
    assert nameless.email is None
    assert await Code.filter(reserved_for_id=nameless.id).count() == 50


async def test_a_key_gives_back_the_same_job(organization: Organization, clock: Clock) -> None:
    """The same call with the same key is answered with the job as it stands now, and begins no other."""
    job = await started(organization, idempotency_key="K")
    await jobs.process("one", clock)
    again = await generate.codes(organization, None, 50, ROOMY, generate.CodeOptions(), False, "K", NOW)
    assert again.job is not None
    assert (again.job.id, again.job.status, again.replayed, again.count) == (job.id, JobStatus.DONE, True, 50)
    assert await Job.all().count() == 1
    async with refused(IdempotencyMismatch):
        await generate.codes(organization, None, 51, ROOMY, generate.CodeOptions(), False, "K", NOW)


async def test_a_dry_run_begins_no_job(organization: Organization) -> None:
    """It says whether there is room, and changes nothing."""
    result = await generate.codes(organization, None, 100, HUNDRED, generate.CodeOptions(), True, None, NOW)
    assert (result.job, result.count, result.dry_run) == (None, 100, True)
    assert await Job.all().count() == 0


def test_a_slow_transaction_is_followed_by_a_smaller_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes go down to MIN_BATCH_SIZE where the disk is slow, and up to MAX_TEXTS_PER_INSERT where it is fast."""
    monkeypatch.setattr(generate, "MAX_TEXTS_PER_INSERT", 10_000)
    sizes = [10_000]
    for took in (0.3, 0.3, 0.3, 0.3, 0.1, 0.01, 0.01, 0.01, 0.01):
        sizes.append(jobs._next_size(sizes[-1], timedelta(seconds=took), jobs.EXCLUSIVE_TRANSACTION_TARGET))
    assert sizes == [10_000, 5_000, 2_500, 1_250, 1_000, 1_000, 2_000, 4_000, 8_000, 10_000]


async def test_transactions_are_longer_where_claims_do_not_wait(
    organization: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes 0.3 seconds is too long on SQLite, where it keeps claims waiting, and not on PostgreSQL."""
    sizes: list[int] = []
    insert = rows.insert_and_count

    async def slow(texts: list[Text], *args: object) -> int:
        sizes.append(len(texts))
        clock.advance(seconds=0.3)
        return await insert(texts, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(rows, "insert_and_count", slow)
    monkeypatch.setattr(jobs, "MIN_BATCH_SIZE", 1)
    await started(organization, amount=20)
    await jobs.process("one", clock)
    on_sqlite = get_connection("default").capabilities.dialect == "sqlite"
    assert sizes == ([5, 2] + 13 * [1] if on_sqlite else 4 * [5])


# ------------------------------------------------------------------ leases


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[str]:
    """Who has renewed a lease, with most of one gone by before each time: the heart beats fast, the clock goes on."""
    monkeypatch.setattr(leases, "RENEWALS_PER_LEASE", 500)
    renew, renewed = LeaseQueue.renew, list[str]()

    async def recorded_renew(queue: LeaseQueue[Job], ids: Sequence[int], worker: str, until: datetime) -> int:
        clock.advance(seconds=8)
        renewed.append(worker)
        return await renew(queue, ids, worker, clock() + jobs.LEASE)

    monkeypatch.setattr(LeaseQueue, "renew", recorded_renew)
    return renewed


@pytest.mark.long
@pytest.mark.case("A11")
async def test_a_slow_walk_keeps_its_job(
    organization: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch, beats: list[str]
) -> None:
    """Of two live workers the one that has begun goes on for many leases' time, walks once, and finishes."""
    await make.promotion(organization, *(f"X-{number}" for number in range(10, 60)))
    job = await started(organization, 50, HUNDRED)
    walk, walks = random_codes.free, list[int]()

    async def slow(*args: Any) -> list[int]:
        walks.append(len(beats))
        while len(beats) < walks[0] + 6:
            await jobs.process("two", clock)
            await asyncio.sleep(0)
        return await walk(*args)

    monkeypatch.setattr(random_codes, "free", slow)
    await jobs.process("one", clock)
    await job.refresh_from_db()
    assert (job.status, job.done, len(walks), set(beats)) == (JobStatus.DONE, 50, 1, {"one"})
    assert await Code.filter(job_id=job.id).count() == 50


@pytest.mark.case("A11")
async def test_a_worker_that_has_lost_its_job_stops(
    organization: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch, beats: list[str]
) -> None:
    """Stopped for longer than its lease, it hears that another has finished the job, and writes nothing more."""
    job = await started(organization, 50, HUNDRED)
    walk, others = random_codes.free, list[asyncio.Task[None]]()

    async def stopped(*args: Any) -> list[int]:
        if not others:
            await Job.all().update(worker="two")  # it has taken the job over
            others.append(asyncio.create_task(jobs.process("two", clock)))
            await asyncio.Event().wait()
        return await walk(*args)

    monkeypatch.setattr(random_codes, "free", stopped)
    monkeypatch.setattr(random_codes, "should_draw_blindly", lambda *_: False)
    await jobs.process("one", clock)
    await others[0]
    await job.refresh_from_db()
    assert (job.status, job.done, job.worker) == (JobStatus.DONE, 50, "two")
    assert await Code.filter(job_id=job.id).count() == 50
