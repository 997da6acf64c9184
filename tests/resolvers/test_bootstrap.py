"""What an empty database begins with."""

from db.enums import KeyKind
from db.models import ApiKey, Organization, Promotion
from resolvers import authenticate, bootstrap
from tests.make import NOW


async def test_an_empty_database_gets_an_organization_and_a_key_of_each_kind(store: str) -> None:
    """`demo` is number 1 of account 1, counts in EUR and UTC, and its keys work."""
    keys = await bootstrap.demo(NOW)
    assert sorted(keys) == sorted(KeyKind)
    (demo,) = await Organization.all().select_related("account")
    assert (demo.identifier, demo.number, demo.account.number) == ("demo", 1, 1)
    assert (demo.currency, demo.time_zone) == ("EUR", "UTC")
    for kind, value in keys.items():
        holder = await authenticate.key(value)
        assert holder is not None
        assert holder.kind is kind
        assert (await authenticate.organization_of(holder, None)) == demo
    assert [promotion.reference for promotion in await Promotion.all()] == ["default"]


async def test_a_second_start_makes_nothing(store: str) -> None:
    """Where there is an organization, nothing is added."""
    await bootstrap.demo(NOW)
    assert await bootstrap.demo(NOW) == {}
    assert (await Organization.all().count(), await ApiKey.all().count()) == (1, 4)
