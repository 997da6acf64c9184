"""How codes and claims are written as CSV, and how codes are read from one.

UTF-8, a header, lines ended as RFC 4180 has it, instants in UTC, empty for what there is none of. There are two
dialects. The plain one is exact, for programs: a cell that a spreadsheet would run as a formula is written behind one
apostrophe more than it has, and read with one less. The other is for spreadsheets, which else make numbers and dates
of codes: see `Dialect`.
"""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, TypeVar

from db.models import Organization
from resolvers.domain import instants, money, params
from resolvers.domain.refusals import InvalidInput
from resolvers.export import ExportedClaim, ExportedCode
from resolvers.import_codes import Refused, Row
from schema import pages
from schema.csv import reader
from schema.graphql import ids, scalars

Cell = str | int | None
R = TypeVar("R")

CODES = (
    "text", "promotion", "status", "allowed_claims", "claim_count", "starts_at", "ends_at", "reserved_for",
    "activated_at", "url", "created_at", "is_enabled", "needs_activation", "metadata",
)  # fmt: skip
CLAIMS = (
    "id", "code", "promotion", "customer_email", "customer_first_name", "customer_last_name", "order_reference",
    "order_total", "order_currency", "order_quantity", "discount", "status", "released_at", "release_reason",
    "location_number", "created_at",
)  # fmt: skip
BROUGHT = ("text", "allowed_claims", "starts_at", "ends_at", "claims_so_far")
"""Columns of codes that come from elsewhere; only the text must be there. Those of an export are read as well."""

READ = (*BROUGHT, *(column for column in CODES if column not in BROUGHT))
STATUSES = ("CLAIMABLE", "NOT_ACTIVATED", "SCHEDULED", "EXPIRED", "EXHAUSTED", "DISABLED")
UNLIMITED = "unlimited"
YES, NO = "yes", "no"
"""Not true and false, which a spreadsheet translates."""

_RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet run a cell that begins with it; East Asian ones take the wide signs too."""

_TAMED = re.compile(f"'+[{re.escape(''.join(_RUN))}]")
_LITERAL = re.compile(r'="((?:[^"]|"")*)"')
"""A text as a formula: how a spreadsheet is told to leave it alone."""

_LOOKS_ELSE = re.compile(r"[0-9]|true|false", re.IGNORECASE)
"""What is in a text of which a spreadsheet might make a number, a date or a truth value."""

_UNFIT = re.compile(r"[\x00-\x1f]")
LONGEST_LITERAL = 255
"""Characters of a text within a formula, in Excel."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
WRITTEN_AT_A_TIME = 2**16


# ------------------------------------------------------------------ writing


@dataclass(frozen=True)
class Dialect:
    """How a file is written, for programs or for spreadsheets.

    A spreadsheet takes UTF-8 for another encoding where no byte order mark says so, the cell 00012345 for a number,
    3-4 for a date and 1E5 for 100000. `="00012345"` is a text to Excel and to LibreOffice. What separates cells is
    where they live: a semicolon, where the comma is in numbers.
    """

    is_for_spreadsheets: bool = False
    separator: str = ","

    @property
    def mark(self) -> str:
        """What the file begins with."""
        return "\ufeff" if self.is_for_spreadsheets else ""

    def cell(self, cell: Cell) -> Cell:
        """A cell as it is written."""
        if isinstance(cell, Ours):
            return cell
        if not self.is_for_spreadsheets or not isinstance(cell, str):
            return tame(cell)
        fits = len(cell) <= LONGEST_LITERAL and not _UNFIT.search(cell)
        if fits and (cell.startswith((*_RUN, "'")) or _LOOKS_ELSE.search(cell)):
            doubled = cell.replace('"', '""')
            return f'="{doubled}"'
        return tame(cell)

    def amount(self, amount: str) -> "Ours":
        """An amount of money, which a spreadsheet may add up."""
        swapped = self.is_for_spreadsheets and self.separator == ";"
        return Ours(amount.replace(".", ",") if swapped else amount)


