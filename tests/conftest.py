"""What every test may lean on: a database of its own, a clock that stands still, an organization, a server."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

import db
from db.models import Organization
from resolvers.tally import Refusals
from resolvers.throttle import Attempts
from schema.context import Services
from tests import make


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = make.NOW

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and nothing in them, made once."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    asyncio.run(db.migrate(f"sqlite://{path}"))
    return path


@pytest.fixture
def database_url(migrated: Path, tmp_path: Path) -> str:
    """The address of a fresh database."""
    return f"sqlite://{shutil.copy(migrated, tmp_path / 'tessera.db')}"


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
def services(clock: Clock) -> Iterator[Services]:
    """What a process lends its requests, with no limit on failed attempts."""
    yield Services(clock=clock, public_url="https://codes.example", tally=Refusals(), attempts=Attempts(0))
