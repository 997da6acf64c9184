"""Settings, lifespan and server of the service, and the start of its command line: `python main.py --help`.

A server's modules are imported when a server starts, as every command and every `--help` imports this module first.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import functools
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
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote, unquote
from uuid import uuid4

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schema import cli
from schema.cli import terminal
from schema.cli.runtime import Runtime

if TYPE_CHECKING:
    from fastapi import FastAPI

HERE = Path(__file__).resolve().parent
STARTUP_FAILED = 3
MISSPELLING_SIMILARITY = 0.9
"""The least similarity (`difflib` ratio) of a name to a setting's at which it is a misspelling without the prefix."""

GC_THRESHOLD = 10_000
"""New objects after which the garbage collector looks for cycles."""

START_SECONDS = 30
"""Seconds for which a worker that starts while the database is unavailable waits for it: its siblings wait, too."""

MAX_STATEMENT_SECONDS = 600
"""Seconds that a statement of a job or of the sweep may take."""

DEFAULT_DATABASE = f"sqlite://{quote(str(HERE / 'tessera.db'))}"

log = logging.getLogger("tessera")


def validated_by(parser: str) -> AfterValidator:
    """A validator of a setting that may be empty: calls a function (`module:name`), which raises ValueError."""

    def validate(value: str) -> str:
        if value:
            pkgutil.resolve_name(parser)(value)
        return value

    return AfterValidator(validate)


class Settings(BaseSettings):
    """The settings, from environment variables with the prefix TESSERA_; docs/reference/settings.md lists them."""

    model_config = SettingsConfigDict(env_prefix="TESSERA_")

    database_url: str = DEFAULT_DATABASE
    create: bool = False
    public_url: Annotated[str, validated_by("schema.cli.runtime:read_public_url")] = "http://127.0.0.1:8000"
    failed_attempts_per_minute: int = Field(default=60, ge=0, le=1_000_000_000)
    trusted_proxies: Annotated[str, validated_by("schema.server.trusted_proxies:TrustedProxies.parse")] = ""
    smtp_url: Annotated[str, validated_by("schema.outgoing.letters.smtp:read_url")] = ""
    mail_from: Annotated[str, validated_by("schema.outgoing.letters.compose:read_from_address")] = ""
    graphql_engine: Literal["plans", "core"] = "plans"


utc_now = functools.partial(datetime.now, UTC)
"""The clock of the process; below the doors time is an argument."""


def tune_garbage_collector() -> None:
    """Exempt the objects that exist now from garbage collection, and collect less often: it took a tenth of the time.

    Objects of the ready application stay for ever; most objects of a request are freed with it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


def app() -> FastAPI:
    """The application of one process, as uvicorn starts it."""
    import db
    from resolvers import deliver, find, jobs, sweep
    from resolvers.refusal_counter import RefusalCounter
    from schema import app as http_app
    from schema.context import Services
    from schema.outgoing import letters
    from schema.outgoing.letters.sender import Sender
    from schema.rate_limit import RateLimits
    from schema.server.trusted_proxies import TrustedProxies

    logging.getLogger("tortoise").setLevel(logging.WARNING)
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # an outage is logged once, by us
    configured = settings()
    services = Services(
        clock=utc_now,
        public_url=configured.public_url.rstrip("/"),
        refusal_counter=RefusalCounter(),
        rate_limits=RateLimits(configured.failed_attempts_per_minute),
        proxies=TrustedProxies.parse(configured.trusted_proxies),
        graphql_engine=configured.graphql_engine,
    )
    worker = uuid4().hex
    sender = Sender(
        letters.mailers(configured.smtp_url, Path("outbox").resolve()),
        letters.from_address(configured.mail_from, services.public_url),
        services.public_url,
        utc_now,
        services.letters_queued,
        worker,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as life:
            await life.enter_async_context(db.opened(configured.database_url, patience_seconds=START_SECONDS))
            await run_unhurried(find.prepare())
            life.push_async_callback(services.refusal_counter.write)
            life.push_async_callback(services.rate_limits.budgets.close)
            await life.enter_async_context(every(1, services.refusal_counter.write))
            life.push_async_callback(lambda: jobs.release_leases(worker, utc_now()))
            life.push_async_callback(lambda: deliver.release_leases(worker, utc_now()))
            await life.enter_async_context(every(1, lambda: run_unhurried(jobs.process(worker, utc_now))))
            await life.enter_async_context(every(3600, lambda: run_unhurried(sweep.leftovers(utc_now()))))
            await life.enter_async_context(every(60, sweep.counters))
            await life.enter_async_context(every(1, check_outage))
            await life.enter_async_context(sender.running())
            tune_garbage_collector()
            yield

    try:
        return http_app.create_app(services, lifespan)
    except http_app.RouteConflict as why:
        sys.exit(f"error: {why}")


async def run_unhurried(work: Awaitable[None]) -> None:
    """Await work whose statements may take longer than a request's: MAX_STATEMENT_SECONDS."""
    import db

    with db.time_limit(MAX_STATEMENT_SECONDS):
        await work


