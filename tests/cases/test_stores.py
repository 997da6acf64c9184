"""Which commands make, migrate or refuse a store, and what they say of an address that is none."""

import asyncio
import json
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

import db
import main
from db import store_version
from db.store_version import UnusableStore
from schema.cli.runtime import read_public_url
from schema.server import sockets
from tests import stores
from tests.command_line import CommandLine
from tests.installation import ROOT, Installation, keys_in
from tests.postgres import Postgres, free_port

pytestmark = pytest.mark.both_databases

READING = [
    "key list",
    "organization list",
    "deliveries",
    "verify",
    "export codes --organization n",
    "export claims --organization n",
]
WRITING = [
    "organization add --name N",
    "key add --organization n --kind secret",
    "key revoke 1",
    "deliveries --retry",
    "generate --amount 1",
    "prove",
]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], bare_url: str) -> CommandLine:
    """Somebody whose database has no tables, nor a file where it would be one."""
    return CommandLine(capsys, bare_url)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def tables(url: str) -> list[str]:
    """The tables of a PostgreSQL database."""

    async def ask() -> list[str]:
        connection = await asyncpg.connect(url)
        try:
            rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            return [row[0] for row in rows]
        finally:
            await connection.close()

    return asyncio.run(ask())


def mark(url: str, statement: str) -> None:
    """Write to a store past everybody."""

    async def there() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    if not db.address.is_sqlite(url):
        asyncio.run(there())
        return
    connection = sqlite3.connect(db.address.file_of(url))
    connection.execute(statement)
    connection.commit()
    connection.close()


LATER = """
    INSERT INTO tortoise_migrations (app, name, applied_at)
    SELECT app, '9999_later', applied_at FROM tortoise_migrations LIMIT 1
"""
LAST = store_version.MIGRATIONS[-1]


def garbage(folder: Path) -> str:
    (folder / "garbage.db").write_bytes(b"not a database, but long enough to be taken for one" * 20)
    return f"sqlite://{folder / 'garbage.db'}"


def nobody_listens(folder: Path) -> str:
    return f"postgres://nobody:s3cret@127.0.0.1:{free_port()}/nothing"


ADDRESSES: list[tuple[Callable[[Path], str], str]] = [
    (garbage, "is no SQLite database"),
    (lambda folder: f"sqlite://{folder}", "is a folder"),
    (lambda folder: "sqlite:///dev/null", "is no file that a store could be in"),
    (lambda folder: f"sqlite://{folder}/a.db?mode=ro", "an SQLite address is sqlite://FILE and nothing more"),
    (lambda folder: f"sqlite://{folder}/{'a' * 300}", "can't be reached: [Errno 36] File name too long"),
    (lambda folder: "sqlite://:memory:", "gone with its connection"),
    (lambda folder: f"sqlite://{folder}/a%00b", "NUL"),
    (lambda folder: "", "'' is no database address"),
    (lambda folder: "sqlite://", "'sqlite' is no database address"),
    (lambda folder: "mysql://root@localhost/x", "mysql://… is no database address"),
    (lambda folder: "/var/lib/tessera.db", "'/var/lib/tessera.db' is no database address"),
    (lambda folder: "postgres://u@[::1/x", "makes no sense"),
    (lambda folder: "postgres://u:s3cret@h:abc/x", "makes no sense"),
    (lambda folder: "postgres://u@h/x?connections=1", "connections=1"),
    (lambda folder: "postgres://u@127.0.0.1/x?sslmode=perhaps", "sslmode"),
    (nobody_listens, "can't be reached"),
]


# ------------------------------------------------------------------ making a store


@pytest.mark.long
@pytest.mark.one_database
@pytest.mark.case("F5")
def test_only_migrate_and_serve_make_tables(command: CommandLine, tmp_path: Path) -> None:
    """Any other command says that there is no store, and nothing is there afterwards: no file, no table."""
    for words in READING + WRITING:
        result = command(*words.split())
        assert (result.code, result.out) == (1, ""), words
        assert result.err.startswith(
            "error: there is no store" if "sqlite" in command.url else "error: the database"
        ), words
        assert "migrate" in result.err
    assert content(tmp_path) == {}
    assert "sqlite" in command.url or tables(command.url) == []
    assert command("migrate").code == 0
    assert command("key", "list").code == 0


