"""Sends what is queued, as long as the process lasts: takes letters, hands them over, records what became of them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from db.models import Delivery
from resolvers import deliver
from resolvers.deliver import LeasedLetters, Outcome, OutcomeKind
from schema import errors
from schema.outgoing.letters import compose
from schema.outgoing.letters.mailer import Mailer, PutOff, Refused, Unreachable

SECONDS_TO_RECORD = 5
"""What is kept of the lease for writing down what became of letters: those still on their way then are broken off."""

LOOK_EVERY = 1
"""Seconds between two looks for letters that other processes have queued, or that are due again."""

LONGEST_REST = 30
"""Seconds, at most, until a mail server that could not be reached is asked again."""

GRACE = 8
"""Seconds that letters on their way are given when the process is told to stop."""

UNTRIED = Outcome(OutcomeKind.NOT_ATTEMPTED)
BROKEN_OFF = Outcome(OutcomeKind.RETRY_LATER, "It was broken off: it took too long, or the process was told to stop.")

log = logging.getLogger("tessera")


class Sender:
    """One process's sender; each of its mailers carries one letter at a time."""

    def __init__(
        self,
        mailers: Sequence[Mailer],
        sender: compose.Sender,
        public_url: str,
        clock: Callable[[], datetime],
        queued: asyncio.Event,
    ) -> None:
        self._mailers, self._sender, self._public_url = mailers, sender, public_url
        self._clock, self._queued = clock, queued
        self._stopping = asyncio.Event()
        self._lanes: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Send while the block lasts; at its end finish what is on its way, and give back what is not."""
        task = asyncio.create_task(self._work())
        try:
            yield
        finally:
            self._stopping.set()
            self._queued.set()
            await asyncio.wait({task}, timeout=GRACE)
            for lane in self._lanes:
                lane.cancel()
            await task

    async def _work(self) -> None:
        rest = 0
        while not self._stopping.is_set():
            self._queued.clear()
            try:
                taken, is_usable = await self.batch()
            except Exception as trouble:
                errors.log_error(trouble, "the sender")
                taken, is_usable = 0, False
            rest = 0 if is_usable else min(max(2 * rest, 1), LONGEST_REST)
            if rest:
                await _until(self._stopping, rest)
            elif not taken:
                await self._rest()
                await _until(self._queued, LOOK_EVERY)
        await self._rest()

    async def _rest(self) -> None:
        await asyncio.gather(*(mailer.rest() for mailer in self._mailers), return_exceptions=True)

    async def batch(self) -> tuple[int, bool]:
        """Send the letters that are due, at most one batch: how many were taken, and whether any way out is open."""
        now = self._clock()
        if not await deliver.are_due(now):
            return 0, True
        batch = await deliver.lease_due(now)
        # Beside the loop, and once for all letters about a code: drawing one would keep every request waiting.
        await asyncio.to_thread(compose.draw, {letter.code.text for letter in batch.letters})
        outcomes: dict[int, Outcome] = {}
        await self._hand_over(iter(batch.letters), outcomes, (batch.lease - self._clock()).total_seconds())
        settled = {letter.id: outcomes.get(letter.id, UNTRIED) for letter in batch.letters}
        await self._record(batch, settled)
        closed = [str(outcome.error) for outcome in settled.values() if outcome.kind is OutcomeKind.UNREACHABLE]
        if closed:
            log.warning("letters wait: %s", closed[0])
        got_out = any(outcome.kind in (OutcomeKind.SENT, OutcomeKind.REFUSED) for outcome in settled.values())
        return len(batch.letters), got_out or not closed

    async def _hand_over(self, letters: Iterator[Delivery], outcomes: dict[int, Outcome], leased: float) -> None:
        """Every mailer takes a letter after the other, until there are none or the lease (seconds) is nearly over."""
        if leased <= SECONDS_TO_RECORD:  # the database took its time to give them to us
            return
        self._lanes = [asyncio.create_task(self._lane(mailer, letters, outcomes)) for mailer in self._mailers]
        await asyncio.wait(self._lanes, timeout=leased - SECONDS_TO_RECORD)
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        self._lanes = []

    async def _lane(self, mailer: Mailer, letters: Iterator[Delivery], outcomes: dict[int, Outcome]) -> None:
        for letter in letters:
            if self._stopping.is_set():
                return
            outcomes[letter.id] = BROKEN_OFF
            outcomes[letter.id] = outcome = await self._send(mailer, letter)
            if outcome.kind is OutcomeKind.UNREACHABLE:
                return

    async def _send(self, mailer: Mailer, letter: Delivery) -> Outcome:
        try:
            # Beside the loop as well: a letter is a promotion's own words, and long ones keep requests waiting.
            written = await asyncio.to_thread(compose.letter, letter, self._sender, self._public_url, self._clock())
            await mailer.send(written)
        except (Refused, compose.Unwritable) as no:
            return Outcome(OutcomeKind.REFUSED, str(no))
        except Unreachable as no:
            return Outcome(OutcomeKind.UNREACHABLE, str(no))
        except PutOff as no:
            return Outcome(OutcomeKind.RETRY_LATER, str(no))
        except Exception as bug:
            return Outcome(OutcomeKind.RETRY_LATER, str(errors.log_error(bug, f"letter {letter.id}")))
        return Outcome(OutcomeKind.SENT)

    async def _record(self, batch: LeasedLetters, outcomes: dict[int, Outcome]) -> None:
        """Write down what became of letters; while the database is away, again and again until the lease is over."""
        while True:
            try:
                return await deliver.record(batch, outcomes, self._clock())
            except Exception as trouble:
                if self._clock() >= batch.lease:
                    raise
                errors.log_error(trouble, f"what became of {len(outcomes)} letters")
                await asyncio.sleep(1)


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Wait for something to happen, and no longer than that."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
