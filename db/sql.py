"""Statements that say in SQL what the models can't, in words both databases know."""

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from tortoise.connection import get_connection
from tortoise.expressions import RawSQL
from tortoise.models import Model
from tortoise.queryset import QuerySet

from db.clients import pool

M = TypeVar("M", bound=Model)


async def statement(text: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """Run a statement in the database's own dialect, inside the current transaction if there is one."""
    return await get_connection("default").execute_query_dict(text, list(values))


async def rows(text: str, *values: Any) -> list[dict[str, Any]]:
    """Run a statement with `$1`, `$2` … placeholders; returns the rows of its SELECT or RETURNING.

    Instants come as the driver gives them, so ask for numbers and texts here and use the models for the rest.
    """
    return await statement(as_sqlite(text) if _is_sqlite() else text, values)


def as_sqlite(text: str) -> str:
    """A statement's text with its placeholders as SQLite numbers them."""
    return re.sub(r"\$(?=\d)", "?", text)


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


def searched(found: QuerySet[M], *texts: tuple[str, ...], words: Sequence[str]) -> QuerySet[M]:
    """Those rows where each of the words is in one of the texts.

    A text is a folded column, which is null for ASCII, and the columns it is of, whose lower case is asked for then:
    case beyond ASCII is folded in our own code, as the databases don't agree in it.
    """
    if not words:
        return found
    lower = "lower(COALESCE({}, ''))" if _is_sqlite() else "lower(COALESCE({}, '') COLLATE \"C\")"
    between = " || ' ' || "
    told = (f"COALESCE({folded}, {between.join(map(lower.format, columns))})" for folded, *columns in texts)
    found = found.annotate(searched=RawSQL(between.join(told)))
    for word in words:
        found = found.filter(searched__contains=word)
    return found


def renumbered(text: str, by: int) -> str:
    """A statement's text with its placeholders, where they are numbered, pushed back to stand behind others."""
    return re.sub(r"\$(\d+)", lambda placeholder: f"${int(placeholder[1]) + by}", text)


def _is_sqlite() -> bool:
    return bool(get_connection("default").capabilities.dialect == "sqlite")


def is_alone() -> bool:
    """Whether everybody else who writes waits for whoever is in a transaction, whatever it writes."""
    return _is_sqlite()


def batch_seconds() -> float | None:
    """How long a batch of requests may take; None where no other connection could go on any sooner."""
    return None if _is_sqlite() else pool.BATCH_SECONDS


def lateral_join(table: str, **key: str) -> str:
    """A part of a FROM: the row of a table, if there is one, that a unique key finds for each row before it.

    Says what each of the key's columns must be. PostgreSQL is told it in words that leave it one plan, which is
    therefore safe to keep (`postgres.PLANNED_ONCE`): a row is looked for after those before it (LATERAL … LIMIT), and
    in the order of its key's last column, that only the key's own index has. Equal in both directions rather than
    equal, or that order would be no matter.
    """
    if _is_sqlite():
        return f"CROSS JOIN {table} ON " + " AND ".join(f"{table}.{name} = {value}" for name, value in key.items())
    *same, (last, value) = key.items()
    wheres = [f"{table}.{name} = {value}" for name, value in same]
    wheres += [f"{table}.{last} >= {value}", f"{table}.{last} <= {value}"]
    found = f"SELECT * FROM {table} WHERE {' AND '.join(wheres)} ORDER BY {table}.{last} LIMIT 1"  # noqa: S608 (names)
    return f"CROSS JOIN LATERAL ({found}) AS {table}"


def key_condition(table: str, *key: str) -> str:
    """A condition of an UPDATE … FROM {given} AS given: the rows that have these columns of a key as one given has.

    PostgreSQL goes by the key's index then, whichever of the two it would begin with, as it is told all values of each
    column as well.
    """
    wheres = [f"{table}.{name} = given.{name}" for name in key]
    if not _is_sqlite():
        these = [(name, f"SELECT given.{name} FROM {{given}} AS given") for name in key]  # noqa: S608 (names)
        wheres += [f"{table}.{name} {among(question)}" for name, question in these]
    return " AND ".join(wheres)


def among(question: str) -> str:
    """What follows a column whose value is to be among those that a question tells.

    The question is asked once and first, wherever PostgreSQL would rather begin with the table that has the column.
    """
    return f"IN ({question})" if _is_sqlite() else f"= ANY (ARRAY({question}))"


async def delete(found: QuerySet[Any]) -> int:
    """Delete rows in the present transaction; how many there were, without those that went with them."""
    number = await found.delete()
    if not _is_sqlite():
        return int(number)
    [told] = await rows("SELECT changes() AS number")  # Tortoise counts what went with them, too
    return int(told["number"])


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


def passing_over_locked() -> str:
    """What ends a question for rows to take, so that two who take at once don't wait for the same ones.

    A SQLite statement that writes is alone with the database anyway.
    """
    return "FOR UPDATE SKIP LOCKED" if get_connection("default").capabilities.dialect == "postgres" else ""
