"""Fixtures of all tests: a database of its own for each test, a clock that stands still, an organization, a server."""

import asyncio
import gc
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from socket import socket

import httpx
import pytest
import pytest_asyncio
import uvicorn
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

import db
from db.enums import KeyKind
from db.models import Organization
from resolvers.refusal_counter import RefusalCounter
from schema import app as http_app
from schema import errors, server
from schema.context import Services
from schema.graphql.engine import Mode
from schema.rate_limit import RateLimits
from schema.server import sockets
from tests import make, parts, stores
from tests.graphql_client import GraphQLClient
from tests.postgres import Postgres

GRAPHQL_ENGINE: Mode = "core" if os.environ.get("TESSERA_GRAPHQL_ENGINE") == "core" else "plans"
"""What runs documents in all tests, as in processes that they start: `make test-all` runs GraphQL's tests with both."""


def restore_signals() -> None:
    """Have children start with signals as by default; in `make test &` a shell without job control lets SIGINT be ignored."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


restore_signals()


def shared_folder(config: pytest.Config, folders: pytest.TempPathFactory) -> Path:
    """The folder of a test run, which is the parent of each worker's."""
    return folders.getbasetemp().parent if hasattr(config, "workerinput") else folders.getbasetemp()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that `make test-all` sets."""
    group = parser.getgroup("tessera")
    group.addoption("--share", type=int, default=100, help="how many of a hundred repeated tests run (tests/parts.py)")
    group.addoption("--seed", type=int, default=0, help="which of them, and what chaos does; drawn where it is 0")


def pytest_configure(config: pytest.Config) -> None:
    """Draw a seed, the same for all workers, and watch over processes."""
    config.option.seed = config.option.seed or time.time_ns() % 10**9
    config.pluginmanager.register(parts.Watch(), "tessera-watch")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Print the seed."""
    if reporter := session.config.pluginmanager.get_plugin("terminalreporter"):
        reporter.write_line(f"seed {session.config.option.seed} (make test-all SEED={session.config.option.seed})")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test's part, before a `-m` chooses by it."""
    parts.mark(items, config.rootpath)
    items[:], left_out = parts.share(items, config.option.share, config.option.seed)
    if left_out:
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish() -> None:
    """Leave the thousands of collected tests and the modules to themselves when garbage is collected."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server of all workers when they have ended, however they did."""
    if not hasattr(config, "workerinput"):
        Postgres.end(shared_folder(config, config._tmp_path_factory))  # type: ignore[attr-defined]


class Clock:
    """A clock that stands still until a test advances it."""

    def __init__(self) -> None:
        self.now = make.NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now


@pytest.fixture(autouse=True)
def no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset the state of logged database outages for each test."""
    monkeypatch.setattr(errors, "outage", errors.Outage())


@pytest.fixture(scope="session", autouse=True)
def routes_checked_once() -> Iterator[None]:
    """Check the same routes of the same owners for conflicts once: an application a test would take a fifth of its time."""
    check, checked = http_app.check_route_conflicts, set()

    def check_once(owners: Mapping[str, Sequence[BaseRoute]]) -> None:
        routes = [(owner, route) for owner, routes in owners.items() for route in routes]
        known = tuple(
            (owner, getattr(route, "path", repr(route)), *sorted(getattr(route, "methods", None) or ()))
            for owner, route in routes
        )
        if known not in checked:
            check(owners)
            checked.add(known)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http_app, "check_route_conflicts", check_once)
        yield


@pytest.fixture(scope="session")
def migrated() -> Path:
    """An SQLite file with all tables and nothing in them, made once."""
    return stores.empty()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Postgres:
    """The PostgreSQL server of all workers, started by the first that needs it."""
    return Postgres.shared(shared_folder(pytestconfig, tmp_path_factory))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database: whatever leans on it is tested on both."""
    if request.param == "sqlite":
        migrated = request.getfixturevalue("migrated")
        yield f"sqlite://{shutil.copy(migrated, tmp_path / 'tessera.db')}"
        return
    with request.getfixturevalue("postgres").database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite://{tmp_path / 'bare.db'}"
        return
    with request.getfixturevalue("postgres").bare() as url:
        yield url


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[str]:
    """A fresh database, open in this process; its address."""
    async with db.opened(database_url):
        yield database_url


@pytest_asyncio.fixture
async def organization(store: str) -> Organization:
    """An organization in EUR and Amsterdam's time."""
    return await make.organization()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rate_limits() -> RateLimits:
    """No limit on failed attempts."""
    return RateLimits(0)


@pytest_asyncio.fixture
async def services(clock: Clock, rate_limits: RateLimits) -> AsyncIterator[Services]:
    """The services of a process, which its requests share."""
    yield Services(
        clock=clock,
        public_url="https://codes.example",
        refusal_counter=RefusalCounter(),
        rate_limits=rate_limits,
        graphql_engine=GRAPHQL_ENGINE,
    )
    await rate_limits.budgets.close()


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """A real server for an application, on a port of its own; its address."""
    [listening] = sockets.bind("127.0.0.1", 0)
    config = uvicorn.Config(app, log_level="warning", lifespan="off", **server.OPTIONS)
    config.load()
    running = uvicorn.Server(config)
    running.lifespan = config.lifespan_class(config)
    await running.startup(
        sockets=[listening]
    )  # as `serve` does, without its loop, whose ticks each test would wait for
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        await closed(running, listening)


async def closed(running: uvicorn.Server, listening: socket) -> None:
    """Close a server as its own `shutdown` does, which sleeps for a tenth of a second where a few ticks are enough."""
    for each in running.servers:
        each.close()
    listening.close()
    for connection in list(running.server_state.connections):
        connection.shutdown()
    for _ in range(100):
        if not running.server_state.connections and not running.server_state.tasks:
            return
        await asyncio.sleep(0.001)


@pytest_asyncio.fixture
async def served(store: str, services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real server with every door."""
    async with (
        serving(http_app.create_app(services)) as address,
        # nothing here is encrypted, and reading certificates takes longer than most tests
        httpx.AsyncClient(base_url=address, timeout=30, verify=False) as client,  # noqa: S501
    ):
        yield client


@pytest_asyncio.fixture
async def secret(served: httpx.AsyncClient, organization: Organization) -> GraphQLClient:
    """A GraphQL client with the organization's secret key."""
    return GraphQLClient(served, await make.key(organization, KeyKind.SECRET))


@pytest_asyncio.fixture
async def public(served: httpx.AsyncClient, organization: Organization) -> GraphQLClient:
    """A GraphQL client with the organization's public key."""
    return GraphQLClient(served, await make.key(organization, KeyKind.PUBLIC))
