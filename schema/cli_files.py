"""The command line's words for files: `export` writes CSV, `import` reads it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from schema.process import Process, with_database

if TYPE_CHECKING:
    from db.models import Organization
    from resolvers.bring import Brought, Refused, Row
    from resolvers.terms import PromotionRef

    Begin = Callable[[Organization, PromotionRef | None, datetime], Awaitable[AsyncIterator[bytes]]]

exports = typer.Typer(help="Write what there is as CSV.", no_args_is_help=True)
imports = typer.Typer(help="Bring what another system has made.", no_args_is_help=True)

Identifier = Annotated[str, typer.Option("--organization", help="Whose: its identifier.")]
OfPromotion = Annotated[str | None, typer.Option("--promotion", help="Only of the promotion with this reference.")]
Output = Annotated[Path | None, typer.Option(help="Where to write; standard output if not said.", dir_okay=False)]


@exports.command("codes")
def export_codes(
    context: typer.Context, organization: Identifier, promotion: OfPromotion = None, output: Output = None
) -> None:
    """Write every code as CSV, oldest first."""
    from resolvers import export
    from schema import sheets

    process: Process = context.obj
    public_url = process.environment.get("TESSERA_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")

    async def begin(of: Organization, ref: PromotionRef | None, now: datetime) -> AsyncIterator[bytes]:
        return sheets.codes(await export.codes(of, ref, now), of, public_url)

    _export(context, organization, promotion, output, begin)


@exports.command("claims")
def export_claims(
    context: typer.Context, organization: Identifier, promotion: OfPromotion = None, output: Output = None
) -> None:
    """Write every claim as CSV, oldest first, released ones too."""
    from resolvers import export
    from schema import sheets

    async def begin(of: Organization, ref: PromotionRef | None, now: datetime) -> AsyncIterator[bytes]:
        return sheets.claims(await export.claims(of, ref))

    _export(context, organization, promotion, output, begin)


def _export(context: typer.Context, identifier: str, reference: str | None, output: Path | None, begin: Begin) -> None:
    from resolvers.terms import PromotionRef

    async def write(now: datetime) -> None:
        pieces = await begin(await owner(identifier), PromotionRef(reference=reference) if reference else None, now)
        with ExitStack() as open_now:
            file: BinaryIO = sys.stdout.buffer if output is None else open_now.enter_context(output.open("wb"))
            progress = open_now.enter_context(
                shown(SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn())
            )
            task = progress.add_task("writing", total=None)
            async for piece in pieces:
                file.write(piece)
                progress.advance(task, len(piece))
            file.flush()

    try:
        with_database(context, write)
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # whoever reads has read enough; click ends the process quietly
            raise
        sys.exit(f"error: {error.filename or output}: {error.strerror}")


@imports.command("codes")
def import_codes(
    context: typer.Context,
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="A CSV with a header; - is standard input.")],
    organization: Identifier,
    promotion: Annotated[str, typer.Option(help="The promotion they are to belong to: its reference.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be refused.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave refused lines out, and bring the others.")
    ] = False,
) -> None:
    """Make codes of a CSV: all of them, or none if a line is refused. Exits with 1 if one was."""
    from resolvers import bring
    from resolvers.terms import PromotionRef

    with ExitStack() as open_now:
        progress = open_now.enter_context(shown(TextColumn("{task.description}"), BarColumn(), DownloadColumn()))
        rows = File(open_now.enter_context(_seekable(file)), progress)

        def tell(no: Refused) -> None:
            column = "".join(f"{part}: " for part in getattr(no.why, "path", ())[-1:])
            progress.console.print(f"line {no.line}: {column}{no.why}", markup=False, highlight=False, soft_wrap=True)

        async def work(now: datetime) -> Brought:
            of, ref = await owner(organization), PromotionRef(reference=promotion)
            return await bring.codes(of, ref, rows, dry_run, skip_bad, tell, now)

        brought = with_database(context, work)
    print(_told(brought, dry_run))
    if brought.refused:
        sys.exit(1)


def _told(brought: Brought, dry_run: bool) -> str:
    refused = f"; {_number(brought.refused, 'line')} refused" if brought.refused else ""
    if brought.written:
        return f"{_number(brought.codes, 'code')} brought{refused}."
    good = f"{_number(brought.codes, 'code')} could be brought{refused}."
    return f"Nothing written: {good}" if dry_run or brought.refused else "Nothing to bring."


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


class File:
    """The rows of a CSV, as often as they are asked for, with a bar that shows how far its reader is."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self.file, self.progress = file, progress
        self.size = file.seek(0, 2)
        self.turns = iter(("checking", "bringing"))

    def __iter__(self) -> Iterator[Row | Refused]:
        from schema import sheets

        task = self.progress.add_task(next(self.turns, "reading"), total=self.size)
        for place, row in enumerate(sheets.read_codes(self.file)):
            if place % 1_000 == 0:
                self.progress.update(task, completed=self.file.tell())
            yield row
        self.progress.update(task, completed=self.size)


def _seekable(file: BinaryIO) -> BinaryIO:
    """The file itself, or a copy of what can be read only once."""
    if file.seekable():
        return file
    copy = tempfile.TemporaryFile()  # noqa: SIM115 (its caller closes it)
    shutil.copyfileobj(file, copy)
    return copy


def shown(*columns: ProgressColumn) -> Progress:
    """A bar on standard error, when somebody sees it; standard output is left alone, files go there."""
    console = Console(stderr=True)
    return Progress(
        *columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal, redirect_stdout=False
    )


async def owner(identifier: str) -> Organization:
    """The organization with this identifier. Raises InvalidInput."""
    from resolvers import find
    from resolvers.refusals import InvalidInput

    found = await find.organization_called(identifier, None)
    if found is None:
        raise InvalidInput(f"There is no organization {identifier!r}.", "organization")
    return found
