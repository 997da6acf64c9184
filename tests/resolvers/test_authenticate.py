"""Admitting: whose key it is, what it may do, and for whom it speaks."""

import asyncio

import pytest

from db.enums import KeyKind
from db.models import ApiKey, Organization
from db.queries import keys
from resolvers import authenticate, create, revoke
from resolvers.authenticate import Holder, Right
from tests import make
from tests.make import NOW


async def holder(value: str) -> Holder:
    key_holder = await authenticate.key(value)
    assert key_holder is not None
    return key_holder


@pytest.mark.parametrize("kind", list(KeyKind))
async def test_a_key_opens_its_own_organization(organization: Organization, kind: KeyKind) -> None:
    """A key tells its kind and organization; an account's key names none."""
    key_holder = await holder(await make.key(organization, kind))
    assert (key_holder.kind, key_holder.account_id) == (kind, organization.account_id)
    assert (key_holder.organization is None) is (kind is KeyKind.ACCOUNT)


async def test_an_unknown_or_revoked_key_opens_nothing(organization: Organization) -> None:
    """A key works exactly as it was given out, until it is revoked, which happens once."""
    value = await make.key(organization)
    for wrong in ("", value.upper(), value + " ", value[:-1], "\ud800", "ключ"):
        assert await authenticate.key(wrong) is None
    row = await ApiKey.get()
    assert await revoke.key(row.id, NOW)
    assert await authenticate.key(value) is None
    assert not await revoke.key(row.id, NOW)
    assert not await revoke.key(99, NOW)


@pytest.mark.parametrize(
    ("kind", "rights"),
    [
        (KeyKind.SECRET, set(Right)),
        (KeyKind.ACCOUNT, set(Right)),
        (KeyKind.DEVICE, {Right.CHECK, Right.CLAIM, Right.ACTIVATE}),
        (KeyKind.PUBLIC, {Right.CHECK, Right.CLAIM}),
    ],
)
def test_a_kind_has_its_rights(kind: KeyKind, rights: set[Right]) -> None:
    """A key may do what its kind may, and nothing else."""
    key_holder = Holder(kind, 1, None)
    assert {right for right in Right if key_holder.may(right)} == rights


async def test_an_organizations_key_is_for_it_alone(organization: Organization) -> None:
    """Naming another organization, a sister among them, names none."""
    await make.organization("sister")
    key_holder = await holder(await make.key(organization))
    for identifier, expected in ((None, "demo"), ("demo", "demo"), ("sister", None), ("DEMO", None)):
        selected = await authenticate.organization_of(key_holder, identifier)
        assert (selected and selected.identifier) == expected


async def test_an_accounts_key_is_for_the_organization_it_names(organization: Organization) -> None:
    """An account with one organization need not name it; with two it must, and never a stranger's."""
    key_holder = await holder(await make.key(organization, KeyKind.ACCOUNT))
    only = await authenticate.organization_of(key_holder, None)
    assert only is not None
    assert only.id == organization.id
    await make.organization("sister")
    await make.organization("stranger", account=2)
    assert await authenticate.organization_of(key_holder, None) is None
    assert await authenticate.organization_of(key_holder, "stranger") is None
    sister = await authenticate.organization_of(key_holder, "sister")
    assert sister is not None
    assert sister.identifier == "sister"


def test_keys_are_random_and_long() -> None:
    """A key has 192 random bits after its kind's prefix."""
    drawn = {authenticate.new_key(KeyKind.DEVICE) for _ in range(100)}
    assert len(drawn) == 100
    assert {(value[:3], len(value)) for value in drawn} == {("dk_", 51)}


async def test_a_vendors_key_works_as_it_is(organization: Organization) -> None:
    """A key that a vendor issued admits its client unchanged."""
    await create.key(KeyKind.SECRET, organization.account_id, organization.id, "lancero-1234", NOW)
    assert (await holder("lancero-1234")).kind is KeyKind.SECRET


async def test_many_keys_at_once_are_one_query(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of one moment are looked up together, each with its own answer, and nothing is remembered of it."""
    other = await make.organization("other", account=2)
    secret, public = await make.key(organization), await make.key(other, KeyKind.PUBLIC)
    batch_sizes: list[int] = []
    asking = keys.by_hashes

    async def counted(hashes: set[str]) -> dict[str, keys.ActiveKey]:
        batch_sizes.append(len(hashes))
        return await asking(hashes)

    monkeypatch.setattr(keys, "by_hashes", counted)
    holders = await asyncio.gather(*(authenticate.key(value) for value in (secret, public, "nobody's", secret)))
    described = [one and (one.kind, one.organization and one.organization.identifier) for one in holders]
    assert described == [(KeyKind.SECRET, "demo"), (KeyKind.PUBLIC, "other"), None, (KeyKind.SECRET, "demo")]
    assert batch_sizes == [3]
    assert await revoke.key((await ApiKey.get(kind=KeyKind.SECRET)).id, NOW)
    assert await asyncio.gather(authenticate.key(secret), authenticate.key(secret)) == [None, None]
