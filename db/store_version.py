"""Inspects a database's address without changing anything: is there a store, and of which schema version?

Commands that only read call this first, and so does migrating.
"""

import re
import sqlite3
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import asyncpg
from tortoise.exceptions import BaseORMException

from db import address, transfer

MIGRATIONS = tuple(sorted(path.stem for path in (Path(__file__).parent / "migrations").glob("[0-9]*.py")))
"""The names of all migrations that this program has, in their order."""

MAGIC = b"SQLite format 3\0"
"""The first bytes of an SQLite file."""


class Version(Enum):
    """A store's schema compared with this program's."""

    MISSING = "there is nothing"
    EMPTY = "there are no tables of Tessera's"
    OLDER = "some migrations are pending"
    CURRENT = "it is of this program's version"
    NEWER = "it has been through migrations that this program does not know"


@dataclass(frozen=True)
class StoreVersion:
    """An inspected store: its address without a password, its version, and the names of the migrations that differ."""

    where: str
    version: Version
    pending: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class UnusableStore(ValueError):
    """Raised when there is no usable store at an address; its text has the reason, the place and what to do."""


async def inspect(url: str) -> StoreVersion:
    """Inspect a store. Raises UnusableStore where none can be, or the database can't be reached."""
    where = display_name(url)
    try:
        if address.is_sqlite(url) and not _file_exists(address.file_of(url)):
            return StoreVersion(where, Version.MISSING, MIGRATIONS)
        async with transfer.open_source(url) as store:
            applied = await store.migrations()
    except (OSError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise UnusableStore(f"the database {where} can't be reached: {error_text(error)}") from error
    except (ValueError, TypeError) as error:  # an address that the driver does not understand
        if isinstance(error, UnusableStore):
            raise
        raise UnusableStore(f"the database's address {where} makes no sense: {error_text(error)}") from error
    pending = tuple(name for name in MIGRATIONS if name not in applied)
    unknown = tuple(sorted(applied.difference(MIGRATIONS)))
    if unknown:
        return StoreVersion(where, Version.NEWER, pending, unknown)
    version = Version.EMPTY if not applied else Version.OLDER if pending else Version.CURRENT
    return StoreVersion(where, version, pending)


async def require_current(url: str) -> StoreVersion:
    """A store of this program's version. Raises UnusableStore for any other."""
    store = await inspect(url)
    if store.version is not Version.CURRENT:
        raise UnusableStore(_message(store))
    return store


async def require_not_newer(url: str) -> StoreVersion:
    """A store that may be migrated: none yet, or of no later version than this program's. Raises UnusableStore."""
    store = await inspect(url)
    if store.version is Version.NEWER:
        raise UnusableStore(_message(store))
    return store


def _message(store: StoreVersion) -> str:
    if store.version is Version.MISSING:
        return f"there is no store at {store.where}. Is TESSERA_DATABASE_URL right? `migrate` makes a new one"
    if store.version is Version.EMPTY:
        return f"the database {store.where} has no tables of Tessera's. Is the address right? `migrate` makes them"
    if store.version is Version.NEWER:
        return (
            f"the store {store.where} is of a later version than this program, which does not know its migration"
            f" {store.unknown[-1]}. Install that version"
        )
    pending = _name_range(store.pending)
    return f"the store {store.where} is of an earlier version. Run `migrate` first, which applies {pending}"


def _name_range(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]} to {names[-1]}"


def _file_exists(path: Path) -> bool:
    """Whether the file exists. Raises UnusableStore where it can't be a store, or its folder is missing."""
    if str(path) == ":memory:":
        raise UnusableStore("a store in memory would be gone with its connection: use sqlite://FILE")
    if path.is_dir():
        raise UnusableStore(f"{path} is a folder: a store is a file, such as sqlite://{path}/tessera.db")
    if path.exists():
        if not path.is_file():
            raise UnusableStore(f"{path} is no file that a store could be in")
        with path.open("rb") as file:
            if file.read(len(MAGIC)) not in (MAGIC, b""):
                raise UnusableStore(f"{path} is no SQLite database. It is left as it is; is the address right?")
        return True
    if not path.parent.is_dir():
        raise UnusableStore(
            f"there is no folder {path.parent.absolute()}, and none is made. Is the address right, and everything"
            " mounted?"
        )
    return False


def display_name(url: str) -> str:
    """An address without its password. Raises ValueError for what is no address."""
    if address.is_sqlite(url):
        return str(address.file_of(url).absolute())
    shown = re.sub(r"(://[^:/?#@]*):.*@", r"\1@", url, count=1)
    return re.sub(r"([?&]password=)[^&]*", r"\1…", shown)


def error_text(error: BaseException) -> str:
    """The text of a database's error, also where the error itself has none."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return str(error) or type(error).__name__


def is_database_error(fault: BaseException) -> bool:
    """Whether an error was raised by the database or its driver."""
    return isinstance(fault, (BaseORMException, asyncpg.PostgresError, sqlite3.Error))
