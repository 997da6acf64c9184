"""What is shown: whole where another command wants it, readable by programs, and steering no terminal."""

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

import db
from db.enums import DeliveryStatus
from db.models import Delivery, Organization
from schema.cli import tables, terminal
from schema.outgoing.letters.compose import Message
from schema.outgoing.letters.mailer import TemporaryFailure
from schema.outgoing.letters.outbox import Outbox, file_name
from tests import make
from tests.command_line import CommandLine
from tests.make import NOW

LONG = "shop-" + "x" * 59
"""An identifier of 64 letters, the longest there is."""

HOSTILE = "550 \x1b[31mno\x1b[0m \x9b2J\x07 \u202egnp.exe\u202c\r\nline\u2028two\x7f"
SHOWN = r"550 \x1b[31mno\x1b[0m \x9b2J\x07 \u202egnp.exe\u202c\r\nline\u2028two\x7f"


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], database_url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Somebody whose organization has a long identifier, and an account's key beside its own."""
    monkeypatch.setenv("COLUMNS", "80")
    command = CommandLine(capsys, database_url)
    for words in (
        ["organization", "add", "--name", "The name of a shop that is long " * 5, "--identifier", LONG],
        ["key", "add", "--organization", LONG, "--kind", "secret"],
        ["key", "add", "--account", "1", "--kind", "account"],
    ):
        assert command(*words).code == 0
    return command


def letters(url: str, *errors: str) -> None:
    """A failed letter with each of these errors."""

    async def add() -> None:
        async with db.opened(url):
            organization = await Organization.get(identifier=LONG)
            code = await make.code(organization, "HELLO-15")
            for number, error in enumerate(errors):
                await Delivery.create(
                    organization=organization, code=code, recipient=f"ada{number}@example.com",
                    recipient_key=f"ada{number}@example.com", status=DeliveryStatus.FAILED, attempts=8,
                    last_error=error, created_at=NOW,
                )  # fmt: skip

    asyncio.run(add())


# ------------------------------------------------------------------ F11


@pytest.mark.case("F11")
@pytest.mark.parametrize("words", [["organization", "list"], ["key", "list"], ["deliveries"]])
def test_no_identifier_is_cut_where_it_is_piped(command: CommandLine, words: list[str]) -> None:
    """A table that goes into a file or another command has what the next command wants, on one line."""
    letters(command.url, "no " * 200)
    out = command(*words).out
    assert any(LONG in line for line in out.splitlines())
    assert "…" not in out


@pytest.mark.case("F11")
@pytest.mark.parametrize("columns", ["20", "80", "400"])
def test_a_narrow_terminal_folds_prose_and_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """Identifiers stand on one line however narrow the terminal is; all of the prose is there, in pieces."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    prose = "a name of many words that is as long as a name can be in this shop of ours"
    tables.show(("id", "name", "organization"), [(1, prose, LONG)], as_json=False, prose=("name",))
    lines = capsys.readouterr().out.splitlines()
    assert any(LONG in line for line in lines)
    shown = [line.split("│")[2].strip() for line in lines if "│" in line]
    assert " ".join(part for part in shown if part).startswith(prose)
    assert max(len(line) for line in lines if "│" in line) <= max(int(columns), len(LONG) + 60)


@pytest.mark.long
@pytest.mark.case("F11")
def test_lists_are_printed_as_json(command: CommandLine) -> None:
    """--json prints a list of objects: plain numbers, instants with a Z, null for what there is none of."""
    [shop] = json.loads(command("organization", "list", "--json").out)
    assert shop == {
        "identifier": LONG, "number": 1, "name": ("The name of a shop that is long " * 5).strip(), "account": 1,
        "currency": "EUR", "time_zone": "UTC",
    }  # fmt: skip
    keys = json.loads(command("key", "list", "--json").out)
    assert [(key["id"], key["kind"], key["organization"], key["account"], key["revoked"]) for key in keys] == [
        (1, "secret", LONG, 1, None), (2, "account", None, 1, None)
    ]  # fmt: skip
    assert keys[0]["made"].endswith("Z")
    result = command("deliveries", "--json")
    assert (json.loads(result.out), result.err) == ([], "0 queued, 0 sending, 0 sent, 0 failed\n")
    letters(command.url, HOSTILE)
    result = command("deliveries", "--json", "--retry")
    [letter] = json.loads(result.out)
    assert (letter["code"], letter["state"], letter["last_error"]) == ("HELLO-15", "queued", HOSTILE)
    assert result.err.startswith("1 queued once more.\n")
    assert steering(result.out.replace("\n", "")) == []


@pytest.mark.long
@pytest.mark.case("F11")
def test_a_copy_is_reported_as_json(command: CommandLine, tmp_path: Path) -> None:
    """`copy --json` prints each table and its rows."""
    result = command("copy", "--from", command.url, "--to", f"sqlite://{tmp_path / 'copy.db'}", "--json")
    assert result.code == 0
    assert {"table": "organization", "rows": 1} in json.loads(result.out)
    assert "Every counter equals its claims." in result.err


# ------------------------------------------------------------------ F13


def steering(text: str) -> list[str]:
    """The letters of a text that a terminal obeys."""
    return [letter for letter in text if letter != "\n" and terminal.visible(letter) != letter]


@pytest.mark.long
@pytest.mark.case("F13")
def test_a_servers_answer_steers_no_terminal(command: CommandLine) -> None:
    """`deliveries` shows control characters and turns of direction as such."""
    letters(command.url, HOSTILE)
    out = command("deliveries").out
    assert SHOWN in out
    assert steering(out) == []


@pytest.mark.case("F13")
@pytest.mark.parametrize(
    "words",
    [
        ["export", "codes", "--organization", HOSTILE],
        ["key", "list", "--organization", HOSTILE],
        ["key", "add", "--kind", "secret", "--organization", HOSTILE],
        ["organization", "add", "--name", "N", "--currency", HOSTILE],
    ],
)
def test_a_refusal_steers_no_terminal(command: CommandLine, words: list[str]) -> None:
    """An argument is repeated as it is, with its control characters escaped."""
    result = command(*words)
    assert result.code in (1, 2)
    assert steering(result.err + result.out) == []


@pytest.mark.case("F13")
def test_a_files_cells_steer_no_terminal(command: CommandLine, tmp_path: Path) -> None:
    """A refused line is shown with its text."""
    (tmp_path / "in.csv").write_text("text,allowed_claims\na\x1b[2J,\x9b1\na\x1b[2J,1\nA\x1b[2J,1\n", newline="")
    result = command("import", "codes", str(tmp_path / "in.csv"), "--organization", LONG, "--promotion", "default")
    assert result.code == 1
    assert r"\x9b1" in result.err
    assert steering(result.err) == []


@pytest.mark.case("F13")
def test_an_address_steers_no_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nor does a setting's name or value."""
    url = f"sqlite://{tmp_path}/\x1b[31m/x"
    result = CommandLine(capsys, url, {"TESSERA_\x1b[31m": "x"})("verify")
    assert result.code == 1
    assert r"\x1b[31m" in result.err
    assert steering(result.err) == []


