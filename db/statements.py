"""SQL statements as values, which are run several in one round trip, over rows that are passed as a table.

A query of db/queries that takes part in a batch returns a `Statement`: SQL that is not run yet, and a function that
makes its result of the rows. Its caller awaits it, or runs it with others:

    LETTERS = ValuesTable(id="bigint", error="text")

    def save_errors(errors: dict[int, str]) -> Statement[set[int]]:
        return LETTERS.statement(
            "UPDATE delivery SET last_error = input.error FROM {values} AS input"
            " WHERE delivery.id = input.id AND delivery.attempts < $1 RETURNING delivery.id",
            errors.items(),
            8,
            columns=("id",),
            read=lambda rows: {row["id"] for row in rows},
        )

    saved = await save_errors({7: "451 Later", 9: "450 Busy"})
    saved, promotions = await run_together(save_errors({7: "451 Later"}), promotions.by_each_id([(1, 3)]))

Placeholders are PostgreSQL's `$1`, `$2` … in texts of both databases, as in `sql.rows`.
"""

import functools
import json
from collections.abc import Callable, Generator, Iterable, Sequence
from datetime import datetime
from types import NoneType, UnionType
from typing import Generic, TypeVar, Union, get_args, get_origin, get_type_hints, overload

from tortoise.backends.base.client import TransactionContext
from tortoise.connection import get_connection
from tortoise.models import Model

from db import sql
from db.clients import postgres, sqlite
from db.sql import Row

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T_co = TypeVar("T_co", covariant=True)


class Statement(Generic[T_co]):
    """A statement that is not run yet, with the type of its result: await it, or run it by `run_together`."""

    def __init__(
        self,
        text: str,
        values: Sequence[object],
        columns: Sequence[str],
        read: Callable[[list[Row]], T_co],
        rows: Sequence[Sequence[object]] | None = None,
    ) -> None:
        """`text` is in the database's own dialect, with `values` for its placeholders; an empty one is not run.

        `columns` names the columns of its SELECT or RETURNING, in their order: none where it has neither. `read` makes
        the result of those rows, or of no rows where the text is empty. With `rows` the statement is run once for each
        of them, in place of `values`, and has no rows as its result.
        """
        self.text, self.values, self.columns, self.read, self.rows = text, values, columns, read, rows

    def __await__(self) -> Generator[object, None, T_co]:
        return self._run().__await__()

    async def _run(self) -> T_co:
        [result] = await run_together(self)
        return result


@overload
async def run_together(first: Statement[T1], second: Statement[T2], /) -> tuple[T1, T2]: ...
@overload
async def run_together(first: Statement[T1], second: Statement[T2], third: Statement[T3], /) -> tuple[T1, T2, T3]: ...
@overload
async def run_together(
    first: Statement[T1], second: Statement[T2], third: Statement[T3], fourth: Statement[T4], /
) -> tuple[T1, T2, T3, T4]: ...
@overload
async def run_together(*statements: Statement[T]) -> tuple[T, ...]: ...
async def run_together(*statements: Statement[object]) -> tuple[object, ...]:
    """Run statements in one round trip: their results, in their order. Raises what the database raises.

    None of them may need another's result, nor touch a row that another writes. In a transaction all or none are done.

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
    return tuple([statement.read(next(rows) if statement.text else []) for statement in statements])


async def _run_one(statement: Statement[object]) -> list[Row]:
    if statement.rows is None:
        return await sql.execute(statement.text, statement.values)
    await get_connection("default").execute_many(statement.text, [list(row) for row in statement.rows])
    return []


async def _run_combined(statements: Sequence[Statement[object]]) -> list[list[Row]]:
    """The rows of each of the statements, which are run as parts of one.

    WITH part0 AS (…), part1 AS (…) SELECT 0 AS part, ROW(id, …) AS result FROM part0 UNION ALL SELECT 1 …
    """
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

    ValuesTable(id="bigint", error="text") stands for a table with these two columns:

        UPDATE delivery SET last_error = input.error FROM {values} AS input WHERE delivery.id = input.id

    However many rows there are the text is the same, so a database prepares it once: on PostgreSQL they come as an
    array a column, on SQLite as one JSON text. A ValuesTable is made once, beside its queries, and keeps these texts.
    """

    def __init__(self, **types: str) -> None:
        """Names of the columns, in the order of a row's values, and their types in PostgreSQL's words."""
        self.types = types
        self._texts: dict[tuple[str, int, str | None], str] = {}

    @classmethod
    def of(cls, *parts: type, **further: str) -> "ValuesTable":
        """A table whose columns are the fields of these classes (NamedTuple, TypedDict or dataclass), in their order.

            class Line(NamedTuple):
                id: int
                error: str | None

            ValuesTable.of(Line, now="timestamptz")  # of id bigint, error text, now timestamptz

        `further` are columns that come after them.
        """
        hints = [hint for part in parts for hint in get_type_hints(part).items()]
        return cls(**{name: _postgres_type(hint) for name, hint in hints}, **further)

    def without(self, *columns: str) -> "ValuesTable":
        """The table without some of its columns."""
        return ValuesTable(**{name: type for name, type in self.types.items() if name not in columns})

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.types)

    def insert_select(self, table: str, ending: str, /, **expressions: str) -> str:
        """The text of a statement that inserts these rows into a table that has columns of their names.

            INSERT INTO delivery (id, error, status) SELECT id, error, $1 FROM {values} AS new WHERE true RETURNING id

        Further columns get SQL expressions over a row, or placeholders. The ending is its ORDER BY, ON CONFLICT and
        RETURNING.
        """
        columns, values = ", ".join([*self.types, *expressions]), ", ".join([*self.types, *expressions.values()])
        return f"INSERT INTO {table} ({columns}) SELECT {values} FROM {{values}} AS new WHERE true {ending}"  # noqa: S608 (names)

    def statement(
        self,
        text: str,
        rows: Iterable[Sequence[object]],
        *values: object,
        columns: Sequence[str] = (),
        read: Callable[[list[Row]], T],
        lock: str = "",
    ) -> Statement[T]:
        """A statement over these rows, with further values as `$1`, `$2` …; without rows it is not run.

        `columns` names the columns of its SELECT or RETURNING, in their order; `read` makes the result of those rows,
        which is told of no rows where it is not run. `lock`, in PostgreSQL's words, locks the rows in the statement's
        order (`FOR UPDATE OF code`); SQLite, where the transaction itself is the lock, needs none.
        """
        table = [list(row) for row in rows]
        if not table:
            return Statement("", [], columns, read)
        if sql.is_single_writer():
            return Statement(self._text(text, len(values), None), [*values, _JSON_ENCODER.encode(table)], columns, read)
        arrays = (None if array.count(None) == len(table) else array for array in zip(*table, strict=True))
        return Statement(self._text(text, len(values), lock), [*values, *arrays], columns, read)

    def change(self, text: str, rows: Iterable[Sequence[object]]) -> Statement[None]:
        """A statement over these rows that has no result."""
        return self.statement(text, rows, read=lambda _: None)

    def insert(self, table: str, rows: Iterable[Sequence[object]]) -> Statement[None]:
        """Insert rows into a table of the database, which has columns of these names.

        SQLite inserts them one by one, in half the time that it takes to read as many from JSON.
        """
        names, rows = ", ".join(self.types), list(rows)
        if not rows or not sql.is_single_writer():
            return self.change(f"INSERT INTO {table} ({names}) SELECT * FROM {{values}} AS input", rows)  # noqa: S608 (names)
        places = ", ".join("?" * len(self.types))
        return Statement(f"INSERT INTO {table} ({names}) VALUES ({places})", [], (), lambda _: None, rows)  # noqa: S608 (names)

    async def fetch(self, text: str, rows: Iterable[Sequence[object]], *values: object) -> list[Row]:
        """Run a statement over these rows now: the rows of its SELECT or RETURNING."""
        return await self.statement(text, rows, *values, read=lambda result: result)

    async def count_written(self, text: str, rows: Iterable[Sequence[object]], *values: object) -> int:
        """Run a statement that ends in RETURNING now: how many rows it writes.

        On PostgreSQL they aren't sent, which would take long.
        """
        if sql.is_single_writer():
            return len(await self.fetch(text, rows, *values))
        counting = f"WITH written AS ({text}) SELECT COUNT(*) AS number FROM written"  # noqa: S608 (the caller's statement)
        return sum(int(row["number"]) for row in await self.fetch(counting, rows, *values))

    def _text(self, text: str, values: int, lock: str | None) -> str:
        """The text for the present database, made once for each; `lock` is None on SQLite. `values` is their number."""
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


