"""The command line's words for letters: what became of them, and once more for those that failed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from schema.process import with_database

if TYPE_CHECKING:
    from db.models import Delivery, DeliveryStatus, Organization

    Shown = tuple[Organization, Delivery]


def deliveries(
    context: typer.Context,
    organization: Annotated[str | None, typer.Option(help="Only of this organization.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry", help="First queue those that failed once more.")] = False,
    first: Annotated[int, typer.Option(min=1, help="How many to show, the newest first.")] = 50,
) -> None:
    """Show what became of letters, the newest first, and how many are in each state."""
    from db.models import DeliveryStatus
    from resolvers import browse, retry

    status = DeliveryStatus.FAILED if failed else None

    async def look(now: datetime) -> tuple[int, Counter[DeliveryStatus], list[Shown]]:
        of = await _organizations(organization)
        queued = await retry.letters(of, now) if retry_failed else 0
        found = [(one, row) for one in of for row in await browse.latest_deliveries(one.id, status, first)]
        counts = sum([await browse.deliveries_by_status(one.id) for one in of], Counter[DeliveryStatus]())
        return queued, counts, sorted(found, key=lambda shown: shown[1].created_at, reverse=True)[:first]

    queued, counts, found = with_database(context, look)
    if retry_failed:
        print(f"{queued} queued once more.")
    if found:
        Console(markup=False).print(_table(found))  # a server may speak in brackets
    print(", ".join(f"{counts[state]} {state.value.lower()}" for state in DeliveryStatus))


async def _organizations(identifier: str | None) -> list[Organization]:
    from resolvers import find
    from resolvers.refusals import InvalidInput

    if identifier is None:
        return await find.every_organization()
    found = await find.organization_called(identifier, None)
    if found is None:
        raise InvalidInput(f"There is no organization {identifier!r}.", "organization")
    return [found]


def _table(found: list[Shown]) -> Table:
    table = Table("ID", "ORGANIZATION", "CODE", "RECIPIENT", "STATE", "TRIES", "QUEUED", "SENT OR DUE", "LAST ERROR")
    for organization, row in found:
        then = row.sent_at or row.due_at
        table.add_row(
            str(row.id),
            organization.identifier,
            row.code.text,
            row.recipient,
            row.status.value.lower(),
            str(row.attempts),
            f"{row.created_at:%Y-%m-%d %H:%M:%S}",
            f"{then:%Y-%m-%d %H:%M:%S}" if then else "",
            row.last_error or "",
        )
    return table
