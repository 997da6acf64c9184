"""Reads a table from CSV as people and spreadsheets write it; encoding and separator are detected.

UTF-8 with and without a byte order mark, UTF-16 with one (Excel's "Unicode text"); commas, semicolons or tabs; Excel's
first line `sep=;`; lines ended by CRLF, LF or CR. Memory is bounded by a row, whatever the file looks like.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from resolvers.domain.refusals import InvalidInput

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""The separators that are detected, and their names."""

MAX_ROW_CHARACTERS = 2**20
"""Characters of one row, which may have several lines within quotes."""

MAX_CELL_CHARACTERS = csv.field_size_limit()
_SEP_LINE = re.compile(r'"?sep=(.)"?[,;\t]*\s*', re.IGNORECASE)
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_separator(text: str) -> str:
    """A separator from the character itself or its name. Raises InvalidInput."""
    by_name = {**{name: mark for mark, name in SEPARATORS.items()}, "\\t": "\t"}
    mark = by_name.get(text.casefold(), text)
    if len(mark) != 1 or mark in '"\r\n\0 ' or mark.isalnum():
        raise InvalidInput(f"A separator is one mark, or comma, semicolon or tab, and not {text[:20]!r}.", "separator")
    return mark


@contextmanager
def open_table(file: BinaryIO, expected: Collection[str], separator: str | None) -> Iterator["CsvTable"]:
    """The table in a file, from its beginning; the file stays open.

    `expected` are names of columns. Without `separator` the one is taken that finds most of these in the header.
    Raises InvalidInput when the header can't be read.
    """
    file.seek(0)
    encoding = _BYTE_ORDER_MARKS.get(file.read(2), "utf-8-sig")
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, newline="")
    try:
        yield CsvTable(text, expected, separator)
    finally:
        text.detach()


class CsvTable:
    """A table that can be read once; `columns` are the names in its header, empty where a column has none."""

    def __init__(self, text: io.TextIOWrapper, expected: Collection[str], separator: str | None) -> None:
        self._text = text
        self._line = self._length = 0
        self._is_quoted = False  # whether the present row has a quote
        self._chosen = separator  # by the caller or the file, not detected
        header = self._next_line()
        if match := _SEP_LINE.fullmatch(header):
            self._chosen = separator or match[1]
            header = self._next_line()
        self.separator = self._chosen or _separator(header, expected)
        try:
            cells = next(csv.reader([header], delimiter=self.separator), [])
        except csv.Error as error:
            raise InvalidInput(f"The header on line {self._line} is no CSV: {error}.", "file") from None
        self.columns = [cell.strip() for cell in cells]

    def rows(self) -> Iterator[tuple[int, list[str] | InvalidInput]]:
        """Each row that is not empty, with the number of its first line: its cells, or the reason to refuse them.

        Raises InvalidInput when the rest of the file can't be read.
        """
        self._length, self._is_quoted = 0, False
        reader = csv.reader(self._lines(), delimiter=self.separator, strict=True)
        first_line = self._line + 1
        try:
            for cells in reader:
                if any(cells):
                    yield first_line, self._cells(cells)
                first_line, self._length, self._is_quoted = self._line + 1, 0, False
        except csv.Error as error:
            reason = str(error)
            if "field limit" in reason:
                reason = f"a cell is longer than {MAX_CELL_CHARACTERS:,} characters, or its quote does not end"
            raise InvalidInput(f"The row on line {first_line} is no CSV: {reason}.", "file") from None

    def _cells(self, cells: list[str]) -> list[str] | InvalidInput:
        if len(cells) == 1 and self._chosen is None and not self._is_quoted:
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
            line = self._text.readline(MAX_ROW_CHARACTERS + 1)
        except UnicodeError:
            raise InvalidInput(
                "It is not written in UTF-8. Save it as CSV UTF-8, or as Unicode text.", "file"
            ) from None
        self._line += 1
        self._length += len(line)
        self._is_quoted = self._is_quoted or '"' in line
        if self._length > MAX_ROW_CHARACTERS:
            raise InvalidInput(
                f"The row on line {self._line} is longer than {MAX_ROW_CHARACTERS:,} characters.", "file"
            )
        return line


def _separator(header: str, expected: Collection[str]) -> str:
    """The separator that finds most of the expected columns in the header; a comma if none does."""

    def count(mark: str) -> int:
        return sum(cell.strip(' "') in expected for cell in header.strip("\r\n").split(mark))

    return max(SEPARATORS, key=count)
