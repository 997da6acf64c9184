"""Guessing with a public key, and honest customers meanwhile, with the clock moved.

`python -m benchmarks.guessing [--hours 24]` makes a store with 1,000 live codes of six digits, and four processes'
counters on it. An attacker with 10,000 addresses guesses whenever any process looks at a guess; 1,000 customers an
hour enter their code, 5 % of the time wrongly, and then once more. An entry that is held up is sent again with a
proof of work, if that is solved in time, or with the address of the code's page. What is simulated is time, and the
work of proofs: who counts, the budget and the store are the real ones.
"""

import argparse
import asyncio
import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from tortoise.connection import get_connection

import db
from benchmarks import table
from db.models import Organization
from resolvers import create, generate, signed_links
from resolvers.domain.code_format import Format, Style
from resolvers.domain.refusals import TooManyAttempts
from resolvers.guard import Attempt
from schema.rate_limit import AttemptGuard, RateLimits
from schema.rate_limit.budget import GuessBudgets
from schema.rate_limit.limiter import Limiter

CODES = 1_000
PROCESSES = 4
ADDRESSES = 10_000
CUSTOMERS = 1_000
TYPOS = 0.05
STARTED_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

CHALLENGE_SECONDS = 0.5
"""Seconds of one core for a challenge of the first level."""
BROWSER_CORES = 4
"""Cores that a customer's browser uses."""
MAX_PROOF_SECONDS = 60.0
"""Seconds for which a customer lets the browser work."""
ATTACKER_CORES = 100
"""The attacker's."""


class SimulatedProofs:
    """Proofs of work without the work: the name of a challenge is its solution."""

    def __init__(self) -> None:
        self._numbers = count()
        self._open: set[str] = set()

    def challenge(self, organization: Organization, origin: str, level: int) -> str:
        """A challenge, and how many seconds of a core it takes."""
        name = str(next(self._numbers))
        self._open.add(name)
        return json.dumps({"name": name, "seconds": CHALLENGE_SECONDS * 2**level})

    async def verify(self, organization: Organization, origin: str, proof: str) -> str | None:
        """The challenge's name, once."""
        name = str(json.loads(proof)["name"]) if proof.startswith("{") else ""
        if name not in self._open:
            return None
        self._open.discard(name)
        return name


@dataclass
class Simulation:
    """The processes on a store, their clock, and the counts of all attempts."""

    organization: Organization
    page_tokens: dict[str, str]
    """The addresses of the codes' pages, by the codes' texts."""
    seed: int
    are_holders: bool = False
    at: float = 0.0
    guesses_checked: int = 0
    codes_guessed: int = 0
    served: int = 0
    customers: int = 0
    processes: list[RateLimits] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 (a simulation, the same each time)
        self.texts, proofs = list(self.page_tokens), SimulatedProofs()
        for _ in range(PROCESSES):
            limiter = Limiter(lambda: self.at, lambda: 1_700_000_000 + self.at)
            budgets = GuessBudgets(limiter, proofs, lambda: self.at)  # type: ignore[arg-type]
            self.processes.append(RateLimits(60, limiter, budgets))

    async def attempt(self, process: RateLimits, origin: str, text: str, proof: str | None = None) -> bool:
        """Whether a text is a live code, if it is looked at. Raises TooManyAttempts."""
        guess = Attempt(text, None, None, proof, STARTED_AT + timedelta(seconds=self.at))
        taken = await AttemptGuard(process, self.organization, origin).take(guess)
        if text in self.page_tokens:
            taken.give_back()
            return True
        await taken.fail()
        return False

    # -------------------------------------------------------------- honest

    async def customer(self, number: int) -> None:
        """One enters a code until it is right; whoever is held up has a proof of work made."""
        self.customers += 1
        origin = f"192.0.{number // 250 % 250}.{number % 250}"
        text = self.random.choice(self.texts)
        for _ in range(4):
            entered = self._typo(text) if self.random.random() < TYPOS else text
            if await self._enter(origin, entered, self.page_tokens[text]):
                self.served += 1
                return

    async def _enter(self, origin: str, text: str, page: str) -> bool:
        process, proof = self.random.choice(self.processes), None
        while True:
            try:
                return await self.attempt(process, origin, text, proof)
            except TooManyAttempts as refusal:
                if proof is not None:
                    return False
                process, challenge = self.random.choice(self.processes), json.loads(refusal.challenge or "null")
                if self.are_holders:
                    proof = page
                elif challenge is not None and challenge["seconds"] / BROWSER_CORES <= MAX_PROOF_SECONDS:
                    proof = json.dumps(challenge)
                else:
                    return False

    def _typo(self, text: str) -> str:
        place = self.random.randrange(6)
        digit = (int(text[place]) + self.random.randrange(1, 10)) % 10
        return text[:place] + str(digit) + text[place + 1 :]

    # -------------------------------------------------------------- the attacker

    async def guesses(self, cores: int, seconds: float) -> None:
        """All guesses that are looked at in the next seconds, with what so many cores can prove in that time."""
        work = cores * seconds
        for process in self.processes:
            proof, held_up = None, False
            while not held_up:
                origin = f"10.0.{self.random.randrange(ADDRESSES) // 250}.{self.random.randrange(250)}"
                try:
                    hit = await self.attempt(process, origin, f"{self.random.randrange(10**6):06}", proof)
                    self.guesses_checked += 1
                    self.codes_guessed += hit
                    proof = None
                except TooManyAttempts as refusal:
                    challenge = json.loads(refusal.challenge or "null")
                    held_up = challenge is None or challenge["seconds"] > work
                    work -= 0 if held_up else challenge["seconds"]
                    proof = None if held_up else json.dumps(challenge)


