"""Delivers letters: which are to be sent now, and how each attempt ended.

    QUEUED ── lease_due ──▶ SENDING ── record ──▶ SENT
      ▲                        │  │
      └── retry later ─────────┘  └── refused, or the last attempt ──▶ FAILED

Between `lease_due` and `record` a letter is leased by one worker (db/leases.py), whose heartbeat renews the lease
however slow the mail server is. So each letter is sent at least once, and twice only when a process dies, or is cut off
from the database, after the mail server accepted it and before that was recorded. Letters are sent by
schema/outgoing/letters; nothing is awaited here but the database.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.enums import DeliveryStatus
from db.models import Delivery
from db.queries import deliveries, suppressions

LEASE = timedelta(seconds=30)
MAX_IN_FLIGHT = 20
MAX_ATTEMPTS = 8
FIRST_RETRY_DELAY = timedelta(seconds=15)
MAX_ERROR_LENGTH = 1_000


class OutcomeKind(Enum):
    """How an attempt to send a leased letter ended."""

    SENT = "sent"
    REFUSED = "refused for good"
    RETRY_LATER = "to be retried later"
    UNREACHABLE = "to be retried later: the mail server could not be reached"
    NOT_ATTEMPTED = "not attempted"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True)
class Outcome:
    """The end of an attempt, and the error if there was one."""

    kind: OutcomeKind
    error: str | None = None


SUPPRESSED = Outcome(OutcomeKind.SUPPRESSED, "This recipient is suppressed: they get no more letters.")
ABANDONED = Outcome(OutcomeKind.REFUSED, f"Each process that tried to send it died: {MAX_ATTEMPTS} times.")


@dataclass(frozen=True)
class LeasedLetters:
    """Letters that `worker` has leased, each with its organization, code and promotion.

    The lease ends at `leased_until`, unless a `heartbeat` renews it.
    """

    letters: list[Delivery]
    worker: str
    leased_until: datetime

    @property
    def ids(self) -> list[int]:
        """The letters' ids."""
        return [letter.id for letter in self.letters]


async def are_due(now: datetime) -> bool:
    """Whether any letter is due that nobody has leased; a read that keeps nobody from writing."""
    return bool(await deliveries.QUEUE.available(now, 1))


@db_errors.retry_on_conflict
async def lease_due(worker: str, now: datetime) -> LeasedLetters:
    """Lease the letters that are due, at most MAX_IN_FLIGHT; nobody else gets them until the lease is over.

    Letters to suppressed recipients are failed here, and so are letters that were leased MAX_ATTEMPTS times by
    processes that died.
    """
    async with in_transaction():
        ids = await deliveries.QUEUE.take(MAX_IN_FLIGHT, worker, now, LEASE)
    leased = LeasedLetters(await deliveries.with_organization_and_promotion(ids), worker, now + LEASE)
    outcomes = await _outcomes_without_attempt(leased.letters)
    if outcomes:
        await record(leased, outcomes, now)
    return replace(leased, letters=[letter for letter in leased.letters if letter.id not in outcomes])


def heartbeat(leased: LeasedLetters, clock: Callable[[], datetime]) -> AbstractAsyncContextManager[None]:
    """`async with` around sending leased letters: renews their lease meanwhile. Raises LeaseLost (db/leases.py)."""
    return deliveries.QUEUE.heartbeat(leased.ids, leased.worker, LEASE, clock, leased.leased_until)


async def release_leases(worker: str, now: datetime) -> None:
    """Return the letters to the queue that this worker has leased and not recorded, so that others can send them."""
    await deliveries.QUEUE.release(worker, now)


async def _outcomes_without_attempt(letters: list[Delivery]) -> dict[int, Outcome]:
    """The outcomes, by id, of letters that are not to be sent though they were queued."""
    pairs = {(letter.organization_id, letter.recipient_key) for letter in letters}
    suppressed = await suppressions.suppressed_pairs({pair[0] for pair in pairs}, {pair[1] for pair in pairs})
    outcomes = {}
    for letter in letters:
        if (letter.organization_id, letter.recipient_key) in suppressed:
            outcomes[letter.id] = SUPPRESSED
        elif letter.attempts > MAX_ATTEMPTS:
            outcomes[letter.id] = ABANDONED
    return outcomes


@db_errors.retry_on_conflict
async def record(leased: LeasedLetters, outcomes: Mapping[int, Outcome], now: datetime) -> None:
    """Store the outcomes of letters by their ids; equal ones in one statement.

    A letter that another worker has leased meanwhile, because the lease was over, is left to that one.
    """
    same: dict[tuple[Outcome, int], list[int]] = defaultdict(list)
    for letter in leased.letters:
        if letter.id in outcomes:
            outcome = outcomes[letter.id]
            same[outcome, letter.attempts].append(letter.id)
    async with in_transaction():
        for (outcome, attempts), ids in same.items():
            was_tried = outcome.kind not in (OutcomeKind.NOT_ATTEMPTED, OutcomeKind.SUPPRESSED)
            await deliveries.record_attempt(ids, leased.worker, _columns(outcome, attempts, now), was_tried)


def _columns(outcome: Outcome, attempts: int, now: datetime) -> dict[str, object]:
    error = outcome.error and outcome.error[:MAX_ERROR_LENGTH]
    if outcome.kind is OutcomeKind.SENT:
        return {"status": DeliveryStatus.SENT, "sent_at": now, "due_at": None, "last_error": None}
    if outcome.kind is OutcomeKind.NOT_ATTEMPTED:
        return {"status": DeliveryStatus.QUEUED}
    if outcome.kind in (OutcomeKind.RETRY_LATER, OutcomeKind.UNREACHABLE) and attempts < MAX_ATTEMPTS:
        return {"status": DeliveryStatus.QUEUED, "due_at": now + retry_delay(attempts), "last_error": error}
    return {"status": DeliveryStatus.FAILED, "due_at": None, "last_error": error}


def retry_delay(attempts: int) -> timedelta:
    """The delay after so many attempts before the next: four times longer each time, a fifth more or less.

    The delays between MAX_ATTEMPTS attempts add up to about a day (22 h 45 min).
    """
    thousandths = 800 + secrets.randbelow(401)
    return FIRST_RETRY_DELAY * int(4 ** (attempts - 1)) * thousandths / 1000
