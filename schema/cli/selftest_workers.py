"""Processes that race each other over one database.

Each is a Python of its own with a connection of its own. It is told on its standard input, in lines of JSON:
first the database's address, then for every race what to do; it answers `ready`, waits for the word to go, and
answers each call in a line, and at last with an empty one.
"""

import asyncio
import json
import os
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import db
from resolvers import find
from resolvers.selftest import driver
from resolvers.selftest.driver import Answer, Call

ROOT = Path(__file__).resolve().parents[2]
LONGEST_LINE = 2**26


class Died(Exception):
    """Raised when a process ends before it has answered."""

    def __init__(self, code: int) -> None:
        super().__init__(f"A process of the race has ended by itself, with exit code {code}.")


class SelftestWorkers:
    """Some such processes, which are there for one race after another."""

    def __init__(self, processes: list[Process]) -> None:
        self.processes = processes

    async def race(
        self, organization: str, shares: Sequence[list[Call]], lanes: int, tell: Callable[[], None], now: datetime
    ) -> list[Answer]:
        """Let each make its share of calls in the organization called so; `tell` hears of each answer.

        Raises Died. However it ends, none of them races on.
        """
        try:
            return await self._race(organization, shares, lanes, tell, now)
        except BaseException:
            for process in self.processes:
                _end(process)
            raise

    async def _race(
        self, organization: str, shares: Sequence[list[Call]], lanes: int, tell: Callable[[], None], now: datetime
    ) -> list[Answer]:
        for process, calls in zip(self.processes, shares, strict=True):
            _say(process, {"organization": organization, "calls": calls, "lanes": lanes, "now": now.isoformat()})
        for process in self.processes:
            await _heard(process)
        for process in self.processes:
            _say(process, "go")
        hearing = [asyncio.create_task(_answers(process, tell)) for process in self.processes]
        try:
            return [answer for answers in await asyncio.gather(*hearing) for answer in answers]
        finally:
            for task in hearing:
                task.cancel()
            await asyncio.wait(hearing)


@asynccontextmanager
async def running(url: str, count: int) -> AsyncIterator[SelftestWorkers]:
    """That many processes; when the block ends, however it does, none of them is left."""
    processes: list[Process] = []
    try:
        for _ in range(count):
            processes.append(await _started())
            _say(processes[-1], url)  # not as an argument, which everybody here could read
        yield SelftestWorkers(processes)
    finally:
        for process in processes:
            _end(process)
        await asyncio.gather(*(process.communicate() for process in processes))


async def _started() -> Process:
    command = [sys.executable, "-P", "-m", __name__]
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    return await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **paths},
        stdin=PIPE,
        stdout=PIPE,
        limit=LONGEST_LINE,
        start_new_session=True,  # the terminal's Ctrl-C is for their parent, who ends them
    )


def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()


def _say(process: Process, what: Any) -> None:
    cast(StreamWriter, process.stdin).write(json.dumps(what).encode() + b"\n")


async def _heard(process: Process) -> bytes:
    line = await cast(StreamReader, process.stdout).readline()
    if not line:
        raise Died(await process.wait())
    return line


async def _answers(process: Process, tell: Callable[[], None]) -> list[Answer]:
    answers = []
    while (line := await _heard(process)) != b"\n":
        answers.append(json.loads(line))
        tell()
    return answers


# ------------------------------------------------------------------ in such a process


async def _serve() -> None:
    async with db.opened(json.loads(sys.stdin.readline())):
        for line in sys.stdin:
            await _race(json.loads(line))


async def _race(told: dict[str, Any]) -> None:
    organization = await find.organization(told["organization"], None)
    if organization is None:
        sys.exit(f"There is no organization {told['organization']!r}.")
    print("ready", flush=True)
    sys.stdin.readline()
    now = datetime.fromisoformat(told["now"])
    await driver.run(organization, told["calls"], told["lanes"], _answer, now)
    print(flush=True)


def _answer(said: Answer) -> None:
    print(json.dumps(said), flush=True)  # at once: what was answered counts even if the next moment ends this


if __name__ == "__main__":
    asyncio.run(_serve())
