"""Reading a year of usage by the day costs the same with few claims as with many.

`python -m benchmarks.usage [--few 1000] [--many 1000000] [--rounds 9]` makes two SQLite stores that differ in
nothing but the number of their claims, spread evenly over a year, and reads the same year from both in turn.
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import db
from resolvers import create, find, usage_report, verify
from resolvers.domain import params
from resolvers.domain.usage_buckets import BucketSize

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
ROWS_PER_INSERT = 10_000


async def store(url: str, claims: int) -> None:
    """A store with one code and that many claims of it, each by one of a thousand customers."""
    await db.migrate(url)
    async with db.opened(url):
        organization = await create.organization("Bench", 1, "bench", 1, "EUR", "UTC", START)
        new = create.NewPromotion(name="Year", codes=("YEAR",), limits=params.Limits(per_code=None))
        promotion = await create.promotion(organization, new, None, START)
        code = await find.code(organization.id, "YEAR")
    rows = sqlite3.connect(url.removeprefix("sqlite://"))
    rows.executemany(
        "INSERT INTO customer (id, organization_id, email, email_key, particulars, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, '{}', ?, ?)",
        ((n, organization.id, f"{n}@example.com", f"{n}@example.com", str(START), str(START)) for n in range(1, 1_001)),
    )
    step = timedelta(days=DAYS) / claims
    for first in range(0, claims, ROWS_PER_INSERT):
        rows.executemany(
            "INSERT INTO claim (organization_id, promotion_id, code_id, customer_id, order_total, order_quantity,"
            " currency, discount, discount_kind, discount_value, created_at)"
            " VALUES (?, ?, ?, ?, 999, 1, 'EUR', 150, 'NONE', 0, ?)",
            (
                (organization.id, promotion.id, code.id, 1 + n % 1_000, (START + n * step).isoformat(" "))
                for n in range(first, min(claims, first + ROWS_PER_INSERT))
            ),
        )
    for level, width, rest in (("HOUR", 13, ":00:00+00:00"), ("DAY", 10, " 00:00:00+00:00")):
        rows.execute(
            f"""INSERT INTO usagestat (organization_id, promotion_id, level, starts_at, currency, claims, order_total,
                  order_quantity, discount_total, deleted_claims, deleted_order_total, deleted_order_quantity,
                  deleted_discount_total)
                SELECT ?, ?, ?, substr(created_at, 1, {width}) || ?, 'EUR', count(*), sum(order_total), count(*),
                  sum(discount), 0, 0, 0, 0
                FROM claim GROUP BY substr(created_at, 1, {width})""",  # noqa: S608 (two numbers of our own)
            (organization.id, promotion.id, level, rest),
        )
    rows.execute("UPDATE code SET claim_count = ? WHERE id = ?", (claims, code.id))
    rows.execute("UPDATE promotion SET claim_count = ? WHERE id = ?", (claims, promotion.id))
    rows.commit()
    rows.execute("ANALYZE")
    rows.close()


async def read_year(url: str, with_customers: bool) -> float:
    """Seconds that reading the year by the day took."""
    async with db.opened(url):
        [organization] = await find.all_organizations()
        query = usage_report.UsageQuery(BucketSize.DAY, START, START + timedelta(days=DAYS))
        began = time.perf_counter()
        buckets = await usage_report.organization_usage(organization, query, with_customers, START)
        took = time.perf_counter() - began
        assert len(buckets) == DAYS, len(buckets)  # noqa: S101
        return took


async def compare_stores(few: int, many: int, rounds: int) -> None:
    """Make both stores, read them in turn, print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        urls = {number: f"sqlite://{Path(folder) / f'{number}.db'}" for number in (few, many)}
        for number, url in urls.items():
            began = time.perf_counter()
            await store(url, number)
            print(f"made a store of {number:>9,} claims in {time.perf_counter() - began:.1f} s", flush=True)
        async with db.opened(urls[few]):
            [organization] = await find.all_organizations()
            assert await verify.counters(organization) == []  # noqa: S101 (what is read is what there is)
        for with_customers in (False, True):
            times: dict[int, list[float]] = {few: [], many: []}
            for _ in range(rounds if not with_customers else 3):
                for number, url in urls.items():
                    times[number].append(await read_year(url, with_customers))
            low, high = (statistics.median(times[number]) for number in (few, many))
            columns = "with distinct customers" if with_customers else "sums and refusals"
            print(
                f"a year by the day, {columns}: {low * 1000:.1f} ms of {few:,} claims,"
                f" {high * 1000:.1f} ms of {many:,}; ratio {high / low:.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    asyncio.run(compare_stores(options.few, options.many, options.rounds))


if __name__ == "__main__":
    main()
