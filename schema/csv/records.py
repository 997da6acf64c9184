"""Codes and claims written as CSV, and codes read from CSV.

UTF-8, a header, lines ended by CRLF (RFC 4180), instants in UTC; a missing value is an empty cell. There are two
dialects. The plain one is exact, for programs: a cell that a spreadsheet would run as a formula gets one apostrophe
more when it is written, and loses one when it is read. The other is for spreadsheets, which otherwise turn codes into
numbers and dates: see `Dialect`.
"""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, TypeVar

from db import statuses
from db.enums import CodeStatus
from db.models import Organization
from resolvers.domain import instants, money, params
from resolvers.domain.refusals import InvalidInput
from resolvers.export import ExportedClaim, ExportedCode
from resolvers.import_codes import ImportRow, RejectedRow
from schema import pages
from schema.csv import reader
from schema.graphql import ids, scalars

Cell = str | int | None
R = TypeVar("R")

CODE_COLUMNS = (
    "text", "promotion", "status", "allowed_claims", "claim_count", "starts_at", "ends_at", "reserved_for",
    "activated_at", "url", "created_at", "is_enabled", "needs_activation", "metadata",
)  # fmt: skip
CLAIM_COLUMNS = (
    "id", "code", "promotion", "customer_email", "customer_first_name", "customer_last_name", "order_reference",
    "order_total", "order_currency", "order_quantity", "discount", "status", "released_at", "release_reason",
    "location_number", "created_at",
)  # fmt: skip
IMPORT_COLUMNS = ("text", "allowed_claims", "starts_at", "ends_at", "claims_so_far")
"""Columns of a file from another system; only `text` is required. The columns of an export are read as well."""

READABLE_COLUMNS = (*IMPORT_COLUMNS, *(column for column in CODE_COLUMNS if column not in IMPORT_COLUMNS))
UNLIMITED = "unlimited"
YES, NO = "yes", "no"
"""Instead of true and false, which a spreadsheet translates."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First characters of a cell that a spreadsheet runs as a formula; the full-width signs in East Asian editions."""

_ESCAPED = re.compile(f"'+[{re.escape(''.join(_FORMULA_STARTS))}]")
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
"""A text written as a formula, so that a spreadsheet leaves it as it is: `="00012345"`."""

_AMBIGUOUS = re.compile(r"[0-9]|true|false", re.IGNORECASE)
"""Parts of a text that a spreadsheet might turn into a number, a date or a truth value."""

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f]")
MAX_LITERAL_CHARACTERS = 255
"""Characters of a text within a formula, in Excel."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
PIECE_CHARACTERS = 2**16


# ------------------------------------------------------------------ writing


@dataclass(frozen=True)
class Dialect:
    """The variant of CSV that is written: for programs, or for spreadsheets.

    Without a byte order mark a spreadsheet takes UTF-8 for another encoding. It takes the cell 00012345 for a number,
    3-4 for a date and 1E5 for 100000; `="00012345"` is a text to Excel and to LibreOffice. It expects the separator of
    its locale: a semicolon where numbers have a decimal comma.
    """

    is_for_spreadsheets: bool = False
    separator: str = ","

    @property
    def mark(self) -> str:
        """The byte order mark at the file's beginning, or nothing."""
        return "\ufeff" if self.is_for_spreadsheets else ""

    def cell(self, cell: Cell) -> Cell:
        """The written form of a cell."""
        if isinstance(cell, SafeCell):
            return cell
        if not self.is_for_spreadsheets or not isinstance(cell, str):
            return escape_formula(cell)
        fits = len(cell) <= MAX_LITERAL_CHARACTERS and not _CONTROL_CHARACTER.search(cell)
        if fits and (cell.startswith((*_FORMULA_STARTS, "'")) or _AMBIGUOUS.search(cell)):
            doubled = cell.replace('"', '""')
            return f'="{doubled}"'
        return escape_formula(cell)

    def amount(self, amount: str) -> "SafeCell":
        """The cell of an amount of money, which a spreadsheet may add up."""
        swapped = self.is_for_spreadsheets and self.separator == ";"
        return SafeCell(amount.replace(".", ",") if swapped else amount)


