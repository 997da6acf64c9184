"""Files of codes in and out: what an export tells comes back as it was, and what people's files say is understood."""

import asyncio
import csv
import io
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

import db
from db.models import Code, Customer, Organization
from resolvers import delete, update, verify
from resolvers.domain.params import Limits, Person
from resolvers.domain.refusals import InvalidInput
from resolvers.import_codes import ImportRow, RejectedRow
from schema.csv import reader, records
from tests import make
from tests.command_line import CommandLine
from tests.make import NOW, claimed


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], database_url: str) -> CommandLine:
    """Somebody whose store has an organization `n`."""
    command = CommandLine(capsys, database_url)
    assert command("organization", "add", "--name", "N", "--identifier", "n").code == 0
    return command


def read(content: str | bytes, separator: str | None = None) -> list[ImportRow | RejectedRow]:
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    return list(records.read_codes(file, separator))


def texts(content: str | bytes, separator: str | None = None) -> list[str]:
    return [
        row.text if isinstance(row, ImportRow) else f"{row.line}: {row.refusal}" for row in read(content, separator)
    ]


def rows_of(file: Path) -> list[list[str]]:
    """The rows of a file as a program reads them."""
    return list(csv.reader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline="")))


# ------------------------------------------------------------------ F1: a move between stores

MOVED = [*records.CODE_COLUMNS]
MOVED.remove("url")


async def busy(organization: Organization) -> None:
    """Codes of two promotions with all that an export tells of a code."""
    await make.promotion(organization, "=1+1", reference="spring", limits=Limits(per_code=3))
    await make.promotion(organization, "'=1+1", reference="=autumn")
    await make.promotion(organization, "00012345", reference="spring2", limits=Limits(per_code=None))
    await make.promotion(
        organization, "''=1+1", "'t Hooft", "@x", '="5"', "a,b;c", "1E5", "-50%", "käse", reference="rest"
    )
    await claimed(organization, "=1+1", email="ada@example.com")
    await claimed(organization, "=1+1", email="ben@example.com")
    await update.code(organization, "käse", update.CodeChange(is_enabled=False, metadata={"a": ["ü", 1]}), NOW)
    reserved = update.CodeChange(reserved_for=Person(email="+ädä@exämple.com"))
    await update.code(organization, "@x", reserved, NOW)
    await Code.filter(text="'t Hooft").update(needs_activation=True, activated_at=NOW - timedelta(hours=1))
    await Code.filter(text="-50%").update(needs_activation=True, starts_at=NOW, ends_at=NOW + timedelta(days=9))
    await Code.filter(text="a,b;c").update(allowed_claims=0)


def moved(content: str) -> list[dict[str, str]]:
    """What an export tells of each code, but for its address, which is another store's."""
    return [{name: row[name] for name in MOVED} for row in csv.DictReader(io.StringIO(content, newline=""))]


@pytest.mark.long
@pytest.mark.case("F1")
@pytest.mark.parametrize("options", [(), ("--for-spreadsheet",), ("--for-spreadsheet", "--separator", "semicolon")])
def test_what_is_exported_is_imported_as_it_was(
    command: CommandLine, tmp_path: Path, migrated: Path, options: tuple[str, ...]
) -> None:
    """A move between stores is one command: every cell of an export is the same in the other store's."""

    async def fill() -> None:
        async with db.opened(command.url):
            await busy(await Organization.get(identifier="n"))

    async def prepare(url: str) -> None:
        async with db.opened(url):
            other = await make.organization("n")
            for reference in ("spring", "=autumn", "spring2", "rest"):
                await make.promotion(other, reference=reference)

    async def check(url: str) -> None:
        async with db.opened(url):
            organization = await Organization.get(identifier="n")
            assert await verify.counters(organization) == []
            assert (await Customer.get(email_key="+ädä@xn--exmple-cua.com")).email_folded == "+ädä@exämple.com"
            assert (await claimed(organization, "=1+1", email="cy@example.com")).claim is not None
            await delete.code(organization, "=1+1", dry_run=False)
            assert await verify.counters(organization) == []

    asyncio.run(fill())
    file = str(tmp_path / "codes.csv")
    assert command("export", "codes", "--organization", "n", "--output", file, *options).code == 0
    before = command("export", "codes", "--organization", "n").out
    assert len({row["text"] for row in moved(before)}) == 11
    (tmp_path / "other.db").write_bytes(migrated.read_bytes())
    there = CommandLine(command.capture, f"sqlite://{tmp_path / 'other.db'}")
    asyncio.run(prepare(there.url))
    result = there("import", "codes", file, "--organization", "n")
    assert (result.code, result.out, result.err) == (0, "11 codes brought.\n", "")
    assert moved(there("export", "codes", "--organization", "n").out) == moved(before)
    asyncio.run(check(there.url))


