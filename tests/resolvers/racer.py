"""One process of a race: opens the database, says it is ready, waits for the start, and tells what it was answered.

`python -m tests.resolvers.racer URL START CALL…`, each call a JSON list of a deed's name and its arguments; the
answers are a JSON line each on stdout, in no particular order. Calls are made by that many tasks at once as
the first argument of `lanes` says, so that a process is raced by its own tasks as well.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import db
from db.models import Organization
from resolvers import activate, claim, delete, generate, release, terms
from resolvers.refusals import Refusal
from resolvers.tally import Refusals
from resolvers.wording import Format, Style
from tests.make import NOW

Deed = Callable[..., Awaitable[Any]]


async def claim_code(organization: Organization, text: str, email: str, reference: str | None = None) -> int:
    order = terms.Order(reference) if reference else None
    said = terms.Person(email)
    answer = await claim.code(organization, text, said, order, None, None, None, Refusals(), NOW)
    return answer.claim.id


async def release_claim(organization: Organization, claim_id: int) -> int:
    return (await release.claim(organization, claim_id, "raced", NOW)).id


async def activate_code(organization: Organization, text: str, email: str) -> str:
    made = await activate.code(organization, text, None, terms.Person(email), None, None, False, NOW)
    return str(made.reserved_for_id)


async def delete_code(organization: Organization, text: str) -> int:
    return (await delete.code(organization, text, dry_run=False)).claims


async def generate_codes(organization: Organization, pattern: str, amount: int) -> list[str]:
    now, format = NOW + timedelta(seconds=1), Format(Style.PATTERN, pattern)
    made = await generate.codes(organization, None, amount, format, generate.Making(), False, None, now)
    return [code.text for code in made.codes]


DEEDS: dict[str, Deed] = {
    deed.__name__: deed for deed in (claim_code, release_claim, activate_code, delete_code, generate_codes)
}


async def answer(organization: Organization, deed: str, said: list[Any]) -> None:
    try:
        told: Any = ["done", await DEEDS[deed](organization, *said)]
    except Refusal as refusal:
        told = [type(refusal).__name__, None]
    except Exception as error:  # what a race must never be answered with; the test says so
        told = ["error", repr(error)]
    print(json.dumps(told), flush=True)


async def race(url: str, start: Path, lanes: int) -> None:
    calls = json.load(sys.stdin)
    async with db.opened(url):
        organization = await Organization.get()
        start.with_suffix(f".{calls['name']}").touch()
        while not start.exists():
            await asyncio.sleep(0.001)
        waiting = iter(calls["calls"])

        async def lane() -> None:
            for deed, *said in waiting:
                await answer(organization, deed, said)

        await asyncio.gather(*(lane() for _ in range(lanes)))


if __name__ == "__main__":
    asyncio.run(race(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
