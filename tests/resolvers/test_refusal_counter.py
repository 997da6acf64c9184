"""Tallying: refusals are gathered, written by and by, and none is counted twice or lost while we live."""

from collections import Counter
from datetime import timedelta

import pytest
from tortoise.connection import get_connection
from tortoise.exceptions import OperationalError

from db.enums import UsageLevel
from db.models import Organization, RefusalStat
from resolvers.domain.refusals import Disabled, UnknownCode
from resolvers.refusal_counter import RefusalCounter
from tests.make import NOW


async def stored_counts() -> dict[tuple[str, str, int, str], int]:
    return {(row.level, row.reason, row.promotion_id, row.currency): row.count for row in await RefusalStat.all()}


async def test_refusals_are_written_by_hour_day_reason_and_currency(organization: Organization) -> None:
    """Each refusal is counted in its hour and its day, and writing again adds to what is there."""
    refusal_counter = RefusalCounter()
    for _ in range(2):
        refusal_counter.add(organization, Disabled(), 7, "EUR", NOW)
        refusal_counter.add(organization, UnknownCode("X"), 0, None, NOW)
        await refusal_counter.write()
    levels = [level.value for level in UsageLevel]
    assert await stored_counts() == {
        **{(level, "DISABLED", 7, "EUR"): 2 for level in levels},
        **{(level, "UNKNOWN_CODE", 0, ""): 2 for level in levels},
    }


async def test_no_counts_write_nothing(organization: Organization) -> None:
    """Without refusals there is nothing to write, before and after some were."""
    refusal_counter = RefusalCounter()
    await refusal_counter.write()
    refusal_counter.add(organization, Disabled(), 7, None, NOW)
    for _ in range(3):
        await refusal_counter.write()
    assert set((await stored_counts()).values()) == {1}


async def test_counts_that_can_not_be_written_are_kept(organization: Organization) -> None:
    """A failing database loses no refusal: the next writing has them all, once."""
    refusal_counter = RefusalCounter()
    refusal_counter.add(organization, Disabled(), 7, None, NOW)
    connection = get_connection("default")
    await connection.execute_script("ALTER TABLE refusalstat RENAME TO elsewhere")
    with pytest.raises(OperationalError):
        await refusal_counter.write()
    refusal_counter.add(organization, Disabled(), 7, None, NOW)
    await connection.execute_script("ALTER TABLE elsewhere RENAME TO refusalstat")
    await refusal_counter.write()
    await refusal_counter.write()
    assert set((await stored_counts()).values()) == {2}


async def test_many_different_refusals_are_written_in_several_statements(organization: Organization) -> None:
    """More buckets than one statement takes are all written."""
    refusal_counter = RefusalCounter()
    for hours in range(1_500):
        refusal_counter.add(organization, Disabled(), 7, None, NOW + timedelta(hours=hours))
    await refusal_counter.write()
    counted: Counter[str] = Counter()
    for row in await RefusalStat.all():
        counted[row.level] += row.count
    assert counted == {"HOUR": 1_500, "DAY": 1_500}
