"""The command `export`, which writes CSV into a file or to standard output."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Self

import typer
from rich.console import Console
from rich.progress import (
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from schema.cli.runtime import Runtime, with_database

if TYPE_CHECKING:
    from db.models import Organization
    from resolvers.domain.params import PromotionRef
    from schema.csv.records import Dialect

    OpenPieces = Callable[[Organization, PromotionRef | None, datetime], Awaitable[AsyncIterator[bytes]]]

exports = typer.Typer(help="Write what there is as CSV.", no_args_is_help=True)

Identifier = Annotated[str, typer.Option("--organization", help="Whose: its identifier.")]
OfPromotion = Annotated[str | None, typer.Option("--promotion", help="Only of the promotion with this reference.")]
ForSpreadsheet = Annotated[
    bool, typer.Option("--for-spreadsheet", help="As Excel and LibreOffice read it right; not for programs.")
]
Separator = Annotated[
    str | None,
    typer.Option(help="Of the cells, for a spreadsheet: comma, or semicolon where numbers have a decimal comma."),
]
Output = Annotated[Path | None, typer.Option(help="Where to write; standard output if not said.", dir_okay=False)]


@exports.command("codes")
def export_codes(
    context: typer.Context,
    organization: Identifier,
    promotion: OfPromotion = None,
    output: Output = None,
    for_spreadsheet: ForSpreadsheet = False,
    separator: Separator = None,
) -> None:
    """Write every code as CSV, oldest first. `import codes` reads it."""
    from resolvers import export
    from schema.csv import records

    runtime: Runtime = context.obj
    public_url = runtime.environment.get("TESSERA_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
    dialect = _dialect(for_spreadsheet, separator)

    async def open_pieces(owner: Organization, ref: PromotionRef | None, now: datetime) -> AsyncIterator[bytes]:
        return records.codes(await export.codes(owner, ref, now), owner, public_url, dialect)

    _export(context, organization, promotion, output, open_pieces)


@exports.command("claims")
def export_claims(
    context: typer.Context,
    organization: Identifier,
    promotion: OfPromotion = None,
    output: Output = None,
    for_spreadsheet: ForSpreadsheet = False,
    separator: Separator = None,
) -> None:
    """Write every claim as CSV, oldest first, released ones too."""
    from resolvers import export
    from schema.csv import records

    dialect = _dialect(for_spreadsheet, separator)

    async def open_pieces(owner: Organization, ref: PromotionRef | None, now: datetime) -> AsyncIterator[bytes]:
        return records.claims(await export.claims(owner, ref), dialect)

    _export(context, organization, promotion, output, open_pieces)


def _dialect(for_spreadsheet: bool, separator: str | None) -> Dialect:
    from schema.csv import reader, records

    if separator is None:
        return records.Dialect(for_spreadsheet)
    if not for_spreadsheet:
        raise typer.BadParameter("Programs get commas; say --for-spreadsheet too.", param_hint="--separator")
    return records.Dialect(for_spreadsheet, reader.read_separator(separator))


def _export(
    context: typer.Context, identifier: str, reference: str | None, output: Path | None, open_pieces: OpenPieces
) -> None:
    from resolvers.domain.params import PromotionRef

    async def write(now: datetime) -> None:
        pieces = await open_pieces(
            await find_organization(identifier), PromotionRef(reference=reference) if reference else None, now
        )
        columns = SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn()
        with OutputFile(output) as file, progress_bar(*columns) as progress:
            task = progress.add_task("writing", total=None)
            async for piece in pieces:
                file.write(piece)
                progress.advance(task, len(piece))

    with_database(context, write, is_read_only=True)


class OutputFile:
    """A file that appears, or replaces an older one, only when it is complete; or standard output.

    A device or a pipe is written directly. Raises ValueError when the file can't be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._is_atomic = path is not None and (path.is_file() or not path.exists())

    def __enter__(self) -> Self:
        self._file: BinaryIO = sys.stdout.buffer
        if self._path is not None:
            self._path = self._path.resolve()
            self._partial = self._path.with_name(f".{self._path.name[:200]}.part")
            with self._readable_errors():
                self._file = (self._partial if self._is_atomic else self._path).open("wb")
        return self

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        with self._readable_errors():
            self._file.write(piece)

    def __exit__(self, error: object, *_: object) -> None:
        try:
            with self._readable_errors():
                self._file.flush()
                if self._path is not None:
                    self._file.close()
                if self._path is not None and self._is_atomic and error is None:
                    if self._path.exists():
                        shutil.copymode(self._path, self._partial)
                    self._partial.replace(self._path)
        finally:
            if self._path is not None and self._is_atomic:
                self._partial.unlink(missing_ok=True)

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # the reader has closed its end; click ends the process quietly
            raise
        except OSError as error:
            raise ValueError(f"{self._path or 'standard output'} can't be written: {error.strerror}") from None


def progress_bar(*columns: ProgressColumn) -> Progress:
    """A progress bar on standard error, if that is a terminal. Standard output stays for the file."""
    console = Console(stderr=True)
    return Progress(
        *columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal, redirect_stdout=False
    )


async def find_organization(identifier: str) -> Organization:
    """The organization with this identifier. Raises InvalidInput."""
    from resolvers import find
    from resolvers.domain.refusals import InvalidInput

    organization = await find.organization(identifier, None)
    if organization is None:
        raise InvalidInput(f"There is no organization {identifier!r}.", "organization")
    return organization
