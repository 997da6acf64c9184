"""The front door: reads the settings, opens the database, hangs all doors. `python main.py --help` tells how.

What only a server needs is imported where one begins: every command, and every `--help`, reads this module first.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import gc
import logging
import logging.config
import os
import pkgutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, unquote
from uuid import uuid4

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schema import cli
from schema.cli import terminal
from schema.cli.process import Process

if TYPE_CHECKING:
    from fastapi import FastAPI

HERE = Path(__file__).resolve().parent
STARTUP_FAILED = 3
ALMOST = 0.9
"""How alike a name must be to a setting's to be taken for it, where even its prefix differs."""

GARBAGE = 10_000
"""Objects more than there were before, at which the garbage collector looks for those that only refer to each other."""

LONGEST = 600
"""Seconds that a statement of a job may take, or of the sweep."""

DEFAULT_DATABASE = f"sqlite://{quote(str(HERE / 'tessera.db'))}"

log = logging.getLogger("tessera")


def understood_by(reader: str) -> AfterValidator:
    """A setting that may be empty, and else makes sense to a function, which raises ValueError: `module:name`."""

    def understood(value: str) -> str:
        if value:
            pkgutil.resolve_name(reader)(value)
        return value

    return AfterValidator(understood)


class Settings(BaseSettings):
    """What the environment says, each name with the prefix TESSERA_; docs/reference/settings.md lists them."""

    model_config = SettingsConfigDict(env_prefix="TESSERA_")

    database_url: str = DEFAULT_DATABASE
    create: bool = False
    public_url: Annotated[str, understood_by("schema.cli.process:read_public_url")] = "http://127.0.0.1:8000"
    failed_attempts_per_minute: int = Field(default=60, ge=0, le=1_000_000_000)
    trusted_proxies: Annotated[str, understood_by("schema.server.trusted_proxies:TrustedProxies.parse")] = ""
    smtp_url: Annotated[str, understood_by("schema.outgoing.letters.smtp:read_url")] = ""
    mail_from: Annotated[str, understood_by("schema.outgoing.letters.compose:read_from_address")] = ""


def utc_now() -> datetime:
    return datetime.now(UTC)