class SafeCell(str):
    """A cell that needs no escaping, because its text is our own: an instant, an amount, a URL."""


PLAIN = Dialect()


def escape_formula(cell: Cell) -> Cell:
    """A cell behind an apostrophe if a spreadsheet would run it. Different cells stay different."""
    return f"'{cell}" if isinstance(cell, str) and (cell.startswith(_FORMULA_STARTS) or _ESCAPED.match(cell)) else cell


async def codes(
    rows: AsyncIterator[ExportedCode], organization: Organization, public_url: str, dialect: Dialect = PLAIN
) -> AsyncIterator[bytes]:
    """Codes as CSV, in pieces of about PIECE_CHARACTERS."""
    async for piece in _to_csv(CODE_COLUMNS, rows, lambda row: _code_cells(row, organization, public_url), dialect):
        yield piece


async def claims(rows: AsyncIterator[ExportedClaim], dialect: Dialect = PLAIN) -> AsyncIterator[bytes]:
    """Claims as CSV, in pieces of about PIECE_CHARACTERS; each amount is in the currency of its row."""
    async for piece in _to_csv(CLAIM_COLUMNS, rows, lambda row: _claim_cells(row, dialect), dialect):
        yield piece


def _code_cells(row: ExportedCode, organization: Organization, public_url: str) -> Iterable[Cell]:
    code = row.code
    return (
        code.text,
        row.promotion.reference,
        row.status,
        UNLIMITED if code.allowed_claims is None else code.allowed_claims,
        code.claim_count,
        _write_instant(code.starts_at),
        _write_instant(code.ends_at),
        row.reserved_for,
        _write_instant(code.activated_at),
        SafeCell(pages.url(public_url, organization, code.id)),
        _write_instant(code.created_at),
        YES if code.is_enabled else NO,
        YES if code.needs_activation else NO,
        json.dumps(code.metadata, ensure_ascii=False) if code.metadata else None,
    )


def _claim_cells(row: ExportedClaim, dialect: Dialect) -> Iterable[Cell]:
    claim, customer = row.claim, row.customer
    return (
        SafeCell(ids.pack("Claim", claim.id)),
        row.code.text,
        row.promotion.reference,
        customer.email,
        customer.first_name,
        customer.last_name,
        claim.order_reference,
        _write_amount(claim.order_total, claim.currency, dialect),
        claim.currency,
        claim.order_quantity,
        _write_amount(claim.discount, claim.currency, dialect),
        statuses.of_claim(claim).value,
        _write_instant(claim.released_at),
        claim.release_reason,
        row.location.number if row.location else None,
        _write_instant(claim.created_at),
    )


def _write_instant(at: datetime | None) -> str | None:
    return None if at is None else SafeCell(scalars.write_instant(at))


def _write_amount(minor: int | None, currency: str | None, dialect: Dialect) -> str | None:
    if minor is None or currency is None:
        return None
    return dialect.amount(str(money.of_minor(minor, currency).amount))


async def _to_csv(
    header: Iterable[str], rows: AsyncIterator[R], cells: Callable[[R], Iterable[Cell]], dialect: Dialect
) -> AsyncIterator[bytes]:
    buffer = io.StringIO(newline="")
    buffer.write(dialect.mark)
    writer = csv.writer(buffer, delimiter=dialect.separator)
    writer.writerow(header)
    async for row in rows:
        writer.writerow(map(dialect.cell, cells(row)))
        if buffer.tell() >= PIECE_CHARACTERS:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


# ------------------------------------------------------------------ reading


def read_columns(file: BinaryIO, separator: str | None = None) -> set[str]:
    """The names of the columns of a CSV of codes. Raises InvalidInput when the header is not one of codes."""
    with reader.open_table(file, READABLE_COLUMNS, separator) as table:
        return set(_validated_columns(table.columns))


def read_codes(file: BinaryIO, separator: str | None = None) -> Iterator[ImportRow | RejectedRow]:
    """The rows of a CSV of codes, from its beginning, each with its line: values, or a refusal where cells are unclear.

    Empty lines and columns are skipped. Raises InvalidInput when the file as a whole can't be read.
    """
    with reader.open_table(file, READABLE_COLUMNS, separator) as table:
        names = _validated_columns(table.columns)
        for line, cells in table.rows():
            if isinstance(cells, InvalidInput):
                yield RejectedRow(line, cells)
            else:
                yield _read_row(line, dict(zip(names, map(_unescape_formula, cells), strict=False)))


