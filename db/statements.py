"""SQL statements as values: several are run in one round trip, and rows of values are passed as a table."""

import functools
import json
from collections.abc import Callable, Generator, Iterable, Sequence
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from tortoise.backends.base.client import TransactionContext
from tortoise.connection import get_connection
from tortoise.models import Model

from db import sql
from db.clients import postgres, sqlite

T = TypeVar("T")
Row = dict[str, Any]


class Statement(Generic[T]):
    """A statement that is not run yet: await it, or run it with others of its transaction by `run_together`.

    `columns` names the columns of its SELECT or RETURNING, and `read` makes the result of those rows. With `rows` it
    is run once for each of them, and has no result. An empty text is not run, and is read as no rows.
    """

    def __init__(
        self,
        text: str,
        values: list[Any],
        columns: Sequence[str],
        read: Callable[[list[Row]], T],
        rows: list[Sequence[Any]] | None = None,
    ) -> None:
        self.text, self.values, self.columns, self.read, self.rows = text, values, columns, read, rows

    def __await__(self) -> Generator[Any, None, T]:
        return self._run().__await__()

    async def _run(self) -> T:
        [result] = await run_together(self)
        return result  # type: ignore[no-any-return]


async def run_together(*statements: Statement[Any]) -> list[Any]:
    """The results of statements that neither need each other's results nor touch each other's rows, in their order.

    SQLite's thread runs them in this order without coming back in between, which costs more than the statements
    do. On PostgreSQL they are one statement, and so one round trip; each sees the rows as they were before it.
    """
    to_run = [statement for statement in statements if statement.text]
    connection = get_connection("default")
    if to_run and isinstance(connection, sqlite.ImmediateTransaction):
        results = await connection.execute_each(
            [(statement.text, statement.values, statement.rows) for statement in to_run]
        )
    elif len(to_run) < 2 or sql.is_single_writer():
        results = [await _run_one(statement) for statement in to_run]
    else:
        results = await _run_combined(to_run)
    rows = iter(results)
    return [statement.read(next(rows) if statement.text else []) for statement in statements]


async def _run_one(statement: Statement[Any]) -> list[Row]:
    if statement.rows is None:
        return await sql.execute(statement.text, statement.values)
    await get_connection("default").execute_many(statement.text, statement.rows)  # type: ignore[arg-type]
    return []


async def _run_combined(statements: Sequence[Statement[Any]]) -> list[list[Row]]:
    """The rows of each of the statements, which are parts of one; its rows are a part's number and a tuple."""
    text = _combined_text(
        tuple((statement.text, len(statement.values), tuple(statement.columns)) for statement in statements)
    )
    results: list[list[Row]] = [[] for _ in statements]
    for row in await sql.execute(text, [value for statement in statements for value in statement.values]):
        part = row["part"]
        results[part].append(dict(zip(statements[part].columns, row["result"], strict=True)))
    return results


@functools.cache
def _combined_text(parts: tuple[tuple[str, int, tuple[str, ...]], ...]) -> str:
    expressions, results, values_before = [], [], 0
    for at, (text, values, columns) in enumerate(parts):
        expressions.append(f"part{at} AS ({sql.shift_placeholders(text, values_before)})")
        values_before += values
        if columns:
            results.append(f"SELECT {at} AS part, ROW({', '.join(columns)}) AS result FROM part{at}")  # noqa: S608 (names)
    select = " UNION ALL ".join(results) or "SELECT 0 AS part, NULL AS result WHERE false"
    return f"WITH {', '.join(expressions)} {select}"


