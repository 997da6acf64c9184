"""CSV's words: what is written is safe to open, and what is read is read as it was meant."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from db.enums import DiscountKind
from db.models import Claim, Code, Customer, Location, Organization, Promotion
from resolvers.domain.params import ABSENT
from resolvers.domain.refusals import InvalidInput
from resolvers.export import ExportedClaim, ExportedCode
from resolvers.import_codes import ImportRow, RejectedRow
from schema import pages
from schema.csv import records
from tests.make import NOW

# ------------------------------------------------------------------ writing


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_formula_is_written_behind_an_apostrophe(start: str) -> None:
    """A cell that a spreadsheet would run is shown, and read back as it was."""
    cell = f"{start}HYPERLINK()"
    assert records.escape_formula(cell) == f"'{cell}"
    assert records._unescape_formula(f"'{cell}") == cell


@pytest.mark.parametrize("cell", ["a=1", "'t Hooft", "", "hello-15", " =1", 15, -15, None])
def test_any_other_cell_is_written_as_it_is(cell: str | int | None) -> None:
    """Texts that only contain such a letter, and numbers, stay as they are."""
    assert records.escape_formula(cell) == cell


ORGANIZATION = Organization(id=1, identifier="demo", page_secret="s" * 64)
SPRING = Promotion(id=2, reference="=spring")


async def stream(*rows: ExportedCode | ExportedClaim) -> AsyncIterator[ExportedCode | ExportedClaim]:
    for row in rows:
        yield row


async def table(pieces: AsyncIterator[bytes]) -> list[list[str]]:
    """What a spreadsheet sees."""
    written = b"".join([piece async for piece in pieces])
    assert written.endswith(b"\r\n")
    return list(csv.reader(io.StringIO(written.decode("utf-8"), newline="")))


async def test_a_codes_row() -> None:
    """A code's columns stand in their order: instants in UTC, no limit by its word, nothing where there is none."""
    ends = datetime.fromisoformat("2026-12-25T00:00:00+01:00")
    full = Code(
        id=3,
        text="-50%, käse",
        allowed_claims=2,
        claim_count=1,
        starts_at=NOW,
        ends_at=ends,
        activated_at=NOW,
        created_at=NOW,
        is_enabled=False,
        needs_activation=True,
        metadata={"a": "ü"},
    )
    bare = Code(id=4, text="b", allowed_claims=None, claim_count=0, created_at=NOW)
    rows = stream(
        ExportedCode(full, SPRING, "CLAIMABLE", "+ada@example.com"), ExportedCode(bare, SPRING, "EXPIRED", None)
    )
    written = await table(records.codes(rows, ORGANIZATION, "https://x.example"))  # type: ignore[arg-type]
    urls = [pages.url("https://x.example", ORGANIZATION, id) for id in (3, 4)]
    now = "2026-11-22T12:00:00Z"
    assert written == [
        list(records.CODE_COLUMNS),
        ["'-50%, käse", "'=spring", "CLAIMABLE", "2", "1", now, "2026-12-24T23:00:00Z", "'+ada@example.com", now, urls[0], now, "no", "yes", '{"a": "ü"}'],
        ["b", "'=spring", "EXPIRED", "unlimited", "0", "", "", "", "", urls[1], now, "yes", "no", ""],
    ]  # fmt: skip


async def test_a_claims_row() -> None:
    """A claim's columns stand in their order: exact amounts with their currency, whole yen without decimals."""
    taken = {"discount_kind": DiscountKind.NONE, "discount_value": 0, "created_at": NOW}
    full = Claim(
        id=1, order_reference="@R", order_total=2005, currency="EUR", order_quantity=2, discount=300, released_at=NOW,
        release_reason="two\nlines", **taken,
    )  # fmt: skip
    yen, bare = Claim(id=2, order_total=1000, currency="JPY", discount=0, **taken), Claim(id=3, **taken)
    ada = Customer(email="ada@example.com", first_name="=Ada", last_name="'t Hooft")
    code = Code(id=9, text="HELLO-15")
    rows = stream(
        ExportedClaim(full, code, SPRING, ada, Location(number=7)),
        ExportedClaim(yen, code, SPRING, ada, None),
        ExportedClaim(bare, code, SPRING, Customer(), None),
    )
    written = await table(records.claims(rows))  # type: ignore[arg-type]
    now, name = "2026-11-22T12:00:00Z", ["ada@example.com", "'=Ada", "'t Hooft"]
    of = ["HELLO-15", "'=spring"]
    assert written == [
        list(records.CLAIM_COLUMNS),
        ["Q2xhaW06MQ", *of, *name, "'@R", "20.05", "EUR", "2", "3.00", "RELEASED", now, "two\nlines", "7", now],
        ["Q2xhaW06Mg", *of, *name, "", "1000", "JPY", "", "0", "CLAIMED", "", "", "", now],
        ["Q2xhaW06Mw", *of, "", "", "", "", "", "", "", "", "CLAIMED", "", "", "", now],
    ]


