"""Statements that say in SQL what the models can't, in words both databases know."""

import functools
import json
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Generic, TypeVar

from tortoise.connection import get_connection
from tortoise.models import Model

from db import sqlite

M = TypeVar("M", bound=Model)
T = TypeVar("T")
Row = dict[str, Any]


async def statement(text: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """Run a statement in the database's own dialect, inside the current transaction if there is one."""
    return await get_connection("default").execute_query_dict(text, list(values))


async def rows(text: str, *values: Any) -> list[dict[str, Any]]:
    """Run a statement with `$1`, `$2` … placeholders; returns the rows of its SELECT or RETURNING.

    Instants come as the driver gives them, so ask for numbers and texts here and use the models for the rest.
    """
    return await statement(_as_sqlite(text) if _is_sqlite() else text, values)


def _as_sqlite(text: str) -> str:
    """A statement's text with its placeholders as SQLite numbers them."""
    return re.sub(r"\$(?=\d)", "?", text)


class Deed(Generic[T]):
    """A statement that is not run yet: await it, or run it `together` with others of its transaction."""

    def __init__(self, text: str, values: list[Any], tells: Sequence[str], read: Callable[[list[Row]], T]) -> None:
        self.text, self.values, self.tells, self.read = text, values, tells, read

    def __await__(self) -> Generator[Any, None, T]:
        return self._run().__await__()

    async def _run(self) -> T:
        [told] = await together(self)
        return told  # type: ignore[no-any-return]


async def together(*deeds: Deed[Any]) -> list[Any]:
    """What statements tell that don't wait for each other's answers, nor touch each other's rows.

    SQLite's thread runs them in this order without coming back in between, which costs more than the statements
    do. On PostgreSQL they are one statement, and so one trip; each sees the rows as they were before it.
    """
    asked = [deed for deed in deeds if deed.text]
    connection = get_connection("default")
    if asked and isinstance(connection, sqlite.ImmediateTransaction):
        told = await connection.execute_each([(deed.text, deed.values) for deed in asked])
    elif len(asked) < 2 or _is_sqlite():
        told = [await statement(deed.text, deed.values) for deed in asked]
    else:
        told = await _as_one(asked)
    rows = iter(told)
    return [deed.read(next(rows) if deed.text else []) for deed in deeds]


async def _as_one(deeds: Sequence[Deed[Any]]) -> list[list[Row]]:
    """Each is a part of one statement, whose rows are a part's number and what that tells, as a tuple."""
    text = _joined(tuple((deed.text, len(deed.values), tuple(deed.tells)) for deed in deeds))
    told: list[list[Row]] = [[] for _ in deeds]
    for row in await statement(text, [value for deed in deeds for value in deed.values]):
        part = row["part"]
        told[part].append(dict(zip(deeds[part].tells, row["told"], strict=True)))
    return told


@functools.cache
def _joined(parts: tuple[tuple[str, int, tuple[str, ...]], ...]) -> str:
    written, told, before = [], [], 0
    for at, (text, values, tells) in enumerate(parts):
        written.append(f"part{at} AS ({renumbered(text, before)})")
        before += values
        if tells:
            told.append(f"SELECT {at} AS part, ROW({', '.join(tells)}) AS told FROM part{at}")  # noqa: S608 (names)
    telling = " UNION ALL ".join(told) or "SELECT 0 AS part, NULL AS told WHERE false"
    return f"WITH {', '.join(written)} {telling}"


class Given:
    """Rows that a statement is given, as a table to select from: `{given}` in its text.

    However many they are the text is the same, so a database prepares it once: on PostgreSQL they come as an
    array a column, on SQLite as one JSON text.
    """

    def __init__(self, **types: str) -> None:
        """Names and types of the columns, the types in PostgreSQL's words."""
        self._types = types
        self._texts: dict[tuple[str, int, str | None], str] = {}

    def deed(
        self,
        text: str,
        given: Iterable[Sequence[Any]],
        *values: Any,
        tells: Sequence[str] = (),
        read: Callable[[list[Row]], T],
        lock: str = "",
    ) -> Deed[T]:
        """A statement, which names further values as `$1`, `$2` …; without rows it is not run, and tells nothing.

        `tells` names the columns of its SELECT or RETURNING, and `read` makes of those rows what is asked.
        `lock`, in PostgreSQL's words, locks the rows in the statement's order; SQLite, where the transaction
        itself is the lock, needs none.
        """
        rows = [list(row) for row in given]
        if not rows:
            return Deed("", [], tells, read)
        if _is_sqlite():
            return Deed(self._text(text, len(values), None), [*values, _WRITER.encode(rows)], tells, read)
        columns = map(list, zip(*rows, strict=True))
        return Deed(self._text(text, len(values), lock), [*values, *columns], tells, read)

    def change(self, text: str, given: Iterable[Sequence[Any]]) -> Deed[None]:
        """A statement that tells nothing."""
        return self.deed(text, given, read=lambda _: None)

    async def rows(self, text: str, given: Iterable[Sequence[Any]], *values: Any) -> list[Row]:
        """The rows of a statement's SELECT or RETURNING, run at once."""
        return await self.deed(text, given, *values, read=lambda rows: rows)

    async def number(self, text: str, given: Iterable[Sequence[Any]], *values: Any) -> int:
        """How many rows a statement writes that ends in RETURNING; on PostgreSQL they aren't sent, which takes long."""
        if _is_sqlite():
            return len(await self.rows(text, given, *values))
        counting = f"WITH written AS ({text}) SELECT COUNT(*) AS number FROM written"  # noqa: S608 (the caller's statement)
        return sum(int(row["number"]) for row in await self.rows(counting, given, *values))

    def _text(self, text: str, values: int, lock: str | None) -> str:
        known = text, values, lock
        if known not in self._texts:
            self._texts[known] = (
                self._for_sqlite(text, values) if lock is None else self._for_postgres(text, values, lock)
            )
        return self._texts[known]

    def _for_sqlite(self, text: str, values: int) -> str:
        members = (f"json_extract(value, '$[{at}]') AS {name}" for at, name in enumerate(self._types))
        given = f"(SELECT {', '.join(members)} FROM json_each(?{values + 1}))"  # noqa: S608 (names and types, nothing that was said)
        return _as_sqlite(text).replace("{given}", given)

    def _for_postgres(self, text: str, values: int, lock: str) -> str:
        arrays = (f"${place}::{type}[]" for place, type in enumerate(self._types.values(), values + 1))
        given = f"(SELECT * FROM unnest({', '.join(arrays)}) AS given ({', '.join(self._types)}))"  # noqa: S608 (the same)
        return f"{text.replace('{given}', given)} {lock}"


_WRITER = json.JSONEncoder(
    ensure_ascii=False,
    check_circular=False,
    separators=(",", ":"),
    default=lambda instant: instant.isoformat(" "),  # an instant as SQLite's rows have it
)


@functools.cache
def columns(model: type[Model]) -> tuple[str, ...]:
    """The names of all of a model's columns."""
    return tuple(model._meta.fields_db_projection.values())


def models(model: type[M], rows: Iterable[dict[str, Any]]) -> list[M]:
    """Model objects of rows that have every column, or only some that are enough.

    Tortoise's own way sets each of an object's attributes by itself, which took an eighth of a claim's time.
    """
    meta = model._meta
    conversions: list[tuple[str, Any]] = [(name, field.field_type) for _, name, field in meta.db_default_fields]
    conversions += [(name, field.to_python_value) for _, name, field in meta.db_complex_fields]
    made = []
    for row in rows:
        values = as_read(model, row)
        for name, convert in conversions:
            if (value := row.get(name)) is not None:
                vars(values)[name] = convert(value)
        made.append(values)
    return made


def as_read(model: type[M], values: dict[str, Any]) -> M:
    """A model object of values as the program has them, as if it were read from the store."""
    made = model.__new__(model)
    is_partial = len(values) < len(model._meta.db_fields)
    vars(made).update(values, _partial=is_partial, _saved_in_db=True, _custom_generated_pk=False, _await_when_save={})
    return made


def renumbered(text: str, by: int) -> str:
    """A statement's text with its placeholders, where they are numbered, pushed back to stand behind others."""
    return re.sub(r"\$(\d+)", lambda placeholder: f"${int(placeholder[1]) + by}", text)


def _is_sqlite() -> bool:
    return bool(get_connection("default").capabilities.dialect == "sqlite")


def is_alone() -> bool:
    """Whether everybody else who writes waits for whoever is in a transaction, whatever it writes."""
    return _is_sqlite()


async def see_one_moment() -> None:
    """Let the present transaction see the database as it is now until it ends; call it first.

    A SQLite transaction does so anyway.
    """
    connection = get_connection("default")
    if connection.capabilities.dialect == "postgres":
        await connection.execute_query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


async def write_alone(table: str) -> None:
    """Nobody else writes to the table until the present transaction ends; its readers go on.

    A SQLite transaction is alone anyway.
    """
    connection = get_connection("default")
    if connection.capabilities.dialect == "postgres":
        await connection.execute_query(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")


def plan_once() -> Deed[None]:
    """From here on the present transaction's statements are planned once a connection, as what rows refer to is.

    Our connections to PostgreSQL plan every statement anew, and what each written row refers to (see
    db/postgres.py), which costs a round as much as running it. A plan that is kept was made for tables of any
    size: it uses an index, as one that reads all of a small table would be kept when that is large, but it can't
    tell which index is the better one. So only what has no choice may come after this: rows by their id, or new
    ones. SQLite keeps its plans anyway.
    """
    settings = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
    settings |= {"enable_hashjoin": "off", "enable_mergejoin": "off"}
    sets = (f"set_config('{name}', '{value}', true) AS {name}" for name, value in settings.items())
    return Deed("" if _is_sqlite() else f"SELECT {', '.join(sets)}", [], tuple(settings), lambda _: None)


def passing_over_locked() -> str:
    """What ends a question for rows to take, so that two who take at once don't wait for the same ones.

    A SQLite statement that writes is alone with the database anyway.
    """
    return "FOR UPDATE SKIP LOCKED" if get_connection("default").capabilities.dialect == "postgres" else ""
