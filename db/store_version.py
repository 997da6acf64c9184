"""What stands at a database's address, found out without changing anything there: is it a store, and of which version?

Whoever only reads asks this first, and so does whoever migrates: nothing is made by looking.
"""

import re
import sqlite3
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import asyncpg
from tortoise.exceptions import BaseORMException

import db
from db import transfer

MIGRATIONS = tuple(sorted(path.stem for path in (Path(__file__).parent / "migrations").glob("[0-9]*.py")))
"""The names of all that this program knows, in their order."""

MAGIC = b"SQLite format 3\0"
"""What an SQLite file begins with."""


class Version(Enum):
    """How a store stands to this program."""

    MISSING = "there is nothing"
    EMPTY = "there are no tables of Tessera's"
    OLDER = "some migrations are pending"
    CURRENT = "it is of this program's version"
    NEWER = "it has been through migrations that this program does not know"


@dataclass(frozen=True)
class StoreVersion:
    """What was found: where (a password is left out), the version, and the names of migrations that differ."""

    where: str
    version: Version
    pending: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class Unusable(ValueError):
    """Raised when there is no store at an address that could be used; its text says what, where and what to do."""


async def find(url: str) -> StoreVersion:
    """Look at a store. Raises Unusable for what is none and can't become one, and what a database fails with."""
    where = name(url)
    try:
        if db.is_sqlite(url) and not _is_file(db.file_of(url)):
            return StoreVersion(where, Version.MISSING, MIGRATIONS)
        async with transfer.reading(url) as store:
            applied = await store.migrations()
    except (OSError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unusable(f"the database {where} can't be reached: {reason(error)}") from error
    except (ValueError, TypeError) as error:  # what the driver makes nothing of
        if isinstance(error, Unusable):
            raise
        raise Unusable(f"the database's address {where} makes no sense: {reason(error)}") from error
    pending = tuple(name for name in MIGRATIONS if name not in applied)
    unknown = tuple(sorted(applied.difference(MIGRATIONS)))
    if unknown:
        return StoreVersion(where, Version.NEWER, pending, unknown)
    version = Version.EMPTY if not applied else Version.OLDER if pending else Version.CURRENT
    return StoreVersion(where, version, pending)


async def usable(url: str) -> StoreVersion:
    """A store of this program's version. Raises Unusable for any other."""
    found = await find(url)
    if found.version is not Version.CURRENT:
        raise Unusable(_unusable(found))
    return found


async def not_newer(url: str) -> StoreVersion:
    """What may be migrated: nothing, or a store that is not of a later version than this program. Raises Unusable."""
    found = await find(url)
    if found.version is Version.NEWER:
        raise Unusable(_unusable(found))
    return found


def _unusable(found: StoreVersion) -> str:
    if found.version is Version.MISSING:
        return f"there is no store at {found.where}. Is TESSERA_DATABASE_URL right? `migrate` makes a new one"
    if found.version is Version.EMPTY:
        return f"the database {found.where} has no tables of Tessera's. Is the address right? `migrate` makes them"
    if found.version is Version.NEWER:
        return (
            f"the store {found.where} is of a later version than this program, which does not know its migration"
            f" {found.unknown[-1]}. Install that version"
        )
    return f"the store {found.where} is of an earlier version. Run `migrate` first, which applies {_all(found.pending)}"


def _all(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]} to {names[-1]}"


def _is_file(path: Path) -> bool:
    """Whether there is such a file. Raises Unusable where none can be: folders are not made."""
    if str(path) == ":memory:":
        raise Unusable("a store in memory would be gone with its connection: use sqlite://FILE")
    if path.is_dir():
        raise Unusable(f"{path} is a folder: a store is a file, such as sqlite://{path}/tessera.db")
    if path.exists():
        if not path.is_file():
            raise Unusable(f"{path} is no file that a store could be in")
        with path.open("rb") as file:
            if file.read(len(MAGIC)) not in (MAGIC, b""):
                raise Unusable(f"{path} is no SQLite database. It is left as it is; is the address right?")
        return True
    if not path.parent.is_dir():
        raise Unusable(
            f"there is no folder {path.parent.absolute()}, and none is made. Is the address right, and everything"
            " mounted?"
        )
    return False


def name(url: str) -> str:
    """An address as it may be shown: without its password. Raises ValueError for what is none."""
    if db.is_sqlite(url):
        return str(db.file_of(url).absolute())
    shown = re.sub(r"(://[^:/?#@]*):.*@", r"\1@", url, count=1)
    return re.sub(r"([?&]password=)[^&]*", r"\1…", shown)


def reason(error: BaseException) -> str:
    """What a database fails with, in words, also where the error itself has none."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return str(error) or type(error).__name__


def is_databases(fault: BaseException) -> bool:
    """Whether it is the database that fails, and not this program."""
    return isinstance(fault, (BaseORMException, asyncpg.PostgresError, sqlite3.Error))
