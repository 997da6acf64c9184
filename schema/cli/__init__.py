"""The command line: its commands, and those about organizations, keys and counters. `python main.py` alone serves.

A command imports the service when it runs: importing all of it takes longer than printing help.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated

import typer

from schema.cli import copy, export, generate, import_codes, letters, selftest, serve, tables
from schema.cli.runtime import AsJson, Runtime, with_database
from schema.cli.terminal import visible, visible_lines

_ALL_ORGANIZATIONS = "all of the account's"
KINDS = ("secret", "public", "device", "account")

app = typer.Typer(
    help="Tessera: promotion codes behind one GraphQL schema, and the doors of three vendors.",
    invoke_without_command=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    add_completion=False,
)
organizations = typer.Typer(help="Organizations: where codes live.", no_args_is_help=True)
keys = typer.Typer(help="Keys: who may speak for an organization.", no_args_is_help=True)
app.add_typer(organizations, name="organization")
app.add_typer(keys, name="key")
app.command("generate")(generate.generate_codes)
app.add_typer(export.exports, name="export")
app.add_typer(import_codes.imports, name="import")
app.command("copy")(copy.store)
app.command("prove")(selftest.prove)
app.command("deliveries")(letters.deliveries)


def run(runtime: Runtime) -> None:
    """Run the command of `sys.argv`. A refusal is printed as a sentence, with exit code 1 and no stack trace."""
    try:
        app(obj=runtime)
    except Exception as fault:
        sys.exit(visible_lines(f"error: {_sentence(fault)}"))


def _sentence(fault: Exception) -> str:
    """An error message for a refusal or a database fault. Raises the fault again when it is a bug."""
    from db import errors as db_errors
    from db import store_version
    from resolvers.domain.refusals import Refusal

    if isinstance(fault, (Refusal, ValueError)):
        where = f"{'.'.join(fault.path)}: " if getattr(fault, "path", ()) else ""  # type: ignore[union-attr]
        return f"{where}{fault}"
    if db_errors.is_unavailable(fault):
        return f"the database can't be reached: {store_version.error_text(fault)}"
    if store_version.is_database_error(fault):
        return f"the database says no: {store_version.error_text(fault)}"
    raise fault


# ------------------------------------------------------------------ serving


def print_version(is_set: bool) -> None:
    """Print the version of `pyproject.toml` and exit, if the option is set."""
    from importlib.metadata import version

    if is_set:
        print(f"tessera {version('tessera')}")
        raise typer.Exit


@app.callback()
def default(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=print_version)
    ] = False,
) -> None:
    """Without a command: serve."""
    runtime: Runtime = context.obj
    if context.invoked_subcommand is None:
        serve.serve(context)
    elif context.invoked_subcommand not in ("serve", "migrate"):
        for sentence in runtime.misspelt_settings:
            print(f"warning: {visible(sentence)}", file=sys.stderr)


app.command()(serve.serve)
app.command()(serve.migrate)


@app.command()
def schema() -> None:
    """Print the GraphQL schema definition."""
    from schema.graphql import app as graphql_app

    sys.stdout.write(graphql_app.sdl())


# ------------------------------------------------------------------ organizations and keys


@organizations.command("add")
def add_organization(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="What people call it.")],
    number: Annotated[int | None, typer.Option(help="LP Motor's site_id, WalletApp's organization_id.")] = None,
    identifier: Annotated[str | None, typer.Option(help="WalletApp's organization_identifier.")] = None,
    account: Annotated[int | None, typer.Option(help="Who owns it, made if new: LP Motor's user id.")] = None,
    currency: Annotated[str, typer.Option(help="ISO 4217.")] = "EUR",
    time_zone: Annotated[str, typer.Option(help="IANA name, such as Europe/Amsterdam.")] = "UTC",
) -> None:
    """Make an organization with its default promotion, and say what it is called."""
    from resolvers import create

    organization = with_database(
        context,
        lambda now: create.organization(name, number, identifier, account, currency, time_zone, now),
    )
    print(visible(f"{organization.identifier} (number {organization.number})"))


@organizations.command("list")
def list_organizations(context: typer.Context, as_json: AsJson = False) -> None:
    """List all organizations."""
    from resolvers import find

    rows = with_database(context, lambda now: find.all_organizations(), is_read_only=True)
    columns = ("identifier", "number", "name", "account", "currency", "time_zone")
    tables.show(
        columns,
        [(row.identifier, row.number, row.name, row.account.number, row.currency, row.time_zone) for row in rows],
        as_json,
        prose=("name",),
    )


@keys.command("add")
def add_key(
    context: typer.Context,
    kind: Annotated[str, typer.Option(help="secret, public, device or account.")],
    organization: Annotated[str | None, typer.Option(help="Whose key: its identifier.")] = None,
    account: Annotated[int | None, typer.Option(help="Whose key, for the kind account: its number.")] = None,
    value: Annotated[str | None, typer.Option(help="Take over a key that a vendor has issued.")] = None,
) -> None:
    """Make a key, or take one over, and print it: only its hash is kept."""
    if kind.lower() not in KINDS:
        raise typer.BadParameter("One of secret, public, device, account.", param_hint="--kind")
    if (organization is None) == (account is None):
        raise typer.BadParameter("Give one of --organization and --account.")
    if value is not None and len(value) < 16:
        print("warning: a key this short is easily guessed", file=sys.stderr)

    from db.enums import KeyKind
    from resolvers import create, find

    async def add(now: datetime) -> str:
        owner = await find.key_owner(organization, account)
        return await create.key(KeyKind[kind.upper()], *owner, value, now)

    print(with_database(context, add))


@keys.command("list")
def list_keys(
    context: typer.Context,
    organization: Annotated[str | None, typer.Option(help="Only of this organization.")] = None,
    as_json: AsJson = False,
) -> None:
    """List keys by what is known of them: never the keys themselves."""
    from resolvers import find

    columns = ("id", "kind", "ends_in", "organization", "account", "made", "revoked")
    rows = [
        (
            row.id,
            row.kind.value.lower(),
            row.hint,
            row.organization.identifier if row.organization else _ALL_ORGANIZATIONS if not as_json else None,
            row.account.number,
            row.created_at,
            row.revoked_at,
        )
        for row in with_database(context, lambda now: find.keys(organization), is_read_only=True)
    ]
    tables.show(columns, rows, as_json)


@keys.command("revoke")
def revoke_key(context: typer.Context, id: Annotated[int, typer.Argument(help="As `key list` shows it.")]) -> None:
    """Revoke a key: from now on it opens nothing."""
    from resolvers import revoke

    if not with_database(context, lambda now: revoke.key(id, now)):
        sys.exit(f"error: there is no working key {id}")
    print(f"Key {id} is revoked.")


# ------------------------------------------------------------------ trust


@app.command("verify")
def verify_counters(context: typer.Context) -> None:
    """Recount every counter from the claims; says where they differ, and exits with 1 if they do.

    Codes that have become one with another by a migration are listed as well, and are no reason to exit with 1.
    """
    from resolvers import find, verify

    async def recount(_: datetime) -> list[str]:
        drifts = []
        for organization in await find.all_organizations():
            for clash in await verify.clashes(organization):
                print(f"{organization.identifier}: {clash}")
            drifts += [f"{organization.identifier}: {drift}" for drift in await verify.counters(organization)]
        return drifts

    drifts = with_database(context, recount, is_read_only=True)
    for drift in drifts:
        print(visible(drift))
    if drifts:
        sys.exit(1)
    print("Every counter equals its claims.")
