"""The command `import`, which makes codes of CSV."""

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

from schema.cli.export import Identifier, find_organization, progress_bar
from schema.cli.runtime import with_database
from schema.cli.terminal import visible

if TYPE_CHECKING:
    from resolvers.import_codes import ImportRow, ImportSummary, RejectedRow

MAX_SHOWN_LINES = 20
"""The number of refused lines that are shown; a report has all of them."""

imports = typer.Typer(help="Bring what another system has made.", no_args_is_help=True)


@imports.command("codes")
def codes_of_csv(
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
    from resolvers import import_codes
    from resolvers.domain.params import PromotionRef
    from schema.csv import reader, records

    mark = None if separator is None else reader.read_separator(separator)
    if report is not None and _is_same(file, report):
        raise typer.BadParameter("It would overwrite the file that is imported.", param_hint="--report")
    with ExitStack() as resources:
        source = resources.enter_context(_seekable(file))
        if promotion is None and "promotion" not in records.read_columns(source, mark):
            raise typer.BadParameter(
                "Name the promotion they are to belong to, as the file has no column for it.", param_hint="--promotion"
            )
        progress = resources.enter_context(
            progress_bar(TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        )
        rows = CodeFile(source, mark, progress)

        async def work(now: datetime) -> ImportSummary:
            owner = await find_organization(organization)
            ref = None if promotion is None else PromotionRef(reference=promotion)
            report_row = RejectionReport(
                progress, None if report is None else resources.enter_context(_open_report(report))
            )
            result = await import_codes.codes(owner, ref, rows, dry_run, skip_bad, report_row, now)
            report_row.sum_up()
            return result

        result = with_database(context, work, is_read_only=dry_run)
    print(_summary(result, dry_run))
    if result.rejected:
        sys.exit(1)


def _is_same(file: BinaryIO, report: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), report.stat())
    except OSError:  # the report does not exist yet, or the input has no file descriptor
        return False


def _open_report(report: Path) -> TextIO:
    try:
        return report.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ValueError(f"{report} can't be written: {error.strerror}") from None


class RejectionReport:
    """Reports refused lines: the first on standard error, all of them in a report file, if there is one."""

    def __init__(self, progress: Progress, report: TextIO | None) -> None:
        self._progress, self._report, self._count = progress, report, 0
        if report is not None:
            self._writer = csv.writer(report)
            self._writer.writerow(("line", "column", "reason"))

    def __call__(self, rejected: RejectedRow) -> None:
        from schema.csv import records

        column = "".join(map(str, getattr(rejected.refusal, "path", ())[-1:]))
        self._count += 1
        if self._count <= MAX_SHOWN_LINES:
            self._print(f"line {rejected.line}: {column}{': ' if column else ''}{rejected.refusal}")
        if self._report is not None:
            self._writer.writerow((rejected.line, column, records.escape_formula(str(rejected.refusal))))

    def sum_up(self) -> None:
        """Print the number of refused lines that were not shown."""
        if self._count > MAX_SHOWN_LINES:
            hint = "" if self._report else "; --report FILE writes all of them down"
            self._print(f"… and {self._count - MAX_SHOWN_LINES:,} more{hint}")

    def _print(self, line: str) -> None:
        self._progress.console.print(visible(line), markup=False, highlight=False, soft_wrap=True)


def _summary(result: ImportSummary, dry_run: bool) -> str:
    refused = f"; {_counted(result.rejected, 'line')} refused" if result.rejected else ""
    if result.written:
        return f"{_counted(result.codes, 'code')} brought{refused}."
    good = f"{_counted(result.codes, 'code')} could be brought{refused}."
    return f"Nothing written: {good}" if dry_run or result.rejected else "Nothing to bring."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


class CodeFile:
    """The rows of a CSV of codes, for several iterations; each shows its progress in a bar."""

    def __init__(self, file: BinaryIO, separator: str | None, progress: Progress) -> None:
        self.file, self.separator, self.progress = file, separator, progress
        self.size = file.seek(0, 2)
        self.descriptions = iter(("checking", "bringing"))

    def __iter__(self) -> Iterator[ImportRow | RejectedRow]:
        from schema.csv import records

        task = self.progress.add_task(next(self.descriptions, "reading"), total=self.size)
        for place, row in enumerate(records.read_codes(self.file, self.separator)):
            if place % 1_000 == 0:
                self.progress.update(task, completed=self.file.tell())
            yield row
        self.progress.update(task, completed=self.size)


def _seekable(file: BinaryIO) -> BinaryIO:
    """The file itself, or a temporary copy of one that is not seekable."""
    if file.seekable():
        return file
    copy = tempfile.TemporaryFile()  # noqa: SIM115 (its caller closes it)
    shutil.copyfileobj(file, copy)
    return copy
