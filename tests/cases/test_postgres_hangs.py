"""PostgreSQL that hangs, and COMMITs that lie: real servers whose processes are stopped, cancelled and ended."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from tortoise.transactions import in_transaction

import db
from db import batching, statements
from db import errors as db_errors
from db.clients import pool
from db.models import Account, Claim, Organization
from resolvers import authenticate, find, probe, release, verify
from resolvers.claim.state import Claimed
from resolvers.domain.refusals import FullyClaimed
from schema import app as http_app
from schema import health, limits
from schema.context import Services
from schema.health import Readiness
from tests import make
from tests.conftest import serving
from tests.postgres import PostgresServer

pytestmark = [pytest.mark.xdist_group("postgres_hangs"), pytest.mark.postgres]

OTHERS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


class Watcher:
    """Somebody with a connection of their own to a server whose processes they may stop."""

    def __init__(self, server: PostgresServer, connection: asyncpg.Connection) -> None:
        self.server, self.connection = server, connection

    async def backends(self, condition: str = "true") -> list[int]:
        """The processes that serve others, the one that was busy last first."""
        rows = await self.connection.fetch(f"SELECT pid {OTHERS} AND {condition} ORDER BY state_change DESC")
        return [row["pid"] for row in rows]

    async def waiting(self, condition: str) -> int:
        """The process that is, or comes to be, in such a state."""
        while not (pids := await self.backends(condition)):
            await asyncio.sleep(0.005)
        return pids[0]

    @contextlib.contextmanager
    def stopped(self, *pids: int) -> Iterator[None]:
        """These processes don't go on while the block lasts."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def log(self) -> str:
        """What the server has written down."""
        return (self.server.folder / "log").read_text()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that answers a COMMIT as soon as a standby would have it, if there were one."""
    with PostgresServer(fsync="off", full_page_writes="off", log_min_messages="info").running() as server:
        asyncio.run(db.migrate(server.url))
        yield server


@asynccontextmanager
async def beside(server: PostgresServer) -> AsyncIterator[Watcher]:
    connection = await asyncpg.connect(server.url, server_settings={"synchronous_commit": "local"})
    try:
        yield Watcher(server, connection)
    finally:
        await connection.close()


@pytest.fixture
def words() -> str:
    """What else the address says."""
    return ""


@pytest_asyncio.fixture
async def watcher(server: PostgresServer, words: str) -> AsyncIterator[Watcher]:
    """Somebody beside a process that has two connections; the database is empty."""
    async with beside(server) as watcher:
        tables = await watcher.connection.fetchval(
            "SELECT string_agg(relname, ', ') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND relname <> 'tortoise_migrations'"
        )
        await watcher.connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        async with db.opened(f"{server.url}?connections=2{words}"):
            yield watcher


async def both_open() -> None:
    """Have the pool open both of its connections."""
    await asyncio.gather(*(Account.filter(number=number).exists() for number in range(2)))


async def places(*claims: asyncio.Future[Claimed] | Any) -> list[str]:
    """What became of claims: `away`, or the answer's kind."""
    results = await asyncio.gather(*claims, return_exceptions=True)
    return ["away" if db_errors.is_unavailable(one) else type(one).__name__ for one in results if one is not None]


