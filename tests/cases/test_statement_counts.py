"""How many statements a request takes, its authentication included; BEGIN and COMMIT are not counted."""

import logging
from collections.abc import Awaitable, Callable, Mapping

import httpx
import pytest
import pytest_asyncio

from db.enums import KeyKind
from db.models import Code
from resolvers import create, generate
from resolvers.domain import params
from resolvers.domain.code_format import Format
from tests import make
from tests.make import NOW

pytestmark = pytest.mark.both_databases

ADA = {"firstname": "Ada", "lastname": "Byron", "email": "ada@example.com"}
NAMED = {"promotion_reference": "spring", "organization_identifier": "shop"}
ORDER = {"reference": "R-1", "total": {"amount": "40.00", "currency": "EUR"}}
CUSTOMER = {"email": "ada@example.com"}

Post = Callable[[str, Mapping[str, object]], Awaitable[None]]


@pytest_asyncio.fixture
async def post(served: httpx.AsyncClient, store: str) -> Post:
    """Posts a body with a device's key, to an organization with a promotion, places, a code and one not activated."""
    shop = await create.organization("Shop", 5377, "shop", 1, "EUR", "Europe/Amsterdam", NOW)
    await create.location(shop, 7, "Dam 1", False, NOW)
    await create.location(shop, 8, "Dam 2", True, NOW)
    await create.product(shop, 3, "Hat", NOW)
    await make.promotion(shop, "HELLO-15", "HELLO-16", reference="spring", location_numbers=(7,))
    spring, options = params.PromotionRef(reference="spring"), generate.CodeOptions(activated=False)
    [asleep] = (await generate.codes(shop, spring, 1, Format(), options, False, None, NOW)).codes
    await Code.filter(id=asleep.id).update(text="ASLEEP", text_key="asleep")
    headers = {"Authorization": f"Bearer {await make.key(shop, KeyKind.DEVICE)}"}

    async def post(path: str, body: Mapping[str, object]) -> None:
        response = await served.post(path, json=body, headers=headers)
        assert response.status_code == 200, response.text
        assert '"success":true' in response.text or '"__typename":"Code' in response.text, response.text

    await post("/graphql", mutation("claimCode", text="HELLO-16", customer=CUSTOMER, order=ORDER))
    return post


def mutation(name: str, **input: object) -> dict[str, object]:
    """The body of a GraphQL request whose answer needs no more reads."""
    type_name = f"{name[0].upper()}{name[1:]}Input"
    document = (
        f"mutation ($input: {type_name}!) {{ {name}(input: $input) {{ __typename ...on Refusal {{ message }} }} }}"
    )
    return {"query": document, "variables": {"input": input}}


@pytest.mark.parametrize(
    ("path", "body", "most"),
    [
        (
            "/webshop-promotions/webshopcode",
            {**NAMED, **ADA, "code": "ASLEEP", "location_id": "7"},
            7,
        ),
        (
            "/webshop-promotions/requestActivatePromotionCode",
            {**NAMED, **ADA, "off_peak_sale": "false", "location_id": "7", "product_id": "3"},
            9,
        ),
        ("/webshop-promotions/createNonActivatedCodes", {**NAMED, "codes": "1"}, 6),
        ("/graphql", mutation("activateCode", text="ASLEEP", customer=CUSTOMER, locationNumber=7), 6),
        (
            "/graphql",
            mutation("issueCode", promotion={"reference": "spring"}, customer=CUSTOMER, locationNumber=7),
            7,
        ),
        ("/graphql", mutation("claimCode", text="HELLO-15", customer={"email": "ben@example.com"}, order=ORDER), 11),
    ],
    ids=["WalletApp's activation", "WalletApp's issue", "WalletApp's codes", "activation", "issue", "claim"],
)
async def test_a_request_takes_few_statements(
    post: Post, path: str, body: Mapping[str, object], most: int, caplog: pytest.LogCaptureFixture
) -> None:
    """No more than these on SQLite; on PostgreSQL reads and writes that belong together are one."""
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        caplog.clear()
        await post(path, body)
    statements = [record.getMessage() for record in caplog.records]
    assert 1 < len(statements) <= most