@pytest.mark.case("F1")
@pytest.mark.parametrize("text", ["=1+1", "'=1+1", "''=1+1", "'", "''", "'a", "＝x", "'＝x", '="1"', '\'="1"', "\t"])
def test_no_two_cells_become_one(text: str) -> None:
    """What is written behind an apostrophe comes back as it was, and so does what had one of its own."""
    assert records._unescape_formula(str(records.escape_formula(text))) == text
    assert text.startswith("'") or records.escape_formula(text) != records.escape_formula(f"'{text}")


@pytest.mark.case("F1")
def test_a_files_promotions_are_there_already(command: CommandLine, tmp_path: Path) -> None:
    """Each line names its own; --promotion puts all of them there; a name of nothing is refused on its line."""
    file = tmp_path / "in.csv"
    file.write_text("text,promotion\na,default\nb,winter\nc,\n")
    arguments = ("import", "codes", str(file), "--organization", "n")
    result = command(*arguments)
    assert (result.code, result.out) == (1, "Nothing written: 1 code could be brought; 2 lines refused.\n")
    assert result.err == (
        "line 3: promotion: There is no promotion 'winter'.\nline 4: promotion: This row names no promotion.\n"
    )
    assert command(*arguments, "--promotion", "default").out == "3 codes brought.\n"
    file.write_text("text\nd\n")
    result = command(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "--promotion" in result.err


@pytest.mark.case("F1")
def test_the_status_speaks_where_its_columns_are_missing() -> None:
    """A file that tells only a status keeps what is switched off, and what is not activated, as it is."""
    rows = read(
        "text,status,activated_at\na,DISABLED,\nb,NOT_ACTIVATED,\nc,EXPIRED,\nd,CLAIMABLE,2026-01-01T00:00:00Z\n"
    )
    assert [(row.is_enabled, row.needs_activation) for row in rows if isinstance(row, ImportRow)] == [
        (False, False), (True, True), (True, False), (True, True)
    ]  # fmt: skip


@pytest.mark.case("F1")
@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("a,GONE,,,", "'GONE' is no status."),
        ("a,,maybe,,", "'maybe' is neither yes nor no."),
        ("a,,,-1x,", "'-1x' is no whole number."),
        ("a,,,,[1]", "'[1]' is no JSON object."),
        ("a,,,,{", "'{' is no JSON object."),
    ],
)
def test_a_cell_of_an_export_that_is_not_clear(row: str, why: str) -> None:
    """What can't be read as meant is refused on its line."""
    [refused] = read(f"text,status,is_enabled,claim_count,metadata\n{row}\n")
    assert isinstance(refused, RejectedRow)
    assert (refused.line, str(refused.refusal)) == (2, why)


@pytest.mark.case("F1")
def test_claims_stand_in_one_column() -> None:
    """claims_so_far takes places away, claim_count is counted beside them: a file has one of them."""
    with pytest.raises(InvalidInput, match="a file has one"):
        read("text,claims_so_far,claim_count\na,1,1\n")


# ------------------------------------------------------------------ F2: files as people have them

SAME = [
    "text,allowed_claims\nA,1\nB,2\n",
    "text;allowed_claims\nA;1\nB;2\n",
    "text\tallowed_claims\nA\t1\nB\t2\n",
    "sep=;\r\ntext;allowed_claims\r\nA;1\r\nB;2\r\n",
    '"sep=|"\ntext|allowed_claims\nA|1\nB|2\n',
    "SEP=,\ntext,allowed_claims\nA,1\nB,2\n",
    "text,allowed_claims,,\nA,1,,\nB,2,,\n,,,\n",
    ",text,,allowed_claims\n,A,,1\n,B,,2\n",
    "text;allowed_claims;\r\nA;1;\r\nB;2\r\n;;\r\n",
    "text,allowed_claims\rA,1\rB,2\r",
    '\ufefftext,allowed_claims\n"A",1\n\n\n"B","2"',
    " text , allowed_claims \nA , 1\n B,2\n",
]