async def test_pieces_are_written_as_they_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is written in pieces, which together make one file."""
    monkeypatch.setattr(records, "PIECE_CHARACTERS", 300)
    code = Code(id=4, text="b", allowed_claims=None, claim_count=0, created_at=NOW)
    rows = stream(*[ExportedCode(code, SPRING, "CLAIMABLE", None)] * 10)
    pieces = [piece async for piece in records.codes(rows, ORGANIZATION, "https://x")]  # type: ignore[arg-type]
    assert len(pieces) > 3
    assert max(map(len, pieces)) < 500
    assert b"".join(pieces).count(b"\r\n") == 11


# ------------------------------------------------------------------ reading


def read(text: str | bytes) -> list[ImportRow | RejectedRow]:
    return list(records.read_codes(io.BytesIO(text.encode() if isinstance(text, str) else text)))


def test_every_column_is_read() -> None:
    """Columns come in any order; instants with any offset, no limit by its word, empty cells as absent."""
    rows = read(
        "claims_so_far,text,ends_at,allowed_claims,starts_at\n"
        '3,"a,b",2026-12-24T18:00:00+01:00,5,2026-01-01T00:00:00Z\n'
        ", c ,, Unlimited ,\n"
        ",d\n"
    )
    assert rows == [
        ImportRow(2, "a,b", 5, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 24, 17, tzinfo=UTC), 3),
        ImportRow(3, "c", None, None, None, 0),
        ImportRow(4, "d", ABSENT, None, None, 0),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "text,allowed_claims\na,1\nb,2",
        "text;allowed_claims\r\na;1\r\nb;2\r\n",
        "\ufefftext,allowed_claims\na,1\nb,2\n",
        '"text", allowed_claims \n"a","1"\n"b","2"\n,\n\n',
    ],
)
def test_files_as_spreadsheets_write_them(text: str) -> None:
    """A byte order mark, semicolons, quotes, line ends of every kind and empty rows at the end make no difference."""
    assert read(text) == [ImportRow(2, "a", 1), ImportRow(3, "b", 2)]


def test_a_row_is_named_by_the_line_it_begins_on() -> None:
    """Cells of several lines and empty lines are counted as an editor counts them."""
    rows = read('text,allowed_claims\n"a\nb\nc",1\n\nd,1\n')
    assert [(row.line, row.text) for row in rows if isinstance(row, ImportRow)] == [(2, "a\nb\nc"), (6, "d")]


def test_a_file_can_be_read_again() -> None:
    """Reading begins at the file's beginning, however far an earlier reader went."""
    file = io.BytesIO(b"text\na\nb\n")
    assert next(records.read_codes(file)) == ImportRow(2, "a")
    assert list(records.read_codes(file)) == [ImportRow(2, "a"), ImportRow(3, "b")]
    assert list(records.read_codes(file)) == [ImportRow(2, "a"), ImportRow(3, "b")]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ("a,1.5,,,", "'1.5' is no whole number."),
        ("a,١,,,", "'١' is no whole number."),
        ("a,1_000,,,", "'1_000' is no whole number."),
        ("a,,,,many", "'many' is no whole number."),
        (f"a,{'9' * 5000},,,", f"'{'9' * 50}' is no whole number."),
        ("a,,2026-12-24,,", "'2026-12-24' is no instant with its offset, such as 2026-12-24T18:00:00Z."),
        ("a,,,2026-12-24T18:00:00,", "'2026-12-24T18:00:00' is no instant with its offset, such as 2026-12-24T18:00:00Z."),
        ("a,,,0001-01-01T00:00:00+09:00,", "'0001-01-01T00:00:00+09:00' is no instant with its offset, such as 2026-12-24T18:00:00Z."),
        ("a,,,,1,x", "This row has 6 cells for 5 columns."),
    ],
)  # fmt: skip
def test_a_cell_that_is_not_clear_is_refused_on_its_line(cells: str, why: str) -> None:
    """What can't be read as meant is refused with the cell, and the rows around it are read."""
    before, bad, after = read(f"text,allowed_claims,starts_at,ends_at,claims_so_far\nx\n{cells}\ny\n")
    assert (before, after) == (ImportRow(2, "x"), ImportRow(4, "y"))
    assert isinstance(bad, RejectedRow)
    assert (bad.line, str(bad.refusal)) == (3, why)


KNOWN = "the columns are text, allowed_claims, starts_at, ends_at, claims_so_far, and those of an export."


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("", f"The first line must name a column 'text'; {KNOWN}"),
        ("allowed_claims\n1\n", f"The first line must name a column 'text'; {KNOWN}"),
        ("text,colour\na,red\n", f"There is no column 'colour'; {KNOWN}"),
        ("Text\na\n", f"There is no column 'Text'; {KNOWN}"),
        ("text,text\na,b\n", "The column 'text' is there twice."),
        ('text\na\n"b', "The row on line 3 is no CSV: unexpected end of data."),
        (b"text\n\xe9\n", "It is not written in UTF-8. Save it as CSV UTF-8, or as Unicode text."),
    ],
)
def test_an_invalid_file_is_refused_as_a_whole(file: str | bytes, why: str) -> None:
    """A wrong header, a quote that never ends, another encoding: one sentence about the file."""
    with pytest.raises(InvalidInput) as refusal:
        read(file)
    assert (str(refusal.value), refusal.value.path) == (why, ("file",))