def _validated_columns(columns: list[str]) -> list[str]:
    """The columns in the file's order. Raises InvalidInput for an unknown, a missing or a repeated one."""
    allowed = f"the columns are {', '.join(IMPORT_COLUMNS)}, and those of an export"
    for column in columns:
        if column and column not in READABLE_COLUMNS:
            other = "" if column.isidentifier() else " What separates cells is said with --separator."
            raise InvalidInput(f"There is no column {column[:80]!r}; {allowed}.{other}", "file")
        if column and columns.count(column) > 1:
            raise InvalidInput(f"The column {column!r} is there twice.", "file")
    if "text" not in columns:
        raise InvalidInput(f"The first line must name a column 'text'; {allowed}.", "file")
    if {"claims_so_far", "claim_count"} <= set(columns):
        raise InvalidInput("Of the columns claims_so_far and claim_count a file has one.", "file")
    return columns


def _read_row(line: int, cells: Mapping[str, str]) -> ImportRow | RejectedRow:
    def cell(column: str) -> str:
        return cells.get(column, "")

    try:
        status = cell("status")
        if status and status not in CodeStatus.__members__:
            raise InvalidInput(f"{status[:50]!r} is no status.", "status")
        activated_at = _read_instant(cell("activated_at"), "activated_at")
        return ImportRow(
            line,
            cell("text"),
            allowed_claims=_read_limit(cell("allowed_claims")),
            starts_at=_read_instant(cell("starts_at"), "starts_at"),
            ends_at=_read_instant(cell("ends_at"), "ends_at"),
            claims_so_far=_read_integer(cell("claims_so_far") or "0", "claims_so_far"),
            promotion=cell("promotion") or None,
            claim_count=_read_integer(cell("claim_count"), "claim_count") if cell("claim_count") else None,
            is_enabled=_read_boolean(cell("is_enabled"), "is_enabled", default=status != CodeStatus.DISABLED),
            needs_activation=_read_boolean(
                cell("needs_activation"),
                "needs_activation",
                default=status == CodeStatus.NOT_ACTIVATED or activated_at is not None,
            ),
            reserved_for=cell("reserved_for") or None,
            activated_at=activated_at,
            created_at=_read_instant(cell("created_at"), "created_at"),
            metadata=_read_json(cell("metadata"), "metadata"),
        )
    except InvalidInput as error:
        return RejectedRow(line, error)


def _unescape_formula(cell: str) -> str:
    cell = cell.strip(" ")
    if _ESCAPED.match(cell):
        return cell[1:]
    literal = _TEXT_FORMULA.fullmatch(cell)
    return literal[1].replace('""', '"') if literal else cell


def _read_limit(cell: str) -> params.Maybe[int | None]:
    if not cell:
        return params.ABSENT
    return None if cell.casefold() == UNLIMITED else _read_integer(cell, "allowed_claims")


def _read_integer(cell: str, column: str) -> int:
    if not _INTEGER.fullmatch(cell):
        raise InvalidInput(f"{cell[:50]!r} is no whole number.", column)
    return int(cell)


def _read_boolean(cell: str, column: str, default: bool) -> bool:
    values = {YES: True, "true": True, NO: False, "false": False, "": default}
    if cell.casefold() not in values:
        raise InvalidInput(f"{cell[:50]!r} is neither {YES} nor {NO}.", column)
    return values[cell.casefold()]


def _read_json(cell: str, column: str) -> dict[str, object] | None:
    if not cell:
        return None
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidInput(f"{cell[:50]!r} is no JSON object.", column)
    return value


def _read_instant(cell: str, column: str) -> datetime | None:
    if not cell:
        return None
    try:
        return instants.read(cell)
    except ValueError:
        raise InvalidInput(
            f"{cell[:50]!r} is no instant with its offset, such as 2026-12-24T18:00:00Z.", column
        ) from None
