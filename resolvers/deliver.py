"""Delivers letters: which are to be sent now, and what becomes of them.

    QUEUED ── take ──▶ SENDING ── record ──▶ SENT
      ▲                   │  │
      └── put off ────────┘  └── refused, or put off too often ──▶ FAILED

Between `take` and `record` a letter is its taker's alone, for LEASE and no longer: one whose taker has not come
back by then is taken again. So each letter is sent at least once, and twice only when a process dies, or is cut
off from the database, after the mail server has said yes and before that was recorded. The sending itself is the
door's; nothing is awaited here but the database.
"""

import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
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
    """What became of a letter that was taken."""

    SENT = "sent"
    REFUSED = "refused for good"
    RETRY_LATER = "to be tried again later"
    UNREACHABLE = "put off, because no letter could be handed over"
    NOT_ATTEMPTED = "given back as it was"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True)
class Outcome:
    """A letter's fate, and why."""

    kind: OutcomeKind
    error: str | None = None


SUPPRESSED = Outcome(OutcomeKind.SUPPRESSED, "This recipient is suppressed: they get no more letters.")
ABANDONED = Outcome(OutcomeKind.REFUSED, f"Each process that tried to send it died: {MAX_ATTEMPTS} times.")


@dataclass(frozen=True)
class LeasedLetters:
    """Letters that are the taker's until the lease is over, each with its organization, code and promotion."""

    letters: list[Delivery]
    lease: datetime


async def are_due(now: datetime) -> bool:
    """Whether it is worth taking any; asking keeps nobody from writing."""
    return await deliveries.any_due(now)


@db_errors.retry_on_conflict
async def lease_due(now: datetime) -> LeasedLetters:
    """Take the letters that are due, at most MOST_IN_FLIGHT; nobody else gets them until the lease is over.

    Those that their recipients don't want any more are failed here, and so are those that were taken MOST_TRIES
    times by processes that never came back.
    """
    lease = now + LEASE
    async with in_transaction():
        ids = await deliveries.lease_due(now, lease, MAX_IN_FLIGHT)
    taken = LeasedLetters(await deliveries.with_organization_and_promotion(ids), lease)
    kept_from = await _kept_from(taken.letters)
    if kept_from:
        await record(taken, kept_from, now)
    return LeasedLetters([letter for letter in taken.letters if letter.id not in kept_from], lease)


async def _kept_from(letters: list[Delivery]) -> dict[int, Outcome]:
    """The letters that are not to be sent, though they were queued."""
    pairs = {(letter.organization_id, letter.recipient_key) for letter in letters}
    unwanted = await suppressions.suppressed_pairs({pair[0] for pair in pairs}, {pair[1] for pair in pairs})
    kept_from = {}
    for letter in letters:
        if (letter.organization_id, letter.recipient_key) in unwanted:
            kept_from[letter.id] = SUPPRESSED
        elif letter.attempts > MAX_ATTEMPTS:
            kept_from[letter.id] = ABANDONED
    return kept_from


@db_errors.retry_on_conflict
async def record(batch: LeasedLetters, outcomes: Mapping[int, Outcome], now: datetime) -> None:
    """Write down what became of letters; alike ones in one statement.

    What somebody else has taken meanwhile, because the lease was over, is left to them.
    """
    alike: dict[tuple[Outcome, int], list[int]] = defaultdict(list)
    for letter in batch.letters:
        if letter.id in outcomes:
            outcome = outcomes[letter.id]
            alike[outcome, letter.attempts].append(letter.id)
    async with in_transaction():
        for (outcome, attempts), ids in alike.items():
            was_tried = outcome.kind not in (OutcomeKind.NOT_ATTEMPTED, OutcomeKind.SUPPRESSED)
            await deliveries.record_attempt(ids, batch.lease, _columns(outcome, attempts, now), was_tried)


def _columns(outcome: Outcome, attempts: int, now: datetime) -> dict[str, object]:
    error = outcome.error and outcome.error[:MAX_ERROR_LENGTH]
    if outcome.kind is OutcomeKind.SENT:
        return {"status": DeliveryStatus.SENT, "sent_at": now, "due_at": None, "last_error": None}
    if outcome.kind is OutcomeKind.NOT_ATTEMPTED:
        return {"status": DeliveryStatus.QUEUED, "due_at": now}
    if outcome.kind in (OutcomeKind.RETRY_LATER, OutcomeKind.UNREACHABLE) and attempts < MAX_ATTEMPTS:
        return {"status": DeliveryStatus.QUEUED, "due_at": now + retry_delay(attempts), "last_error": error}
    return {"status": DeliveryStatus.FAILED, "due_at": None, "last_error": error}


def retry_delay(attempts: int) -> timedelta:
    """How long after so many tries the next one comes: four times longer each time, a fifth more or less.

    The waits between MOST_TRIES tries add up to about a day (22 h 45 min).
    """
    thousandths = 800 + secrets.randbelow(401)
    return FIRST_RETRY_DELAY * int(4 ** (attempts - 1)) * thousandths / 1000
