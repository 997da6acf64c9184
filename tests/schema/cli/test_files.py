"""Files in and out, as an operator and as a browser move them: real processes, a real server."""

import csv
import io
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from db.enums import KeyKind
from db.models import Code, Organization
from resolvers.domain import params
from schema.csv import records
from tests import make
from tests.installation import ROOT, Installation
from tests.make import claimed, order


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An installation with an organization `n`."""
    installation = Installation(tmp_path).with_store()
    installation.environment["TESSERA_PUBLIC_URL"] = "https://codes.example/"
    installation.run("organization", "add", "--name", "N", "--identifier", "n")
    return installation


TO_N = ("--organization", "n", "--promotion", "default")


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def piped(installation: Installation, stdin: bytes, *words: str) -> tuple[int, str, str]:
    """Exit code and both outputs of a command that reads a pipe."""
    process = installation.start(*words, stdin=subprocess.PIPE, text=False)
    out, err = process.communicate(stdin, timeout=60)
    return process.returncode, out.decode(), err.decode()


# ------------------------------------------------------------------ import


def test_what_is_imported_is_exported(installation: Installation) -> None:
    """Codes of a file come out again with their windows and the places they have left; verify is content."""
    (installation.folder / "in.csv").write_text(
        "text,allowed_claims,ends_at,claims_so_far\n=käse,5,2099-12-24T00:00:00+01:00,2\nfull,1,,1\nfree,unlimited,,\n",
        encoding="utf-8",
    )
    assert installation.run("import", "codes", "in.csv", *TO_N) == "3 codes brought.\n"
    rows = table(installation.run("export", "codes", "--organization", "n"))
    shown = [(row["text"], row["status"], row["allowed_claims"], row["ends_at"]) for row in rows]
    assert shown == [
        ("'=käse", "CLAIMABLE", "3", "2099-12-23T23:00:00Z"),
        ("full", "EXHAUSTED", "0", ""),
        ("free", "CLAIMABLE", "unlimited", ""),
    ]
    assert all(row["url"].startswith("https://codes.example/c/") for row in rows)
    assert installation.run("verify") == "Every counter equals its claims.\n"


def test_bad_lines_are_shown_and_nothing_is_written_unless_they_may_be_left_out(installation: Installation) -> None:
    """Each refused line is named on standard error, and the exit code is 1, also where the others are brought."""
    stdin = "\ufefftext;claims_so_far\nHello-15;0\nHELLO 15;0\nb;x\nc;0\n".encode()
    no = "line 3: text: 'HELLO 15' and the text of line 2 are one code.\nline 4: claims_so_far: 'x' is no whole number.\n"
    command = ("import", "codes", "-", *TO_N)
    summary = "Nothing written: 2 codes could be brought; 2 lines refused.\n"
    assert piped(installation, stdin, *command) == (1, summary, no)
    assert piped(installation, stdin, *command, "--dry-run", "--skip-bad") == (1, summary, no)
    assert table(installation.run("export", "codes", "--organization", "n")) == []
    assert piped(installation, stdin, *command, "--skip-bad") == (1, "2 codes brought; 2 lines refused.\n", no)
    assert [row["text"] for row in table(installation.run("export", "codes", "--organization", "n"))] == [
        "Hello-15",
        "c",
    ]
    code, summary, no = piped(installation, b"text\nhello15\n", *command)
    assert (code, no) == (1, "line 2: The code 'hello15' exists already.\n")


def test_a_dry_run_only_looks(installation: Installation) -> None:
    """`--dry-run` of a good file exits with 0, and nothing is there afterwards."""
    (installation.folder / "in.csv").write_text("text\na\n")
    assert (
        installation.run("import", "codes", "in.csv", *TO_N, "--dry-run")
        == "Nothing written: 1 code could be brought.\n"
    )
    assert table(installation.run("export", "codes", "--organization", "n")) == []
    (installation.folder / "in.csv").write_text("text\n")
    assert installation.run("import", "codes", "in.csv", *TO_N) == "Nothing to bring.\n"


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        ("import codes bad.csv --organization n --promotion default", "There is no column 'colour'", 1),
        ("import codes good.csv --organization nowhere --promotion default", "There is no organization 'nowhere'.", 1),
        ("import codes good.csv --organization n --promotion nowhere", "There is no such promotion.", 1),
        ("import codes missing.csv --organization n --promotion default", "missing.csv", 2),
        ("import codes good.csv --organization n", "--promotion", 2),
        ("export codes --organization nowhere", "There is no organization 'nowhere'.", 1),
        ("export claims --organization n --promotion nowhere", "There is no such promotion.", 1),
        ("export claims --organization n --output no/such/folder.csv", "no/such/folder.csv", 1),
        ("export codes", "--organization", 2),
    ],
)
def test_an_invalid_command_is_refused(installation: Installation, words: str, says: str, code: int) -> None:
    """A wrong command is a sentence that names what is wrong, and an exit code."""
    (installation.folder / "good.csv").write_text("text\na\n")
    (installation.folder / "bad.csv").write_text("text,colour\na,red\n")
    assert says in installation.run(*words.split(), code=code)


def test_what_is_refused_leaves_a_file_as_it_is(installation: Installation) -> None:
    """An export that is refused does not empty the file it would have written."""
    older = installation.folder / "kept.csv"
    older.write_text("what was there")
    installation.run("export", "codes", "--organization", "n", "--promotion", "nowhere", "--output", "kept.csv", code=1)
    assert older.read_text() == "what was there"


def test_a_reader_that_has_read_enough(installation: Installation) -> None:
    """`export … | head` ends without a stack trace."""
    (installation.folder / "in.csv").write_text("text\n" + "".join(f"code-{number}\n" for number in range(3_000)))
    installation.run("import", "codes", "in.csv", *TO_N)
    process = installation.start("export", "codes", "--organization", "n")
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 1


def test_progress_is_shown_to_somebody_who_looks(installation: Installation) -> None:
    """On a terminal a bar tells how far the import is, on standard error; standard output has the result alone."""
    (installation.folder / "in.csv").write_text("text\na\nA\n")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "import", "codes", "in.csv", *TO_N, "--skip-bad"],
        cwd=installation.folder,
        env={**installation.environment, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    out, _ = process.communicate(timeout=60)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # the terminal is gone with its process
            break
    os.close(ours)
    assert (process.returncode, out) == (1, "1 code brought; 1 line refused.\n")
    assert b"checking" in seen
    assert b"bringing" in seen
    assert b"line 3: text: 'A' and the text of line 2 are one code." in seen


# ------------------------------------------------------------------ downloads


@pytest_asyncio.fixture
async def spring(organization: Organization) -> None:
    """A claimed code in the promotion `spring`, another in `autumn`."""
    await make.promotion(organization, "A1", reference="spring", limits=params.Limits(per_code=3))
    await make.promotion(organization, "B1", reference="autumn")
    await claimed(organization, "A1", order=order("R-1", "20.00"))


async def got(client: httpx.AsyncClient, path: str, key: str | None, **headers: str) -> httpx.Response:
    return await client.get(path, headers={**({"Authorization": f"Bearer {key}"} if key else {}), **headers})


@pytest.mark.parametrize("kind", [KeyKind.SECRET, KeyKind.ACCOUNT])
async def test_codes_and_claims_are_downloaded(
    served: httpx.AsyncClient, organization: Organization, spring: None, kind: KeyKind
) -> None:
    """A key that may see everything downloads a file with a name, of all promotions or of one."""
    key = await make.key(organization, kind)
    response = await got(served, "/export/codes.csv", key)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="codes.csv"'
    assert response.headers["cache-control"] == "no-store"
    rows = table(response.text)
    assert tuple(rows[0]) == records.CODE_COLUMNS
    assert [(row["text"], row["claim_count"]) for row in rows] == [("A1", "1"), ("B1", "0")]
    assert (await served.get(rows[0]["url"].removeprefix("https://codes.example"))).status_code == 200
    [row] = table((await got(served, "/export/claims.csv?promotion=spring", key)).text)
    assert tuple(row) == records.CLAIM_COLUMNS
    cells: dict[str, Any] = {name: row[name] for name in ("code", "customer_email", "order_total", "discount")}
    assert cells == {"code": "A1", "customer_email": "ada@example.com", "order_total": "20.00", "discount": "3.00"}
    assert table((await got(served, "/export/claims.csv?promotion=autumn", key)).text) == []


@pytest.mark.parametrize("path", ["/export/codes.csv", "/export/claims.csv"])
async def test_a_download_is_refused_in_a_sentence(
    served: httpx.AsyncClient, organization: Organization, spring: None, path: str
) -> None:
    """No key, a key for less, a promotion that is not there, an organization that is not named: JSON and a status."""
    refused = []
    for kind in (None, KeyKind.PUBLIC, KeyKind.DEVICE):
        response = await got(served, path, await make.key(organization, kind) if kind else None)
        refused.append((response.status_code, response.json()))
    may_not = "key may not see and change everything of its organization."
    assert refused == [
        (401, {"message": "Send a key: `Authorization: Bearer <key>`."}),
        (401, {"message": f"A PUBLIC {may_not}"}),
        (401, {"message": f"A DEVICE {may_not}"}),
    ]
    response = await got(served, f"{path}?promotion=winter", await make.key(organization))
    assert (response.status_code, response.json()) == (404, {"message": "There is no such promotion."})
    await make.organization("other")
    account = await make.key(organization, KeyKind.ACCOUNT)
    response = await got(served, path, account)
    assert (response.status_code, list(response.json())) == (400, ["message"])
    response = await got(served, path, account, **{"X-Organization": "other"})
    assert (response.status_code, table(response.text)) == (200, [])


async def test_a_head_asks_for_no_rows(served: httpx.AsyncClient, organization: Organization) -> None:
    """HEAD answers as GET would, without the file."""
    key = await make.key(organization)
    response = await served.head("/export/codes.csv", headers={"Authorization": f"Bearer {key}"})
    assert (response.status_code, response.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert await Code.all().count() == 0
