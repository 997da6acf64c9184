"""Statements that say in SQL what the models can't, in words both databases know."""

import asyncio
import json
import re
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from tortoise.connection import get_connection
from tortoise.models import Model

M = TypeVar("M", bound=Model)


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


class Given:
    """Rows that a statement is given, as a table to select from: `{given}` in its text.

    However many they are the text is the same, so a database prepares it once: on PostgreSQL they come as an
    array a column, on SQLite as one JSON text.
    """

    def __init__(self, **types: str) -> None:
        """Names and types of the columns, the types in PostgreSQL's words."""
        self._types = types
        self._texts: dict[tuple[str, int], str] = {}

    async def rows(
        self, text: str, given: Iterable[Sequence[Any]], *values: Any, lock: str = ""
    ) -> list[dict[str, Any]]:
        """The rows of a statement's SELECT or RETURNING, which names further values as `$1`, `$2` …

        `lock`, in PostgreSQL's words, locks the rows in the statement's order; SQLite, where the transaction
        itself is the lock, needs none.
        """
        connection = get_connection("default")
        if connection.capabilities.dialect == "sqlite":
            written = _WRITER.encode([list(row) for row in given])
            return await connection.execute_query_dict(self._for_sqlite(text, len(values)), [*values, written])
        columns = [list(column) for column in zip(*given, strict=True)] or [[]] * len(self._types)
        text = f"{self._for_postgres(text, len(values))} {lock}"
        return await connection.execute_query_dict(text, [*values, *columns])

    async def number(self, text: str, given: Iterable[Sequence[Any]], *values: Any) -> int:
        """How many rows a statement writes that ends in RETURNING; on PostgreSQL they aren't sent, which takes long."""
        if _is_sqlite():
            return len(await self.rows(text, given, *values))
        counting = f"WITH written AS ({text}) SELECT COUNT(*) AS number FROM written"  # noqa: S608 (the caller's statement)
        [row] = await self.rows(counting, given, *values)
        return int(row["number"])

    def _for_sqlite(self, text: str, values: int) -> str:
        if (text, values) not in self._texts:
            members = (f"json_extract(value, '$[{at}]') AS {name}" for at, name in enumerate(self._types))
            given = f"(SELECT {', '.join(members)} FROM json_each(?{values + 1}))"  # noqa: S608 (names and types, nothing that was said)
            self._texts[text, values] = _as_sqlite(text).replace("{given}", given)
        return self._texts[text, values]

    def _for_postgres(self, text: str, values: int) -> str:
        arrays = (f"${place}::{type}[]" for place, type in enumerate(self._types.values(), values + 1))
        given = f"(SELECT * FROM unnest({', '.join(arrays)}) AS given ({', '.join(self._types)}))"  # noqa: S608 (the same)
        return text.replace("{given}", given)


async def together(*deeds: Coroutine[Any, Any, None]) -> None:
    """Statements of one transaction that don't wait for each other's answers; they are run in this order.

    SQLite's thread runs them without coming back in between, which costs more than the statements do.
    """
    answers = await asyncio.gather(*deeds, return_exceptions=True)  # none may go on after the transaction is over
    for answer in answers:
        if answer is not None:
            raise answer


_WRITER = json.JSONEncoder(
    ensure_ascii=False,
    check_circular=False,
    separators=(",", ":"),
    default=lambda instant: instant.isoformat(" "),  # an instant as SQLite's rows have it
)


def models(model: type[M], rows: Iterable[dict[str, Any]]) -> list[M]:
    """Model objects of rows that have every column.

    Tortoise's own way sets each of an object's attributes by itself, which took an eighth of a claim's time.
    """
    meta = model._meta
    conversions: list[tuple[str, Any]] = [(name, field.field_type) for _, name, field in meta.db_default_fields]
    conversions += [(name, field.to_python_value) for _, name, field in meta.db_complex_fields]
    made = []
    for row in rows:
        values = as_read(model, row)
        for name, convert in conversions:
            if (value := row[name]) is not None:
                vars(values)[name] = convert(value)
        made.append(values)
    return made


def as_read(model: type[M], values: dict[str, Any]) -> M:
    """A model object of values as the program has them, as if it were read from the store."""
    made = model.__new__(model)
    vars(made).update(_AS_READ, _await_when_save={}, **values)
    return made


_AS_READ = {"_partial": False, "_saved_in_db": True, "_custom_generated_pk": False}


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


async def check_by_one_plan() -> None:
    """What the rows that the present transaction writes refer to is looked for by a plan that is made once.

    PostgreSQL asks for each row and each foreign key, and our connections plan anew every time, which costs many
    rows as much as inserting them (see db/postgres.py). That plan uses the key's index, as one that reads a whole
    small table would be kept when the table is large. SQLite plans nothing here.
    """
    connection = get_connection("default")
    if connection.capabilities.dialect == "postgres":
        await connection.execute_query(
            "SELECT set_config('plan_cache_mode', 'auto', true), set_config('enable_seqscan', 'off', true)"
        )


def passing_over_locked() -> str:
    """What ends a question for rows to take, so that two who take at once don't wait for the same ones.

    A SQLite statement that writes is alone with the database anyway.
    """
    return "FOR UPDATE SKIP LOCKED" if get_connection("default").capabilities.dialect == "postgres" else ""
