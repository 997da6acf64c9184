"""The command `deliveries`, which lists letters with their state, and retries those that failed."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from schema.cli import export, tables
from schema.cli.runtime import AsJson, with_database

if TYPE_CHECKING:
    from db.enums import DeliveryStatus
    from db.models import Delivery, Organization

    OrganizationDelivery = tuple[Organization, Delivery]

COLUMNS = ("id", "organization", "code", "recipient", "state", "tries", "queued", "sent_or_due", "last_error")


def deliveries(
    context: typer.Context,
    organization: Annotated[str | None, typer.Option(help="Only of this organization.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry", help="First queue those that failed once more.")] = False,
    first: Annotated[int, typer.Option(min=1, help="How many to show, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what became of letters, the newest first, and how many are in each state."""
    from db.enums import DeliveryStatus
    from resolvers import listing, retry

    status = DeliveryStatus.FAILED if failed else None

    async def fetch(now: datetime) -> tuple[int, Counter[DeliveryStatus], list[OrganizationDelivery]]:
        organizations = await _organizations(organization)
        queued = await retry.letters(organizations, now) if retry_failed else 0
        rows = [(one, row) for one in organizations for row in await listing.latest_deliveries(one.id, status, first)]
        counts = sum([await listing.delivery_counts(one.id) for one in organizations], Counter[DeliveryStatus]())
        return queued, counts, sorted(rows, key=lambda pair: pair[1].created_at, reverse=True)[:first]

    queued, counts, rows = with_database(context, fetch, is_read_only=not retry_failed)
    summary_file = sys.stderr if as_json else sys.stdout
    if retry_failed:
        print(f"{queued} queued once more.", file=summary_file)
    if rows or as_json:
        tables.show(COLUMNS, [_row(*one) for one in rows], as_json, prose=("last_error",))
    print(", ".join(f"{counts[state]} {state.value.lower()}" for state in DeliveryStatus), file=summary_file)


async def _organizations(identifier: str | None) -> list[Organization]:
    from resolvers import find

    return await find.all_organizations() if identifier is None else [await export.find_organization(identifier)]


def _row(organization: Organization, row: Delivery) -> tuple[tables.Cell, ...]:
    return (
        row.id,
        organization.identifier,
        row.code.text,
        row.recipient,
        row.status.value.lower(),
        row.attempts,
        row.created_at,
        row.sent_at or row.due_at,
        row.last_error,
    )