@pytest.mark.case("F2")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("content", SAME)
def test_a_file_is_understood_however_it_is_separated(content: str, encoding: str) -> None:
    """Commas, semicolons and tabs, Excel's first line, empty columns, every line end, and Excel's Unicode text."""
    rows = read(content.removeprefix("\ufeff" if encoding == "utf-16" else "").encode(encoding))
    assert [(row.text, row.allowed_claims) for row in rows if isinstance(row, ImportRow)] == [("A", 1), ("B", 2)]
    assert len(rows) == 2


@pytest.mark.case("F2")
@pytest.mark.parametrize("content", ["text;\nA;\nB\n", "text,\nA,\nB,\n", "text\t\t\nA\nB\t\n", "text\nA\nB\n"])
def test_a_single_column_may_end_in_a_separator(content: str) -> None:
    """`text;` is one column, and not two."""
    assert texts(content) == ["A", "B"]


@pytest.mark.case("F2")
@pytest.mark.parametrize(
    ("content", "mark", "used"),
    [
        ("text\nHELLO;5\n", "semicolon", "comma"),
        ("text\nHELLO\t5\n", "tab", "comma"),
        ("text,allowed_claims\nHELLO;5\n", "semicolon", "comma"),
        ("text;allowed_claims\nHELLO,5\n", "comma", "semicolon"),
    ],
)
def test_a_separator_that_is_not_clear_is_asked_about(content: str, mark: str, used: str) -> None:
    """No code is made of what may be two cells: the line is refused, and says which word would help."""
    [error] = texts(content)
    assert error.startswith(f"2: Is the {mark} in ")
    assert f"--separator {mark}" in error
    [plain] = texts(content, {"comma": ",", "semicolon": ";"}[used])
    assert plain in ("HELLO;5", "HELLO\t5", "HELLO,5")
    assert texts('text\n"HELLO;5"\n') == ["HELLO;5"]  # quotes are clear


@pytest.mark.case("F2")
def test_a_cell_below_no_name_is_refused() -> None:
    """An empty column is passed over only while it is empty."""
    assert texts("text,,allowed_claims\nA,x,1\nB,,1\n") == ["2: 'x' stands in column 2, which has no name.", "B"]
    assert texts("text,\nA,,5\n") == ["2: This row has 3 cells for 2 columns."]


@pytest.mark.case("F2")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("text,text\nA,B\n", "The column 'text' is there twice."),
        ("\ttext\ttext\nA\n", "The column 'text' is there twice."),
        ("text|allowed_claims\nA|1\n", "There is no column 'text|allowed_claims'.*--separator"),
        (f"text\n{'A' * (reader.MAX_ROW_CHARACTERS + 1)}\n", "The row on line 2 is longer than 1,048,576 characters."),
        ('text\n"A\n' + "B\n" * 70_000, "a cell is longer than .* or its quote does not end"),
        ("text\n" + '"A\n",' * 300_000, "is longer than 1,048,576 characters."),
        ("text\nA\n".encode("utf-16-le"), "There is no column"),
        (b"\xff\xfet", "It is not written in UTF-8."),
        (b"text\n\x80\n", "It is not written in UTF-8."),
        ("x" * 3_000_000, "longer than"),
    ],
)  # fmt: skip
def test_an_invalid_file_is_an_error_of_bounded_length(content: str | bytes, why: str) -> None:
    """One sentence about the file, and never all of a line that does not end."""
    with pytest.raises(InvalidInput, match=why):
        read(content)


@pytest.mark.case("F2")
def test_no_more_of_a_line_is_read_than_its_bound() -> None:
    """A line without an end costs as much as the longest that is allowed."""

    class Endless(io.RawIOBase):
        bytes_read = 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, place: int, whence: int = 0) -> int:
            return 0

        def tell(self) -> int:
            return 0

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            buffer[:] = b"a" * len(buffer)
            self.bytes_read += len(buffer)
            return len(buffer)

    endless = Endless()
    with pytest.raises(InvalidInput, match="longer than"):
        list(records.read_codes(io.BufferedReader(endless)))
    assert endless.bytes_read < 2 * reader.MAX_ROW_CHARACTERS