class Ours(str):
    """A cell in our own words, which a spreadsheet takes as it is meant: an instant, an amount, an address."""


PLAIN = Dialect()


def tame(cell: Cell) -> Cell:
    """A cell that a spreadsheet shows and does not run; no two cells become one."""
    return f"'{cell}" if isinstance(cell, str) and (cell.startswith(_RUN) or _TAMED.match(cell)) else cell


async def codes(
    rows: AsyncIterator[ExportedCode], organization: Organization, public_url: str, dialect: Dialect = PLAIN
) -> AsyncIterator[bytes]:
    """Codes as CSV, a piece at a time."""
    async for piece in _written(CODES, rows, lambda row: _code(row, organization, public_url), dialect):
        yield piece


async def claims(rows: AsyncIterator[ExportedClaim], dialect: Dialect = PLAIN) -> AsyncIterator[bytes]:
    """Claims as CSV, a piece at a time; amounts in the currency beside them."""
    async for piece in _written(CLAIMS, rows, lambda row: _claim(row, dialect), dialect):
        yield piece


def _code(row: ExportedCode, organization: Organization, public_url: str) -> Iterable[Cell]:
    code = row.code
    return (
        code.text,
        row.promotion.reference,
        row.status,
        UNLIMITED if code.allowed_claims is None else code.allowed_claims,
        code.claim_count,
        _instant(code.starts_at),
        _instant(code.ends_at),
        row.reserved_for,
        _instant(code.activated_at),
        Ours(pages.url(public_url, organization, code.id)),
        _instant(code.created_at),
        YES if code.is_enabled else NO,
        YES if code.needs_activation else NO,
        json.dumps(code.metadata, ensure_ascii=False) if code.metadata else None,
    )


def _claim(row: ExportedClaim, dialect: Dialect) -> Iterable[Cell]:
    claim, customer = row.claim, row.customer
    return (
        Ours(ids.pack("Claim", claim.id)),
        row.code.text,
        row.promotion.reference,
        customer.email,
        customer.first_name,
        customer.last_name,
        claim.order_reference,
        _amount(claim.order_total, claim.currency, dialect),
        claim.currency,
        claim.order_quantity,
        _amount(claim.discount, claim.currency, dialect),
        "CLAIMED" if claim.released_at is None else "RELEASED",
        _instant(claim.released_at),
        claim.release_reason,
        row.location.number if row.location else None,
        _instant(claim.created_at),
    )


def _instant(at: datetime | None) -> str | None:
    return None if at is None else Ours(scalars.write_instant(at))


def _amount(minor: int | None, currency: str | None, dialect: Dialect) -> str | None:
    if minor is None or currency is None:
        return None
    return dialect.amount(str(money.of_minor(minor, currency).amount))


async def _written(
    header: Iterable[str], rows: AsyncIterator[R], cells: Callable[[R], Iterable[Cell]], dialect: Dialect
) -> AsyncIterator[bytes]:
    waiting = io.StringIO(newline="")
    waiting.write(dialect.mark)
    writer = csv.writer(waiting, delimiter=dialect.separator)
    writer.writerow(header)
    async for row in rows:
        writer.writerow(map(dialect.cell, cells(row)))
        if waiting.tell() >= WRITTEN_AT_A_TIME:
            yield waiting.getvalue().encode()
            waiting.seek(0)
            waiting.truncate()
    yield waiting.getvalue().encode()


# ------------------------------------------------------------------ reading


def columns(file: BinaryIO, separator: str | None = None) -> set[str]:
    """The columns that a CSV of codes has. Raises InvalidInput where the file as a whole makes no sense."""
    with reader.reading(file, READ, separator) as table:
        return set(_known(table.columns))