def new_ids(*numbers: tuple[type[Model], int]) -> Statement[list[list[int]]]:
    """Ids for so many rows of each table that the present transaction may write: a list for each, ascending.

        new_customers, new_claims = await new_ids((Customer, 1), (Claim, 2))  # [7], [40, 41]

    Some may stay unused. With a row's id known beforehand, rows that refer to it are written in the same trip, and no
    id is read back. On SQLite they are above the last one, which nobody else can use as long as the transaction writes.
    """
    tables = [(model._meta.db_table, number) for model, number in numbers]
    asked = [(table, number) for table, number in tables if number]
    if sql.is_single_writer():
        return Statement(
            _last_ids(len(asked)), [table for table, _ in asked], ("name", "seq"), lambda rows: _ids_after(tables, rows)
        )
    return Statement(
        _next_ids(len(asked)),
        [value for pair in asked for value in pair],
        ("name", "id"),
        lambda rows: [sorted(row["id"] for row in rows if row["name"] == table) for table, _ in tables],
    )


@functools.cache
def _last_ids(tables: int) -> str:
    """The last id of each table, in SQLite's words; a table that never had a row is left out."""
    names = ", ".join(["?"] * tables)
    return f"SELECT name, seq FROM sqlite_sequence WHERE name IN ({names})" if tables else ""  # noqa: S608 (placeholders)


def _ids_after(tables: list[tuple[str, int]], rows: list[Row]) -> list[list[int]]:
    last = {row["name"]: row["seq"] for row in rows}
    return [list(range(last.get(table, 0) + 1, last.get(table, 0) + 1 + number)) for table, number in tables]


@functools.cache
def _next_ids(tables: int) -> str:
    """So many ids of each table's sequence, in PostgreSQL's words; its parameters are a name and a number a table."""
    parts = (
        f"SELECT ${at}::text AS name, nextval((SELECT pg_get_serial_sequence(${at}, 'id')::regclass)) AS id"  # noqa: S608
        f" FROM generate_series(1, ${at + 1}::int)"
        for at in range(1, 2 * tables, 2)
    )
    return " UNION ALL ".join(parts)


def planned_transaction() -> TransactionContext:
    """`async with` around a transaction whose statements are the same few each time, so that their plans are kept.

    Only statements that leave PostgreSQL no choice of plan belong in it: see `postgres.GENERIC_PLAN_SETTINGS`. A row
    that another transaction has locked is waited for at most `pool.LOCK_SECONDS` there. Inside another transaction it
    is a part of that. On SQLite it is a transaction as any other.
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
