"""The commands `serve` and `migrate`, which create a store or migrate it."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from schema.cli.runtime import AsJson, Runtime, with_database
from schema.cli.terminal import json_text

if TYPE_CHECKING:
    from db.enums import KeyKind
    from db.store_version import StoreVersion

MAX_WORKERS = 256

log = logging.getLogger("tessera")


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 is any that is free.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=MAX_WORKERS, help="Processes that share the work.")] = 1,
    create: Annotated[
        bool, typer.Option("--create", help="Make a store where there is none; TESSERA_CREATE=yes says it too.")
    ] = False,
) -> None:
    """Apply pending migrations, then serve. An empty database gets an organization and keys, printed once.

    In the default place, tessera.db beside main.py, a store is made without --create.
    """
    from resolvers import bootstrap
    from schema.server import sockets

    runtime: Runtime = context.obj
    runtime.refuse_misspelt_settings()
    if not host:
        raise typer.BadParameter("Name an address.", param_hint="--host")
    with sockets.bound(host, port) as listening:
        local_url = f"http://{_reachable(host)}:{sockets.port_of(listening)}"
        public_url = (runtime.environment.get("TESSERA_PUBLIC_URL") or local_url).rstrip("/")
        runtime.environment["TESSERA_PUBLIC_URL"] = public_url
        _prepare_store(runtime, create)
        sockets.listen(listening)
        keys = with_database(context, bootstrap.demo)
        if keys:
            _print_keys(keys)
        print(f"Playground: {public_url}/graphql" + (f"#key={_secret(keys)}" if keys else ""), flush=True)
        log.info("Uvicorn running on %s (Press CTRL+C to quit)", local_url)  # uvicorn's words
        runtime.serve(listening, workers)


def _reachable(host: str) -> str:
    """The host in a URL for a browser on this machine, an IPv6 address in brackets."""
    name = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 (compared, not bound)
    return f"[{name}]" if ":" in name else name


def _prepare_store(runtime: Runtime, create: bool) -> None:
    """Migrate the store, or create it with `create` or in the default place. Raises UnusableStore."""
    import db
    from db.store_version import UnusableStore, Version

    store = asyncio.run(db.store_version.require_not_newer(runtime.database_url))
    is_new = store.version in (Version.MISSING, Version.EMPTY)
    if is_new and not (create or runtime.may_create):
        what = "no store at" if store.version is Version.MISSING else "no table of Tessera's in the database"
        raise UnusableStore(
            f"there is {what} {store.where}, and none is made unless you say so. If a new store is what you want:"
            " `serve --create`. Else look at TESSERA_DATABASE_URL, and whether all is mounted"
        )
    _migrate(runtime.database_url, is_verbose=not is_new)
    if is_new:
        print(f"A NEW STORE is made, with nothing in it: {store.where}\n", flush=True)


def _print_keys(keys: dict[KeyKind, str]) -> None:
    print("A first start: the organization `demo` is made. Its keys, shown only now:\n")
    for kind, value in keys.items():
        print(f"  {kind.value:<8}{value}")
    print()


def _secret(keys: dict[KeyKind, str]) -> str:
    from db.enums import KeyKind

    return keys[KeyKind.SECRET]


def migrate(
    context: typer.Context,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be done: nothing is changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database's tables up to date, or make them."""
    import db

    runtime: Runtime = context.obj
    runtime.refuse_misspelt_settings()
    store = asyncio.run(db.store_version.require_not_newer(runtime.database_url))
    if not plan:
        _migrate(runtime.database_url)
    if as_json:
        print(json_text(_migration_status(store, plan)))
    elif plan:
        _print_status(store)
    else:
        print("The database is up to date.")


def _migrate(url: str, is_verbose: bool = True) -> None:
    import db

    def report(name: str) -> None:
        if is_verbose:
            print(f"applying {name}", file=sys.stderr, flush=True)

    asyncio.run(db.migrate(url, report))


def _migration_status(store: StoreVersion, plan: bool) -> dict[str, object]:
    return {"store": store.where, "version": store.version.name, "migrations": list(store.pending), "applied": not plan}


def _print_status(store: StoreVersion) -> None:
    print(f"{store.where}: {store.version.value}.")
    for name in store.pending:
        print(f"  {name}")
    print(f"`migrate` would apply {len(store.pending)}." if store.pending else "There is nothing to apply.")