# ------------------------------------------------------------------ hanging


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches have half a second, so that the tests are quick."""
    monkeypatch.setattr(pool, "BATCH_SECONDS", 0.5)
    monkeypatch.setattr(pool, "SUSPECT_SECONDS", 0.2)


@pytest.mark.case("A2")
@pytest.mark.usefixtures("quick")
async def test_claims_go_on_while_a_backend_hangs(watcher: Watcher) -> None:
    """One of two is stopped under load: the batch on it is answered as unknown, all others as ever, nobody twice."""
    organization = await make.organization()
    code = await make.code(organization, "HOT", per_code=60, per_customer_and_code=1)
    await both_open()
    answers: dict[str, list[int]] = {}

    async def order(number: int) -> str:
        name = f"O-{number}"
        while True:  # as a client does: asked again until it is answered
            try:
                result = await make.claimed(organization, "HOT", f"c{number}@example.com", make.order(name))
            except FullyClaimed:
                return "full"
            except Exception as fault:
                if not db_errors.is_unavailable(fault):
                    raise
                aways.append(name)
                continue
            answers.setdefault(name, []).append(result.claim.id)
            return "claimed"

    aways: list[str] = []
    outcomes = [await order(number) for number in range(10)]
    [stopped, _] = await watcher.backends()
    with watcher.stopped(stopped):
        async with asyncio.timeout(5):
            outcomes += await asyncio.gather(*(order(number) for number in range(10, 50)))
        assert aways
        outcomes += [await order(number) for number in range(50, 70)]
    assert (outcomes.count("claimed"), outcomes.count("full")) == (60, 10)
    again = [await make.claimed(organization, "HOT", f"c{n}@example.com", make.order(f"O-{n}")) for n in range(10, 50)]
    assert all(one.replayed for one in again)
    await code.refresh_from_db()
    assert code.claim_count == await Claim.all().count() == 60
    assert await verify.counters(organization) == []
    assert "canceling statement due to user request" not in watcher.log()


@pytest.mark.case("A2")
@pytest.mark.usefixtures("quick")
async def test_a_look_up_on_a_backend_that_hangs_holds_up_one_batch(watcher: Watcher) -> None:
    """Keys are looked up in batches as well, in which every request waits; so are codes."""
    organization = await make.organization()
    await make.code(organization, "HOT")
    key = await make.key(organization)
    await both_open()
    with watcher.stopped(*(await watcher.backends())):
        results = await places(authenticate.key(key), find.code(organization.id, "HOT"), probe.store())
        assert results == ["away", "away", "away"]
        assert await places(authenticate.key(key), find.code(organization.id, "HOT")) == ["Holder", "Code"]
    async with asyncio.timeout(10):  # a backend that goes on notices first that its client is gone
        while await watcher.backends("state <> 'idle'"):
            await asyncio.sleep(0.01)


@pytest.mark.case("A2")
@pytest.mark.usefixtures("quick")
async def test_one_batch_that_hangs_raises_doubts_about_all_connections(watcher: Watcher) -> None:
    """The next batch, which has been waiting, goes on at once: it is not lent another connection that hangs."""
    organization = await make.organization()
    await make.code(organization, "HOT", per_code=None)
    await both_open()
    with watcher.stopped(*(await watcher.backends())):
        first = asyncio.create_task(make.claimed(organization, "HOT", "first@example.com"))
        await asyncio.sleep(0.1)
        next_one = asyncio.create_task(make.claimed(organization, "HOT", "next@example.com"))
        assert await places(first, next_one) == ["away", "Claimed"]


@pytest.mark.case("A2")
async def test_a_statement_that_hangs_is_given_up(watcher: Watcher) -> None:
    """Outside of batches too: its connection is dropped at its limit, and the next statement has another."""
    await both_open()
    with watcher.stopped(*(await watcher.backends())), pool.time_limit(0.3):
        assert await places(Account.all().count(), Account.create(number=7, created_at=make.NOW)) == ["away", "away"]
        assert await places(Account.filter(number=8).count()) == ["int"]


@pytest.mark.case("A2")
async def test_a_transaction_that_hangs_is_given_up(watcher: Watcher) -> None:
    """Its next statement hears of it, wherever it was meanwhile, and nothing of it is kept."""

    async def slow(seconds: float) -> None:
        async with in_transaction():
            await Account.create(number=9, created_at=make.NOW)
            await asyncio.sleep(seconds)
            await Account.create(number=10, created_at=make.NOW)

    with pool.time_limit(0.05):
        assert await places(slow(0.1)) == ["away"]
    with pool.time_limit(None):
        assert await places(slow(0.1)) == []
    assert await Account.all().count() == 2


async def counted() -> int:
    return await Account.all().count()


@pytest.mark.case("A2")
async def test_a_request_that_is_cut_off_does_not_wait_for_a_server_that_hangs(watcher: Watcher) -> None:
    """What is cancelled ends at once, its connection with it; no cancel request is sent."""
    await both_open()
    with watcher.stopped(*(await watcher.backends())):
        queries = [asyncio.create_task(counted()) for _ in range(2)]
        await asyncio.sleep(0.05)
        for task in queries:
            task.cancel()
        async with asyncio.timeout(1):
            await asyncio.gather(*queries, return_exceptions=True)
            assert await Account.all().count() == 0
    assert "canceling statement due to user request" not in watcher.log()


@pytest.mark.case("A2")
async def test_a_promotion_that_is_locked_for_ever_holds_up_its_own_claims_alone(
    watcher: Watcher, server: PostgresServer
) -> None:
    """A stopped backend keeps its locks. Claims of its promotion hear 503 until it goes on; those of others are made."""
    organization = await make.organization()
    locked = await make.code(organization, "LOCKED", per_code=5)
    await make.code(organization, "FREE", per_code=5)
    async with beside(server) as rival:
        transaction = rival.connection.transaction()
        await transaction.start()
        await rival.connection.execute("SELECT FROM promotion WHERE id = $1 FOR NO KEY UPDATE", locked.promotion_id)
        with watcher.stopped(await rival.connection.fetchval("SELECT pg_backend_pid()")):
            claims = [make.claimed(organization, text, order=make.order("O")) for text in ("LOCKED", "FREE")]
            assert await places(*claims) == ["away", "Claimed"]
        await transaction.rollback()
    assert not (await make.claimed(organization, "LOCKED", order=make.order("O"))).replayed
    assert await verify.counters(organization) == []


@pytest.mark.case("A2")
async def test_readyz_is_red_while_the_server_hangs_and_green_after_it(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks as claims do, and says so when a batch hangs though other questions would be answered."""
    monkeypatch.setattr(health, "MAX_BATCH_WAIT_SECONDS", 0.3)
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.2)
    organization = await make.organization()
    await make.code(organization, "HOT")
    now = [0.0]
    readiness = Readiness(lambda: now[0])
    assert await readiness.error() == ""
    await both_open()
    with watcher.stopped(*(await watcher.backends())):
        now[0] += 0.5
        assert await readiness.error() == ""  # as it was a moment ago
        now[0] += 1
        assert await readiness.error() == "TimeoutError"
        claim = asyncio.create_task(make.claimed(organization, "HOT"))
        while batching.longest_running() <= 0.3:
            await asyncio.sleep(0.05)
        now[0] += 2
        assert (await readiness.error()).startswith("Hung: ")
    await places(claim)
    now[0] += 2
    assert await readiness.error() == ""


