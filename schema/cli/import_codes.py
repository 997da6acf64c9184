"""The command line's words for `import`, which reads CSV."""

from __future__ import annotations

import csv
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TextIO

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from schema.cli.export import Identifier, owner, shown
from schema.cli.process import with_database
from schema.cli.terminal import visible

if TYPE_CHECKING:
    from resolvers.import_codes import ImportRow, ImportSummary, RejectedRow

MOST_LINES = 20
"""Refused lines that are shown; all of them are in a report."""

imports = typer.Typer(help="Bring what another system has made.", no_args_is_help=True)


@imports.command("codes")
def import_codes(
    context: typer.Context,
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="A CSV with a header; - is standard input.")],
    organization: Identifier,
    promotion: Annotated[
        str | None,
        typer.Option(help="The promotion they are all to belong to: its reference. Else each line names its own."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be refused.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave refused lines out, and bring the others.")
    ] = False,
    separator: Annotated[
        str | None,
        typer.Option(help="What separates cells, where that is not clear: comma, semicolon, tab, or a mark."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write all refused lines into this file, as CSV.", dir_okay=False)
    ] = None,
) -> None:
    """Make codes of a CSV: all of them, or none if a line is refused. Exits with 1 if one was."""
    from resolvers import import_codes as import_verb
    from resolvers.domain.params import PromotionRef
    from schema.csv import reader, records

    mark = None if separator is None else reader.read_separator(separator)
    if report is not None and _is_same(file, report):
        raise typer.BadParameter("It would overwrite the file that is imported.", param_hint="--report")
    with ExitStack() as open_now:
        source = open_now.enter_context(_seekable(file))
        if promotion is None and "promotion" not in records.read_columns(source, mark):
            raise typer.BadParameter(
                "Name the promotion they are to belong to, as the file has no column for it.", param_hint="--promotion"
            )
        progress = open_now.enter_context(shown(TextColumn("{task.description}"), BarColumn(), DownloadColumn()))
        rows = File(source, mark, progress)

        async def work(now: datetime) -> ImportSummary:
            of = await owner(organization)
            ref = None if promotion is None else PromotionRef(reference=promotion)
            told = Told(progress, None if report is None else open_now.enter_context(_opened(report)))
            brought = await import_verb.codes(of, ref, rows, dry_run, skip_bad, told, now)
            told.sum_up()
            return brought

        brought = with_database(context, work, is_read_only=dry_run)
    print(_told(brought, dry_run))
    if brought.rejected:
        sys.exit(1)


def _is_same(file: BinaryIO, report: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), report.stat())
    except OSError:  # there is no such file yet, or what is read is none
        return False


def _opened(report: Path) -> TextIO:
    try:
        return report.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ValueError(f"{report} can't be written: {error.strerror}") from None


class Told:
    """Tells of refused lines: the first on standard error, all of them in a report, if there is one."""

    def __init__(self, progress: Progress, report: TextIO | None) -> None:
        self._progress, self._report, self._count = progress, report, 0
        if report is not None:
            self._writer = csv.writer(report)
            self._writer.writerow(("line", "column", "reason"))

    def __call__(self, no: RejectedRow) -> None:
        from schema.csv import records

        column = "".join(map(str, getattr(no.why, "path", ())[-1:]))
        self._count += 1
        if self._count <= MOST_LINES:
            self._say(f"line {no.line}: {column}{': ' if column else ''}{no.why}")
        if self._report is not None:
            self._writer.writerow((no.line, column, records.escape_formula(str(no.why))))

    def sum_up(self) -> None:
        """Say how many were not shown."""
        if self._count > MOST_LINES:
            where = "" if self._report else "; --report FILE writes all of them down"
            self._say(f"… and {self._count - MOST_LINES:,} more{where}")

    def _say(self, line: str) -> None:
        self._progress.console.print(visible(line), markup=False, highlight=False, soft_wrap=True)


def _told(brought: ImportSummary, dry_run: bool) -> str:
    refused = f"; {_number(brought.rejected, 'line')} refused" if brought.rejected else ""
    if brought.written:
        return f"{_number(brought.codes, 'code')} brought{refused}."
    good = f"{_number(brought.codes, 'code')} could be brought{refused}."
    return f"Nothing written: {good}" if dry_run or brought.rejected else "Nothing to bring."


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


class File:
    """The rows of a CSV, as often as they are asked for, with a bar that shows how far its reader is."""

    def __init__(self, file: BinaryIO, separator: str | None, progress: Progress) -> None:
        self.file, self.separator, self.progress = file, separator, progress
        self.size = file.seek(0, 2)
        self.turns = iter(("checking", "bringing"))

    def __iter__(self) -> Iterator[ImportRow | RejectedRow]:
        from schema.csv import records

        task = self.progress.add_task(next(self.turns, "reading"), total=self.size)
        for place, row in enumerate(records.read_codes(self.file, self.separator)):
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