class ValuesTable:
    """Rows of values that a statement selects from as a table: `{values}` in its text.

    However many rows there are the text is the same, so a database prepares it once: on PostgreSQL they come as an
    array a column, on SQLite as one JSON text.
    """

    def __init__(self, **types: str) -> None:
        """Names of the columns, and their types in PostgreSQL's words."""
        self.types = types
        self._texts: dict[tuple[str, int, str | None], str] = {}

    @classmethod
    def of(cls, row: type, **further: str) -> "ValuesTable":
        """A table of rows of this class (NamedTuple, TypedDict or dataclass), whose fields are the columns.

        `further` are columns that come after them.
        """
        return cls(**{name: _postgres_type(hint) for name, hint in get_type_hints(row).items()}, **further)

    def without(self, *columns: str) -> "ValuesTable":
        """The table without some of its columns."""
        return ValuesTable(**{name: type for name, type in self.types.items() if name not in columns})

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.types)

    def insert_select(self, table: str, ending: str, /, **expressions: str) -> str:
        """The text of a statement that inserts these rows into a table that has columns of their names.

        Further columns get SQL expressions over a row, or placeholders. The ending is its ORDER BY, ON CONFLICT and
        RETURNING.
        """
        columns, values = ", ".join([*self.types, *expressions]), ", ".join([*self.types, *expressions.values()])
        return f"INSERT INTO {table} ({columns}) SELECT {values} FROM {{values}} AS new WHERE true {ending}"  # noqa: S608 (names)

    def statement(
        self,
        text: str,
        rows: Iterable[Sequence[Any]],
        *values: Any,
        columns: Sequence[str] = (),
        read: Callable[[list[Row]], T],
        lock: str = "",
    ) -> Statement[T]:
        """A statement over these rows, with further values as `$1`, `$2` …; without rows it is not run.

        `columns` names the columns of its SELECT or RETURNING, and `read` makes the result of those rows.
        `lock`, in PostgreSQL's words, locks the rows in the statement's order; SQLite, where the transaction
        itself is the lock, needs none.
        """
        table = [list(row) for row in rows]
        if not table:
            return Statement("", [], columns, read)
        if sql.is_single_writer():
            return Statement(self._text(text, len(values), None), [*values, _JSON_ENCODER.encode(table)], columns, read)
        arrays = (None if array.count(None) == len(table) else array for array in zip(*table, strict=True))
        return Statement(self._text(text, len(values), lock), [*values, *arrays], columns, read)

    def change(self, text: str, rows: Iterable[Sequence[Any]]) -> Statement[None]:
        """A statement over these rows that has no result."""
        return self.statement(text, rows, read=lambda _: None)

    def insert(self, table: str, rows: Iterable[Sequence[Any]]) -> Statement[None]:
        """Insert these rows into a table that has columns of these names.

        SQLite inserts them one by one, in half the time that it takes to read as many from JSON.
        """
        names, rows = ", ".join(self.types), list(rows)
        if not rows or not sql.is_single_writer():
            return self.change(f"INSERT INTO {table} ({names}) SELECT * FROM {{values}} AS input", rows)  # noqa: S608 (names)
        places = ", ".join("?" * len(self.types))
        return Statement(f"INSERT INTO {table} ({names}) VALUES ({places})", [], (), lambda _: None, rows)  # noqa: S608 (names)

    async def fetch(self, text: str, rows: Iterable[Sequence[Any]], *values: Any) -> list[Row]:
        """Run a statement over these rows now: the rows of its SELECT or RETURNING."""
        return await self.statement(text, rows, *values, read=lambda result: result)

    async def count_written(self, text: str, rows: Iterable[Sequence[Any]], *values: Any) -> int:
        """Run a statement that ends in RETURNING now: how many rows it writes.

        On PostgreSQL they aren't sent, which would take long.
        """
        if sql.is_single_writer():
            return len(await self.fetch(text, rows, *values))
        counting = f"WITH written AS ({text}) SELECT COUNT(*) AS number FROM written"  # noqa: S608 (the caller's statement)
        return sum(int(row["number"]) for row in await self.fetch(counting, rows, *values))

    def _text(self, text: str, values: int, lock: str | None) -> str:
        key = text, values, lock
        if key not in self._texts:
            self._texts[key] = (
                self._for_sqlite(text, values) if lock is None else self._for_postgres(text, values, lock)
            )
        return self._texts[key]

    def _for_sqlite(self, text: str, values: int) -> str:
        members = (f"json_extract(value, '$[{at}]') AS {name}" for at, name in enumerate(self.types))
        table = f"(SELECT {', '.join(members)} FROM json_each(?{values + 1}))"  # noqa: S608 (names and types, no input)
        return sql.with_sqlite_placeholders(text).replace("{values}", table)

    def _for_postgres(self, text: str, values: int, lock: str) -> str:
        arrays = (f"${place}::{type}[]" for place, type in enumerate(self.types.values(), values + 1))
        table = f"(SELECT * FROM unnest({', '.join(arrays)}) AS input ({', '.join(self.types)}))"  # noqa: S608 (the same)
        return f"{text.replace('{values}', table)} {lock}"


_POSTGRES_TYPES = {bool: "boolean", int: "bigint", str: "text", datetime: "timestamptz", dict: "text"}


def _postgres_type(hint: object) -> str:
    """The type of a column of such values in PostgreSQL's words; JSON (a dict, or an object) is stored as text."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    [kind] = {get_origin(member) or member for member in members} - {NoneType}
    if kind is object:
        return "text"
    return next(sql_type for python, sql_type in _POSTGRES_TYPES.items() if issubclass(kind, python))


_JSON_ENCODER = json.JSONEncoder(
    ensure_ascii=False,
    check_circular=False,
    separators=(",", ":"),
    default=lambda instant: instant.isoformat(" "),  # an instant as SQLite's rows have it
)


def new_ids(model: type[Model], number: int) -> Statement[list[int]]:
    """Ids for so many rows that the present transaction may write, ascending; some may stay unused.

    With a row's id known beforehand, rows that refer to it are written in the same trip, and no id is read back.
    """
    table = model._meta.db_table
    if not number:
        return Statement("", [], (), lambda _: [])
    if sql.is_single_writer():
        last = "SELECT COALESCE(MAX(seq), 0) AS id FROM sqlite_sequence WHERE name = ?"
        return Statement(last, [table], ("id",), lambda rows: [rows[0]["id"] + place for place in range(1, number + 1)])
    query = "SELECT nextval((SELECT pg_get_serial_sequence($1, 'id')::regclass)) AS id FROM generate_series(1, $2::int)"
    return Statement(query, [table, number], ("id",), lambda rows: sorted(row["id"] for row in rows))


def planned_transaction() -> TransactionContext:
    """`async with` around a transaction whose statements are the same few each time, so that their plans are kept.

    Inside another transaction it is a part of that.
    """
    connection = get_connection("default")
    return (
        connection.planned_transaction()
        if isinstance(connection, postgres.PostgresClient)
        else connection._in_transaction()
    )


def use_generic_plans() -> Statement[None]:
    """From here on the present transaction's statements have generic plans, which are kept; SQLite's always are."""
    sets = (
        f"set_config('{name}', '{value}', true) AS {name}" for name, value in postgres.GENERIC_PLAN_SETTINGS.items()
    )
    return Statement(
        "" if sql.is_single_writer() else f"SELECT {', '.join(sets)}",
        [],
        tuple(postgres.GENERIC_PLAN_SETTINGS),
        lambda _: None,
    )