@pytest.mark.case("A2")
@pytest.mark.parametrize("words", ["", "&prepared=no"])
async def test_doors_answer_in_time_while_the_server_hangs(
    watcher: Watcher, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request's own limit holds while it waits for the database, and says that the outcome is unknown."""
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.3)
    headers = {"Authorization": f"Bearer {await make.key(await make.organization())}"}
    await both_open()
    async with (
        serving(http_app.create_app(services)) as address,
        httpx.AsyncClient(base_url=address, timeout=3, verify=False) as client,  # noqa: S501
    ):
        with watcher.stopped(*(await watcher.backends())):
            for path, body in [
                ("/graphql", {"query": "{ organization { number } }"}),
                ("/codes/delete", {"code": "X"}),
            ]:
                answer = await client.post(path, json=body, headers=headers)
                assert answer.status_code == 503
                assert path == "/codes/delete" or "not known" in answer.text
                assert (await client.get("/healthz")).status_code == 200


@pytest.mark.case("A2")
async def test_what_is_left_on_a_server_of_those_who_are_gone_is_ended_by_it(watcher: Watcher) -> None:
    """A statement whose connection was dropped does not go on for long: the server looks whether we are there."""
    with pool.time_limit(0.1):
        assert await places(release_never()) == ["away"]
    async with asyncio.timeout(10):
        while await watcher.backends("query LIKE '%pg_sleep(60)%' AND state = 'active'"):
            await asyncio.sleep(0.05)


async def release_never() -> None:
    async with in_transaction() as connection:
        await connection.execute_query("SELECT pg_sleep(60)")


# ------------------------------------------------------------------ commits that lie


async def a_commit_that_waits(watcher: Watcher) -> None:
    """Wait until the server's processes have heard of the standby: commit until a commit waits, and end that."""
    other = await asyncpg.connect(watcher.server.url)
    pid = await other.fetchval("SELECT pg_backend_pid()")
    while True:
        commit = asyncio.create_task(other.execute("SELECT pg_logical_emit_message(true, 'test', '')"))
        if (await asyncio.wait([commit], timeout=0.1))[1]:
            break
    await watcher.connection.execute(f"SELECT pg_terminate_backend({pid})")
    await asyncio.wait([commit])
    assert commit.exception() is not None


@pytest_asyncio.fixture
async def alone(watcher: Watcher) -> AsyncIterator[Organization]:
    """An organization in a database whose synchronous standby has just gone away."""
    organization = await make.organization()
    await make.code(organization, "HOT", per_code=None)
    await make.claimed(organization, "HOT", "first@example.com", make.order("O-0"))
    await watcher.connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'absent'")
    await watcher.connection.execute("SELECT pg_reload_conf()")
    await a_commit_that_waits(watcher)
    yield organization
    await watcher.connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
    await watcher.connection.execute("SELECT pg_reload_conf()")


async def in_a_round(organization: Organization) -> None:
    await make.claimed(organization, "HOT", "ada@example.com", make.order("O-1"))


