"""Finding: in company outside transactions, alone and on the spot inside them."""

import asyncio
import inspect
from collections.abc import Collection
from typing import Any

import pytest
from tortoise.transactions import in_transaction

from db.models import Claim, Code, Customer, Delivery, Job, Location, Organization, Product, Promotion
from db.queries import codes
from resolvers import create, find, send
from resolvers.domain import params
from resolvers.domain.refusals import UnknownCode
from tests import make
from tests.make import NOW


async def test_a_code_comes_with_its_promotion(organization: Organization) -> None:
    """As people type it; what there is not is refused."""
    promotion = await make.promotion(organization, "HELLO-15")
    code = await find.code(organization.id, "hello 15")
    assert (code.text, code.promotion.id, code.promotion.name) == ("HELLO-15", promotion.id, promotion.name)
    with pytest.raises(UnknownCode):
        await find.code(organization.id, "hello 16")
    with pytest.raises(UnknownCode):
        await find.code(organization.id + 1, "hello 15")


async def test_a_transaction_asks_for_itself(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """No round goes on beside a transaction, or after it was cut off: its own task asks, on its own connection."""
    await make.promotion(organization, "HELLO-15")
    asking: list[Any] = []
    by_texts = codes.by_texts

    async def noted(texts: Collection[tuple[int, str]]) -> Any:
        asking.append(asyncio.current_task())
        return await by_texts(texts)

    monkeypatch.setattr(codes, "by_texts", noted)
    async with in_transaction():
        assert (await find.code(organization.id, "hello 15")).text == "HELLO-15"
        with pytest.raises(UnknownCode):
            await find.code(organization.id, "hello 16")
    await find.code(organization.id, "hello 15")
    this = asyncio.current_task()
    assert [task is this for task in asking] == [True, True, False]


# ------------------------------------------------------------------ the organization

WITHOUT_ORGANIZATION = {
    "all_organizations": "the host's operator lists them",
    "code_by_token": "a signed link names its organization",
    "key_owner": "organizations are global",
    "keys": "keys are global",
    "only_code": "LP Motor's paths name no site: it takes the account",
    "organization": "organizations are global",
    "prepare": "it looks nothing up",
    "recipient_by_token": "a signed link names its organization",
    "valid_ref": "it looks nothing up",
}
"""The functions of `find` that take no organization, and why."""


def takes_organization(function: object) -> bool:
    """Whether an organization's id, or a promotion as a row of one, is among the parameters."""
    parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    return any(one.name == "organization_id" or one.annotation is Promotion for one in parameters)


def test_a_look_up_takes_the_organization() -> None:
    """Every function of `find` does by its signature, but those that are listed."""
    functions = {name: value for name in find.__all__ if inspect.isfunction(value := getattr(find, name))}
    without = {name for name, function in functions.items() if not takes_organization(function)}
    assert len(functions) > 20
    assert without == WITHOUT_ORGANIZATION.keys()


async def one_of_each(organization: Organization) -> dict[Any, int]:
    """The id of one row of every kind, in an organization that had none."""
    promotion = await make.promotion(organization, "HELLO-15")
    await create.location(organization, 1, "Dam", False, NOW)
    await create.product(organization, 1, "Ticket", NOW)
    await send.code(
        organization, "HELLO-15", [params.Person("bo@example.com", None, None)], None, False, False, None, NOW
    )
    await make.claimed(organization)
    await Job.create(
        organization_id=organization.id, promotion_id=promotion.id, style="NUMERIC", prefix="", needs_activation=False,
        total=1, created_at=NOW,
    )  # fmt: skip
    kinds = (Location, Product, Promotion, Code, Customer, Claim, Delivery, Job)
    ids = {kind: (await kind.filter(organization_id=organization.id).latest("id")).id for kind in kinds}
    return {**ids, Organization: organization.id}


@pytest.mark.both_databases
async def test_a_row_of_another_organization_is_not_found(organization: Organization) -> None:
    """Of any kind, by any look-up that takes ids; of one's own each is."""
    other = await make.organization("other")
    ours, theirs = await one_of_each(organization), await one_of_each(other)
    for kind in ours:
        ids = [ours[kind], theirs[kind]]
        assert list(await find.by_ids(kind, organization.id, ids)) == [ours[kind]]
        assert [[row.id for row in page] async for page in find.by_ids_in_order(kind, other.id, ids)] == [
            [theirs[kind]]
        ]
    customers, promotion = [ours[Customer], theirs[Customer]], ours[Promotion]
    claimants = {row.customer_id for row in await Claim.all()}
    assert len(claimants) == 2
    for owner, claim in ((organization, ours[Claim]), (other, theirs[Claim])):
        claimant = (await Claim.get(id=claim)).customer_id
        assert await find.customers_with_claims(owner.id, [*claimants, *customers]) == {claimant}
    await Customer.filter(id__in=customers).update(joined_at=NOW)
    for id in customers:
        await Customer.filter(id=id).update(brought_by_id=ours[Customer])
    assert [row.id for row in await find.customers_referred_by(organization.id, customers)] == [ours[Customer]]
    assert [len(page) async for page in find.standing_claims(organization.id, promotion)] == [1]
    assert [page async for page in find.standing_claims(other.id, promotion)] == []
    place = await Location.get(id=ours[Location])
    await create.link(organization.id, promotion, (place.number,))
    assert list(await find.locations_of_promotions(organization.id, [promotion])) == [promotion]
    assert await find.locations_of_promotions(other.id, [promotion]) == {}
