"""Finding: in company outside transactions, alone and on the spot inside them."""

import asyncio
from collections.abc import Collection
from typing import Any

import pytest
from tortoise.transactions import in_transaction

from db.models import Organization
from db.queries import codes
from resolvers import find
from resolvers.domain.refusals import UnknownCode
from tests import make


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
