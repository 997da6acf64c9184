"""Probes the store: could a claim be made now?"""

from collections.abc import Sequence

from db import batching, statements
from db import errors as db_errors
from db.queries import probes


async def store() -> None:
    """Write to the store as a claim does: in a batch, and durably. Raises the errors that a claim would get."""
    await batching.submit(_write, None)


async def _write(requests: Sequence[None]) -> list[None]:
    async with statements.planned_transaction():
        if not await probes.write():
            raise db_errors.RowLocked("Every row that could be written is locked by a transaction that does not end.")
    return [None] * len(requests)
