"""The tables as the models tell of them, so that a new one is copied without anybody naming it."""

from dataclasses import dataclass
from graphlib import TopologicalSorter

from tortoise.models import Model

from db import models

BATCH = 5_000
"""Rows of a table that are in memory at a time."""

PASSING: set[type[Model]] = {models.RateLimit}
"""What is gone in a minute: no store is copied with it."""


@dataclass(frozen=True)
class Table:
    """A table's name, and its columns with what is in them: str, int, bool or datetime."""

    name: str
    columns: dict[str, type]

    @property
    def listed(self) -> str:
        """The columns' names as a statement lists them."""
        return ", ".join(f'"{column}"' for column in self.columns)


def every() -> list[Table]:
    """All of them, each behind those that it refers to. Tortoise has been told of the models before."""
    order: TopologicalSorter[type[Model]] = TopologicalSorter()
    for kind in vars(models).values():
        if isinstance(kind, type) and issubclass(kind, Model) and kind not in (Model, *PASSING):
            referred = (kind._meta.fields_map[field].related_model for field in sorted(kind._meta.fk_fields))  # type: ignore[attr-defined]
            order.add(kind, *(other for other in referred if other is not kind))
    return [_table(kind) for kind in order.static_order()]


def _table(kind: type[Model]) -> Table:
    known = kind._meta
    return Table(
        known.db_table,
        {column: known.fields_map[field].field_type for field, column in known.fields_db_projection.items()},
    )
