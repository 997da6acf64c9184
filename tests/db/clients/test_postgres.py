"""PostgreSQL's client: addresses, encryption, poolers, cancelled requests, conflicts."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
import trustme
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

import db
from db import errors as db_errors
from db import statements
from db.clients import postgres
from db.models import Account
from resolvers.domain.refusals import CustomerLimitReached
from tests import make
from tests.postgres import WITHOUT_SYNC, Postgres, PostgresServer, pooled


@pytest.fixture
def address(postgres: Postgres) -> Iterator[str]:
    """A fresh database with all tables."""
    with postgres.database() as url:
        yield url


async def query(statement: str) -> list[dict[str, object]]:
    return await get_connection("default").execute_query_dict(statement)


def with_options(url: str, **options: str) -> str:
    """An address with more options in its query."""
    parameters = "&".join(f"{name}={value}" for name, value in options.items())
    return f"{url}{'&' if urlsplit(url).query else '?'}{parameters}"


# ------------------------------------------------------------------ addresses


def test_the_drivers_options_are_passed_on() -> None:
    """All options but our own two are the driver's."""
    credentials = postgres.credentials("postgres://u:p%40@h:1/d?sslmode=verify-full&connections=4&application_name=x")
    assert credentials == {
        "dsn": "postgres://u:p%40@h:1/d?sslmode=verify-full&application_name=x",
        "connections": 4,
        "prepared": True,
    }
    assert postgres.credentials("postgresql://h/d?prepared=no")["prepared"] is False


@pytest.mark.parametrize("words", ["connections=1", "connections=many", "connections=", "prepared=maybe", "prepared="])
def test_an_invalid_parameter_is_named(words: str) -> None:
    with pytest.raises(ValueError, match=words):
        db.address.config(f"postgres://h/d?{words}")


async def test_no_more_connections_are_opened_than_allowed(address: str) -> None:
    """Twenty queries at once share the two that the address allows."""
    async with db.opened(with_options(address, connections="2")):
        await asyncio.gather(*(query("SELECT pg_sleep(0.01)") for _ in range(20)))
        [counted] = await query("SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()")
        assert counted["n"] == 2


@pytest.mark.postgres
async def test_a_socket_is_an_address_too() -> None:
    with PostgresServer(unix_socket_directories=".", listen_addresses="", **WITHOUT_SYNC).running() as server:
        url = f"postgres://postgres:@/postgres?host={server.folder}&port={server.port}"
        await db.migrate(url)
        async with db.opened(url):
            await make.code(await make.organization())


# ------------------------------------------------------------------ encryption