@pytest.mark.case("F13")
def test_a_log_line_is_one_line_and_steers_nothing() -> None:
    """A text from a client or a server can't pass for another line; a traceback keeps its own lines."""
    written = terminal.Formatter(terminal.LOGGING["formatters"]["line"]["format"])  # type: ignore[index]
    try:
        raise ValueError("bad\x1b[31m")
    except ValueError as error:
        record = logging.LogRecord(
            "tessera", logging.ERROR, "here", 1, "said %s", ("a\nERROR forged\x1b[2J",), (type(error), error, None)
        )
    first, *rest = written.format(record).splitlines()
    assert first == r"ERROR tessera: said a\nERROR forged\x1b[2J"
    assert rest == [r"ValueError: bad\x1b[31m"]


@pytest.mark.case("F13")
def test_what_is_harmless_is_shown_as_it_is() -> None:
    """Letters of every alphabet, joiners and emoji stay."""
    text = "käse שלום नमस्ते 👩‍👩‍👧 ½ \\x1b"
    assert terminal.visible(text) == text


def letter(number: int, recipient: str) -> Message:
    return Message(number, "codes@shop.example", recipient, b"Subject: x\r\n\r\nx")


@pytest.mark.case("F13")
@pytest.mark.parametrize(
    "recipient",
    [
        "ü" * 300 + "@example.com",
        "a" * 300 + "@example.com",
        "😀" * 80,
        "../../etc/passwd@x",
        "a\x00b\n@x",
        "\ud800@x",
        "",
    ],
)
async def test_an_outbox_takes_every_recipient(tmp_path: Path, recipient: str) -> None:
    """Names are cut by bytes and stay in the folder; letters to alike names are files of their own."""
    outbox = Outbox(tmp_path / "outbox")
    for number in (1, 2):
        await outbox.send(letter(number, recipient))
    names = sorted(os.listdir(tmp_path / "outbox"))
    assert [name[:8] for name in names] == ["0000001-", "0000002-"]
    assert all(len(os.fsencode(name)) <= 255 and name.endswith(".eml") for name in names)
    assert os.listdir(tmp_path) == ["outbox"]


@pytest.mark.case("F13")
async def test_a_name_that_is_refused_keeps_no_other_letter_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file system takes even less, that letter is put off, and the lane goes on."""
    monkeypatch.setattr("schema.outgoing.letters.outbox.MAX_NAME_BYTES", 300)
    outbox = Outbox(tmp_path)
    long: Any = letter(1, "a" * 300)
    assert len(file_name(long)) > 255
    with pytest.raises(TemporaryFailure, match="No file can have this name") as refused:
        await outbox.send(long)
    assert type(refused.value) is TemporaryFailure
    await outbox.send(letter(2, "ada@example.com"))
