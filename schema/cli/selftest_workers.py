"""Worker processes of the selftest, which make calls at the same time over one database.

Each is a Python process with a connection of its own. Protocol, in lines of JSON over standard input and output: the
parent sends the database's address; then for each race an object with the organization, the calls, how many of them
to make at a time, and the time. The worker prints `ready` and waits for a line ("go"). Then it prints an answer for
each call, and an empty line at the end.
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
from typing import TypedDict, cast

import db
from resolvers import find
from resolvers.selftest import driver
from resolvers.selftest.driver import Answer, Call

ROOT = Path(__file__).resolve().parents[2]
MAX_LINE_BYTES = 2**26


class WorkerDied(Exception):
    """Raised when a worker ends before it has answered."""

    def __init__(self, code: int) -> None:
        super().__init__(f"A process of the race has ended by itself, with exit code {code}.")


class SelftestWorkers:
    """Worker processes for one race after another."""

    def __init__(self, processes: list[Process]) -> None:
        self.processes = processes

    async def race(
        self,
        organization: str,
        shares: Sequence[Sequence[Call]],
        concurrency: int,
        on_answer: Callable[[], None],
        now: datetime,
    ) -> list[Answer]:
        """The answers to all calls. Each worker makes its share in the organization with this identifier.

        `shares` has a list of calls for each worker, which makes `concurrency` of them at a time. `on_answer` is called
        after each answer. Raises WorkerDied. If this ends early, all workers are killed.
        """
        try:
            return await self._race(organization, shares, concurrency, on_answer, now)
        except BaseException:
            for process in self.processes:
                _kill(process)
            raise

    async def _race(
        self,
        organization: str,
        shares: Sequence[Sequence[Call]],
        concurrency: int,
        on_answer: Callable[[], None],
        now: datetime,
    ) -> list[Answer]:
        for process, calls in zip(self.processes, shares, strict=True):
            _send(
                process,
                {"organization": organization, "calls": calls, "concurrency": concurrency, "now": now.isoformat()},
            )
        for process in self.processes:
            await _read_line(process)
        for process in self.processes:
            _send(process, "go")
        readers = [asyncio.create_task(_read_answers(process, on_answer)) for process in self.processes]
        try:
            return [answer for answers in await asyncio.gather(*readers) for answer in answers]
        finally:
            for task in readers:
                task.cancel()
            await asyncio.wait(readers)


@asynccontextmanager
async def running(url: str, count: int) -> AsyncIterator[SelftestWorkers]:
    """A number of workers, which are killed when the block ends."""
    processes: list[Process] = []
    try:
        for _ in range(count):
            processes.append(await _start())
            _send(processes[-1], url)  # not as an argument, which every user of the machine could read
        yield SelftestWorkers(processes)
    finally:
        for process in processes:
            _kill(process)
        await asyncio.gather(*(process.communicate() for process in processes))


async def _start() -> Process:
    command = [sys.executable, "-P", "-m", __name__]
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    return await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **paths},
        stdin=PIPE,
        stdout=PIPE,
        limit=MAX_LINE_BYTES,
        start_new_session=True,  # the terminal's Ctrl-C is for the parent, which kills them
    )


def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()


def _send(process: Process, message: object) -> None:
    cast(StreamWriter, process.stdin).write(json.dumps(message).encode() + b"\n")


async def _read_line(process: Process) -> bytes:
    line = await cast(StreamReader, process.stdout).readline()
    if not line:
        raise WorkerDied(await process.wait())
    return line


async def _read_answers(process: Process, on_answer: Callable[[], None]) -> list[Answer]:
    answers: list[Answer] = []
    while (line := await _read_line(process)) != b"\n":
        answers.append(tuple(json.loads(line)))
        on_answer()
    return answers


# ------------------------------------------------------------------ in a worker


async def _serve() -> None:
    async with db.opened(json.loads(sys.stdin.readline())):
        for line in sys.stdin:
            await _race(json.loads(line))


class RaceRequest(TypedDict):
    """What a worker is sent for each race; `now` in ISO 8601."""

    organization: str
    calls: list[Call]
    concurrency: int
    now: str


async def _race(request: RaceRequest) -> None:
    organization = await find.organization(request["organization"], None)
    if organization is None:
        sys.exit(f"There is no organization {request['organization']!r}.")
    print("ready", flush=True)
    sys.stdin.readline()
    now = datetime.fromisoformat(request["now"])
    await driver.run(organization, request["calls"], request["concurrency"], _print_answer, now)
    print(flush=True)


def _print_answer(answer: Answer) -> None:
    print(json.dumps(answer), flush=True)  # at once: an answer counts even if the worker is killed next


if __name__ == "__main__":
    asyncio.run(_serve())
