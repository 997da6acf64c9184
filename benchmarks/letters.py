"""Letters go out fast, in memory that the queue does not fill, and a long queue does not slow claims.

`python -m benchmarks.letters [--letters 1000] [--queue 100000] [--claims 150] [--rounds 5]` queues letters at a real
server (`python main.py serve`), which hands them to a real mail server on this machine; then it claims from SQLite
stores in turn that differ in nothing but the letters that wait in them.
"""

import argparse
import asyncio
import os
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

import db
from resolvers import claim, create, deliver, find
from resolvers.domain import params
from resolvers.refusal_counter import RefusalCounter

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MAIN = Path(__file__).resolve().parents[1] / "main.py"


class CountingHandler:
    """A handler of a mail server that counts letters."""

    def __init__(self) -> None:
        self.letters = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's)
        """Accept and count a letter."""
        self.letters += 1
        return "250 OK"


# ------------------------------------------------------------------ letters a second


def cpu_seconds(process: "subprocess.Popen[str]") -> float:
    """Seconds of the processor that a process has had, which tell more than a clock on a busy machine."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(process: "subprocess.Popen[str]") -> float:
    """What a process occupies now."""
    [kilobytes] = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
    return int(kilobytes) / 1024


def start_server(folder: str, port: int) -> tuple["subprocess.Popen[str]", str, str]:
    """A server with an empty store, its address and its secret key."""
    environment = {
        **os.environ,
        "TESSERA_DATABASE_URL": f"sqlite://{folder}/served.db",
        "TESSERA_SMTP_URL": f"smtp://127.0.0.1:{port}",
    }
    process = subprocess.Popen(  # noqa: S603 (ourselves)
        [sys.executable, str(MAIN), "serve", "--create", "--port", "0"],
        env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout and process.stderr  # noqa: S101, PT018 (pipes, as asked for)
    printed = ""
    while "Playground:" not in printed:
        printed += process.stdout.readline()
    address = next(match[1] for line in process.stderr if (match := re.search(r"running on (http://\S+)", line)))
    return process, address, re.findall(r"SECRET +(\S+)", printed)[0]


SEND = "mutation ($input: SendCodeInput!) { sendCode(input: $input) { __typename ... on CodeSent { queued } } }"
MAKE = 'mutation { createPromotion(input: { name: "Bench", codes: ["BENCH"] }) { __typename } }'


def measure_sending(letters: int) -> None:
    """Queue that many letters, three times over, and print how long they took and what the server occupied."""
    handler = CountingHandler()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mail_server = Controller(handler, hostname="127.0.0.1", port=port)
    mail_server.start()
    with tempfile.TemporaryDirectory() as folder:
        process, address, key = start_server(folder, port)
        try:
            client = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60)
            client.post("/graphql", json={"query": MAKE}).raise_for_status()
            for round_ in range(1, 4):
                people = [{"email": f"{round_}-{n}@example.com", "firstName": "Ada"} for n in range(letters)]
                target, began, worked = handler.letters + letters, time.perf_counter(), cpu_seconds(process)
                variables = {"input": {"text": "BENCH", "recipients": people}}
                answer = client.post("/graphql", json={"query": SEND, "variables": variables}).json()
                assert answer["data"]["sendCode"]["queued"] == letters, answer  # noqa: S101
                while handler.letters < target:
                    time.sleep(0.01)
                took = time.perf_counter() - began
                print(
                    f"{letters:,} letters queued and sent over SMTP in {took:.2f} s: {letters / took:.0f} a second,"
                    f" {cpu_seconds(process) - worked:.1f} s of the processor;"
                    f" the process occupies {megabytes(process):.0f} MB after {target:,} letters",
                    flush=True,
                )
        finally:
            process.terminate()
            process.communicate(timeout=30)
            mail_server.stop()


# ------------------------------------------------------------------ claims beside a queue


async def store(url: str, letters: int) -> None:
    """A store with a code that anybody may claim, and that many letters that are due later."""
    await db.migrate(url)
    async with db.opened(url):
        organization = await create.organization("Bench", 1, "bench", 1, "EUR", "UTC", NOW)
        new = create.NewPromotion(name="Bench", codes=("BENCH",), limits=params.Limits(per_code=None))
        await create.promotion(organization, new, None, NOW)
        code = await find.code(organization.id, "BENCH")
    rows = sqlite3.connect(url.removeprefix("sqlite://"))
    rows.executemany(
        "INSERT INTO delivery (organization_id, code_id, recipient, recipient_key, status, attempts, due_at,"
        " created_at) VALUES (?, ?, ?, ?, 'QUEUED', 0, ?, ?)",
        (
            (organization.id, code.id, f"{n}@example.com", f"{n}@example.com", str(NOW), str(NOW))
            for n in range(letters)
        ),
    )
    rows.commit()
    rows.execute("ANALYZE")
    rows.close()


async def claims_a_second(url: str, claims: int, name: str, with_sender: bool) -> float:
    """How many claims a second are made one after another; beside them, letters are taken and written down."""
    async with db.opened(url):
        [organization] = await find.all_organizations()

        async def send() -> None:
            now = NOW
            while True:
                await asyncio.sleep(
                    0.05
                )  # 400 letters a second, which is more than a mail server takes from one process
                batch = await deliver.lease_due("benchmark", now)
                sent = deliver.Outcome(deliver.OutcomeKind.SENT)
                await deliver.record(batch, {letter.id: sent for letter in batch.letters}, now + timedelta(seconds=1))

        sender = asyncio.create_task(send()) if with_sender else None
        began = time.perf_counter()
        for number in range(claims):
            who = params.Person(f"{name}-{number}@example.com")
            await claim.code(organization, "BENCH", who, None, None, None, None, RefusalCounter(), NOW)
        took = time.perf_counter() - began
        if sender is not None:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        return claims / took


async def measure_claims(queue: int, claims: int, rounds: int) -> None:
    """Claim in turn from a store without letters, one with a queue, and one whose queue is worked off meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        kinds = {"an empty queue": (0, False), f"{queue:,} letters waiting": (queue, False)}
        kinds[f"{queue:,} letters being sent"] = (queue, True)
        speeds: dict[str, list[float]] = {kind: [] for kind in kinds}
        for place, (letters, _) in enumerate(kinds.values()):
            await store(f"sqlite://{folder}/{place}.db", letters)
        for round_ in range(rounds + 1):
            for place, (kind, (_, with_sender)) in enumerate(kinds.items()):
                speed = await claims_a_second(f"sqlite://{folder}/{place}.db", claims, f"{round_}", with_sender)
                speeds[kind] += [speed] if round_ else []  # the first warms up
        for kind, rates in speeds.items():
            ratio = statistics.median(one / other for one, other in zip(rates, speeds["an empty queue"], strict=True))
            print(f"claims beside {kind}: {statistics.median(rates):.0f} a second, {ratio:.2f} of those beside none")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=1_000)
    parser.add_argument("--queue", type=int, default=100_000)
    parser.add_argument("--claims", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    measure_sending(options.letters)
    asyncio.run(measure_claims(options.queue, options.claims, options.rounds))


if __name__ == "__main__":
    main()
