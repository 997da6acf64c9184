"""Reads a table from a CSV as people and spreadsheets write them: its encoding and separator are found out.

UTF-8 with and without a byte order mark, UTF-16 with one (Excel's "Unicode text"); commas, semicolons or tabs; Excel's
first line `sep=;`; lines ended by CRLF, LF or CR. Little of it is in memory at a time, whatever the file looks like.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from resolvers.domain.refusals import InvalidInput

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""What may separate cells where nobody has said it, and how it is called."""

LONGEST_ROW = 2**20
"""Characters of one row, which may have several lines within its quotes."""

LONGEST_CELL = csv.field_size_limit()
_SEP_LINE = re.compile(r'"?sep=(.)"?[,;\t]*\s*', re.IGNORECASE)
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_separator(said: str) -> str:
    """A separator as somebody says it: itself, or by its name. Raises InvalidInput."""
    named = {**{name: mark for mark, name in SEPARATORS.items()}, "\\t": "\t"}
    mark = named.get(said.casefold(), said)
    if len(mark) != 1 or mark in '"\r\n\0 ' or mark.isalnum():
        raise InvalidInput(f"A separator is one mark, or comma, semicolon or tab, and not {said[:20]!r}.", "separator")
    return mark


@contextmanager
def reading(file: BinaryIO, known: Collection[str], separator: str | None) -> Iterator["Table"]:
    """A file's table, from its beginning; the file stays open.

    `known` are names of columns: the separator, unless it is said, is the one that finds most of them in the header.
    Raises InvalidInput where the file as a whole makes no sense.
    """
    file.seek(0)
    encoding = _MARKS.get(file.read(2), "utf-8-sig")
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, newline="")
    try:
        yield Table(text, known, separator)
    finally:
        text.detach()


class Table:
    """One reading of a file; `columns` are those of its header, empty where one has no name."""

    def __init__(self, text: io.TextIOWrapper, known: Collection[str], separator: str | None) -> None:
        self._text = text
        self._line = self._length = 0
        self._is_quoted = False  # whether the present row has a quote
        self._said = separator
        header = self._next_line()
        if found := _SEP_LINE.fullmatch(header):
            self._said = separator or found[1]
            header = self._next_line()
        self.separator = self._said or _separator(header, known)
        try:
            cells = next(csv.reader([header], delimiter=self.separator), [])
        except csv.Error as error:
            raise InvalidInput(f"The header on line {self._line} is no CSV: {error}.", "file") from None
        self.columns = [cell.strip() for cell in cells]

    def rows(self) -> Iterator[tuple[int, list[str] | InvalidInput]]:
        """Each row that has a cell, with the line it begins on: its cells, or why they can't be told apart."""
        self._length, self._is_quoted = 0, False
        reader = csv.reader(self._lines(), delimiter=self.separator, strict=True)
        begins = self._line + 1
        try:
            for cells in reader:
                if any(cells):
                    yield begins, self._checked(cells)
                begins, self._length, self._is_quoted = self._line + 1, 0, False
        except csv.Error as error:
            told = str(error)
            if "field limit" in told:
                told = f"a cell is longer than {LONGEST_CELL:,} characters, or its quote does not end"
            raise InvalidInput(f"The row on line {begins} is no CSV: {told}.", "file") from None

    def _checked(self, cells: list[str]) -> list[str] | InvalidInput:
        if len(cells) == 1 and self._said is None and not self._is_quoted:
            for mark, name in SEPARATORS.items():
                if mark != self.separator and mark in cells[0]:
                    return InvalidInput(
                        f"Is the {name} in {cells[0][:50]!r} a separator? The header is read with a"
                        f" {SEPARATORS[self.separator]}. Say it with --separator {name}, or"
                        f" --separator {SEPARATORS[self.separator]} where it is a part of the cell."
                    )
        width = len(self.columns)
        if any(cells[width:]):
            return InvalidInput(f"This row has {len(cells)} cells for {width} columns.")
        for place, (cell, column) in enumerate(zip(cells, self.columns, strict=False), 1):
            if cell and not column:
                return InvalidInput(f"{cell[:50]!r} stands in column {place}, which has no name.")
        return cells[:width]

    def _lines(self) -> Iterator[str]:
        while line := self._next_line():
            yield line

    def _next_line(self) -> str:
        try:
            line = self._text.readline(LONGEST_ROW + 1)
        except UnicodeError:
            raise InvalidInput(
                "It is not written in UTF-8. Save it as CSV UTF-8, or as Unicode text.", "file"
            ) from None
        self._line += 1
        self._length += len(line)
        self._is_quoted = self._is_quoted or '"' in line
        if self._length > LONGEST_ROW:
            raise InvalidInput(f"The row on line {self._line} is longer than {LONGEST_ROW:,} characters.", "file")
        return line


def _separator(header: str, known: Collection[str]) -> str:
    """The one that finds most of the known columns; a comma where none does."""

    def found(mark: str) -> int:
        return sum(cell.strip(' "') in known for cell in header.strip("\r\n").split(mark))

    return max(SEPARATORS, key=found)