@pytest.mark.long
@pytest.mark.case("F5")
def test_an_older_store_is_left_as_it_is(command: CommandLine, tmp_path: Path) -> None:
    """`key list` with new code on an old store does not migrate it, and names what does."""
    asyncio.run(stores.up_to_date(command.url))
    mark(command.url, f"DELETE FROM tortoise_migrations WHERE name = '{LAST}'")  # noqa: S608 (our own name)
    before = content(tmp_path)
    for words in READING + WRITING:
        result = command(*words.split())
        assert (result.code, result.out) == (1, ""), words
        assert "is of an earlier version. Run `migrate` first" in result.err
        assert LAST in result.err
    assert content(tmp_path) == before
    assert asyncio.run(store_version.inspect(command.url)).pending == (LAST,)


@pytest.mark.long
@pytest.mark.case("F5")
def test_a_newer_store_is_refused_by_every_command(command: CommandLine, tmp_path: Path) -> None:
    """Old code does not touch what it does not know, `serve` and `migrate` no more than the others."""
    asyncio.run(stores.up_to_date(command.url))
    mark(command.url, LATER)
    before = content(tmp_path)
    for words in [*READING, *WRITING, "migrate", "migrate --plan", "serve --port 0", "serve --port 0 --create"]:
        result = command(*words.split())
        assert (result.code, result.out) == (1, ""), words
        assert "is of a later version than this program, which does not know its migration 9999_later" in result.err
    assert content(tmp_path) == before
    assert command.served == []


@pytest.mark.long
@pytest.mark.case("F5")
@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_reading_changes_no_byte_of_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, migrated: Path, journal: str
) -> None:
    """What only reads leaves the file as it is, also one whose journal is not ours, such as a backup's."""
    file = tmp_path / "store.db"
    file.write_bytes(migrated.read_bytes())
    command = CommandLine(capsys, f"sqlite://{file}")
    command("organization", "add", "--name", "N", "--identifier", "n")
    mark(command.url, f"PRAGMA journal_mode = {journal}")
    before = content(tmp_path)
    for words in [*READING, "migrate --plan"]:
        assert command(*words.split()).code == 0, words
    assert content(tmp_path) == before


@pytest.mark.long
@pytest.mark.one_database
@pytest.mark.case("F5")
@pytest.mark.case("F11")
def test_a_plan_changes_nothing(command: CommandLine, tmp_path: Path) -> None:
    """`migrate --plan` names what would be applied, for people and for programs, and applies none of it."""
    result = command("migrate", "--plan")
    assert result.code == 0
    assert all(name in result.out for name in store_version.MIGRATIONS)
    assert f"`migrate` would apply {len(store_version.MIGRATIONS)}." in result.out
    assert content(tmp_path) == {}
    plan = json.loads(command("migrate", "--plan", "--json").out)
    assert plan["migrations"] == list(store_version.MIGRATIONS)
    assert (plan["version"], plan["applied"]) == ("MISSING" if "sqlite" in command.url else "EMPTY", False)
    assert json.loads(command("migrate", "--json").out)["migrations"] == list(store_version.MIGRATIONS)
    assert "There is nothing to apply." in command("migrate", "--plan").out


@pytest.mark.long
@pytest.mark.one_database
@pytest.mark.case("F6")
def test_a_new_store_needs_the_option_create(command: CommandLine, tmp_path: Path) -> None:
    """Elsewhere than in the default place `serve` makes none unless --create says so, and then says it loudly."""
    result = command("serve", "--port", "0")
    assert (result.code, result.out, command.served) == (1, "", [])
    assert "none is made unless you say so" in result.err
    assert "serve --create" in result.err
    assert content(tmp_path) == {}
    result = command("serve", "--port", "0", "--create")
    assert result.code == 0
    assert "A NEW STORE is made" in result.out
    assert sorted(keys_in(result.out)) == ["ACCOUNT", "DEVICE", "PUBLIC", "SECRET"]
    again = command("serve", "--port", "0", "--create")
    assert (again.code, keys_in(again.out), "NEW STORE" in again.out) == (0, {}, False)
    assert (command("serve", "--port", "0").code, len(command.served)) == (0, 3)


