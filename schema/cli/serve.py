"""The command line's words for `serve` and `migrate`: the two that make a store, or bring it up to date."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from schema.cli.process import AsJson, Process, with_database
from schema.cli.terminal import json_text

if TYPE_CHECKING:
    from db.enums import KeyKind
    from db.store_version import StoreVersion

MOST_WORKERS = 256

log = logging.getLogger("tessera")


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 is any that is free.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=MOST_WORKERS, help="Processes that share the work.")] = 1,
    create: Annotated[
        bool, typer.Option("--create", help="Make a store where there is none; TESSERA_CREATE=yes says it too.")
    ] = False,
) -> None:
    """Apply pending migrations, then serve. An empty database gets an organization and keys, printed once.

    In the default place, tessera.db beside main.py, a store is made without --create.
    """
    from resolvers import bootstrap
    from schema.server import sockets

    process: Process = context.obj
    process.refuse_misspelt()
    if not host:
        raise typer.BadParameter("Name an address.", param_hint="--host")
    with sockets.bound(host, port) as listening:
        where = f"http://{_reachable(host)}:{sockets.port_of(listening)}"
        address = (process.environment.get("TESSERA_PUBLIC_URL") or where).rstrip("/")
        process.environment["TESSERA_PUBLIC_URL"] = address
        _make_ready(process, create)
        sockets.listen(listening)
        made = with_database(context, bootstrap.demo)
        if made:
            _welcome(made)
        print(f"Playground: {address}/graphql" + (f"#key={_secret(made)}" if made else ""), flush=True)
        log.info("Uvicorn running on %s (Press CTRL+C to quit)", where)  # as uvicorn says it where it binds itself
        process.serve(listening, workers)


def _reachable(host: str) -> str:
    """The host as a browser here would name it."""
    named = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 (compared, not bound)
    return f"[{named}]" if ":" in named else named


def _make_ready(process: Process, create: bool) -> None:
    """Bring the store up to date. A new one is made where that was said, or in the default place. Raises Unusable."""
    import db
    from db.store_version import Unusable, Version

    there = asyncio.run(db.store_version.not_newer(process.database_url))
    is_new = there.version in (Version.MISSING, Version.EMPTY)
    if is_new and not (create or process.may_create):
        what = "no store at" if there.version is Version.MISSING else "no table of Tessera's in the database"
        raise Unusable(
            f"there is {what} {there.where}, and none is made unless you say so. If a new store is what you want:"
            " `serve --create`. Else look at TESSERA_DATABASE_URL, and whether all is mounted"
        )
    _migrate(process.database_url, is_told=not is_new)
    if is_new:
        print(f"A NEW STORE is made, with nothing in it: {there.where}\n", flush=True)


def _welcome(made: dict[KeyKind, str]) -> None:
    print("A first start: the organization `demo` is made. Its keys, shown only now:\n")
    for kind, value in made.items():
        print(f"  {kind.value:<8}{value}")
    print()


def _secret(made: dict[KeyKind, str]) -> str:
    from db.enums import KeyKind

    return made[KeyKind.SECRET]


def migrate(
    context: typer.Context,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be done: nothing is changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database's tables up to date, or make them."""
    import db

    process: Process = context.obj
    process.refuse_misspelt()
    there = asyncio.run(db.store_version.not_newer(process.database_url))
    if not plan:
        _migrate(process.database_url)
    if as_json:
        print(json_text(_told(there, plan)))
    elif plan:
        _show(there)
    else:
        print("The database is up to date.")


def _migrate(url: str, is_told: bool = True) -> None:
    import db

    def tell(name: str) -> None:
        if is_told:
            print(f"applying {name}", file=sys.stderr, flush=True)

    asyncio.run(db.migrate(url, tell))


def _told(there: StoreVersion, plan: bool) -> dict[str, object]:
    return {"store": there.where, "version": there.version.name, "migrations": list(there.pending), "applied": not plan}


def _show(there: StoreVersion) -> None:
    print(f"{there.where}: {there.version.value}.")
    for name in there.pending:
        print(f"  {name}")
    print(f"`migrate` would apply {len(there.pending)}." if there.pending else "There is nothing to apply.")
