"""The tables of a store, derived from the models, so that a new one is copied too."""

from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from typing import TypeAlias

from tortoise.models import Model

from db import models

Value: TypeAlias = str | int | bool | datetime | None
Row: TypeAlias = tuple[Value, ...]
"""A row of either kind of database: the values of `Table.columns`, in their order; instants are aware and in UTC."""

BATCH_ROWS = 5_000
"""Rows of a table that are in memory at a time."""

NOT_COPIED: set[type[Model]] = {models.RateLimit}
"""Tables whose rows live for a minute, and are not copied."""


@dataclass(frozen=True)
class Table:
    """A table's name, and its columns with their types (str, int, bool or datetime), in the order of a row's values."""

    name: str
    columns: dict[str, type]

    @property
    def column_list(self) -> str:
        """The columns' names as in a statement: quoted, with commas."""
        return ", ".join(f'"{column}"' for column in self.columns)


def all_tables() -> list[Table]:
    """All tables that are copied, each after those that it refers to. Tortoise must be initialized."""
    order: TopologicalSorter[type[Model]] = TopologicalSorter()
    for kind in vars(models).values():
        if isinstance(kind, type) and issubclass(kind, Model) and kind not in (Model, *NOT_COPIED):
            referred = (kind._meta.fields_map[field].related_model for field in sorted(kind._meta.fk_fields))  # type: ignore[attr-defined]
            order.add(kind, *(other for other in referred if other is not kind))
    return [_table(kind) for kind in order.static_order()]


def _table(kind: type[Model]) -> Table:
    meta = kind._meta
    return Table(
        meta.db_table,
        {column: meta.fields_map[field].field_type for field, column in meta.fields_db_projection.items()},
    )
