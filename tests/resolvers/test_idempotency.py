"""Remembering: a call with a key is answered once, for a day."""

from datetime import timedelta

import pytest
from tortoise.transactions import in_transaction

from db.models import IdempotencyKey, Organization
from resolvers import idempotency, sweep
from resolvers.domain.refusals import IdempotencyMismatch, InvalidInput
from tests import make
from tests.make import NOW
from tests.resolvers.refused import refused

DAY = timedelta(hours=24)


async def test_without_a_key_nothing_is_remembered(organization: Organization) -> None:
    """No key, no row, no answer."""
    assert await idempotency.begin(organization.id, None, "args", NOW) is None
    await idempotency.finish(organization.id, None, 1)
    assert await IdempotencyKey.all().count() == 0


async def test_a_call_is_answered_as_it_was(organization: Organization) -> None:
    """The same words with the same key, trimmed, give the answer that was kept."""
    assert await idempotency.begin(organization.id, " K ", ("call", 1), NOW) is None
    await idempotency.finish(organization.id, " K ", {"a": [1, "é"]})
    assert await idempotency.begin(organization.id, "K", ("call", 1), NOW) == {"a": [1, "é"]}


async def test_other_words_are_a_mismatch(organization: Organization) -> None:
    """A key is for one deed with one wording."""
    await idempotency.begin(organization.id, "K", ("call", 1), NOW)
    for args in (("call", 2), ("call", "1"), ("other", 1)):
        async with refused(IdempotencyMismatch) as no:
            await idempotency.begin(organization.id, "K", args, NOW)
        assert not no.value.by_order_reference


async def test_a_key_is_forgotten_after_a_day(organization: Organization) -> None:
    """For 24 hours it is remembered; then it is new, and its old answer with it gone."""
    await idempotency.begin(organization.id, "K", "args", NOW)
    await idempotency.finish(organization.id, "K", 1)
    assert await idempotency.begin(organization.id, "K", "args", NOW + DAY) == 1
    assert await idempotency.begin(organization.id, "K", "other", NOW + DAY + timedelta(microseconds=1)) is None
    row = await IdempotencyKey.get()
    assert (row.answer, row.created_at) == (None, NOW + DAY + timedelta(microseconds=1))


async def test_a_key_is_one_organizations(organization: Organization) -> None:
    """Two organizations may use one key for different things."""
    other = await make.organization("other", account=2)
    await idempotency.begin(organization.id, "K", "args", NOW)
    assert await idempotency.begin(other.id, "K", "other", NOW) is None


async def test_a_call_that_is_rolled_back_leaves_its_key_free(organization: Organization) -> None:
    """What fails takes no key."""

    async def failing() -> None:
        async with in_transaction():
            await idempotency.begin(organization.id, "K", "args", NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await failing()
    assert await idempotency.begin(organization.id, "K", "other", NOW) is None


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\x00"])
async def test_an_impossible_key_is_refused(organization: Organization, key: str) -> None:
    """A key is there, short and storable."""
    async with refused(InvalidInput) as no:
        await idempotency.begin(organization.id, key, "args", NOW)
    assert no.value.path == ("idempotency_key",)


async def test_keys_whose_day_is_over_are_swept(organization: Organization) -> None:
    """Sweeping drops what is forgotten and nothing else."""
    await idempotency.begin(organization.id, "OLD", "args", NOW)
    await idempotency.begin(organization.id, "NEW", "args", NOW + timedelta(microseconds=1))
    await sweep.leftovers(NOW + DAY + timedelta(microseconds=1))
    assert await IdempotencyKey.all().values_list("value", flat=True) == ["NEW"]
