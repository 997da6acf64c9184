"""The sender of queued letters: leases batches of deliveries, hands them to mailers, records the outcomes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from db.leases import LeaseLost
from db.models import Delivery
from resolvers import deliver
from resolvers.deliver import LeasedLetters, Outcome, OutcomeKind
from schema import errors
from schema.outgoing.letters import compose
from schema.outgoing.letters.mailer import Mailer, RecipientRefused, TemporaryFailure, Unreachable

MIN_LEASE_SECONDS = 5
"""Seconds of the lease that must be left when a batch begins: a database that slow may not renew it in time."""

BATCH_SECONDS = 60
"""Seconds of a batch after which no further letter is begun: those that are left are returned to the queue."""

LETTER_SECONDS = 180
"""Seconds after that which letters being sent are given, before they are broken off."""

POLL_SECONDS = 1
"""Seconds between two polls for letters that other processes have queued, or that are due again."""

MAX_BACKOFF_SECONDS = 30
"""The longest delay until a mail server that could not be reached is tried again."""

SHUTDOWN_SECONDS = 8
"""Seconds that letters being sent are given at shutdown."""

NOT_ATTEMPTED = Outcome(OutcomeKind.NOT_ATTEMPTED)
INTERRUPTED = Outcome(OutcomeKind.RETRY_LATER, "It was broken off: it took too long, or the process was told to stop.")

log = logging.getLogger("tessera")


class Sender:
    """The sender of one process; each of its mailers sends one letter at a time."""

    def __init__(
        self,
        mailers: Sequence[Mailer],
        from_address: compose.FromAddress,
        public_url: str,
        clock: Callable[[], datetime],
        queued: asyncio.Event,
        worker: str,
    ) -> None:
        """`worker` is the name that letters are leased under, which no other sender has; `queued` is set to wake it."""
        self._mailers, self._from_address, self._public_url = mailers, from_address, public_url
        self._clock, self._queued, self._worker = clock, queued, worker
        self._stopping = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while the block lasts; at its end finish the letters being sent, and return the others to the queue."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._stopping.set()
            self._queued.set()
            await asyncio.wait({task}, timeout=SHUTDOWN_SECONDS)
            for worker in self._workers:
                worker.cancel()
            await task

    async def _run(self) -> None:
        backoff = 0
        while not self._stopping.is_set():
            self._queued.clear()
            try:
                letter_count, is_usable = await self.send_batch()
            except Exception as error:
                errors.log_error(error, "the sender")
                letter_count, is_usable = 0, False
            backoff = 0 if is_usable else min(max(2 * backoff, 1), MAX_BACKOFF_SECONDS)
            if backoff:
                await _wait(self._stopping, backoff)
            elif not letter_count:
                await self._disconnect()
                await _wait(self._queued, POLL_SECONDS)
        await self._disconnect()

    async def _disconnect(self) -> None:
        await asyncio.gather(*(mailer.disconnect() for mailer in self._mailers), return_exceptions=True)

    async def send_batch(self) -> tuple[int, bool]:
        """Send one batch of the letters that are due: how many were leased, and whether any mailer is usable."""
        now = self._clock()
        if not await deliver.are_due(now):
            return 0, True
        batch = await deliver.lease_due(self._worker, now)
        outcomes: dict[int, Outcome] = {}
        try:
            async with deliver.heartbeat(batch, self._clock):
                await self._hand_over(batch, outcomes)
        except LeaseLost:
            log.warning("the lease of %s letters was lost: another process may send them as well", len(batch.letters))
        all_outcomes = {letter.id: outcomes.get(letter.id, NOT_ATTEMPTED) for letter in batch.letters}
        await self._record(batch, all_outcomes)
        closed = [str(outcome.error) for outcome in all_outcomes.values() if outcome.kind is OutcomeKind.UNREACHABLE]
        if closed:
            log.warning("letters wait: %s", closed[0])
        is_reachable = any(outcome.kind in (OutcomeKind.SENT, OutcomeKind.REFUSED) for outcome in all_outcomes.values())
        return len(batch.letters), is_reachable or not closed

    async def _hand_over(self, batch: LeasedLetters, outcomes: dict[int, Outcome]) -> None:
        """Every mailer sends one letter after the other, until there are none or the batch has taken too long."""
        if (batch.leased_until - self._clock()).total_seconds() <= MIN_LEASE_SECONDS:
            return
        # In a thread, and once for all letters about a code: rendering a QR code would block every request.
        await asyncio.to_thread(compose.prepare_qr_codes, {letter.code.text for letter in batch.letters})
        letters, end = iter(batch.letters), asyncio.get_running_loop().time() + BATCH_SECONDS
        self._workers = [
            asyncio.create_task(self._send_letters(mailer, letters, outcomes, end)) for mailer in self._mailers
        ]
        try:
            await asyncio.wait(self._workers, timeout=BATCH_SECONDS + LETTER_SECONDS)
        finally:
            for worker in self._workers:
                worker.cancel()
            await asyncio.gather(*self._workers, return_exceptions=True)
            self._workers = []

    async def _send_letters(
        self, mailer: Mailer, letters: Iterator[Delivery], outcomes: dict[int, Outcome], end: float
    ) -> None:
        """Send letters until there are none, or none is begun any more: `end` is in the loop's time."""
        for letter in letters:
            if self._stopping.is_set() or asyncio.get_running_loop().time() >= end:
                return
            outcomes[letter.id] = INTERRUPTED
            outcomes[letter.id] = outcome = await self._send(mailer, letter)
            if outcome.kind is OutcomeKind.UNREACHABLE:
                return

    async def _send(self, mailer: Mailer, letter: Delivery) -> Outcome:
        try:
            # In a thread as well: the template is a promotion's own, and a long one would block requests.
            now = self._clock()
            message = await asyncio.to_thread(compose.message, letter, self._from_address, self._public_url, now)
            await mailer.send(message)
        except (RecipientRefused, compose.CannotCompose) as error:
            return Outcome(OutcomeKind.REFUSED, str(error))
        except Unreachable as error:
            return Outcome(OutcomeKind.UNREACHABLE, str(error))
        except TemporaryFailure as error:
            return Outcome(OutcomeKind.RETRY_LATER, str(error))
        except Exception as bug:
            return Outcome(OutcomeKind.RETRY_LATER, str(errors.log_error(bug, f"letter {letter.id}")))
        return Outcome(OutcomeKind.SENT)

    async def _record(self, batch: LeasedLetters, outcomes: dict[int, Outcome]) -> None:
        """Record the outcomes; retried for a lease's length while the database is unavailable."""
        end = self._clock() + deliver.LEASE
        while True:
            try:
                return await deliver.record(batch, outcomes, self._clock())
            except Exception as error:
                if self._clock() >= end:
                    raise
                errors.log_error(error, f"the outcomes of {len(outcomes)} letters")
                await asyncio.sleep(1)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most for so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
