"""A spreadsheet's words: how codes and claims are written as CSV, and how codes are read from one.

UTF-8, a header, lines ended as RFC 4180 has it, instants in UTC, empty for what there is none of. A cell that a
spreadsheet would run as a formula is written behind an apostrophe, and read without it.
"""

import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from typing import BinaryIO, TypeVar

from db.models import Organization
from resolvers import instants, money, terms
from resolvers.bring import Refused, Row
from resolvers.export import ExportedClaim, ExportedCode
from resolvers.refusals import InvalidInput
from schema import pages
from schema.graphql import ids, scalars

Cell = str | int | None
R = TypeVar("R")

CODES = (
    "text", "promotion", "status", "allowed_claims", "claim_count", "starts_at", "ends_at", "reserved_for",
    "activated_at", "url", "created_at",
)  # fmt: skip
CLAIMS = (
    "id", "code", "promotion", "customer_email", "customer_first_name", "customer_last_name", "order_reference",
    "order_total", "order_currency", "order_quantity", "discount", "status", "released_at", "release_reason",
    "location_number", "created_at",
)  # fmt: skip
BROUGHT = ("text", "allowed_claims", "starts_at", "ends_at", "claims_so_far")
"""Columns of codes that are imported; only the text must be there."""

UNLIMITED = "unlimited"
_RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet run a cell that begins with it; East Asian ones take the wide signs too."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
WRITTEN_AT_A_TIME = 2**16


# ------------------------------------------------------------------ writing


def tame(cell: Cell) -> Cell:
    """A cell that a spreadsheet shows and does not run."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_RUN) else cell


async def codes(rows: AsyncIterator[ExportedCode], organization: Organization, public_url: str) -> AsyncIterator[bytes]:
    """Codes as CSV, a piece at a time."""
    async for piece in _written(CODES, rows, lambda row: _code(row, organization, public_url)):
        yield piece


async def claims(rows: AsyncIterator[ExportedClaim]) -> AsyncIterator[bytes]:
    """Claims as CSV, a piece at a time; amounts in the currency beside them."""
    async for piece in _written(CLAIMS, rows, _claim):
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
        pages.url(public_url, organization, code.id),
        _instant(code.created_at),
    )


def _claim(row: ExportedClaim) -> Iterable[Cell]:
    claim, customer = row.claim, row.customer
    return (
        ids.pack("Claim", claim.id),
        row.code.text,
        row.promotion.reference,
        customer.email,
        customer.first_name,
        customer.last_name,
        claim.order_reference,
        _amount(claim.order_total, claim.currency),
        claim.currency,
        claim.order_quantity,
        _amount(claim.discount, claim.currency),
        "CLAIMED" if claim.released_at is None else "RELEASED",
        _instant(claim.released_at),
        claim.release_reason,
        row.location.number if row.location else None,
        _instant(claim.created_at),
    )


def _instant(at: datetime | None) -> str | None:
    return None if at is None else scalars.write_instant(at)


def _amount(minor: int | None, currency: str | None) -> str | None:
    return None if minor is None or currency is None else str(money.of_minor(minor, currency).amount)


async def _written(
    header: Iterable[str], rows: AsyncIterator[R], cells: Callable[[R], Iterable[Cell]]
) -> AsyncIterator[bytes]:
    waiting = io.StringIO(newline="")
    writer = csv.writer(waiting)
    writer.writerow(header)
    async for row in rows:
        writer.writerow(map(tame, cells(row)))
        if waiting.tell() >= WRITTEN_AT_A_TIME:
            yield waiting.getvalue().encode()
            waiting.seek(0)
            waiting.truncate()
    yield waiting.getvalue().encode()


# ------------------------------------------------------------------ reading


def read_codes(file: BinaryIO) -> Iterator[Row | Refused]:
    """The rows of a CSV of codes, from its beginning; what a row's cells don't say clearly is refused on its line.

    A byte order mark, and semicolons for commas, are taken as they come; lines without a cell are passed over.
    Raises InvalidInput where the file as a whole makes no sense.
    """
    file.seek(0)
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    try:
        yield from _rows(text)
    except UnicodeDecodeError:
        raise InvalidInput("It is not written in UTF-8.", "file") from None
    finally:
        text.detach()


def _rows(text: io.TextIOWrapper) -> Iterator[Row | Refused]:
    header = text.readline()
    delimiter = ";" if ";" in header and "," not in header else ","
    columns = _columns(next(csv.reader([header], delimiter=delimiter), []))
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 2
    try:
        for cells in reader:
            if any(cells):
                yield _row(line, columns, cells)
            line = reader.line_num + 2
    except csv.Error as error:
        raise InvalidInput(f"The row on line {line} is no CSV: {error}.", "file") from None


def _columns(header: list[str]) -> list[str]:
    """The columns in the file's order. Raises InvalidInput."""
    columns = [cell.strip() for cell in header]
    known = f"the columns are {', '.join(BROUGHT)}"
    for column in columns:
        if column not in BROUGHT:
            raise InvalidInput(f"There is no column {column[:80]!r}; {known}.", "file")
        if columns.count(column) > 1:
            raise InvalidInput(f"The column {column!r} is there twice.", "file")
    if "text" not in columns:
        raise InvalidInput(f"The first line must name a column 'text'; {known}.", "file")
    return columns


def _row(line: int, columns: list[str], cells: list[str]) -> Row | Refused:
    if len(cells) > len(columns):
        return Refused(line, InvalidInput(f"This row has {len(cells)} cells for {len(columns)} columns."))
    said = dict(zip(columns, map(_untamed, cells), strict=False))
    try:
        return Row(
            line,
            said.get("text", ""),
            allowed_claims=_allowed(said.get("allowed_claims", "")),
            starts_at=_read_instant(said.get("starts_at", ""), "starts_at"),
            ends_at=_read_instant(said.get("ends_at", ""), "ends_at"),
            claims_so_far=_whole(said.get("claims_so_far", "") or "0", "claims_so_far"),
        )
    except InvalidInput as why:
        return Refused(line, why)


def _untamed(cell: str) -> str:
    cell = cell.strip(" ")
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_RUN) else cell


def _allowed(cell: str) -> terms.Maybe[int | None]:
    if not cell:
        return terms.ABSENT
    return None if cell.casefold() == UNLIMITED else _whole(cell, "allowed_claims")


def _whole(cell: str, column: str) -> int:
    if not _WHOLE.fullmatch(cell):
        raise InvalidInput(f"{cell[:50]!r} is no whole number.", column)
    return int(cell)


def _read_instant(cell: str, column: str) -> datetime | None:
    if not cell:
        return None
    try:
        return instants.read(cell)
    except ValueError:
        raise InvalidInput(
            f"{cell[:50]!r} is no instant with its offset, such as 2026-12-24T18:00:00Z.", column
        ) from None
