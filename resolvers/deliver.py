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
MOST_IN_FLIGHT = 20
MOST_TRIES = 8
FIRST_WAIT = timedelta(seconds=15)
LONGEST_ERROR = 1_000


class Fate(Enum):
    """What became of a letter that was taken."""

    SENT = "sent"
    REFUSED = "refused for good"
    PUT_OFF = "to be tried again later"
    CLOSED = "put off, because no letter could be handed over"
    UNTRIED = "given back as it was"
    UNWANTED = "suppressed"


@dataclass(frozen=True)
class Outcome:
    """A letter's fate, and why."""

    fate: Fate
    error: str | None = None


@dataclass(frozen=True)
class Batch:
    """Letters that are the taker's until the lease is over, each with its organization, code and promotion."""

    letters: list[Delivery]
    lease: datetime


async def are_due(now: datetime) -> bool:
    """Whether it is worth taking any; asking keeps nobody from writing."""
    return await deliveries.any_due(now)


@db_errors.retry_on_conflict
async def take(now: datetime) -> Batch:
    """Take the letters that are due, at most MOST_IN_FLIGHT; nobody else gets them until the lease is over.

    Those that their recipients don't want any more are failed here, and so are those that were taken MOST_TRIES
    times by processes that never came back.
    """
    lease = now + LEASE
    async with in_transaction():
        ids = await deliveries.take(now, lease, MOST_IN_FLIGHT)
    taken = Batch(await deliveries.with_all_they_tell(ids), lease)
    kept_from = await _kept_from(taken.letters)
    if kept_from:
        await record(taken, kept_from, now)
    return Batch([letter for letter in taken.letters if letter.id not in kept_from], lease)


async def _kept_from(letters: list[Delivery]) -> dict[int, Outcome]:
    """The letters that are not to be sent, though they were queued."""
    pairs = {(letter.organization_id, letter.recipient_key) for letter in letters}
    unwanted = await suppressions.pairs_among({pair[0] for pair in pairs}, {pair[1] for pair in pairs})
    found = {}
    for letter in letters:
        if (letter.organization_id, letter.recipient_key) in unwanted:
            found[letter.id] = Outcome(Fate.UNWANTED, "This recipient is suppressed: they get no more letters.")
        elif letter.attempts > MOST_TRIES:
            found[letter.id] = Outcome(Fate.REFUSED, f"Each process that tried to send it died: {MOST_TRIES} times.")
    return found


@db_errors.retry_on_conflict
async def record(batch: Batch, outcomes: Mapping[int, Outcome], now: datetime) -> None:
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
            was_tried = outcome.fate not in (Fate.UNTRIED, Fate.UNWANTED)
            await deliveries.settle(ids, batch.lease, _columns(outcome, attempts, now), was_tried)


def _columns(outcome: Outcome, attempts: int, now: datetime) -> dict[str, object]:
    error = outcome.error and outcome.error[:LONGEST_ERROR]
    if outcome.fate is Fate.SENT:
        return {"status": DeliveryStatus.SENT, "sent_at": now, "due_at": None, "last_error": None}
    if outcome.fate is Fate.UNTRIED:
        return {"status": DeliveryStatus.QUEUED, "due_at": now}
    if outcome.fate in (Fate.PUT_OFF, Fate.CLOSED) and attempts < MOST_TRIES:
        return {"status": DeliveryStatus.QUEUED, "due_at": now + wait(attempts), "last_error": error}
    return {"status": DeliveryStatus.FAILED, "due_at": None, "last_error": error}


def wait(attempts: int) -> timedelta:
    """How long after so many tries the next one comes: four times longer each time, a fifth more or less.

    The waits between MOST_TRIES tries add up to about a day (22 h 45 min).
    """
    thousandths = 800 + secrets.randbelow(401)
    return FIRST_WAIT * int(4 ** (attempts - 1)) * thousandths / 1000
