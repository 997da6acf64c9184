"""Claims a second on the steps of docs/scaling.md, in one run: SQLite, processes, PostgreSQL, hosts, PgBouncer.

`python -m benchmarks.scaling [--rounds 5] [--seconds 4]`. Everything runs on this one machine, so the figures
show the cost of each step; its gain shows where hosts have processors of their own.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

from benchmarks import claims, load, servers, table
from benchmarks.load import LoadRequest
from tests.postgres import PostgresServer, pooled

PAUSE_SECONDS = 0.5


def rate(requests: Sequence[LoadRequest], seconds: float, numbers: "count[int]") -> float:
    """Claims a second over all of these hosts together."""
    with ThreadPoolExecutor(len(requests)) as pool:
        futures = [pool.submit(load.closed_loop, request, seconds, next(numbers)) for request in requests]
        total = sum(one.result().rate for one in futures)
    time.sleep(PAUSE_SECONDS)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    numbers, texts = count(0, claims.NUMBERS_PER_ROUND), claims.texts()
    figures: dict[str, list[float]] = defaultdict(list)
    load_before = os.getloadavg()[0]
    with ExitStack() as life:
        folder = Path(life.enter_context(tempfile.TemporaryDirectory()))
        one = claims.set_up(life, f"sqlite://{folder}/one.db", 1, texts)
        two = claims.set_up(life, f"sqlite://{folder}/two.db", 2, texts)
        server = life.enter_context(PostgresServer().running())
        postgres = claims.set_up(life, server.url, 2, texts)
        spread = postgres.claims(texts, postgres.key)
        steps = {
            "one SQLite file, 1 process": [one.claims(texts, one.key)],
            "one SQLite file, 2 processes": [two.claims(texts, two.key)],
            "PostgreSQL, 1 host of 2 processes": [spread],
        }
        other = life.enter_context(servers.tessera(server.url, 2))
        steps["PostgreSQL, 2 hosts of 2 processes"] = [spread, replace(spread, address=other.address)]
        if shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin"):
            url = life.enter_context(pooled(server.url, folder))
            behind = [life.enter_context(servers.tessera(url, 2)) for _ in range(2)]
            steps["the same behind PgBouncer, `prepared=no`, 3 connections"] = [
                replace(spread, address=host.address) for host in behind
            ]
        for number in range(options.rounds + 1):
            for step, requests in steps.items():
                figure = rate(requests, options.seconds, numbers)
                print(f"{f'round {number}' if number else 'warming up'}: {step}: {figure:,.0f}/s", flush=True)
                if number:
                    figures[step].append(figure)
    print("\n| step | claims/s | beside the first |\n|---|---:|---:|")
    first = figures["one SQLite file, 1 process"]
    for step, rates in figures.items():
        beside = statistics.median(here / there for here, there in zip(rates, first, strict=True))
        print(f"| {step} | {statistics.median(rates):,.0f} | {beside:.2f} |")
    print(
        f"\nThe median of {options.rounds} rounds of {options.seconds:g} s in turns,"
        f" {load.CONNECTIONS} connections a host."
    )
    print(f"{table.machine()}; {load.client()}; load average {load_before:.1f} before.")


if __name__ == "__main__":
    main()