@asynccontextmanager
async def encrypting(address: str, certificate: trustme.LeafCert) -> AsyncIterator[str]:
    """TLS as PostgreSQL begins it, in front of a server that can't encrypt (the wheel's)."""
    parts = urlsplit(address)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)

    async def pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while some := await source.read(65536):
                target.write(some)
                await target.drain()
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(8) != b"\0\0\0\x08\x04\xd2\x16\x2f":  # SSLRequest
            writer.close()
            return
        writer.write(b"S")
        try:
            await writer.start_tls(context)
        except OSError:  # the client does not trust us
            writer.close()
            return
        inner = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(pour(reader, inner[1]), pour(inner[0], writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}").geturl()


async def test_a_connection_is_as_encrypted_as_the_address_says(address: str, tmp_path: Path) -> None:
    """`sslmode` is libpq's: require encrypts, verify-full also asks whom it talks to, disable finds no way in."""
    authority, stranger = trustme.CA(), trustme.CA()
    trusted, other = tmp_path / "trusted.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(str(trusted))
    stranger.cert_pem.write_to_path(str(other))
    async with encrypting(address, authority.issue_cert("127.0.0.1")) as url:
        for words in ({"sslmode": "require"}, {"sslmode": "verify-full", "sslrootcert": str(trusted)}):
            async with db.opened(with_options(url, **words)):
                assert await query("SELECT 1 AS one") == [{"one": 1}]
        for words in ({"sslmode": "verify-full", "sslrootcert": str(other)}, {"sslmode": "disable"}):
            with pytest.raises((OSError, asyncpg.PostgresError)) as refused:
                async with db.opened(with_options(url, **words)):
                    pass
            assert db_errors.is_unavailable(refused.value)


# ------------------------------------------------------------------ poolers


async def test_a_pooler_that_forgets_prepared_statements_works_with_prepared_no(address: str, tmp_path: Path) -> None:
    """Behind PgBouncer in transaction mode, with `prepared=no`, forty tasks claim as they do without it."""
    with pooled(address, tmp_path) as url:
        await db.migrate(url)
        async with db.opened(url):
            organization = await make.organization()
            code = await make.code(organization, per_code=30)
            results = await asyncio.gather(
                *(make.claimed(organization, email=f"c{n}@example.com") for n in range(40)), return_exceptions=True
            )
            assert sorted({type(one).__name__ for one in results}) == ["Claimed", "FullyClaimed"]
            await code.refresh_from_db()
            assert code.claim_count == 30


# ------------------------------------------------------------------ transactions


async def test_a_cancelled_request_leaves_no_transaction(address: str) -> None:
    """Wherever a transaction is cancelled, its connection is released, and nothing of it is written."""
    async with db.opened(with_options(address, connections="2")):

        async def add(number: int) -> None:
            async with in_transaction():
                await Account.create(number=number, created_at=make.NOW)
                await query("SELECT pg_sleep(0.002)")

        for number in range(60):
            task = asyncio.create_task(add(number))
            await asyncio.sleep(number * 0.0001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        written = await Account.all().count()
        assert written < 60
        await asyncio.gather(*(add(100 + number) for number in range(4)))
        assert await Account.all().count() == written + 4
        [left] = await query(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()"
        )
        assert left["n"] == 0


PREPARED = """
    SELECT format('EXPLAIN EXECUTE %I (%s)', name, array_to_string(array_fill('NULL'::text, ARRAY[places]), ', ')) AS run
    FROM pg_prepared_statements, cardinality(parameter_types) AS places WHERE generic_plans > 0 AND places > 0
    """
"""The statements of a connection whose plans are kept, to be explained."""

KEYS = {
    "promotion": {"promotion_pkey"},
    "code": {"code_pkey", "uid_code_organiz_7d15d2"},
    "customer": {"customer_pkey", "uid_customer_organiz_cdee4d"},
    "claim": {"claim_pkey", "uid_claim_organiz_dc5d4a", "claim_page_of_customer"},
    "idempotencykey": {"idempotencykey_pkey", "uid_idempotency_organiz_9f6bf4"},
}
"""The indexes by which a batch may read a table: its keys, and claims by their customer, who has few."""


@pytest.mark.parametrize("analyzed", [False, True])
async def test_the_plans_that_are_kept_for_batches_are_good_for_any_size(address: str, analyzed: bool) -> None:
    """Made while the tables are empty, or known to be, they read rows by keys, and no table whole."""
    async with db.opened(with_options(address, connections="2")):
        organization = await make.organization()
        await make.code(organization, "HOT", per_code=None, per_customer_and_code=2)
        if analyzed:
            await query("ANALYZE")
        claims_by_key = [("ada", "K-1"), ("ben", None), ("ada", "K-1"), ("ada", "K-2"), ("ada", "K-3")]
        for person, key in claims_by_key:
            order = make.order(key and f"O-{key}")
            with contextlib.suppress(CustomerLimitReached):  # the last
                await make.claimed(organization, "HOT", f"{person}@example.com", order, idempotency_key=key)
        async with statements.planned_transaction():
            plans = [str(line["QUERY PLAN"]) for one in await query(PREPARED) for line in await query(str(one["run"]))]
        scan = re.compile(r"(?:Seq|Heap|Index|Only) Scan(?: using (\w+))? on (\w+)")
        scans = [(match[2], match[1], below) for line, below in pairwise(plans) if (match := scan.search(line))]
        ours = [scanned for scanned in scans if scanned[0] in KEYS]
        assert {table for table, *_ in ours} == set(KEYS)
        poor = [scanned for scanned in ours if scanned[1] not in KEYS[scanned[0]] or "Index Cond" not in scanned[2]]
        assert poor == []


async def test_a_deadlock_is_not_the_callers(address: str) -> None:
    """Two transactions that lock in opposite order: one is ended by PostgreSQL and run again."""
    tries = {1: 0, 2: 0}
    both = asyncio.Barrier(2)

    @db_errors.retry_on_conflict
    async def lock(first: int, second: int) -> int:
        tries[first] += 1
        async with in_transaction():
            await Account.select_for_update().get(number=first)
            if tries[first] == 1:
                await both.wait()
            await Account.select_for_update().get(number=second)
            return first

    async with db.opened(address):
        for number in (1, 2):
            await Account.create(number=number, created_at=make.NOW)
        assert await asyncio.gather(lock(1, 2), lock(2, 1)) == [1, 2]
    assert sorted(tries.values()) == [1, 2]


async def test_a_conflict_that_does_not_end_is_raised(address: str) -> None:
    """After MAX_TRIES the error is raised after all; inside another's transaction there is one try only."""
    tried = 0

    @db_errors.retry_on_conflict
    async def add() -> None:
        nonlocal tried
        tried += 1
        await Account.create(number=1, created_at=make.NOW)

    async with db.opened(address):
        await add()
        tried = 0
        with pytest.raises(Exception, match="duplicate key") as raised:
            await add()
        assert db_errors.is_conflict(raised.value)
        assert tried == db_errors.MAX_TRIES
        tried = 0
        with pytest.raises(Exception, match="duplicate key"):
            async with in_transaction():
                await add()
        assert tried == 1


def test_other_errors_are_neither() -> None:
    for error in (ValueError("x"), httpx.ReadError("x"), asyncpg.UndefinedTableError("x")):
        assert not db_errors.is_unavailable(error)
        assert not db_errors.is_conflict(error)
