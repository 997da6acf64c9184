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
BEGAN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

SECONDS = 0.5
"""Of one core, for a challenge of the first level."""
BROWSER = 4
"""Cores that a customer's browser uses."""
PATIENCE = 60.0
"""Seconds that a customer lets it work."""
CORES = 100
"""The attacker's."""


class Proofs:
    """Proofs of work of which only the work is simulated: who says a challenge's number has solved it."""

    def __init__(self) -> None:
        self._numbers = count()
        self._open: set[str] = set()

    def challenge(self, organization: Organization, origin: str, level: int) -> str:
        """A challenge, and how many seconds of a core it takes."""
        name = str(next(self._numbers))
        self._open.add(name)
        return json.dumps({"name": name, "seconds": SECONDS * 2**level})

    async def verify(self, organization: Organization, origin: str, proof: str) -> str | None:
        """The challenge's name, once."""
        name = str(json.loads(proof)["name"]) if proof.startswith("{") else ""
        if name not in self._open:
            return None
        self._open.discard(name)
        return name


@dataclass
class World:
    """The processes on a store, their clock, and what has come of all attempts."""

    organization: Organization
    live: dict[str, str]
    """The addresses of the codes' pages, by the codes' texts."""
    seed: int
    are_holders: bool = False
    at: float = 0.0
    looked_at: int = 0
    found: int = 0
    served: int = 0
    customers: int = 0
    processes: list[RateLimits] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 (a simulation, the same each time)
        self.known, proofs = list(self.live), Proofs()
        for _ in range(PROCESSES):
            limiter = Limiter(lambda: self.at, lambda: 1_700_000_000 + self.at)
            budgets = GuessBudgets(limiter, proofs, lambda: self.at)  # type: ignore[arg-type]
            self.processes.append(RateLimits(60, limiter, budgets))

    async def attempt(self, process: RateLimits, origin: str, text: str, proof: str | None = None) -> bool:
        """Whether a text is a live code, if it is looked at. Raises TooManyAttempts."""
        guess = Attempt(text, None, None, proof, BEGAN + timedelta(seconds=self.at))
        taken = await AttemptGuard(process, self.organization, origin).take(guess)
        if text in self.live:
            taken.give_back()
            return True
        await taken.fail()
        return False

    # -------------------------------------------------------------- honest

    async def customer(self, number: int) -> None:
        """One enters a code until it is right; whoever is held up has a proof of work made."""
        self.customers += 1
        origin = f"192.0.{number // 250 % 250}.{number % 250}"
        text = self.random.choice(self.known)
        for _ in range(4):
            entered = self._typo(text) if self.random.random() < TYPOS else text
            if await self._enter(origin, entered, self.live[text]):
                self.served += 1
                return

    async def _enter(self, origin: str, text: str, page: str) -> bool:
        process, proof = self.random.choice(self.processes), None
        while True:
            try:
                return await self.attempt(process, origin, text, proof)
            except TooManyAttempts as no:
                if proof is not None:
                    return False
                process, asked = self.random.choice(self.processes), json.loads(no.challenge or "null")
                if self.are_holders:
                    proof = page
                elif asked is not None and asked["seconds"] / BROWSER <= PATIENCE:
                    proof = json.dumps(asked)
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
                    self.looked_at += 1
                    self.found += hit
                    proof = None
                except TooManyAttempts as no:
                    asked = json.loads(no.challenge or "null")
                    held_up = asked is None or asked["seconds"] > work
                    work -= 0 if held_up else asked["seconds"]
                    proof = None if held_up else json.dumps(asked)


def arrivals(world: World, hours: float) -> Iterator[float]:
    """When customers come."""
    at = 0.0
    while (at := at + world.random.expovariate(CUSTOMERS / 3600)) < hours * 3600:
        yield at


async def simulate(world: World, hours: float, attacks: bool, cores: int, every: float) -> None:
    """Let so many hours pass."""
    guesses, number = (0.0 if attacks else float("inf")), 0
    for at in arrivals(world, hours):
        while guesses <= at:
            world.at = guesses
            await world.guesses(cores, every)
            guesses += every
        world.at, number = at, number + 1
        await world.customer(number)


async def store(seed: int, are_holders: bool) -> World:
    """The opened store, which is empty, with an organization and its codes."""
    made = await create.organization("Bench", 77, "bench", None, "EUR", "UTC", BEGAN)
    drawn = await generate.codes(made, None, CODES, Format(Style.NUMERIC), generate.CodeOptions(), False, None, BEGAN)
    pages = {code.text: signed_links.code_token(made, code.id) for code in drawn.codes}
    return World(made, pages, seed, are_holders)


async def row(
    name: str,
    hours: float,
    attacks: bool,
    cores: int,
    every: float = 20,
    seed: int = 1,
    are_holders: bool = False,
) -> list[str]:
    """One scenario, on a fresh store."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite://{folder}/guessing.db"
        await db.migrate(url)
        async with db.opened(url):
            await get_connection("default").execute_script("PRAGMA synchronous = OFF")  # nobody has to survive this
            world = await store(seed, are_holders)
            await simulate(world, hours, attacks, cores, every)
            for process in world.processes:
                await process.budgets.close()
    return [
        name,
        f"{world.looked_at / hours:,.0f}",
        f"{world.found / hours:.2f}",
        f"{world.customers / hours:,.0f}",
        f"{100 * world.served / world.customers:.2f} %",
    ]


async def rows(hours: float) -> list[list[str]]:
    """Every scenario."""
    return [
        await row("no attack", hours, attacks=False, cores=0),
        await row("10,000 addresses", hours, attacks=True, cores=0),
        await row("10,000 addresses and a core that proves work", hours, attacks=True, cores=1),
        await row("10,000 addresses and 100 cores that prove work", hours, attacks=True, cores=CORES),
        await row("the same; customers have their code's page", hours, attacks=True, cores=CORES, are_holders=True),
    ]


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--hours", type=float, default=24)
    hours = words.parse_args().hours
    table_rows = asyncio.run(rows(hours))
    heads = ["who guesses", "guesses looked at, an hour", "codes found, an hour", "customers an hour", "served"]
    print(f"\n{table.lined([heads, *table_rows])}\n")
    print(f"{hours:g} hours each; {CODES:,} live codes of six digits, {PROCESSES} processes, {TYPOS:.0%} typos.")


if __name__ == "__main__":
    main()