@pytest.mark.case("F2")
@pytest.mark.parametrize(
    ("name", "mark"), [("comma", ","), ("Semicolon", ";"), ("tab", "\t"), ("\\t", "\t"), ("|", "|")]
)
def test_a_separator_has_a_name(name: str, mark: str) -> None:
    """A separator is given by its name, or as the character."""
    assert reader.read_separator(name) == mark


@pytest.mark.case("F2")
@pytest.mark.parametrize("separator", ["", "a", "1", ",,", '"', "\n", " ", "pipe"])
def test_a_separator_that_is_none(command: CommandLine, tmp_path: Path, separator: str) -> None:
    """A letter, a quote or several marks separate nothing."""
    (tmp_path / "in.csv").write_text("text\na\n")
    result = command(
        "import",
        "codes",
        str(tmp_path / "in.csv"),
        "--organization",
        "n",
        "--promotion",
        "default",
        "--separator",
        separator,
    )
    assert (result.code, result.out) == (1, "")
    assert "separator: A separator is one mark" in result.err


# ------------------------------------------------------------------ F3: many refused lines


@pytest.mark.long
@pytest.mark.case("F3")
def test_the_first_refused_lines_are_shown_and_all_are_reported(command: CommandLine, tmp_path: Path) -> None:
    """A file that was imported before costs twenty lines, a count, and a report for who wants one."""
    file, report = tmp_path / "in.csv", tmp_path / "report.csv"
    file.write_text("text\n" + "".join(f"=code{number}\n" for number in range(5_000)))
    arguments = ("import", "codes", str(file), "--organization", "n", "--promotion", "default")
    assert command(*arguments).out == "5,000 codes brought.\n"
    result = command(*arguments)
    assert (result.code, result.out) == (1, "Nothing written: 0 codes could be brought; 5,000 lines refused.\n")
    lines = result.err.splitlines()
    assert lines[0] == "line 2: The code '=code0' exists already."
    assert lines[20:] == ["… and 4,980 more; --report FILE writes all of them down"]
    result = command(*arguments, "--report", str(report), "--skip-bad")
    assert result.err.splitlines()[20:] == ["… and 4,980 more"]
    rows = rows_of(report)
    assert rows[0] == ["line", "column", "reason"]
    assert len(rows) == 5_001
    assert rows[-1] == ["5001", "", "The code '=code4999' exists already."]


@pytest.mark.case("F3")
def test_a_report_that_can_not_be_written(command: CommandLine, tmp_path: Path) -> None:
    """It is refused before a code is made, and the imported file is never overwritten."""
    file = tmp_path / "in.csv"
    file.write_text("text\na\n")
    arguments = ("import", "codes", str(file), "--organization", "n", "--promotion", "default", "--report")
    assert command(*arguments, str(file)).code == 2
    assert file.read_text() == "text\na\n"
    result = command(*arguments, str(tmp_path / "no" / "report.csv"))
    assert (result.code, result.out) == (1, "")
    assert "can't be written: No such file or directory" in result.err
    assert command("export", "codes", "--organization", "n").out.count("\n") == 1


# ------------------------------------------------------------------ F4: spreadsheets


@pytest.mark.case("F4")
def test_a_number_keeps_its_zeros(command: CommandLine, tmp_path: Path) -> None:
    """The plain file is exact; a spreadsheet's says that it is UTF-8, and that a code is a text."""
    (tmp_path / "in.csv").write_text("text\n00012345\n1E5\n3-4\nkäse\nTRUE\n=1+1\n''=2\n1234567890123456789\n")
    assert (
        command("import", "codes", str(tmp_path / "in.csv"), "--organization", "n", "--promotion", "default").code == 0
    )
    plain, sheet, semicolons = tmp_path / "plain.csv", tmp_path / "sheet.csv", tmp_path / "semicolons.csv"
    out = ("export", "codes", "--organization", "n", "--output")
    command(*out, str(plain))
    command(*out, str(sheet), "--for-spreadsheet")
    command(*out, str(semicolons), "--for-spreadsheet", "--separator", "semicolon")
    first = [row[0] for row in rows_of(plain)]
    assert first == ["text", "00012345", "1E5", "3-4", "käse", "TRUE", "'=1+1", "''=2", "1234567890123456789"]
    written = sheet.read_bytes()
    assert written.startswith("\ufefftext,promotion".encode())
    assert b'"=""00012345""",default,CLAIMABLE,' in written
    first = [row[0] for row in rows_of(sheet)]
    assert first == [
        "text", '="00012345"', '="1E5"', '="3-4"', "käse", '="TRUE"', '="=1+1"', '="\'=2"', '="1234567890123456789"'
    ]  # fmt: skip
    assert semicolons.read_bytes().startswith("\ufefftext;promotion".encode())
    assert texts(sheet.read_bytes()) == texts(semicolons.read_bytes()) == texts(plain.read_bytes())