async def in_a_transaction(organization: Organization) -> None:
    await release.claim(organization, (await Claim.first()).id, "gone", make.NOW)  # type: ignore[union-attr]


async def in_a_statement(organization: Organization) -> None:
    await Account.create(number=7, created_at=make.NOW)


async def in_a_statement_for_many(organization: Organization) -> None:
    await statements.Statement(
        "INSERT INTO suppression (organization_id, email_key, created_at) VALUES ($1, $2, $3)",
        [],
        (),
        len,
        [(organization.id, name, make.NOW) for name in ("a", "b")],
    )


async def in_the_probe(organization: Organization) -> None:
    await probe.store()


COMMITS = [in_a_round, in_a_transaction, in_a_statement, in_a_statement_for_many, in_the_probe]


@pytest.mark.case("A14")
@pytest.mark.parametrize("ending", ["pg_cancel_backend", "pg_terminate_backend"])
@pytest.mark.parametrize(
    ("commits", "words"), [*((commits, "") for commits in COMMITS), (in_a_statement, "&prepared=no")]
)
async def test_a_commit_that_no_standby_has_confirmed_is_not_answered_as_done(
    alone: Organization, watcher: Watcher, commits: Any, ending: str
) -> None:
    """PostgreSQL says COMMIT and warns. Whoever is told 503 asks again; the connection is gone."""
    async with asyncio.timeout(30):
        task = asyncio.create_task(commits(alone))
        waits = await watcher.waiting("wait_event = 'SyncRep'")
        await watcher.connection.execute(f"SELECT {ending}({waits})")
        assert await places(task) == ["away"]
        while waits in await watcher.backends():
            await asyncio.sleep(0.005)


@pytest.mark.case("A14")
async def test_a_trigger_may_warn(watcher: Watcher) -> None:
    """Its warnings have the same state, and are no reason to doubt what is committed."""
    await watcher.connection.execute(
        "CREATE FUNCTION warn() RETURNS trigger AS $$ BEGIN RAISE WARNING 'look'; RETURN NEW; END $$ LANGUAGE plpgsql;"
        "CREATE TRIGGER warn BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION warn()"
    )
    try:
        await Account.create(number=7, created_at=make.NOW)
        async with in_transaction():
            await Account.create(number=8, created_at=make.NOW)
    finally:
        await watcher.connection.execute("DROP FUNCTION warn CASCADE")
    assert await Account.all().count() == 2


# ------------------------------------------------------------------ connecting


@pytest.mark.case("A2")
async def test_a_host_that_hangs_does_not_keep_us_from_the_primary(server: PostgresServer) -> None:
    """Wherever it stands in the address; all hosts are asked at once."""

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silence, "127.0.0.1", 0) as hanging:
        port = hanging.sockets[0].getsockname()[1]
        address = f"127.0.0.1:{port},127.0.0.1:{server.port}/postgres?target_session_attrs=primary"
        async with asyncio.timeout(pool.CONNECT_SECONDS - 1), db.opened(f"postgres://postgres@{address}"):
            assert await Account.all().count() >= 0


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("postgres://u:p@a:1,b/d?target_session_attrs=primary", [("a", 1), ("b", 5432)]),
        ("postgres://u@[::1]:7,b:2/d?target_session_attrs=read-write", [("::1", 7), ("b", 2)]),
        ("postgres://u@/d?host=a,b&port=1,2&target_session_attrs=primary", [("a", 1), ("b", 2)]),
        ("postgres://u@/d?host=a,b&port=1&target_session_attrs=primary", [("a", 1), ("b", 1)]),
        ("postgres://u@/d?host=/run,b&target_session_attrs=primary", []),
        ("postgres://u@a,b/d?target_session_attrs=standby", []),
        ("postgres://u@a,b/d", []),
    ],
)
@pytest.mark.case("A2")
def test_which_hosts_are_asked_at_once(address: str, hosts: list[tuple[str, int]]) -> None:
    """Those of whom one at most is meant; where the order matters, or there are sockets, the driver goes by it."""
    assert pool.hosts(address) == hosts


@pytest.mark.case("A2")
async def test_after_a_refusal_nobody_asks_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a standby that is about to take over kept busy."""
    tries = 0

    async def refuse(dsn: str, **more: object) -> asyncpg.Connection:
        nonlocal tries
        tries += 1
        raise ConnectionRefusedError

    monkeypatch.setattr(pool, "connect", refuse)
    connect = pool.Connector()
    for _ in range(20):
        with pytest.raises(ConnectionError) as refused:
            await connect("postgres://h/d")
        assert db_errors.is_unavailable(refused.value)
    assert tries == 1
