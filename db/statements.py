"""Deeds: statements as values, so that those of one transaction can be run together, with rows that they are given."""

import functools
import json
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Generic, TypeVar

from tortoise.backends.base.client import TransactionContext
from tortoise.connection import get_connection
from tortoise.models import Model

from db import sql
from db.clients import postgres, sqlite

T = TypeVar("T")
Row = dict[str, Any]


class Statement(Generic[T]):
    """A statement that is not run yet: await it, or run it `together` with others of its transaction.

    With `rows` it is run for each of them.
    """

    def __init__(
        self,
        text: str,
        values: list[Any],
        tells: Sequence[str],
        read: Callable[[list[Row]], T],
        rows: list[Sequence[Any]] | None = None,
    ) -> None:
        self.text, self.values, self.tells, self.read, self.rows = text, values, tells, read, rows

    def __await__(self) -> Generator[Any, None, T]:
        return self._run().__await__()

    async def _run(self) -> T:
        [told] = await run_together(self)
        return told  # type: ignore[no-any-return]


async def run_together(*statements: Statement[Any]) -> list[Any]:
    """What statements tell that don't wait for each other's answers, nor touch each other's rows.

    SQLite's thread runs them in this order without coming back in between, which costs more than the statements
    do. On PostgreSQL they are one statement, and so one trip; each sees the rows as they were before it.
    """
    asked = [statement for statement in statements if statement.text]
    connection = get_connection("default")
    if asked and isinstance(connection, sqlite.ImmediateTransaction):
        told = await connection.execute_each(
            [(statement.text, statement.values, statement.rows) for statement in asked]
        )
    elif len(asked) < 2 or sql.is_alone():
        told = [await _alone(statement) for statement in asked]
    else:
        told = await _as_one(asked)
    rows = iter(told)
    return [statement.read(next(rows) if statement.text else []) for statement in statements]


async def _alone(statement: Statement[Any]) -> list[Row]:
    if statement.rows is None:
        return await sql.statement(statement.text, statement.values)
    await get_connection("default").execute_many(statement.text, statement.rows)  # type: ignore[arg-type]
    return []


async def _as_one(statements: Sequence[Statement[Any]]) -> list[list[Row]]:
    """Each is a part of one statement, whose rows are a part's number and what that tells, as a tuple."""
    text = _joined(tuple((statement.text, len(statement.values), tuple(statement.tells)) for statement in statements))
    told: list[list[Row]] = [[] for _ in statements]
    for row in await sql.statement(text, [value for statement in statements for value in statement.values]):
        part = row["part"]
        told[part].append(dict(zip(statements[part].tells, row["told"], strict=True)))
    return told


@functools.cache
def _joined(parts: tuple[tuple[str, int, tuple[str, ...]], ...]) -> str:
    written, told, before = [], [], 0
    for at, (text, values, tells) in enumerate(parts):
        written.append(f"part{at} AS ({sql.renumbered(text, before)})")
        before += values
        if tells:
            told.append(f"SELECT {at} AS part, ROW({', '.join(tells)}) AS told FROM part{at}")  # noqa: S608 (names)
    telling = " UNION ALL ".join(told) or "SELECT 0 AS part, NULL AS told WHERE false"
    return f"WITH {', '.join(written)} {telling}"


class ValuesTable:
    """Rows that a statement is given, as a table to select from: `{given}` in its text.

    However many they are the text is the same, so a database prepares it once: on PostgreSQL they come as an
    array a column, on SQLite as one JSON text.
    """

    def __init__(self, **types: str) -> None:
        """Names and types of the columns, the types in PostgreSQL's words."""
        self._types = types
        self._texts: dict[tuple[str, int, str | None], str] = {}

    def statement(
        self,
        text: str,
        given: Iterable[Sequence[Any]],
        *values: Any,
        tells: Sequence[str] = (),
        read: Callable[[list[Row]], T],
        lock: str = "",
    ) -> Statement[T]:
        """A statement, which names further values as `$1`, `$2` …; without rows it is not run, and tells nothing.

        `tells` names the columns of its SELECT or RETURNING, and `read` makes of those rows what is asked.
        `lock`, in PostgreSQL's words, locks the rows in the statement's order; SQLite, where the transaction
        itself is the lock, needs none.
        """
        rows = [list(row) for row in given]
        if not rows:
            return Statement("", [], tells, read)
        if sql.is_alone():
            return Statement(self._text(text, len(values), None), [*values, _WRITER.encode(rows)], tells, read)
        columns = (None if column.count(None) == len(rows) else column for column in zip(*rows, strict=True))
        return Statement(self._text(text, len(values), lock), [*values, *columns], tells, read)

    def change(self, text: str, given: Iterable[Sequence[Any]]) -> Statement[None]:
        """A statement that tells nothing."""
        return self.statement(text, given, read=lambda _: None)

    def insert(self, table: str, given: Iterable[Sequence[Any]]) -> Statement[None]:
        """Rows of a table that has columns of these names.

        SQLite is given them one by one, in half the time that it takes to read as many from JSON.
        """
        names, rows = ", ".join(self._types), list(given)
        if not rows or not sql.is_alone():
            return self.change(f"INSERT INTO {table} ({names}) SELECT * FROM {{given}} AS given", rows)  # noqa: S608 (names)
        places = ", ".join("?" * len(self._types))
        return Statement(f"INSERT INTO {table} ({names}) VALUES ({places})", [], (), lambda _: None, rows)  # noqa: S608 (names)

    async def rows(self, text: str, given: Iterable[Sequence[Any]], *values: Any) -> list[Row]:
        """The rows of a statement's SELECT or RETURNING, run at once."""
        return await self.statement(text, given, *values, read=lambda rows: rows)

    async def number(self, text: str, given: Iterable[Sequence[Any]], *values: Any) -> int:
        """How many rows a statement writes that ends in RETURNING; on PostgreSQL they aren't sent, which takes long."""
        if sql.is_alone():
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
        return sql.as_sqlite(text).replace("{given}", given)

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


def new_ids(model: type[Model], number: int) -> Statement[list[int]]:
    """Ids for rows that the present transaction may write, in their order; those that it doesn't use may stay unused.

    Who knows a row's id beforehand can write what refers to it in the same statement, and need not be told it.
    """
    table = model._meta.db_table
    if not number:
        return Statement("", [], (), lambda _: [])
    if sql.is_alone():
        last = "SELECT COALESCE(MAX(seq), 0) AS id FROM sqlite_sequence WHERE name = ?"
        return Statement(last, [table], ("id",), lambda rows: [rows[0]["id"] + more for more in range(1, number + 1)])
    drawn = "SELECT nextval((SELECT pg_get_serial_sequence($1, 'id')::regclass)) AS id FROM generate_series(1, $2::int)"
    return Statement(drawn, [table, number], ("id",), lambda rows: sorted(row["id"] for row in rows))


def planned_transaction() -> TransactionContext:
    """A transaction of the same few statements again and again, each planned once; a part of one that goes on."""
    connection = get_connection("default")
    return connection.planned_transaction() if isinstance(connection, postgres.Client) else connection._in_transaction()


def plan_once() -> Statement[None]:
    """From here on the present transaction's statements are planned once, as a round's are; SQLite does so anyway."""
    sets = (f"set_config('{name}', '{value}', true) AS {name}" for name, value in postgres.PLANNED_ONCE.items())
    return Statement(
        "" if sql.is_alone() else f"SELECT {', '.join(sets)}", [], tuple(postgres.PLANNED_ONCE), lambda _: None
    )
