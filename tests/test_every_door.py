"""The same operation through every door that documents it leaves the same change in the store."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from db import statuses
from db.enums import KeyKind
from db.models import Account, Claim, Code, Customer, Delivery, Organization, Promotion
from resolvers import find, generate, usage_report, verify
from resolvers.domain.code_format import Format
from tests import make
from tests.graphql_client import GraphQLClient

Json = Any
ADA = "ada@example.com"


@dataclass
class Shop:
    """An organization, and how each of its programs speaks."""

    client: httpx.AsyncClient
    organization: Organization
    account: Account
    graphql: GraphQLClient
    keys: dict[KeyKind, str]

    async def rest(self, kind: KeyKind, method: str, path: str, body: Json = None) -> Json:
        """A REST call with the key of a kind; its JSON, of a success."""
        headers = {"Authorization": f"Bearer {self.keys[kind]}", "X-Api-User-Id": str(self.account.number)}
        response = await self.client.request(method, path, json=body, headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def lancero(self, method: str, path: str, body: Json = None) -> Json:
        return (await self.rest(KeyKind.SECRET, method, path, body))["data"]

    async def lpmotor(self, method: str, path: str, body: Json = None) -> Json:
        return await self.rest(KeyKind.ACCOUNT, method, path, body)

    async def walletapp(self, path: str, body: Json) -> Json:
        return await self.rest(KeyKind.DEVICE, "POST", f"/webshop-promotions/{path}", body)

    async def promo_id(self, text: str) -> int:
        """LP Motor's id of the promotion that a text is the code of."""
        code = await find.code(self.organization.id, text)
        return (await Promotion.get(id=code.promotion_id)).number


@pytest_asyncio.fixture
async def shop(served: httpx.AsyncClient, organization: Organization) -> Shop:
    keys = {kind: await make.key(organization, kind) for kind in KeyKind}
    account = await Account.get(id=organization.account_id)
    return Shop(served, organization, account, GraphQLClient(served, keys[KeyKind.SECRET]), keys)


Operation = Callable[[Shop], Awaitable[Json]]


def doors(**operations: Operation) -> pytest.MarkDecorator:
    """Run a test once for each door, with its way of doing the operation."""
    return pytest.mark.parametrize("operation", list(operations.values()), ids=list(operations))


# ------------------------------------------------------------------ make


async def make_by_graphql(shop: Shop) -> str:
    await shop.graphql.mutate("createPromotion", "", {"name": "Hello", "codes": ["HELLO-15"]})
    return "HELLO-15"


async def make_by_lancero(shop: Shop) -> str:
    [code] = await shop.lancero("POST", "/codes/generate", {"amount": 1})
    return str(code["code"])


async def make_by_lpmotor(shop: Shop) -> str:
    body = {"user_id": shop.account.number, "site_id": shop.organization.number, "code": "HELLO-15"}
    return str((await shop.lpmotor("POST", "/v1/promo", body))["code"])


@doors(graphql=make_by_graphql, lancero=make_by_lancero, lpmotor=make_by_lpmotor)
async def test_make(shop: Shop, operation: Operation) -> None:
    """A new code stands alone in the organization, claimable, with nobody's claim."""
    text = await operation(shop)
    [code] = await Code.all().select_related("promotion")
    assert (code.text, code.organization_id, code.claim_count) == (text, shop.organization.id, 0)
    assert statuses.of_code(code, code.promotion, make.NOW) == "CLAIMABLE"


async def prepare_by_graphql(shop: Shop) -> str:
    options = {"amount": 1, "activated": False}
    made = await shop.graphql.mutate("generateCodes", "... on CodesGenerated { codes { text } }", options)
    return str(made["codes"][0]["text"])


async def prepare_by_walletapp(shop: Shop) -> str:
    body = {"codes": "1", "promotion_reference": "default", "organization_id": str(shop.organization.number)}
    return str((await shop.walletapp("createNonActivatedCodes", body))["codes"][0]["code"])


@doors(graphql=prepare_by_graphql, walletapp=prepare_by_walletapp)
async def test_make_non_activated(shop: Shop, operation: Operation) -> None:
    """A code made non-activated belongs to nobody, and can't be claimed."""
    text = await operation(shop)
    [code] = await Code.all().select_related("promotion")
    assert (code.text, code.reserved_for_id, code.activated_at) == (text, None, None)
    assert statuses.of_code(code, code.promotion, make.NOW) == "NOT_ACTIVATED"


# ------------------------------------------------------------------ find


async def find_by_graphql(shop: Shop) -> str:
    return str((await shop.graphql.ask('{ code(text: "hello 15") { text } }'))["code"]["text"])