@pytest.mark.long
@pytest.mark.one_database
@pytest.mark.case("F6")
def test_a_store_may_be_made_in_the_default_place(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A newcomer, or TESSERA_CREATE=yes, answers no question."""
    command = CommandLine(capsys, f"sqlite://{tmp_path / 'tessera.db'}", may_create=True)
    result = command("serve", "--port", "0")
    assert (result.code, len(keys_in(result.out))) == (0, 4)


@pytest.mark.case("F6")
def test_the_default_place_is_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """However its address is written."""
    monkeypatch.chdir(ROOT)
    assert [
        url
        for url in (
            main.DEFAULT_DATABASE,
            f"sqlite://{ROOT}/tessera.db",
            "sqlite://tessera.db",
            "sqlite://./tessera.db",
        )
        if not main.is_default_place(url)
    ] == []
    for url in ("sqlite://other.db", "sqlite://tests/tessera.db", "postgres://u@h/tessera.db", ""):
        assert not main.is_default_place(url)


@pytest.mark.case("F6")
def test_the_setting_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """TESSERA_CREATE is a setting like the others, and off."""
    assert not main.settings().create
    monkeypatch.setenv("TESSERA_CREATE", "yes")
    assert main.settings().create
    monkeypatch.setenv("TESSERA_CREATE", "perhaps")
    with pytest.raises(SystemExit, match="TESSERA_CREATE"):
        main.settings()


@pytest.mark.case("F6")
@pytest.mark.parametrize(
    "words", ["serve --port 0", "serve --port 0 --create", "migrate", "migrate --plan", "key list"]
)
def test_folders_are_never_made(capsys: pytest.CaptureFixture[str], tmp_path: Path, words: str) -> None:
    """A folder that is not mounted is named in the error and not made, whatever the command."""
    result = CommandLine(capsys, f"sqlite://{tmp_path / 'unmounted' / 'tessera.db'}")(*words.split())
    assert (result.code, result.out) == (1, "")
    assert f"there is no folder {tmp_path / 'unmounted'}, and none is made" in result.err
    assert not (tmp_path / "unmounted").exists()


# ------------------------------------------------------------------ addresses that are none


@pytest.mark.long
@pytest.mark.one_database
@pytest.mark.case("F9")
@pytest.mark.parametrize(("address", "says"), ADDRESSES, ids=[says for _, says in ADDRESSES])
def test_an_invalid_address_is_an_error_in_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, address: Callable[[Path], str], says: str
) -> None:
    """Every command says what is wrong and where, without a password, exits with 1, and makes nothing."""
    url = address(tmp_path)
    before = content(tmp_path)
    command = CommandLine(capsys, url)
    for words in ["serve --port 0 --create", "migrate", "migrate --plan", *READING, *WRITING]:
        result = command(*words.split())
        assert (result.code, result.out) == (1, ""), words
        assert says in result.err, words
        assert "Traceback" not in result.err
        assert "s3cret" not in result.err
    assert content(tmp_path) == before
    assert command.served == []


@pytest.mark.case("F9")
@pytest.mark.parametrize(("address", "says"), ADDRESSES, ids=[says for _, says in ADDRESSES])
def test_a_copy_to_or_from_an_invalid_address_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, migrated: Path, address: Callable[[Path], str], says: str
) -> None:
    """`copy` refuses it too, at either end, and nothing is made."""
    url, here = address(tmp_path), f"sqlite://{migrated}"
    before = content(tmp_path)
    for ends in (["--from", url, "--to", f"sqlite://{tmp_path / 'new.db'}"], ["--from", here, "--to", url]):
        result = CommandLine(capsys, here)("copy", *ends)
        assert (result.code, result.out) == (1, "")
        assert says in result.err
    assert content(tmp_path) == before


@pytest.mark.case("F9")
def test_what_postgresql_says_no_to_is_a_sentence(capsys: pytest.CaptureFixture[str], postgres: Postgres) -> None:
    """A parameter it does not know, a database and a user it does not have."""
    with postgres.bare() as url:
        for wrong, says in (
            (f"{url}?foo=bar", 'unrecognized configuration parameter "foo"'),
            (f"{url}_not", "does not exist"),
        ):
            for words in ("migrate", "serve --port 0 --create", "key list"):
                result = CommandLine(capsys, wrong)(*words.split())
                assert (result.code, result.out) == (1, "")
                assert says in result.err


@pytest.mark.case("F9")
async def test_a_silent_server_is_an_error_in_a_sentence() -> None:
    """The error of a time that is up has no words of its own."""
    assert store_version.error_text(TimeoutError()) == "it did not answer in time"
    with pytest.raises(UnusableStore):
        await store_version.require_current("sqlite://:memory:")


@pytest.mark.case("F9")
@pytest.mark.parametrize(
    "url",
    [
        "notaurl",
        "javascript:alert(1)",
        "ftp://codes.example",
        "https://",
        "https://:8000",
        "https://codes.example:99999",
        "https://codes.example:port",
        "https://ada:pw@codes.example",
        "https://codes.example/?a=b",
        "https://codes.example/#here",
        "https://codes.example?",
        "https://codes example",
        "https://codes.example/\n",
        'https://codes.example/"><b>',
        "https://a..b",
        "https://[::1",
        f"https://codes.example/{'x' * 500}",
    ],
)
def test_a_public_address_that_is_none(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """What no browser opens, or what is more than an address, ends the process with a sentence that names the setting."""
    monkeypatch.setenv("TESSERA_PUBLIC_URL", url)
    with pytest.raises(SystemExit, match=r"TESSERA_PUBLIC_URL: .*https://codes\.example"):
        main.settings()


@pytest.mark.case("F9")
@pytest.mark.parametrize(
    "url", ["https://codes.example", "http://127.0.0.1:8000/", "https://shop.example/codes/", "http://[::1]:80"]
)
def test_a_public_address_that_is_one(url: str) -> None:
    """A host, a port and a path are an address; slashes at its end are not of it."""
    assert read_public_url(url) == url.rstrip("/")


@pytest.mark.case("F9")
@pytest.mark.parametrize("value", ["-1", "many", "1.5", "99999999999999999999"])
def test_a_number_out_of_range(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A setting that is no number of its range is named in the error."""
    monkeypatch.setenv("TESSERA_FAILED_ATTEMPTS_PER_MINUTE", value)
    with pytest.raises(SystemExit, match="TESSERA_FAILED_ATTEMPTS_PER_MINUTE"):
        main.settings()


# ------------------------------------------------------------------ settings that are none


@pytest.mark.case("F9")
@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("TESSERA_DATABSE_URL", "TESSERA_DATABASE_URL"),
        ("TESSERA_SMTP", "TESSERA_SMTP_URL"),
        ("TESSERA_PUBLICURL", "TESSERA_PUBLIC_URL"),
        ("tessera_mail_form", "TESSERA_MAIL_FROM"),
        ("TESERA_DATABASE_URL", "TESSERA_DATABASE_URL"),
    ],
)
def test_a_misspelt_setting_is_named_with_the_nearest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, migrated: Path, name: str, nearest: str
) -> None:
    """`serve` and `migrate` exit with 1 before anything is done; other commands warn and go on."""
    command = CommandLine(capsys, f"sqlite://{migrated}", {name: "x"})
    sentence = f"there is no setting {name}; the nearest is {nearest}"
    for words in (["serve", "--port", "0"], ["migrate"], []):
        result = command(*words)
        assert (result.code, result.out, command.served) == (1, "", [])
        assert f"error: {sentence}" in result.err
    result = command("key", "list")
    assert result.code == 0
    assert f"warning: {sentence}" in result.err


