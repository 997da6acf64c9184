"""Raw SQL for both databases: running statements, models from rows, and the parts in which the dialects differ."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from tortoise.connection import get_connection
from tortoise.expressions import RawSQL
from tortoise.models import Model
from tortoise.queryset import QuerySet

from db.clients import pool

M = TypeVar("M", bound=Model)

Row: TypeAlias = dict[str, Any]
"""A row of a result by its columns' names. Which types its values have only the statement's text tells."""


async def execute(text: str, values: Sequence[object]) -> list[Row]:
    """The rows of a statement in the database's own dialect: `?1` on SQLite, `$1` on PostgreSQL.

    It is run inside the present transaction if there is one; else it commits by itself. Raises what the driver raises,
    within Tortoise's errors: db/errors.py tells them apart.
    """
    return await get_connection("default").execute_query_dict(text, list(values))


async def rows(text: str, *values: object) -> list[Row]:
    """The rows of the SELECT or RETURNING of a statement that is the same text for both databases.

        [row] = await rows("SELECT COUNT(*) AS number FROM claim WHERE code_id = $1", 7)  # {"number": 3}

    Placeholders are `$1`, `$2` …, each as often as needed. Instants come as the driver gives them, texts from SQLite:
    numbers and texts are safe to select, the rest is for `models_from_rows`.
    """
    return await execute(with_sqlite_placeholders(text) if _is_sqlite() else text, values)


def with_sqlite_placeholders(text: str) -> str:
    """A statement's text with its placeholders as SQLite numbers them."""
    return re.sub(r"\$(?=\d)", "?", text)


@functools.cache
def columns(model: type[Model]) -> tuple[str, ...]:
    """The names of all of a model's columns."""
    return tuple(model._meta.fields_db_projection.values())


def models_from_rows(model: type[M], rows: Iterable[Mapping[str, object]]) -> list[M]:
    """Model objects of rows by their columns' names; they have all columns, or some of them, and no others.

        codes = models_from_rows(Code, await rows("SELECT * FROM code WHERE promotion_id = $1", 3))

    Values are converted as Tortoise does: texts to instants, enums and JSON.

    Tortoise's own way sets each of an object's attributes by itself, which took an eighth of a claim's time.
    """
    meta = model._meta
    conversions: list[tuple[str, Callable[[object], object]]] = [
        (name, field.field_type) for _, name, field in meta.db_default_fields
    ]
    conversions += [(name, field.to_python_value) for _, name, field in meta.db_complex_fields]
    instances = []
    for row in rows:
        instance = model_from_row(model, row)
        for name, convert in conversions:
            if (value := row.get(name)) is not None:
                vars(instance)[name] = convert(value)
        instances.append(instance)
    return instances


def model_from_row(model: type[M], values: Mapping[str, object]) -> M:
    """A model object of column values as the program has them, as if it had been read from the database.

    Nothing is converted: an enum's member is given as such, an instant as a datetime.
    """
    instance = model.__new__(model)
    is_partial = len(values) < len(model._meta.db_fields)
    vars(instance).update(
        values, _partial=is_partial, _saved_in_db=True, _custom_generated_pk=False, _await_when_save={}
    )
    return instance


def created_between(queryset: QuerySet[M], start: datetime | None, end: datetime | None) -> QuerySet[M]:
    """The rows created at `start` or later, and before `end`; None is no bound."""
    if start is not None:
        queryset = queryset.filter(created_at__gte=start)
    return queryset if end is None else queryset.filter(created_at__lt=end)


def contains_words(queryset: QuerySet[M], *texts: tuple[str, ...], words: Sequence[str]) -> QuerySet[M]:
    """The rows where each of the folded words is contained in one of the texts.

    A text is the name of its folded column, which is null for ASCII, and of the columns that are searched then, in
    lower case. Case beyond ASCII is folded in our own code, as the databases don't agree in it.
    """
    if not words:
        return queryset
    lower = "lower(COALESCE({}, ''))" if _is_sqlite() else "lower(COALESCE({}, '') COLLATE \"C\")"
    between = " || ' ' || "
    parts = (f"COALESCE({folded}, {between.join(map(lower.format, columns))})" for folded, *columns in texts)
    queryset = queryset.annotate(search_text=RawSQL(between.join(parts)))
    for word in words:
        queryset = queryset.filter(search_text__contains=word)
    return queryset