@pytest.mark.case("F4")
def test_a_text_that_does_not_fit_a_formula() -> None:
    """Excel takes 255 characters in one; what is longer, or has line breaks, is only escaped."""
    dialect = records.Dialect(is_for_spreadsheets=True)
    assert dialect.cell("7" * 255) == f'="{"7" * 255}"'
    assert dialect.cell("=" + "7" * 255) == "'=" + "7" * 255
    assert dialect.cell("two\nlines 2") == "two\nlines 2"
    assert dialect.cell('5" nails') == '="5"" nails"'
    assert records._unescape_formula('="5"" nails"') == '5" nails'


@pytest.mark.case("F4")
def test_amounts_are_numbers_where_they_are_opened() -> None:
    """A semicolon goes with a decimal comma; programs get a point."""
    assert records.Dialect(True, ";").amount("20.05") == "20,05"
    assert records.Dialect(True).amount("20.05") == records.PLAIN.amount("20.05") == "20.05"
    assert records.Dialect(True).cell(records.Dialect(True).amount("-3.50")) == "-3.50"


@pytest.mark.case("F4")
def test_a_separator_is_for_spreadsheets(command: CommandLine) -> None:
    """The plain export has commas, always."""
    result = command("export", "codes", "--organization", "n", "--separator", "tab")
    assert (result.code, result.out) == (2, "")


@pytest.mark.case("F4")
@pytest.mark.parametrize("path", ["/export/codes.csv", "/export/claims.csv"])
async def test_downloads_are_for_spreadsheets_too(
    served: httpx.AsyncClient, organization: Organization, path: str
) -> None:
    """`?for=spreadsheet` answers what the command line writes; another word is 400."""
    await make.promotion(organization, "00012345", reference="spring")
    await claimed(organization, "00012345")
    headers = {"Authorization": f"Bearer {await make.key(organization)}"}
    plain = await served.get(path, headers=headers)
    sheet = await served.get(path, headers=headers, params={"for": "spreadsheet"})
    semicolons = await served.get(path, headers=headers, params={"for": "spreadsheet", "separator": "semicolon"})
    assert not plain.content.startswith(b"\xef\xbb\xbf")
    assert sheet.content.startswith(b"\xef\xbb\xbf")
    assert b'"=""00012345"""' in sheet.content
    assert semicolons.content.splitlines()[0].count(b";") == plain.content.splitlines()[0].count(b",")
    for wrong in ({"for": "excel"}, {"for": "spreadsheet", "separator": "a"}, {"separator": "semicolon"}):
        refused = await served.get(path, headers=headers, params=wrong)
        assert (refused.status_code, list(refused.json())) == (400, ["message"])


# ------------------------------------------------------------------ files that are half there


@pytest.mark.case("F4")
def test_an_export_is_whole_or_not_there(
    tmp_path: Path,
) -> None:
    """What breaks off leaves the file that was there, and nothing beside it."""
    from schema.cli.export import OutputFile

    path = tmp_path / "kept.csv"
    path.write_text("what was there")
    path.chmod(0o600)

    def break_off() -> None:
        with OutputFile(path) as file:
            file.write(b"half")
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError):
        break_off()
    assert (path.read_text(), [path.name for path in tmp_path.iterdir()]) == (
        "what was there", ["kept.csv"]
    )  # fmt: skip
    with OutputFile(path) as file:
        file.write(b"whole")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("whole", 0o600)
    with pytest.raises(ValueError, match="No space left on device"), OutputFile(Path("/dev/full")) as file:
        file.write(b"x" * 100_000)