def leave_alone_what_stays() -> None:
    """Have Python's garbage collector look at what requests leave behind, and less often: it took a tenth of the time.

    What is there once the application is ready stays for ever; what a request makes is mostly gone with it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def app() -> FastAPI:
    """The application of one process, as uvicorn starts it."""
    import db
    from resolvers import find, jobs, sweep
    from resolvers.refusal_counter import RefusalCounter
    from schema import app as http_app
    from schema.context import Services
    from schema.outgoing import letters
    from schema.outgoing.letters.sender import Sender
    from schema.rate_limit import RateLimits
    from schema.server.trusted_proxies import TrustedProxies

    logging.getLogger("tortoise").setLevel(logging.WARNING)
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # it says with a stack, again and again, what we say once
    known = settings()
    services = Services(
        clock=utc_now,
        public_url=known.public_url.rstrip("/"),
        refusal_counter=RefusalCounter(),
        rate_limits=RateLimits(known.failed_attempts_per_minute),
        proxies=TrustedProxies.parse(known.trusted_proxies),
    )

    sender = Sender(
        letters.mailers(known.smtp_url, Path("outbox").resolve()),
        letters.from_address(known.mail_from, services.public_url),
        services.public_url,
        utc_now,
        services.letters_queued,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as life:
            await life.enter_async_context(db.opened(known.database_url))
            await unhurriedly(find.prepare())
            life.push_async_callback(services.refusal_counter.write)
            life.push_async_callback(services.rate_limits.budgets.close)
            await life.enter_async_context(every(1, services.refusal_counter.write))
            worker = uuid4().hex
            life.push_async_callback(jobs.release_leases, worker)
            await life.enter_async_context(every(1, lambda: unhurriedly(jobs.process(worker, utc_now))))
            await life.enter_async_context(every(3600, lambda: unhurriedly(sweep.leftovers(utc_now()))))
            await life.enter_async_context(every(60, sweep.counters))
            await life.enter_async_context(every(1, look_for_the_database))
            await life.enter_async_context(sender.running())
            leave_alone_what_stays()
            yield

    try:
        return http_app.create_app(services, lifespan)
    except http_app.RouteConflict as why:
        sys.exit(f"error: {why}")


async def unhurriedly(work: Awaitable[None]) -> None:
    """Do what may take longer than a request, and not for ever."""
    import db

    with db.unhurried(LONGEST):
        await work


async def look_for_the_database() -> None:
    """Have the log say that the database is back, once it is."""
    from schema import errors

    errors.outage.check()


@asynccontextmanager
async def every(seconds: float, work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Do some work again and again while the block lasts; what fails once is tried the next time."""
    from db import errors as db_errors
    from schema import errors

    async def go_on() -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception as fault:
                if db_errors.is_unavailable(fault):
                    errors.outage.record(fault, f"what is done every {seconds} s")
                else:
                    log.error("this will be tried again in %s seconds: %r", seconds, fault, exc_info=True)

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def serve(sockets: list[socket], workers: int) -> None:
    """Serve on sockets that listen, until told to stop."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from schema import server
    from schema.server import connection_limit

    connection_limit.raise_file_limit()
    config = uvicorn.Config(
        "main:app",
        factory=True,
        workers=workers,
        log_config=terminal.LOGGING,
        **server.OPTIONS,
        timeout_graceful_shutdown=10,
        timeout_worker_healthcheck=60,  # uvicorn's own 5 s end processes that are only starting on a busy machine
    )
    if workers > 1:
        Multiprocess(config, sockets=sockets).run()
        return
    process = uvicorn.Server(config)
    with contextlib.suppress(KeyboardInterrupt):  # it was told to stop, and has
        process.run(sockets=sockets)
    if not process.started:
        sys.exit(STARTUP_FAILED)


def settings() -> Settings:
    """The settings, or the end of the process with a sentence for each that makes no sense."""
    try:
        return Settings()
    except ValidationError as wrong:
        said = [
            f"TESSERA_{str(error['loc'][0]).upper()}: {error['msg'].removeprefix('Value error, ')}"
            for error in wrong.errors()
        ]
        sys.exit("error: " + "; ".join(said))


def misspelt(names: Iterable[str]) -> list[str]:
    """A sentence for each name of an environment that was meant to be a setting, and is none."""
    prefix = Settings.model_config["env_prefix"]
    known = [f"{prefix}{name}".upper() for name in Settings.model_fields]
    said = []
    for name in sorted(names):
        if name.upper() in known or name.startswith(f"{prefix}TEST_") or name[:2].upper() != prefix[:2]:
            continue
        cutoff = 0 if name.upper().startswith(prefix) else ALMOST
        nearest = difflib.get_close_matches(name.upper(), known, 1, cutoff)
        said += [f"there is no setting {name}; the nearest is {one}" for one in nearest]
    return said


def is_default_place(url: str) -> bool:
    """Whether a database address is the default's file, however it is written."""
    scheme, _, path = url.partition("://")
    return scheme == "sqlite" and Path(unquote(path)).absolute() == HERE / "tessera.db"


def heed_signals() -> None:
    """Let SIGINT and SIGTERM end this process, though a shell without job control has what follows `&` ignore them."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


if __name__ == "__main__":
    heed_signals()
    os.umask(0o077)  # stores, letters and exports are full of addresses
    logging.config.dictConfig(terminal.LOGGING)
    here = settings()
    cli.run(
        Process(
            database_url=here.database_url,
            clock=utc_now,
            serve=serve,
            environment=os.environ,
            may_create=here.create or is_default_place(here.database_url),
            misspelt=misspelt(os.environ),
        )
    )