async def find_by_lancero(shop: Shop) -> str:
    return str((await shop.lancero("GET", "/codes/hello–15"))["code"])


async def find_by_lpmotor(shop: Shop) -> str:
    return str((await shop.lpmotor("GET", f"/v1/promo/{await shop.promo_id('HELLO-15')}"))["code"])


@doors(graphql=find_by_graphql, lancero=find_by_lancero, lpmotor=find_by_lpmotor)
async def test_find(shop: Shop, operation: Operation) -> None:
    """A code is found as it was issued."""
    await make.promotion(shop.organization, "HELLO-15")
    assert await operation(shop) == "HELLO-15"


# ------------------------------------------------------------------ claim


async def claim_by_graphql(shop: Shop) -> None:
    assert (await shop.graphql.claim("hello 15", "ADA@example.com"))["__typename"] == "CodeClaimed"


async def claim_by_lancero(shop: Shop) -> None:
    await shop.lancero("POST", "/codes/claim", {"code": "hello 15", "email": "ADA@example.com"})


@doors(graphql=claim_by_graphql, lancero=claim_by_lancero)
async def test_claim(shop: Shop, operation: Operation) -> None:
    """A claim is one row, counted with its code, its promotion and its day."""
    promotion = await make.promotion(shop.organization, "HELLO-15")
    await operation(shop)
    [claim] = await Claim.all().select_related("code", "customer", "promotion")
    assert (claim.code.text, claim.code.claim_count, claim.promotion.claim_count) == ("HELLO-15", 1, 1)
    assert (claim.customer.email_key, claim.released_at, claim.created_at) == (ADA, None, make.NOW)
    query = usage_report.UsageQuery(usage_report.BucketSize.DAY)
    [row] = await usage_report.promotion_usage(shop.organization, promotion.id, query, True, make.NOW)
    assert (row.share.claims, row.customers) == (1, 1)
    assert await verify.counters(shop.organization) == []


# ------------------------------------------------------------------ activate


async def activate_by_graphql(shop: Shop, text: str) -> None:
    activate_input = {"text": text, "customer": {"email": ADA, "firstName": "Ada", "lastName": "Lovelace"}}
    assert (await shop.graphql.mutate("activateCode", "", activate_input))["__typename"] == "CodeChanged"


async def activate_by_walletapp(shop: Shop, text: str) -> None:
    body = {
        "code": text,
        "firstname": "Ada",
        "lastname": "Lovelace",
        "email": ADA,
        "promotion_reference": "default",
        "organization_identifier": shop.organization.identifier,
    }
    await shop.walletapp("webshopcode", body)


@pytest.mark.parametrize("operation", [activate_by_graphql, activate_by_walletapp], ids=["graphql", "walletapp"])
async def test_activate(shop: Shop, operation: Callable[[Shop, str], Awaitable[None]]) -> None:
    """An activated code is its person's, through the 91st day after."""
    options = generate.CodeOptions(activated=False)
    [made] = (await generate.codes(shop.organization, None, 1, Format(), options, False, None, make.NOW)).codes
    await operation(shop, made.text)
    code = await Code.get(id=made.id).select_related("activated_by")
    assert code.activated_by is not None
    assert (code.activated_by.email, code.activated_by.first_name) == (ADA, "Ada")
    assert code.reserved_for_id == code.activated_by_id
    assert (code.activated_at, code.ends_at) == (make.NOW, make.life(91))


# ------------------------------------------------------------------ send


async def send_by_graphql(shop: Shop) -> tuple[int, int]:
    send_input = {"text": "HELLO-15", "recipients": [{"email": ADA}, {"email": "ben@example.com"}]}
    sent = await shop.graphql.mutate("sendCode", "... on CodeSent { received queued }", send_input)
    return sent["received"], sent["queued"]


async def send_by_lancero(shop: Shop) -> tuple[int, int]:
    body = {"code": "HELLO-15", "emails": [ADA, "ben@example.com"]}
    sent = await shop.lancero("POST", "/codes/send", body)
    return sent["receivedLeads"], sent["notifiedLeads"]


@doors(graphql=send_by_graphql, lancero=send_by_lancero)
async def test_send(shop: Shop, operation: Operation) -> None:
    """A letter is queued for each who has had none about this code."""
    await make.promotion(shop.organization, "HELLO-15")
    assert await operation(shop) == (2, 2)
    assert await operation(shop) == (2, 0)
    letters = await Delivery.all().order_by("id")
    assert [(letter.recipient, letter.status.value) for letter in letters] == [
        (ADA, "QUEUED"),
        ("ben@example.com", "QUEUED"),
    ]
    assert await Customer.all().count() == 0


# ------------------------------------------------------------------ delete