async def check_outage() -> None:
    """Log that the database is back, once it is."""
    from schema import errors

    errors.outage.check()


@asynccontextmanager
async def every(seconds: float, work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Repeat work while the block lasts, with pauses of `seconds`. A failure is logged, and does not end it."""
    from db import errors as db_errors
    from schema import errors

    async def repeat() -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception as fault:
                if db_errors.is_unavailable(fault):
                    errors.outage.record(fault, f"what is done every {seconds} s")
                else:
                    log.error("this will be tried again in %s seconds: %r", seconds, fault, exc_info=True)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def serve(sockets: list[socket], workers: int) -> None:
    """Serve on listening sockets until a signal stops the process."""
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
    with contextlib.suppress(KeyboardInterrupt):  # raised again after a graceful stop
        process.run(sockets=sockets)
    if not process.started:
        sys.exit(STARTUP_FAILED)


def settings() -> Settings:
    """The settings; exits with a sentence for each that is invalid."""
    try:
        return Settings()
    except ValidationError as invalid:
        sentences = [
            f"TESSERA_{str(error['loc'][0]).upper()}: {error['msg'].removeprefix('Value error, ')}"
            for error in invalid.errors()
        ]
        sys.exit("error: " + "; ".join(sentences))


def misspelt_settings(names: Iterable[str]) -> list[str]:
    """A sentence for each name of an environment variable that is almost a setting's."""
    prefix = Settings.model_config["env_prefix"]
    known = [f"{prefix}{name}".upper() for name in Settings.model_fields]
    sentences = []
    for name in sorted(names):
        if name.upper() in known or name.startswith(f"{prefix}TEST_") or name[:2].upper() != prefix[:2]:
            continue
        cutoff = 0 if name.upper().startswith(prefix) else MISSPELLING_SIMILARITY
        nearest = difflib.get_close_matches(name.upper(), known, 1, cutoff)
        sentences += [f"there is no setting {name}; the nearest is {one}" for one in nearest]
    return sentences


def is_default_place(url: str) -> bool:
    """Whether a database address names the default file, in any spelling."""
    scheme, _, path = url.partition("://")
    return scheme == "sqlite" and Path(unquote(path)).absolute() == HERE / "tessera.db"


def restore_signals() -> None:
    """Let SIGINT and SIGTERM end this process, though a shell without job control has commands with `&` ignore them."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


if __name__ == "__main__":
    restore_signals()
    os.umask(0o077)  # stores, letters and exports are full of addresses
    logging.config.dictConfig(terminal.LOGGING)
    configured = settings()
    cli.run(
        Runtime(
            database_url=configured.database_url,
            clock=utc_now,
            serve=serve,
            environment=os.environ,
            may_create=configured.create or is_default_place(configured.database_url),
            misspelt_settings=misspelt_settings(os.environ),
        )
    )