def arrivals(simulation: Simulation, hours: float) -> Iterator[float]:
    """The times at which customers come, in seconds."""
    at = 0.0
    while (at := at + simulation.random.expovariate(CUSTOMERS / 3600)) < hours * 3600:
        yield at


async def simulate(simulation: Simulation, hours: float, attacks: bool, cores: int, interval: float) -> None:
    """Simulate this many hours."""
    guesses, number = (0.0 if attacks else float("inf")), 0
    for at in arrivals(simulation, hours):
        while guesses <= at:
            simulation.at = guesses
            await simulation.guesses(cores, interval)
            guesses += interval
        simulation.at, number = at, number + 1
        await simulation.customer(number)


async def store(seed: int, are_holders: bool) -> Simulation:
    """The opened store, which is empty, with an organization and its codes."""
    organization = await create.organization("Bench", 77, "bench", None, "EUR", "UTC", STARTED_AT)
    generated = await generate.codes(
        organization, None, CODES, Format(Style.NUMERIC), generate.CodeOptions(), False, None, STARTED_AT
    )
    pages = {code.text: signed_links.code_token(organization, code.id) for code in generated.codes}
    return Simulation(organization, pages, seed, are_holders)


async def row(
    name: str,
    hours: float,
    attacks: bool,
    cores: int,
    interval: float = 20,
    seed: int = 1,
    are_holders: bool = False,
) -> list[str]:
    """One scenario, on a fresh store."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite://{folder}/guessing.db"
        await db.migrate(url)
        async with db.opened(url):
            await get_connection("default").execute_script("PRAGMA synchronous = OFF")  # nobody has to survive this
            simulation = await store(seed, are_holders)
            await simulate(simulation, hours, attacks, cores, interval)
            for process in simulation.processes:
                await process.budgets.close()
    return [
        name,
        f"{simulation.guesses_checked / hours:,.0f}",
        f"{simulation.codes_guessed / hours:.2f}",
        f"{simulation.customers / hours:,.0f}",
        f"{100 * simulation.served / simulation.customers:.2f} %",
    ]


async def rows(hours: float) -> list[list[str]]:
    """Every scenario."""
    return [
        await row("no attack", hours, attacks=False, cores=0),
        await row("10,000 addresses", hours, attacks=True, cores=0),
        await row("10,000 addresses and a core that proves work", hours, attacks=True, cores=1),
        await row("10,000 addresses and 100 cores that prove work", hours, attacks=True, cores=ATTACKER_CORES),
        await row(
            "the same; customers have their code's page", hours, attacks=True, cores=ATTACKER_CORES, are_holders=True
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24)
    hours = parser.parse_args().hours
    table_rows = asyncio.run(rows(hours))
    head = ["who guesses", "guesses looked at, an hour", "codes found, an hour", "customers an hour", "served"]
    print(f"\n{table.markdown_table([head, *table_rows])}\n")
    print(f"{hours:g} hours each; {CODES:,} live codes of six digits, {PROCESSES} processes, {TYPOS:.0%} typos.")


if __name__ == "__main__":
    main()
