"""A refusal changes nothing: what the whole database holds is compared before and after."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from tortoise.models import Model

from db import models, sql
from db.transfer import tables
from resolvers.domain.refusals import Refusal

TABLES = sorted(
    name.lower()
    for name, value in vars(models).items()
    if isinstance(value, type) and issubclass(value, Model) and value not in (Model, *tables.NOT_COPIED)
)

R = TypeVar("R", bound=Refusal)


async def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table but the counters of attempts, which refusals are for."""
    return {table: await sql.execute(f'SELECT * FROM "{table}" ORDER BY id', []) for table in TABLES}  # noqa: S608


@asynccontextmanager
async def refused(refusal: type[R]) -> AsyncIterator[pytest.ExceptionInfo[R]]:
    """The block is refused in exactly this way, and no row of any table differs afterwards."""
    before = await everything()
    with pytest.raises(refusal) as info:
        yield info
    assert type(info.value) is refusal
    assert await everything() == before