async def delete_by_graphql(shop: Shop) -> None:
    assert (await shop.graphql.mutate("deleteCode", "", {"text": "HELLO-15"}))["__typename"] == "CodeDeleted"


async def delete_by_lancero(shop: Shop) -> None:
    await shop.lancero("DELETE", "/codes/delete", {"code": "HELLO-15"})


async def delete_by_lpmotor(shop: Shop) -> None:
    await shop.lpmotor("DELETE", f"/v1/promo/{await shop.promo_id('HELLO-15')}")


@doors(graphql=delete_by_graphql, lancero=delete_by_lancero, lpmotor=delete_by_lpmotor)
async def test_delete(shop: Shop, operation: Operation) -> None:
    """A code goes with its claims, the sums stay, and the text may be made again."""
    await make.promotion(shop.organization, "HELLO-15")
    await make.claimed(shop.organization)
    await operation(shop)
    assert (await Code.all().count(), await Claim.all().count()) == (0, 0)
    [row] = await usage_report.organization_usage(shop.organization, usage_report.UsageQuery(), False, make.NOW)
    assert row.share.claims == 1
    assert await verify.counters(shop.organization) == []
    await make.promotion(shop.organization, "hello15")


# ------------------------------------------------------------------ measure


async def measure_by_graphql(shop: Shop) -> Json:
    data = await shop.graphql.ask("{ usageStats { claims currency orderTotal discountTotal } }")
    [row] = data["usageStats"]
    return int(row["claims"]), row["currency"], float(row["orderTotal"]), float(row["discountTotal"])


async def measure_by_lpmotor(shop: Shop) -> Json:
    rows = await shop.lpmotor("GET", f"/v1/promo/{await shop.promo_id('HELLO-15')}/statistics")
    return len(rows), rows[0]["currency"], float(rows[0]["order_price"]), float(rows[0]["discount_amount"])


@doors(graphql=measure_by_graphql, lpmotor=measure_by_lpmotor)
async def test_measure(shop: Shop, operation: Operation) -> None:
    """What a claim was worth is told alike, to the cent."""
    await make.promotion(shop.organization, "HELLO-15")
    await make.claimed(shop.organization, order=make.order("R-1", "40.10"))
    assert await operation(shop) == (1, "EUR", 40.10, 6.02)


# ------------------------------------------------------------------ what one door makes, another sees


async def test_a_promo_of_lpmotor_goes_through_every_door(shop: Shop) -> None:
    """Made through LP Motor, claimed through Lancero, released through GraphQL, deleted through Lancero."""
    await make_by_lpmotor(shop)
    promo = f"/v1/promo/{await shop.promo_id('HELLO-15')}"
    await claim_by_lancero(shop)
    [row] = await shop.lpmotor("GET", f"{promo}/statistics")
    assert row["promo"] == {"code": "HELLO-15"}
    data = await shop.graphql.ask('{ code(text: "hello15") { claimCount claims { nodes { id customer { email } } } } }')
    [claim] = data["code"]["claims"]["nodes"]
    assert (data["code"]["claimCount"], claim["customer"]["email"].lower()) == ("1", ADA)
    await shop.graphql.mutate("releaseClaim", "", {"claimId": claim["id"], "reason": "card declined"})
    assert await shop.lpmotor("GET", f"{promo}/statistics") == []
    await shop.lpmotor("PUT", promo, {"code": "BONJOUR-15"})
    assert (await shop.lancero("GET", "/codes/code/bonjour15"))["claims"] == 0
    await shop.lancero("POST", "/codes/delete", {"code": "BONJOUR-15"})
    gone = await shop.client.get(
        promo,
        headers={"Authorization": f"Bearer {shop.keys[KeyKind.ACCOUNT]}", "X-Api-User-Id": str(shop.account.number)},
    )
    assert (gone.status_code, gone.json()["code"]) == (404, 404)


async def test_a_code_of_walletapp_goes_through_every_door(shop: Shop) -> None:
    """Made and activated through WalletApp, seen through GraphQL, claimed by its person through Lancero."""
    text = await prepare_by_walletapp(shop)
    await activate_by_walletapp(shop, text)
    data = await shop.graphql.ask(
        "query($text: String!) { code(text: $text) { status reservedFor { email } } }", text=text
    )
    assert data["code"] == {"status": "CLAIMABLE", "reservedFor": {"email": ADA}}
    assert (await shop.graphql.claim(text, "eve@example.com"))["__typename"] == "ReservedForAnother"
    token = (await shop.lancero("POST", "/codes/claim", {"code": text, "email": ADA}))["token"]
    assert (await shop.lancero("POST", "/claims/exchange", {"token": token}))["code"]["code"] == text