def read_codes(file: BinaryIO, separator: str | None = None) -> Iterator[Row | Refused]:
    """The rows of a CSV of codes, from its beginning; what a row's cells don't say clearly is refused on its line.

    Lines and columns without a cell are passed over. Raises InvalidInput where the file as a whole makes no sense.
    """
    with reader.reading(file, READ, separator) as table:
        known = _known(table.columns)
        for line, cells in table.rows():
            if isinstance(cells, InvalidInput):
                yield Refused(line, cells)
            else:
                yield _row(line, dict(zip(known, map(_untamed, cells), strict=False)))


def _known(columns: list[str]) -> list[str]:
    """The columns in the file's order. Raises InvalidInput."""
    known = f"the columns are {', '.join(BROUGHT)}, and those of an export"
    for column in columns:
        if column and column not in READ:
            other = "" if column.isidentifier() else " What separates cells is said with --separator."
            raise InvalidInput(f"There is no column {column[:80]!r}; {known}.{other}", "file")
        if column and columns.count(column) > 1:
            raise InvalidInput(f"The column {column!r} is there twice.", "file")
    if "text" not in columns:
        raise InvalidInput(f"The first line must name a column 'text'; {known}.", "file")
    if {"claims_so_far", "claim_count"} <= set(columns):
        raise InvalidInput("Of the columns claims_so_far and claim_count a file has one.", "file")
    return columns


def _row(line: int, said: Mapping[str, str]) -> Row | Refused:
    def cell(column: str) -> str:
        return said.get(column, "")

    try:
        status = cell("status")
        if status and status not in STATUSES:
            raise InvalidInput(f"{status[:50]!r} is no status.", "status")
        activated_at = _read_instant(cell("activated_at"), "activated_at")
        return Row(
            line,
            cell("text"),
            allowed_claims=_allowed(cell("allowed_claims")),
            starts_at=_read_instant(cell("starts_at"), "starts_at"),
            ends_at=_read_instant(cell("ends_at"), "ends_at"),
            claims_so_far=_whole(cell("claims_so_far") or "0", "claims_so_far"),
            promotion=cell("promotion") or None,
            claim_count=_whole(cell("claim_count"), "claim_count") if cell("claim_count") else None,
            is_enabled=_yes(cell("is_enabled"), "is_enabled", unless_said=status != "DISABLED"),
            needs_activation=_yes(
                cell("needs_activation"),
                "needs_activation",
                unless_said=status == "NOT_ACTIVATED" or activated_at is not None,
            ),
            reserved_for=cell("reserved_for") or None,
            activated_at=activated_at,
            created_at=_read_instant(cell("created_at"), "created_at"),
            metadata=_read_json(cell("metadata"), "metadata"),
        )
    except InvalidInput as why:
        return Refused(line, why)


def _untamed(cell: str) -> str:
    cell = cell.strip(" ")
    if _TAMED.match(cell):
        return cell[1:]
    literal = _LITERAL.fullmatch(cell)
    return literal[1].replace('""', '"') if literal else cell


def _allowed(cell: str) -> params.Maybe[int | None]:
    if not cell:
        return params.ABSENT
    return None if cell.casefold() == UNLIMITED else _whole(cell, "allowed_claims")


def _whole(cell: str, column: str) -> int:
    if not _WHOLE.fullmatch(cell):
        raise InvalidInput(f"{cell[:50]!r} is no whole number.", column)
    return int(cell)


def _yes(cell: str, column: str, unless_said: bool) -> bool:
    known = {YES: True, "true": True, NO: False, "false": False, "": unless_said}
    if cell.casefold() not in known:
        raise InvalidInput(f"{cell[:50]!r} is neither {YES} nor {NO}.", column)
    return known[cell.casefold()]


def _read_json(cell: str, column: str) -> dict[str, Any] | None:
    if not cell:
        return None
    try:
        read = json.loads(cell)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise InvalidInput(f"{cell[:50]!r} is no JSON object.", column)
    return read


def _read_instant(cell: str, column: str) -> datetime | None:
    if not cell:
        return None
    try:
        return instants.read(cell)
    except ValueError:
        raise InvalidInput(
            f"{cell[:50]!r} is no instant with its offset, such as 2026-12-24T18:00:00Z.", column
        ) from None
