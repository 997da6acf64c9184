"""The front door: what it reads, and the work that goes on beside the requests."""

import asyncio
import logging

import pytest

import db
import main
from db.models import RefusalStat
from resolvers.domain.refusals import UnknownCode
from tests import make


@pytest.mark.parametrize("fault", [OSError("the database was away"), RuntimeError("a bug")])
async def test_work_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture, fault: Exception) -> None:
    """What goes on beside the requests survives its own faults, and ends with the process; a bug's stack is logged."""
    done: list[int] = []

    async def work() -> None:
        done.append(len(done))
        if len(done) == 1:
            raise fault

    with caplog.at_level(logging.ERROR, logger="tessera"):
        async with main.every(0.01, work):
            while len(done) < 3:
                await asyncio.sleep(0.01)
    after = len(done)
    await asyncio.sleep(0.05)
    assert len(done) == after
    assert [record.exc_info is not None for record in caplog.records] == [isinstance(fault, RuntimeError)]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting is read from a name with the prefix; what makes no sense ends the process with a sentence."""
    monkeypatch.setenv("TESSERA_DATABASE_URL", "sqlite:///elsewhere.db")
    monkeypatch.setenv("TESSERA_FAILED_ATTEMPTS_PER_MINUTE", "5")
    settings = main.settings()
    assert (settings.database_url, settings.failed_attempts_per_minute) == ("sqlite:///elsewhere.db", 5)
    monkeypatch.setenv("TESSERA_FAILED_ATTEMPTS_PER_MINUTE", "-1")
    with pytest.raises(SystemExit, match="TESSERA_FAILED_ATTEMPTS_PER_MINUTE"):
        main.settings()


@pytest.mark.long
async def test_what_is_gathered_is_written_at_the_end(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    """A process that is told to stop writes the refusals that it has counted."""
    monkeypatch.setenv("TESSERA_DATABASE_URL", database_url)
    app = main.app()
    async with app.router.lifespan_context(app):
        organization = await make.organization()
        app.state.services.refusal_counter.add(organization, UnknownCode("x"), 0, None, make.NOW)
    async with db.opened(database_url):
        assert sum([row.count for row in await RefusalStat.filter(level="DAY")]) == 1
