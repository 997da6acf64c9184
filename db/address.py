"""The configuration of a database: its address, and Tortoise's settings for it."""

from pathlib import Path
from urllib.parse import unquote

from db.clients import postgres

BUSY_SECONDS = 30

SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",  # an answered claim survives kill -9 and a power cut
    "foreign_keys": "ON",
    "busy_timeout": BUSY_SECONDS * 1000,
    "case_sensitive_like": "ON",  # as LIKE is on PostgreSQL
}

READING_PRAGMAS = {
    **{name: value for name, value in SQLITE_PRAGMAS.items() if name != "journal_mode"},
    "query_only": "ON",
}
"""For reading only: neither the file nor its journal is changed."""


def config(url: str, is_read_only: bool = False) -> dict[str, object]:
    """Tortoise's configuration for a database address.

    `sqlite://relative/path.db`, `sqlite:///absolute/path.db`, or `postgres://user:password@host:port/name` with
    the options in db/clients/postgres.py. Raises ValueError for any other.
    """
    return {
        "connections": {"default": _connection(url, is_read_only)},
        "apps": {"models": {"models": ["db.models"], "migrations": "db.migrations"}},
        "use_tz": True,
        "timezone": "UTC",
    }


def _connection(url: str, is_read_only: bool) -> dict[str, object]:
    if is_sqlite(url):
        pragmas = READING_PRAGMAS if is_read_only else SQLITE_PRAGMAS
        return {"engine": "db.clients.sqlite", "credentials": {"file_path": str(file_of(url)), **pragmas}}
    return {"engine": "db.clients.postgres", "credentials": postgres.credentials(url)}


def is_sqlite(url: str) -> bool:
    """Whether an address is an SQLite file's, not PostgreSQL's. Raises ValueError when it is neither."""
    scheme, _, rest = url.partition("://")
    if rest and scheme in ("sqlite", "postgres", "postgresql"):
        return scheme == "sqlite"
    raise ValueError(
        f"{f'{scheme}://…' if rest else repr(scheme)} is no database address: use sqlite://FILE or"
        " postgres://USER:PASSWORD@HOST:PORT/NAME"
    )


def file_of(url: str) -> Path:
    """The file that an SQLite address names. Raises ValueError for what stands behind a `?` or `#`."""
    path = url.partition("://")[2]
    if "?" in path or "#" in path:
        raise ValueError(f"an SQLite address is sqlite://FILE and nothing more; write %3F for ? and %23 for #: {url}")
    if "\0" in unquote(path):
        raise ValueError(f"no file's name has a NUL in it: {url}")
    return Path(unquote(path))


# For `tortoise makemigrations`, which compares the models with db/migrations and opens no database.
CONFIG = config("sqlite://:memory:")