@pytest.mark.case("F9")
def test_other_names_are_left_alone() -> None:
    """Settings in any case, the tests' own names and what is not ours are no mistakes."""
    assert (
        main.misspelt_settings(
            ["TESSERA_DATABASE_URL", "tessera_public_url", "TESSERA_TEST_DATABASE_URL", "TERM", "HOME"]
        )
        == []
    )


# ------------------------------------------------------------------ ports


@pytest.mark.case("F9")
@pytest.mark.parametrize(
    "words",
    ["--port 99999", "--port -1", "--port eight", "--workers 0", "--workers -1", "--workers 100000", "--host ''"],
)
def test_a_port_that_is_none(command: CommandLine, tmp_path: Path, words: str) -> None:
    """A port or a number of workers out of its range is a usage error, and nothing is made."""
    result = command("serve", "--create", *words.replace("''", " ").split(" ")[:2])
    assert (result.code, result.out) == (2, "")
    assert words.split()[0] in result.err
    assert content(tmp_path) == {}


@pytest.mark.case("F10")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_costs_nothing(command: CommandLine, tmp_path: Path, workers: str) -> None:
    """At a first start no store is made and no key is printed before the port is ours."""
    with sockets.bound("127.0.0.1", 0) as taken:
        sockets.listen(taken)
        port = str(sockets.port_of(taken))
        result = command("serve", "--create", "--port", port, "--workers", workers)
    assert (result.code, result.out, command.served) == (1, "", [])
    assert f"can't listen on 127.0.0.1, port {port}: Address already in use" in result.err
    assert content(tmp_path) == {}
    assert "sqlite" in command.url or tables(command.url) == []


