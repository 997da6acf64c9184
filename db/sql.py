"""Statements that say in SQL what the models can't, in words both databases know."""

from collections.abc import Sequence
from typing import Any

from tortoise.connection import get_connection


async def statement(text: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """Run a statement in the database's own dialect, inside the current transaction if there is one."""
    return await get_connection("default").execute_query_dict(text, list(values))


async def rows(text: str, *values: Any) -> list[dict[str, Any]]:
    """Run a statement with `$1`, `$2` … placeholders; returns the rows of its SELECT or RETURNING.

    Instants come as the driver gives them, so ask for numbers and texts here and use the models for the rest.
    """
    if get_connection("default").capabilities.dialect == "sqlite":
        text = text.replace("$", "?")
    return await statement(text, values)


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
