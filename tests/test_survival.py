"""Killed in the middle, and the database away: what was answered is there, once, and the service goes on by itself."""

import asyncio
import csv
import io
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests import chaos
from tests.graphql_client import GraphQLClient
from tests.installation import Installation, wait_until_listening
from tests.postgres import PostgresServer, fetch_value, free_port

pytestmark = [pytest.mark.xdist_group("survival"), pytest.mark.processes]

CLAIM = """
    mutation ($input: ClaimCodeInput!) {
      claimCode(input: $input) { __typename ... on CodeClaimed { claim { id } } ... on Refusal { message } }
    }"""

CLIENTS = 16
PATIENCE = 90
"""Seconds in which a round with a kill in it is over, on a slow machine."""


class Service:
    """`python main.py serve` with two processes on a port of its own, which may be killed and started again."""

    def __init__(self, installation: Installation) -> None:
        self.installation, self.port = installation, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.installation.folder / "served.log").open("ab")
        self.process = self.installation.start(
            "serve",
            "--create",
            "--port",
            str(self.port),
            "--workers",
            "2",
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        wait_until_listening(self.address)

    def kill(self) -> None:
        """`kill -9` on all of its processes."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @contextmanager
    def running(self) -> Iterator["Service"]:
        self.start()
        try:
            yield self
        finally:
            self.kill()


@dataclass
class Orders:
    """Clients of a shop: each order claims the code, again and again until it is answered."""

    key: str
    addresses: list[str]
    answers: dict[str, set[str]] = field(default_factory=dict)
    troubles: int = 0

    async def place(self, references: list[str], meanwhile: Callable[[], None]) -> None:
        """Place these orders, with something happening when a third of them is answered; all are answered in time."""
        waiting = iter(references)
        happens_at = len(self.answers) + len(references) // 3
        happened = asyncio.create_task(self._then(happens_at, meanwhile))

        async def work_off(place: int) -> None:
            async with httpx.AsyncClient(timeout=20, verify=False) as client:  # noqa: S501
                for reference in waiting:
                    await self._until_answered(client, place, reference)

        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(happened, *(work_off(place) for place in range(CLIENTS)))

    async def _then(self, answered: int, happens: Callable[[], None]) -> None:
        while len(self.answers) < answered:
            await asyncio.sleep(0.005)
        await asyncio.to_thread(happens)

    async def _until_answered(self, client: httpx.AsyncClient, place: int, reference: str) -> None:
        claim_input = {
            "text": "SURVIVE",
            "customer": {"email": f"{reference}@example.com"},
            "order": {"reference": reference, "total": {"amount": "10.00", "currency": "EUR"}},
        }
        while True:
            client.base_url = httpx.URL(random.choice(self.addresses))  # noqa: S311
            try:
                answer = await GraphQLClient(client, self.key).post(
                    {"query": CLAIM, "variables": {"input": claim_input}}
                )
            except httpx.TransportError:
                answer = None
            if answer is None or answer.status_code == 503:  # there is none: the client comes again
                self.troubles += 1
                await asyncio.sleep(0.05)
                continue
            result = answer.json()["data"]["claimCode"]
            assert result["__typename"] == "CodeClaimed", result
            self.answers.setdefault(reference, set()).add(result["claim"]["id"])
            if random.random() < 0.2:  # noqa: S311
                continue  # the answer got lost on its way, thinks the client
            return


def prepared(installation: Installation) -> str:
    """An organization with the code SURVIVE, as often as one likes; its secret key."""
    installation.run("migrate")
    installation.run("organization", "add", "--name", "N", "--identifier", "n")
    (installation.folder / "codes.csv").write_text("text,allowed_claims\nSURVIVE,unlimited\n")
    installation.run("import", "codes", "--organization", "n", "--promotion", "default", "codes.csv")
    return installation.run("key", "add", "--organization", "n", "--kind", "secret").strip()


def check(installation: Installation, orders: Orders) -> None:
    """Every order that was answered has one claim, the one of its answers, no other has any, and all is counted."""
    assert "equals" in installation.run("verify")
    rows = list(csv.DictReader(io.StringIO(installation.run("export", "claims", "--organization", "n"))))
    assert sorted(row["order_reference"] for row in rows) == sorted(orders.answers)
    assert [ids for ids in orders.answers.values() if len(ids) != 1] == []


def rounds(orders: Orders, meanwhile: Callable[[], None], number: int = 3, size: int = 150) -> None:
    """Several times a rush of orders with something happening in the middle of it."""
    for turn in range(number):
        asyncio.run(orders.place([f"r{turn}-{place}" for place in range(size)], meanwhile))
    assert len(orders.answers) == number * size


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_service_that_is_killed_forgets_no_answer(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """`kill -9` on one of two services in the middle of a rush, three times."""
    database = request.getfixturevalue("postgres").bare() if kind == "postgres" else nullcontext()
    with database as url:
        installation = Installation(tmp_path, url)
        key = prepared(installation)
        with Service(installation).running() as one, Service(installation).running() as two:
            orders = Orders(key, [one.address, two.address])

            def strike() -> None:
                one.kill()
                one.start()

            rounds(orders, strike)
            assert orders.troubles > 0
            check(installation, orders)


@pytest.mark.slow
def test_a_database_that_is_killed_forgets_no_answer(tmp_path: Path) -> None:
    """`kill -9` on PostgreSQL itself in the middle of a rush, three times; the services go on by themselves."""
    with PostgresServer().running() as server:  # as careful with what it writes as PostgreSQL is by default
        installation = Installation(tmp_path, server.url)
        key = prepared(installation)
        with Service(installation).running() as one, Service(installation).running() as two:
            orders = Orders(key, [one.address, two.address])

            def strike() -> None:
                server.kill()
                time.sleep(0.5)
                server.start()

            rounds(orders, strike)
            assert orders.troubles > 0
            check(installation, orders)


# ------------------------------------------------------------------ the database away


def test_a_worker_that_starts_while_the_database_is_away_waits_for_it(tmp_path: Path) -> None:
    """A worker that dies in an outage is replaced by one that waits, and the service goes on with both."""

    def wait_for_starts(count: int) -> None:
        deadline = time.monotonic() + 30
        while (tmp_path / "served.log").read_text().count("Application startup complete.") < count:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    with PostgresServer().running() as server:
        installation = Installation(tmp_path, server.url)
        key = prepared(installation)
        with Service(installation).running() as service:
            assert service.process
            wait_for_starts(2)
            killed, survivor = serving(service.process.pid)
            server.stop()
            kill(killed, signal.SIGKILL)
            time.sleep(3)
            server.start()
            wait_for_starts(3)
            assert survivor in serving(service.process.pid)
            asyncio.run(Orders(key, [service.address]).place(["order-1", "order-2", "order-3"], lambda: None))


DOORS = [
    ("POST", "/graphql", {"query": "{ organization { number } }"}, {"errors", "data"}),
    ("POST", "/codes/claim", {"code": "X", "lead": {"email": "a@example.com"}}, {"code", "error", "message", "time"}),
    ("GET", "/v1/promo?site_id=1", None, {"title", "error", "code"}),
    ("POST", "/webshop-promotions/webshopcode", {"promotion_reference": "x"}, {"success", "message"}),
    ("GET", "/export/codes.csv", None, {"message"}),
]


def test_while_the_database_is_away_every_door_says_so(tmp_path: Path) -> None:
    """503 in each door's own words within seconds, red and green lights, and all as before when it is back."""
    with PostgresServer().running() as server:
        installation = Installation(tmp_path, server.url)
        key = prepared(installation)
        account = installation.run("key", "add", "--account", "1", "--kind", "account").strip()

        with Service(installation).running() as service, httpx.Client(base_url=service.address, verify=False) as client:  # noqa: S501

            def ask(method: str, path: str, body: object) -> httpx.Response:
                headers = {"Authorization": f"Bearer {account if '/v1/' in path else key}", "X-Api-User-Id": "1"}
                return client.request(method, path, json=body, headers=headers, timeout=10)

            before = [ask(method, path, body) for method, path, body, _ in DOORS]
            assert all(answer.status_code < 500 for answer in before)
            page = str(
                ask("POST", "/graphql", {"query": '{ code(text: "SURVIVE") { url } }'}).json()["data"]["code"]["url"]
            )
            page = httpx.URL(page).path
            assert client.get(page).status_code == 200

            server.stop()
            for method, path, body, members in DOORS:
                answer = ask(method, path, body)
                assert (path, answer.status_code) == (path, 503)
                assert set(answer.json()) >= members
                assert answer.elapsed.total_seconds() < 8
                assert answer.headers["Retry-After"] == "5"
            sorry = client.get(page)
            assert (sorry.status_code, sorry.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
            assert client.get("/readyz").status_code == 503
            assert client.get("/healthz").status_code == 200

            server.start()
            deadline = time.monotonic() + 30
            while client.get("/readyz").status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            after = [ask(method, path, body) for method, path, body, _ in DOORS]
            assert [answer.status_code for answer in after] == [answer.status_code for answer in before]
            assert client.get(page).status_code == 200


def test_a_service_does_not_start_without_its_database(tmp_path: Path) -> None:
    """A sentence and an exit code, no stack."""
    installation = Installation(tmp_path, f"postgres://nobody@127.0.0.1:{free_port()}/nothing")
    for words in (["serve"], ["verify"], ["migrate"]):
        assert "can't be reached" in installation.run(*words, code=1)


# ------------------------------------------------------------------ chaos


OPERATIONS = 5_000
STRIKES = 10


class Chaos:
    """Strikes at random: kills services, one of their processes, PostgreSQL's backends, PostgreSQL itself; or stops one."""

    def __init__(self, services: list[Service], server: PostgresServer | None, drawn: random.Random) -> None:
        self.services, self.server, self.random = services, server, drawn
        self.strikes = [self.kill_a_service, self.kill_a_worker]
        if server:
            self.strikes += [self.kill_a_backend, self.end_backends, self.stop_a_backend, self.kill_postgres]
        self.struck: list[str] = []

    def strike(self) -> None:
        """Each kind in turn, in an order of their own."""
        if len(self.struck) % len(self.strikes) == 0:
            self.random.shuffle(self.strikes)
        strike = self.strikes[len(self.struck) % len(self.strikes)]
        self.struck.append(strike.__name__)
        strike()

    def kill_a_service(self) -> None:
        service = self.random.choice(self.services)
        service.kill()
        service.start()

    def kill_a_worker(self) -> None:
        """The service starts another."""
        service = self.random.choice(self.services)
        assert service.process is not None
        kill(self.random.choice(serving(service.process.pid)), signal.SIGKILL)

    def kill_a_backend(self) -> None:
        """PostgreSQL ends all others as well then, and recovers."""
        kill(self.random.choice(self.backends()), signal.SIGKILL)

    def end_backends(self) -> None:
        """As an administrator does, in the middle of whatever they do."""
        for pid in self.backends():
            kill(pid, signal.SIGTERM)

    def stop_a_backend(self) -> None:
        """For longer than a batch waits for it."""
        pid = self.random.choice(self.backends())
        kill(pid, signal.SIGSTOP)
        time.sleep(6)
        kill(pid, signal.SIGCONT)

    def kill_postgres(self) -> None:
        assert self.server is not None
        self.server.kill()
        time.sleep(self.random.random())
        self.server.start()

    def backends(self) -> list[int]:
        """The processes that serve ours; none while PostgreSQL recovers, so they are waited for."""
        assert self.server is not None
        question = (
            "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE client_port > 0 AND pid <> pg_backend_pid()"
        )
        for _ in range(200):
            with suppress(OSError, asyncpg.PostgresError):
                if (shown := fetch_value(self.server.url, question)) != "None":
                    return [int(pid) for pid in shown.split()]
            time.sleep(0.1)
        raise TimeoutError("no backend")


def kill(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def serving(parent: int) -> list[int]:
    """The processes of a service that answer, without the one that looks after them."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


@pytest.mark.slow
@pytest.mark.case("4")
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_in_chaos_no_answer_is_lost_none_is_doubled_and_no_limit_is_passed(
    kind: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Thousands of random operations, most of them claims, with kills in between; then the diary is held against the store."""
    seed = int(pytestconfig.getoption("seed"))
    # Kills need no disk that is synchronous: the kernel goes on.
    with PostgresServer(fsync="off").running() if kind == "postgres" else nullcontext() as server:
        installation = Installation(tmp_path, server.url if server else None)
        installation.run("migrate")
        installation.run("organization", "add", "--name", "N", "--identifier", "n")
        key = installation.run("key", "add", "--organization", "n", "--kind", "secret").strip()
        with Service(installation).running() as one, Service(installation).running() as two:
            chaos.prepare(one.address, key)
            clients = chaos.RandomClients(key, [one.address, two.address], seed)
            strikes = Chaos([one, two], server, random.Random(seed))  # noqa: S311
            asyncio.run(with_strikes(clients, strikes))
            chaos.check(installation, one.address, clients.diary, key)
        diary = clients.diary
        print(f"{sum(diary.operations.values())} operations, asked again {diary.retries} times; {strikes.struck}")
        assert sum(diary.operations.values()) == OPERATIONS
        assert diary.retries > 0
        assert len(strikes.struck) == STRIKES


async def with_strikes(clients: chaos.RandomClients, strikes: Chaos) -> None:
    """All operations, with so many strikes spread over them."""

    async def strike() -> None:
        for number in range(1, STRIKES + 1):
            while clients.diary.operations.total() < OPERATIONS * number // (STRIKES + 1):
                await asyncio.sleep(0.01)
            await asyncio.to_thread(strikes.strike)

    async with asyncio.timeout(600):
        await asyncio.gather(clients.work(OPERATIONS, CLIENTS), strike())