@pytest.mark.case("F10")
def test_the_slower_of_two_listeners_gets_an_error() -> None:
    """Two may have bound a port; only one of them listens, and the other hears a sentence."""
    with sockets.bound("127.0.0.1", 0) as first, sockets.bound("127.0.0.1", sockets.port_of(first)) as second:
        sockets.listen(first)
        with pytest.raises(ValueError, match="Address already in use"):
            sockets.listen(second)


@pytest.mark.case("F9")
@pytest.mark.parametrize("host", ["nowhere.invalid", "203.0.113.7", "a" * 70, "no host"])
def test_a_host_that_is_not_here(capsys: pytest.CaptureFixture[str], tmp_path: Path, host: str) -> None:
    """A name that nobody has, or another machine's address, is a sentence, and nothing is made."""
    result = CommandLine(capsys, f"sqlite://{tmp_path / 'a.db'}")("serve", "--create", "--port", "0", "--host", host)
    assert (result.code, result.out) == (1, "")
    assert f"can't listen on {host}" in result.err
    assert content(tmp_path) == {}


@pytest.mark.case("F10")
def test_a_name_of_several_addresses_has_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """All addresses of a name are listened on, but for those that this machine does not have."""
    here = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "203.0.113.7"), (socket.AF_INET, "127.0.0.2")]
    monkeypatch.setattr(sockets, "_addresses", lambda host, port: here)
    with sockets.bound("localhost", 0) as listeners:
        assert [one.getsockname() for one in listeners] == [
            ("127.0.0.1", sockets.port_of(listeners)), ("127.0.0.2", sockets.port_of(listeners))
        ]  # fmt: skip


@pytest.mark.long
@pytest.mark.case("F10")
def test_the_address_is_printed_with_the_free_port(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Port 0 is any that is free: what is printed, and what codes' addresses begin with, names the real one."""
    command = CommandLine(capsys, f"sqlite://{tmp_path / 'a.db'}")
    result = command("serve", "--create", "--port", "0")
    address = f"http://127.0.0.1:{command.served[0][0]}"
    assert f"Playground: {address}/graphql#key=" in result.out
    assert command.environment["TESSERA_PUBLIC_URL"] == address


@pytest.mark.processes
@pytest.mark.case("F9")
@pytest.mark.case("F10")
def test_the_real_command_ends_with_a_sentence(tmp_path: Path) -> None:
    """As a process: a misspelt setting, and a garbage file, end with exit code 1 and no stack."""
    installation = Installation(tmp_path, garbage(tmp_path))
    assert "is no SQLite database" in installation.run("verify", code=1)
    installation.environment["TESSERA_DATABSE_URL"] = "x"
    assert installation.run("migrate", code=1).startswith("error: there is no setting TESSERA_DATABSE_URL;")