def shift_placeholders(text: str, by: int) -> str:
    """A statement's text with its numbered placeholders moved up by so many, to come after others."""
    return re.sub(r"\$(\d+)", lambda placeholder: f"${int(placeholder[1]) + by}", text)


def _is_sqlite() -> bool:
    return bool(get_connection("default").capabilities.dialect == "sqlite")


def is_single_writer() -> bool:
    """Whether the database has one writer at a time: a transaction that writes keeps all others waiting (SQLite)."""
    return _is_sqlite()


def batch_seconds() -> float | None:
    """How many seconds a batch of requests may take; None where no other connection could go on any sooner."""
    return None if _is_sqlite() else pool.BATCH_SECONDS


def lateral_join(table: str, **key: str) -> str:
    """A part of a FROM: for each row before it the table's row, if there is one, that a unique key finds.

        join = lateral_join("code", organization_id="input.organization_id", text_key="input.text_key")
        f"SELECT code.id FROM {{values}} AS input {join}"

    `key` has the SQL expression that each column of the key is equal to. The form for PostgreSQL leaves it one plan,
    which is therefore safe to keep (`postgres.GENERIC_PLAN_SETTINGS`): a row is looked for after those before it
    (LATERAL … LIMIT), and in the order of its key's last column, which only the key's own index has. That column is
    compared in both directions instead of by equality, or the order would be ignored.
    """
    if _is_sqlite():
        return f"CROSS JOIN {table} ON " + " AND ".join(f"{table}.{name} = {value}" for name, value in key.items())
    *same, (last, value) = key.items()
    wheres = [f"{table}.{name} = {value}" for name, value in same]
    wheres += [f"{table}.{last} >= {value}", f"{table}.{last} <= {value}"]
    row = f"SELECT * FROM {table} WHERE {' AND '.join(wheres)} ORDER BY {table}.{last} LIMIT 1"  # noqa: S608 (names)
    return f"CROSS JOIN LATERAL ({row}) AS {table}"


def key_condition(table: str, *key: str) -> str:
    """A condition of an UPDATE … FROM {values} AS input: the rows whose key columns are equal to an input row's.

        f"UPDATE code SET is_enabled = false FROM {{values}} AS input WHERE {key_condition('code', 'id')}"

    All values of each column are named as well, so that PostgreSQL uses the key's index, whichever of the two tables
    it would begin with.
    """
    wheres = [f"{table}.{name} = input.{name}" for name in key]
    if not _is_sqlite():
        subqueries = [(name, f"SELECT input.{name} FROM {{values}} AS input") for name in key]  # noqa: S608 (names)
        wheres += [f"{table}.{name} {in_subquery(subquery)}" for name, subquery in subqueries]
    return " AND ".join(wheres)


def in_subquery(subquery: str) -> str:
    """A condition, to stand behind a column: its value is among those of a subquery.

    The subquery is run once and first, also where PostgreSQL would rather begin with the column's table.
    """
    return f"IN ({subquery})" if _is_sqlite() else f"= ANY (ARRAY({subquery}))"


async def delete(queryset: QuerySet[M]) -> int:
    """Delete rows in the present transaction; how many there were, without those deleted by cascade."""
    number = await queryset.delete()
    if not _is_sqlite():
        return int(number)
    [row] = await rows("SELECT changes() AS number")  # Tortoise counts what was deleted by cascade, too
    return int(row["number"])


async def use_snapshot() -> None:
    """Let the present transaction read one snapshot of the database until it ends; call it first.

    A SQLite transaction does so anyway.
    """
    if not _is_sqlite():
        await get_connection("default").execute_query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


async def lock_table_for_writing(table: str) -> None:
    """Lock a table against other writers until the present transaction ends; its readers go on.

    A SQLite transaction has the database to itself anyway.
    """
    if not _is_sqlite():
        await get_connection("default").execute_query(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")


def skip_locked() -> str:
    """The end of a SELECT of rows to be taken, so that two transactions don't wait for the same ones.

    A SQLite statement that writes has the database to itself anyway.
    """
    return "" if _is_sqlite() else "FOR UPDATE SKIP LOCKED"
