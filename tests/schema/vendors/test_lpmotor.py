"""LP Motor's door, spoken to as the samples of its documentation do: over HTTP, with their headers and bodies."""

import asyncio
import json
import shlex
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from db.enums import DiscountKind, KeyKind
from db.models import ApiKey, Claim, Code, Organization, Promotion, UsageStat
from resolvers import create, find, generate, release, update, verify
from resolvers.domain import params
from resolvers.domain.code_format import Format
from resolvers.domain.money import Money
from resolvers.domain.params import Discount, Limits, Window
from resolvers.domain.refusals import TooManyAttempts
from schema.context import Services
from schema.errors import InternalError
from schema.limits import BodyTooLarge, RequestTimeout
from schema.vendors.lpmotor import errors, promo
from tests import make
from tests.conftest import Clock
from tests.graphql_client import GraphQLClient as GraphQL

USER, SITE = 123, 11111
FIRST, SECOND = "2026-11-22T00:00:00.000Z", "2026-12-24T21:59:59.999Z"
NOW = "2026-11-22T12:00:00.000Z"


# ------------------------------------------------------------------ the clients


@pytest_asyncio.fixture
async def site(store: str) -> Organization:
    """A site whose numbers are those of the seed's samples, in roubles."""
    return await create.organization("Site", SITE, "site", USER, "RUB", "Europe/Moscow", make.NOW)


class LPMotorClient:
    """A user with a token, who sends the samples' headers with every method, and a body only when there is one."""

    def __init__(self, client: httpx.AsyncClient, token: str, user_id: str = str(USER)) -> None:
        self.client = client
        self.headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-Api-User-Id": user_id,
            "Authorization": f"Bearer {token}",
        }

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, str | bytes | None) else json.dumps(body)
        request = self.client.build_request(method, path, headers={**self.headers, **headers}, content=content)
        if body is None:
            request.headers.pop("Content-Length", None)
        return await self.client.send(request)


@pytest_asyncio.fixture
async def token(site: Organization) -> str:
    return await make.key(site, KeyKind.ACCOUNT)


@pytest_asyncio.fixture
async def user(served: httpx.AsyncClient, token: str) -> LPMotorClient:
    return LPMotorClient(served, token)


def data(response: httpx.Response) -> Any:
    """What a success carries: no envelope, and status 200."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def refused(response: httpx.Response, status: int, error: int, title: str) -> None:
    """An error has exactly the documented members, and its `code` is the status."""
    assert (response.status_code, response.json()) == (status, {"title": title, "error": error, "code": status})
    assert response.headers["content-type"] == "application/json"


BAD, NOT_THERE = (400, 10, "file or data is invalid"), (404, 0, "can't find promo")
TAKEN, FOREIGN = (409, 0, "promo already exists"), (403, 30, "user cant view site")
KEPT, NOBODY = (403, 8, "user can't access to edit this site"), (401, 0, "Unauthorized")
NO_PAGE = (404, 0, "can't find page")


async def all_rows() -> list[list[dict[str, Any]]]:
    """All rows that this door could write."""
    return [await model.all().order_by("id").values() for model in (Promotion, Code, Claim, UsageStat)]


def promo_object(id: int, code: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "code": code,
        "pos": 0,
        "is_enabled": True,
        "bonus_type": 0,
        "bonus_amount": 0,
        "bonus_amount_is_in_percentages": False,
        "time_limit_is_enabled": False,
        "d_on": None,
        "d_off": None,
        "quantity_limit_is_enabled": False,
        "quantity_limit": 0,
        "personal_limit_is_enabled": False,
        "promo_used_count": 0,
        "is_valid": True,
        **more,
    }


async def create_promo(
    user: LPMotorClient, code: str = "mypromocode", site_id: Any = SITE, **more: Any
) -> dict[str, Any]:
    """A promo that was made here."""
    return dict(data(await user("POST", "/v1/promo", {"site_id": site_id, "code": code, **more})))


async def listed(user: LPMotorClient, site_id: int = SITE) -> list[dict[str, Any]]:
    return list(data(await user("GET", f"/v1/promo?site_id={site_id}")))


async def used(user: LPMotorClient, id: int) -> list[dict[str, Any]]:
    return list(data(await user("GET", f"/v1/promo/{id}/statistics")))


# ------------------------------------------------------------------ the samples

HEADERS = """curl \\
-H "Accept: application/json" \\
-H "Content-Type: application/json" \\
-H "X-Api-User-Id: <<Your-user-id>>" \\
-H "Authorization: Bearer <<Your-API-token>>" \\
"""
LIST = HEADERS + '-X GET "https://api.lpmotor.ru/v1/promo?site_id=11111" '
CREATE = (
    HEADERS
    + """-X POST "https://api.lpmotor.ru/v1/promo" \\ \n-d '{"user_id":123,"site_id":11111,"code":"mypromocode"}'"""
)
FIND = HEADERS + '-X GET "https://api.lpmotor.ru/v1/promo/1" '
CHANGE = HEADERS + """-X PUT "https://api.lpmotor.ru/v1/promo/1" \\ \n-d '{"code":"newpromocode"}'"""
DELETE = HEADERS + '-X DELETE "https://api.lpmotor.ru/v1/promo/1" '
STATISTICS = HEADERS + '-X GET "https://api.lpmotor.ru/v1/promo/1/statistics"'
BROKEN = "\\ \n"
"""A backslash and a space: the shell ends the command there, and runs `-d` as another."""


async def curl(client: httpx.AsyncClient, sample: str, token: str, id: int = 1) -> httpx.Response:
    """Send what curl sends for a sample of the seed: base URL, user and token filled in, nothing else changed."""
    command = sample.split(BROKEN)[0]
    command = command.replace("<<Your-user-id>>", str(USER)).replace("<<Your-API-token>>", token)
    words = shlex.split(command.replace("/v1/promo/1", f"/v1/promo/{id}").replace("\\\n", " "))
    method, headers, body, path = "", {}, None, ""
    rest = iter(words[1:])
    for word in rest:
        if word == "-H":
            name, _, headers[name] = next(rest).partition(": ")
        elif word == "-X":
            method = next(rest)
        elif word == "-d":
            body = next(rest)
        else:
            path = word.removeprefix("https://api.lpmotor.ru")
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    lines = [f"{method} {path} HTTP/1.1", "Host: here", "User-Agent: curl/8", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [] if body is None else [f"Content-Length: {len(body)}"]
    writer.write("\r\n".join([*lines, "", body or ""]).encode())
    head, _, content = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return httpx.Response(int(head.split()[1]), content=content, headers={"content-type": "application/json"})


async def test_the_samples_work_as_they_were_meant(served: httpx.AsyncClient, token: str, site: Organization) -> None:
    """Each curl of the page does what it says, once the two broken lines are joined as its newer copy has them."""
    mended = [sample.replace(BROKEN, "\\\n") for sample in (CREATE, CHANGE)]
    shown = data(await curl(served, mended[0], token))
    assert shown == promo_object(shown["id"], "mypromocode")
    assert data(await curl(served, LIST, token)) == [shown]
    assert data(await curl(served, FIND, token, shown["id"])) == shown
    renamed = {**shown, "code": "newpromocode"}
    assert data(await curl(served, mended[1], token, shown["id"])) == renamed
    assert data(await curl(served, FIND, token, shown["id"])) == renamed
    assert data(await curl(served, STATISTICS, token, shown["id"])) == []
    assert data(await curl(served, DELETE, token, shown["id"])) == {}
    refused(await curl(served, FIND, token, shown["id"]), *NOT_THERE)
    refused(await curl(served, STATISTICS, token, shown["id"]), *NOT_THERE)
    refused(await curl(served, DELETE, token, shown["id"]), *NOT_THERE)
    assert data(await curl(served, LIST, token)) == []


async def test_the_broken_samples_arrive_without_a_body(
    user: LPMotorClient, served: httpx.AsyncClient, token: str
) -> None:
    """Pasted as it stands, the page's POST has no body and is a 400; its PUT says nothing and changes nothing."""
    shown = await create_promo(user)
    before = await all_rows()
    refused(await curl(served, CREATE, token), *BAD)
    assert await all_rows() == before
    assert data(await curl(served, CHANGE, token, shown["id"])) == shown
    refused(await user("POST", "/v1/promo", ""), *BAD)
    refused(await user("POST", "/v1/promo", "{}"), *BAD)


async def test_axios_and_plain_callers_are_served(user: LPMotorClient) -> None:
    """An extra header, or no Content-Type at all, makes no difference."""
    shown = await create_promo(user)
    headers = {"Cache-Control": "no-cache, no-store, must-revalidate"}
    assert data(await user("GET", f"/v1/promo/{shown['id']}", **headers)) == shown
    del user.headers["Content-Type"]
    assert await listed(user) == [shown]
    assert data(await user("PUT", f"/v1/promo/{shown['id']}", {"code": "b"}))["code"] == "b"


# ------------------------------------------------------------------ fields

WHOLE: dict[str, Any] = {
    "code": "string",
    "is_enabled": True,
    "bonus_type": 3,
    "bonus_amount": 12.5,
    "bonus_amount_is_in_percentages": True,
    "time_limit_is_enabled": True,
    "d_on": "2026-11-22T11:36:22.614Z",
    "d_off": "2026-12-04T14:36:22.614Z",
    "quantity_limit_is_enabled": True,
    "quantity_limit": 7,
    "personal_limit_is_enabled": True,
}
TYPES: dict[str, type] = {
    "id": int,
    "code": str,
    "pos": int,
    "is_enabled": bool,
    "bonus_type": int,
    "bonus_amount": float,
    "bonus_amount_is_in_percentages": bool,
    "time_limit_is_enabled": bool,
    "d_on": str,
    "d_off": str,
    "quantity_limit_is_enabled": bool,
    "quantity_limit": int,
    "personal_limit_is_enabled": bool,
    "promo_used_count": int,
    "is_valid": bool,
}


async def test_every_field_is_stored_and_in_every_response(user: LPMotorClient, site: Organization) -> None:
    """All fields of the page come back as they were said, with the documented types, in every reply."""
    shown = await create_promo(user, **WHOLE)
    assert {name: type(value) for name, value in shown.items()} == TYPES
    assert shown == promo_object(shown["id"], **WHOLE)
    assert data(await user("GET", f"/v1/promo/{shown['id']}")) == shown
    assert data(await user("PUT", f"/v1/promo/{shown['id']}", WHOLE)) == shown
    assert await listed(user) == [shown]


async def test_a_promo_is_a_promotion_with_one_code(user: LPMotorClient, site: Organization) -> None:
    """The promotion holds discount, window and limits, and its code allows any number of claims."""
    shown = await create_promo(user, **WHOLE)
    code = await find.only_code(site.account_id, shown["id"])
    promotion = code.promotion
    assert (promotion.discount_kind, promotion.discount_value) == (DiscountKind.PERCENTAGE, 125_000)
    assert (promotion.per_promotion, promotion.per_customer_and_code, promotion.per_customer) == (7, 1, None)
    assert (code.text, code.allowed_claims, promotion.currency) == ("string", None, None)
    assert promotion.starts_at is not None
    assert promotion.starts_at.isoformat() == "2026-11-22T11:36:22.614000+00:00"
    assert promotion.particulars == {"lpmotor": {"bonus_type": 3}}
    bare = await find.only_code(site.account_id, (await create_promo(user, "b", bonus_amount="4.50"))["id"])
    held = bare.promotion
    assert (held.discount_kind, held.discount_value, held.currency) == (DiscountKind.FIXED_AMOUNT, 450, "RUB")
    assert (held.per_promotion, held.per_customer_and_code, bare.allowed_claims) == (None, None, None)


@pytest.mark.parametrize(("yes", "no"), [(True, False), (1, 0), ("1", "0"), ("true", "false"), (" TRUE ", "False")])
async def test_flags_may_be_numbers_and_strings(user: LPMotorClient, yes: Any, no: Any) -> None:
    """Each flag is read as true or false in every spelling of the vendor's, and told as a boolean."""
    flags = dict.fromkeys(("is_enabled", "bonus_amount_is_in_percentages", "personal_limit_is_enabled"), yes)
    shown = await create_promo(user, **flags, time_limit_is_enabled=no, quantity_limit_is_enabled=no)
    assert shown == promo_object(
        shown["id"],
        "mypromocode",
        bonus_amount_is_in_percentages=True,
        personal_limit_is_enabled=True,
    )
    off = data(await user("PUT", f"/v1/promo/{shown['id']}", dict.fromkeys(flags, no)))
    assert off == promo_object(shown["id"], "mypromocode", is_enabled=False, is_valid=False)


async def test_numbers_may_be_strings(user: LPMotorClient, site: Organization) -> None:
    """Numbers, `site_id` and `user_id` among them, are taken as strings, and told as numbers."""
    numbers = {
        "bonus_type": "-2",
        "bonus_amount": "100.50",
        "quantity_limit": " 5 ",
        "user_id": "123",
        "site_id": "11111",
    }
    shown = await create_promo(user, **numbers)
    assert shown == promo_object(shown["id"], "mypromocode", bonus_type=-2, bonus_amount=100.5, quantity_limit=5)
    assert type(shown["bonus_amount"]) is float
    whole = data(await user("PUT", f"/v1/promo/{shown['id']}", {"bonus_amount": 100.0, "quantity_limit": 6.0}))
    assert (whole["bonus_amount"], type(whole["bonus_amount"]), whole["quantity_limit"]) == (100, int, 6)


async def test_members_that_nobody_knows_are_passed_over(user: LPMotorClient) -> None:
    """What is counted or drawn here can't be said, and neither can what LP Motor has not."""
    shown = await create_promo(user, pos=9, promo_used_count=4, is_valid=False, id=77, colour="red")
    assert shown == promo_object(shown["id"], "mypromocode")


async def test_a_code_is_kept_as_typed(user: LPMotorClient) -> None:
    """Spaces around a code go; case, dashes and letters of any script stay."""
    assert (await create_promo(user, "  Скидка–15 "))["code"] == "Скидка–15"
    refused(await user("POST", "/v1/promo", {"site_id": SITE, "code": "скидка 15"}), *TAKEN)


# ------------------------------------------------------------------ changing


@pytest.mark.parametrize("name", WHOLE)
async def test_a_change_merges(user: LPMotorClient, name: str) -> None:
    """PUT changes the one field it says, and all others keep their values."""
    shown = await create_promo(user)
    both = {"bonus_amount_is_in_percentages": True} if name == "bonus_amount" else {}
    changed = data(await user("PUT", f"/v1/promo/{shown['id']}", {name: WHOLE[name], **both}))
    expected = {**shown, name: WHOLE[name], **both}
    if name == "quantity_limit_is_enabled":
        expected["is_valid"] = False  # no use at all is allowed until a number is said
    assert changed == expected
    assert data(await user("GET", f"/v1/promo/{shown['id']}")) == expected


async def test_limits_that_are_off_keep_their_numbers(user: LPMotorClient, site: Organization) -> None:
    """Dates and quantity outlive their switches: off they limit nothing, on again they are the same."""
    shown = await create_promo(user, d_on=FIRST, d_off=SECOND, quantity_limit=3)
    assert shown == promo_object(shown["id"], "mypromocode", d_on=FIRST, d_off=SECOND, quantity_limit=3)
    path = f"/v1/promo/{shown['id']}"
    on = {"time_limit_is_enabled": True, "quantity_limit_is_enabled": True}
    assert data(await user("PUT", path, on)) == {**shown, **on}
    promotion = (await find.only_code(site.account_id, shown["id"])).promotion
    assert (promotion.per_promotion, promotion.starts_at is None, promotion.ends_at is None) == (3, False, False)
    off = data(await user("PUT", path, {"time_limit_is_enabled": 0, "quantity_limit_is_enabled": 0}))
    assert off == shown
    promotion = (await find.only_code(site.account_id, shown["id"])).promotion
    assert (promotion.per_promotion, promotion.starts_at, promotion.ends_at) == (None, None, None)
    assert data(await user("PUT", path, {"d_on": None})) == {**shown, "d_on": None}
    assert data(await user("PUT", path, {"d_off": None, "time_limit_is_enabled": True})) == {
        **shown,
        "d_on": None,
        "d_off": None,
        "time_limit_is_enabled": True,
    }


async def test_a_limit_of_no_use_allows_none(user: LPMotorClient, site: Organization) -> None:
    """With the quantity limited to 0 nobody can claim, and `is_enabled` stays what it was."""
    shown = await create_promo(user, quantity_limit_is_enabled=True)
    assert shown == promo_object(shown["id"], "mypromocode", quantity_limit_is_enabled=True, is_valid=False)
    with pytest.raises(Exception, match="switched off"):
        await make.claimed(site, "mypromocode")
    path = f"/v1/promo/{shown['id']}"
    off = data(await user("PUT", path, {"is_enabled": False}))
    assert off == {**shown, "is_enabled": False}
    assert data(await user("PUT", path, {"is_enabled": True, "quantity_limit": 1})) == {
        **shown,
        "quantity_limit": 1,
        "is_valid": True,
    }
    await make.claimed(site, "mypromocode")
    free = data(await user("PUT", path, {"quantity_limit_is_enabled": False, "quantity_limit": 0}))
    assert free == promo_object(shown["id"], "mypromocode", promo_used_count=1)


async def test_a_renamed_promo_keeps_its_claims(user: LPMotorClient, site: Organization) -> None:
    """A change of `code` renames the code in place: its uses stay, and the old text is free again."""
    shown = await create_promo(user, "old", bonus_amount=50)
    await make.claimed(site, "old")
    renamed = data(await user("PUT", f"/v1/promo/{shown['id']}", {"code": "new"}))
    assert renamed == {**shown, "code": "new", "promo_used_count": 1}
    assert [row["promo"] for row in await used(user, shown["id"])] == [{"code": "new"}]
    assert await Code.all().count() == 1
    assert [promotion.name for promotion in await Promotion.filter(number=shown["id"])] == ["new"]
    other = await create_promo(user, "old")
    refused(await user("PUT", f"/v1/promo/{other['id']}", {"code": "NEW", "bonus_amount": 7}), *TAKEN)
    assert data(await user("GET", f"/v1/promo/{other['id']}")) == other
    assert data(await user("PUT", f"/v1/promo/{other['id']}", {"code": "O-L-D"}))["code"] == "O-L-D"


async def test_of_two_that_want_one_text_one_gets_it(user: LPMotorClient) -> None:
    """Promos that are renamed to the same text at once hear a 409, all but one."""
    ids = [(await create_promo(user, f"code{number}"))["id"] for number in range(5)]
    answers = await asyncio.gather(*(user("PUT", f"/v1/promo/{id}", {"code": "same"}) for id in ids))
    taken = [answer for answer in answers if answer.status_code != 200]
    assert len(taken) == 4
    for answer in taken:
        refused(answer, *TAKEN)
    assert await Code.filter(text_key="same").count() == 1


async def test_changes_at_once_all_hold(user: LPMotorClient) -> None:
    """Of changes that arrive together none undoes another."""
    shown = await create_promo(user)
    path = f"/v1/promo/{shown['id']}"
    fields = {name: value for name, value in WHOLE.items() if not name.startswith("d_")}
    await asyncio.gather(*(user("PUT", path, {name: value}) for name, value in fields.items()))
    assert data(await user("GET", path)) == {**shown, **fields}


async def test_a_percentage_counts_in_every_currency(user: LPMotorClient, site: Organization) -> None:
    """An amount binds a promo to the site's currency; changed to percent, it is bound to none."""
    shown = await create_promo(user, bonus_amount=50)
    assert (await Promotion.get(number=shown["id"])).currency == "RUB"
    changes = {"bonus_amount": 10, "bonus_amount_is_in_percentages": True}
    assert data(await user("PUT", f"/v1/promo/{shown['id']}", changes)) == {**shown, **changes}
    assert (await Promotion.get(number=shown["id"])).currency is None
    claimed = await make.claimed(site, "mypromocode", order=make.order("1", "40.00", "EUR"))
    assert claimed.claim.discount == 400


async def test_a_deleted_promo_is_gone_with_its_uses(user: LPMotorClient, site: Organization) -> None:
    """After DELETE the promo, its code and its rows are gone, the sums stay, and the counters balance."""
    shown = await create_promo(user)
    await make.claimed(site, "mypromocode")
    assert data(await user("DELETE", f"/v1/promo/{shown['id']}")) == {}
    for method, path in (("GET", ""), ("GET", "/statistics"), ("PUT", ""), ("DELETE", "")):
        refused(await user(method, f"/v1/promo/{shown['id']}{path}", {} if method == "PUT" else None), *NOT_THERE)
    assert (await Code.all().count(), await Claim.all().count()) == (0, 0)
    assert [stat.claims for stat in await UsageStat.filter(level="DAY")] == [1]
    assert await verify.counters(site) == []
    again = await create_promo(user)
    assert again == promo_object(again["id"], "mypromocode")
    assert again["id"] != shown["id"]


# ------------------------------------------------------------------ lists and sites


async def test_a_list_is_in_order(user: LPMotorClient, site: Organization) -> None:
    """A site's promos are listed by `pos`, then by `id`."""
    for text, position, number in (("a", 0, None), ("b", 2, 50), ("c", 0, 40), ("d", -1, 60)):
        await make.promotion(site, text, position=position, number=number)
    first = (await Promotion.get(name="Spring sale", position=0, number__not=40)).number
    assert [(one["code"], one["pos"], one["id"]) for one in await listed(user)] == [
        ("d", -1, 60),
        ("a", 0, first),
        ("c", 0, 40),
        ("b", 2, 50),
    ]


async def test_only_promotions_with_one_code_are_promos(user: LPMotorClient, site: Organization) -> None:
    """A promotion without codes, or with several, is neither listed nor found."""
    empty, several = await make.promotion(site), await make.promotion(site, "a", "b")
    one = await create_promo(user)
    assert await listed(user) == [one]
    for promotion in (empty, several):
        for method, path in (("GET", ""), ("GET", "/statistics"), ("DELETE", "")):
            refused(await user(method, f"/v1/promo/{promotion.number}{path}"), *NOT_THERE)
        refused(await user("PUT", f"/v1/promo/{promotion.number}", {"code": "z"}), *NOT_THERE)
    ref = params.PromotionRef(reference=f"promotion-{one['id']}")
    await generate.codes(site, ref, 1, Format(), generate.CodeOptions(), False, None, make.NOW)
    assert await listed(user) == []
    refused(await user("GET", f"/v1/promo/{one['id']}"), *NOT_THERE)
    assert await Code.all().count() == 4


async def test_many_promos_are_all_listed(
    user: LPMotorClient, site: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list is whole however many questions it takes."""
    monkeypatch.setattr("db.queries.codes.BATCH_SIZE", 3)
    created = [await create_promo(user, f"code{number}") for number in range(10)]
    assert await listed(user) == created


async def test_two_sites_may_use_one_text(user: LPMotorClient, site: Organization) -> None:
    """The same code on two sites of an account is two promos, with ids that are one sequence."""
    await create.organization("Other", 22222, "other", USER, "EUR", "UTC", make.NOW)
    here, there = await create_promo(user, "same"), await create_promo(user, "same", 22222)
    assert here["id"] != there["id"]
    assert (await listed(user), await listed(user, 22222)) == ([here], [there])
    data(await user("PUT", f"/v1/promo/{there['id']}", {"bonus_amount": 5}))
    assert data(await user("GET", f"/v1/promo/{here['id']}")) == here
    refused(await user("POST", "/v1/promo", {"site_id": 22222, "code": "SAME"}), *TAKEN)


async def test_another_accounts_sites_and_promos_are_out_of_reach(
    user: LPMotorClient, served: httpx.AsyncClient, site: Organization
) -> None:
    """A foreign site is a 403, one that nobody has is too, and a foreign promo is one that is not there."""
    theirs = await create.organization("Theirs", 33333, "theirs", 456, "RUB", "UTC", make.NOW)
    stranger = LPMotorClient(served, await make.key(theirs, KeyKind.ACCOUNT), "456")
    own = await make.promotion(theirs, "theirs", number=900)
    before = await all_rows()
    for number in (33333, 44444, 2**31, 0, -1, 10**15):
        refused(await user("GET", f"/v1/promo?site_id={number}"), *FOREIGN)
        refused(await user("POST", "/v1/promo", {"site_id": number, "code": "x"}), *FOREIGN)
    for method, path in (("GET", ""), ("GET", "/statistics"), ("DELETE", "")):
        refused(await user(method, f"/v1/promo/{own.number}{path}"), *NOT_THERE)
    refused(await user("PUT", f"/v1/promo/{own.number}", {"code": "mine"}), *NOT_THERE)
    assert await all_rows() == before
    shown = data(await stranger("GET", "/v1/promo/900"))
    assert (shown["id"], shown["code"]) == (900, "theirs")
    await make.promotion(site, "ours", number=900)
    assert data(await user("GET", "/v1/promo/900"))["code"] == "ours"
    assert data(await stranger("GET", "/v1/promo/900"))["code"] == "theirs"


async def test_the_sites_own_promotion_can_not_be_deleted(user: LPMotorClient, site: Organization) -> None:
    """The promotion that each site is made with is a promo while it has one code, and its deletion is a 403."""
    await generate.codes(site, None, 1, Format(), generate.CodeOptions(), False, None, make.NOW)
    [shown] = await listed(user)
    before = await all_rows()
    refused(await user("DELETE", f"/v1/promo/{shown['id']}"), *KEPT)
    assert await all_rows() == before
    assert data(await user("PUT", f"/v1/promo/{shown['id']}", {"bonus_amount": 5}))["bonus_amount"] == 5


# ------------------------------------------------------------------ uses


def row(claim_id: int, promo_id: int, **more: Any) -> dict[str, Any]:
    return {
        "id": claim_id,
        "promo_id": promo_id,
        "lead_id": claim_id,
        "bonus_type_id": 0,
        "bonus_amount": 0,
        "bonus_amount_is_in_percentages": 0,
        "order_price": 0,
        "order_quantity": 1,
        "discount_amount": 0,
        "promo": {"code": "mypromocode"},
        "d_lead_created": NOW,
        "currency": "RUB",
        **more,
    }


ROW_TYPES: dict[str, type] = {
    "id": int,
    "promo_id": int,
    "lead_id": int,
    "bonus_type_id": int,
    "bonus_amount": int,
    "bonus_amount_is_in_percentages": int,
    "order_price": float,
    "order_quantity": int,
    "discount_amount": float,
    "promo": dict,
    "d_lead_created": str,
    "currency": str,
}


async def test_claims_through_every_api_are_rows(
    user: LPMotorClient, served: httpx.AsyncClient, site: Organization, clock: Clock
) -> None:
    """A promo made here is claimed through Lancero's door and through GraphQL, and both are rows, newest first."""
    shown = await create_promo(user, bonus_type=4, bonus_amount=15, bonus_amount_is_in_percentages=True)
    public = await make.key(site, KeyKind.PUBLIC)
    body = {"code": "my promo code", "email": "ada@example.com"}
    answer = await served.post("/codes/claim", json=body, headers={"Authorization": f"Bearer {public}"})
    assert answer.status_code == 200, answer.text
    clock.advance(seconds=61.25)
    order = {"reference": "1", "total": {"amount": "990.50", "currency": "RUB"}, "quantity": 3}
    claimed = await GraphQL(served, public).claim("MYPROMOCODE", "ben@example.com", order=order)
    assert claimed["claim"]["discount"] == {"amount": "148.58", "currency": "RUB"}
    first, second = [claim.id for claim in await Claim.all().order_by("id")]
    percent = {"bonus_type_id": 4, "bonus_amount": 15, "bonus_amount_is_in_percentages": 1}
    rows = await used(user, shown["id"])
    assert rows == [
        row(
            second,
            shown["id"],
            **percent,
            order_price=990.5,
            order_quantity=3,
            discount_amount=148.58,
            d_lead_created="2026-11-22T12:01:01.250Z",
        ),
        row(first, shown["id"], **percent),
    ]
    assert {name: type(value) for name, value in rows[0].items()} == ROW_TYPES
    assert data(await user("GET", f"/v1/promo/{shown['id']}")) == {**shown, "promo_used_count": 2}


async def test_a_row_has_the_bonus_of_its_time(user: LPMotorClient, site: Organization, clock: Clock) -> None:
    """What a promo took off when it was used stays in its row, with an order and without one."""
    shown = await create_promo(user, bonus_amount=50)
    path = f"/v1/promo/{shown['id']}"
    bare = await make.claimed(site, "mypromocode")
    claimed = await make.claimed(site, "mypromocode", "ben@example.com", make.order("1", "30.00", "RUB"))
    data(await user("PUT", path, {"bonus_amount": 5.5, "bonus_amount_is_in_percentages": True}))
    late = await make.claimed(
        site, "mypromocode", "eve@example.com", make.order("2", "8.00", "USD"), now=clock.advance(seconds=1)
    )
    assert await used(user, shown["id"]) == [
        row(
            late.claim.id,
            shown["id"],
            bonus_amount=5.5,
            bonus_amount_is_in_percentages=1,
            order_price=8,
            discount_amount=0.44,
            currency="USD",
            d_lead_created="2026-11-22T12:00:01.000Z",
        ),
        row(claimed.claim.id, shown["id"], bonus_amount=50, order_price=30, discount_amount=30),
        row(bare.claim.id, shown["id"], bonus_amount=50),
    ]


async def test_a_released_use_is_none(user: LPMotorClient, site: Organization) -> None:
    """A released claim is no row and no use, and its place is free again."""
    shown = await create_promo(user, quantity_limit_is_enabled=1, quantity_limit=1)
    claimed = await make.claimed(site, "mypromocode")
    assert data(await user("GET", f"/v1/promo/{shown['id']}")) == {**shown, "promo_used_count": 1, "is_valid": False}
    await release.claim(site, claimed.claim.id, "by mistake", make.NOW)
    assert await used(user, shown["id"]) == []
    assert data(await user("GET", f"/v1/promo/{shown['id']}")) == shown


async def test_the_quantity_limit_is_kept(user: LPMotorClient, site: Organization, served: httpx.AsyncClient) -> None:
    """A promo is used as often as `quantity_limit` says, however many ask at once."""
    shown = await create_promo(user, quantity_limit_is_enabled=True, quantity_limit=3)
    secret = GraphQL(served, await make.key(site, KeyKind.SECRET))
    answers = await asyncio.gather(*(secret.claim("mypromocode", f"{place}@example.com") for place in range(8)))
    assert sorted(answer["__typename"] for answer in answers) == ["CodeClaimed"] * 3 + ["PromotionSpent"] * 5
    assert len(await used(user, shown["id"])) == 3
    assert await listed(user) == [{**shown, "promo_used_count": 3, "is_valid": False}]
    more = data(await user("PUT", f"/v1/promo/{shown['id']}", {"quantity_limit": 4}))
    assert more == {**shown, "quantity_limit": 4, "promo_used_count": 3}


async def test_the_personal_limit_is_once_a_customer(
    user: LPMotorClient, site: Organization, served: httpx.AsyncClient
) -> None:
    """Limited, a promo is used once by each customer; else every claim is another use."""
    shown = await create_promo(user, personal_limit_is_enabled=True)
    secret = GraphQL(served, await make.key(site, KeyKind.SECRET))
    answers = [await secret.claim("mypromocode", email) for email in ("ada@example.com", "ADA@example.com", "b@c.de")]
    assert [answer["__typename"] for answer in answers] == ["CodeClaimed", "AlreadyClaimed", "CodeClaimed"]
    free = data(await user("PUT", f"/v1/promo/{shown['id']}", {"personal_limit_is_enabled": False}))
    assert free == {**shown, "personal_limit_is_enabled": False, "promo_used_count": 2}
    assert [(await secret.claim("mypromocode"))["__typename"] for _ in range(2)] == ["CodeClaimed"] * 2
    assert len(await used(user, shown["id"])) == 4


async def test_is_valid_is_whether_it_can_be_used_now(user: LPMotorClient, clock: Clock) -> None:
    """A promo is valid while it is enabled and its window, if that counts, is open: to the instant it ends."""
    shown = await create_promo(
        user, d_on="2026-11-22T12:00:01Z", d_off="2026-11-22T14:00:02+02:00", time_limit_is_enabled=True
    )
    path = f"/v1/promo/{shown['id']}"
    assert (shown["d_on"], shown["d_off"]) == ("2026-11-22T12:00:01.000Z", "2026-11-22T12:00:02.000Z")
    valid = []
    for _ in range(3):
        valid.append(data(await user("GET", path))["is_valid"])
        clock.advance(seconds=1)
    assert valid == [False, True, False]
    assert data(await user("PUT", path, {"time_limit_is_enabled": False}))["is_valid"] is True
    assert data(await user("PUT", path, {"is_enabled": False}))["is_valid"] is False


# ------------------------------------------------------------------ promotions made elsewhere


async def test_a_promotion_made_elsewhere_is_a_promo(user: LPMotorClient, site: Organization) -> None:
    """A promotion of GraphQL's with one code is a promo; what LP Motor has no word for is 0 and false."""
    limits = Limits(per_promotion=5, per_customer_and_code=2)
    free = params.Discount(kind=DiscountKind.FREE_SHIPPING)
    await make.promotion(site, "elsewhere", number=70, discount=free, limits=limits, window=Window(make.NOW, None))
    shown = data(await user("GET", "/v1/promo/70"))
    assert shown == promo_object(
        70, "elsewhere", time_limit_is_enabled=True, d_on=NOW, quantity_limit_is_enabled=True, quantity_limit=1
    )


async def test_a_whole_promo_sent_back_changes_nothing(user: LPMotorClient, site: Organization) -> None:
    """A client that puts what it got leaves alone what its words can't say."""
    capped = Discount(kind=DiscountKind.PERCENTAGE, value=Decimal(15), maximum_discount=Money(Decimal(100), "RUB"))
    free = params.Discount(kind=DiscountKind.FREE_SHIPPING)
    for number, discount in ((70, free), (71, capped)):
        limits = Limits(per_customer_and_code=2, per_customer=3)
        await make.promotion(site, f"code{number}", number=number, discount=discount, limits=limits)
        before = await all_rows()
        shown = data(await user("GET", f"/v1/promo/{number}"))
        assert data(await user("PUT", f"/v1/promo/{number}", shown)) == shown
        after = await all_rows()
        for was, row_ in zip(before[0], after[0], strict=True):
            changed = {name: row_[name] for name in ("version", "particulars", "updated_at")}
            assert row_ == {**was, **changed}
        assert after[1:] == before[1:]
    cheaper = data(await user("PUT", "/v1/promo/71", {"bonus_amount": 10}))
    assert cheaper["bonus_amount"] == 10
    assert (await Promotion.get(number=71)).maximum_discount == 10_000


async def test_limits_of_a_code_of_its_own_are_lifted_by_saying_others(user: LPMotorClient, site: Organization) -> None:
    """A quantity said here counts for the promotion, and the code's own limit goes."""
    await make.promotion(site, "elsewhere", number=70)
    shown = data(await user("GET", "/v1/promo/70"))
    assert (shown["quantity_limit_is_enabled"], shown["quantity_limit"]) == (True, 1)
    assert data(await user("PUT", "/v1/promo/70", {"quantity_limit": 9})) == {**shown, "quantity_limit": 9}
    code = await find.only_code(site.account_id, 70)
    assert (code.allowed_claims, code.promotion.per_promotion) == (None, 9)


async def test_a_switched_off_code_is_switched_on_here(user: LPMotorClient, site: Organization) -> None:
    """`is_enabled` is true when promotion and code are, and saying so switches on both."""
    shown = await create_promo(user)
    await update.code(site, "mypromocode", update.CodeChange(is_enabled=False), make.NOW)
    off = {**shown, "is_enabled": False, "is_valid": False}
    assert await listed(user) == [off]
    assert data(await user("PUT", f"/v1/promo/{shown['id']}", {"is_enabled": True})) == shown


async def test_changes_through_another_api_win(user: LPMotorClient, site: Organization) -> None:
    """A limit or window set in GraphQL is told here, whatever was sealed before; other vendors' words stay."""
    shown = await create_promo(user, quantity_limit=3, d_on=FIRST, d_off=SECOND)
    ref = params.PromotionRef(reference=f"promotion-{shown['id']}")
    change = update.PromotionChange(
        limits=Limits(per_promotion=8), window=Window(make.NOW), particulars={"walletapp": {"a": 1}}
    )
    await update.promotion(site, ref, None, change, make.NOW)
    changes = {"time_limit_is_enabled": True, "d_on": NOW, "d_off": None}
    limited = {**shown, **changes, "quantity_limit_is_enabled": True, "quantity_limit": 8}
    assert data(await user("GET", f"/v1/promo/{shown['id']}")) == limited
    renamed = data(await user("PUT", f"/v1/promo/{shown['id']}", {"bonus_type": 6}))
    assert renamed == {**limited, "bonus_type": 6}
    assert (await Promotion.get(number=shown["id"])).particulars == {
        "walletapp": {"a": 1},
        "lpmotor": {"bonus_type": 6},
    }


# ------------------------------------------------------------------ saying no


@pytest.mark.parametrize("kind", [KeyKind.SECRET, KeyKind.PUBLIC, KeyKind.DEVICE])
async def test_only_an_accounts_key_has_access(served: httpx.AsyncClient, site: Organization, kind: KeyKind) -> None:
    """A key of one organization is a 401, on every path."""
    client = LPMotorClient(served, await make.key(site, kind))
    before = await all_rows()
    for method, path, body in ROUTES:
        refused(await client(method, path, body), *NOBODY)
    assert await all_rows() == before


ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "/v1/promo?site_id=11111", None),
    ("POST", "/v1/promo", {"site_id": SITE, "code": "x"}),
    ("GET", "/v1/promo/1", None),
    ("PUT", "/v1/promo/1", {"code": "x"}),
    ("DELETE", "/v1/promo/1", None),
    ("GET", "/v1/promo/1/statistics", None),
]


async def test_both_headers_are_needed_and_belong_together(
    user: LPMotorClient, served: httpx.AsyncClient, site: Organization
) -> None:
    """A header that is missing, wrong or another account's is a 401 on every path, before anything else."""
    theirs = await create.organization("Theirs", 33333, "theirs", 456, "RUB", "UTC", make.NOW)
    other = await make.key(theirs, KeyKind.ACCOUNT)
    token, before = user.headers["Authorization"], await all_rows()
    wrong = [
        *({"X-Api-User-Id": value} for value in ("456", "789", "", "abc", "12 3", "1e2", "-123", "9" * 30, "0")),
        *({"Authorization": value} for value in ("Bearer nope", "Bearer", "Basic eDp5", token.removeprefix("Bearer "))),
        {"Authorization": f"Bearer {other}"},
    ]
    for method, path, body in ROUTES:
        for headers in wrong:
            refused(await user(method, path, body, **headers), *NOBODY)
        for missing in ("X-Api-User-Id", "Authorization"):
            bare = {name: value for name, value in user.headers.items() if name != missing}
            refused(await served.request(method, path, headers=bare, content=json.dumps(body or "")), *NOBODY)
    assert await all_rows() == before
    assert await listed(user) == []


async def test_a_revoked_token_opens_nothing(user: LPMotorClient) -> None:
    """A token that was regenerated is dead."""
    await ApiKey.all().update(revoked_at=make.NOW)
    refused(await user("GET", "/v1/promo?site_id=11111"), *NOBODY)


@pytest.mark.parametrize("id", ["0", "999", "-1", "1.5", "abc", "²", "1e3", "%20", "%00", "2147483648", "9" * 400])
async def test_an_id_of_nothing_is_a_404(user: LPMotorClient, id: str) -> None:
    """An id that no promo has, or could have, is not there by any method."""
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/statistics")):
        refused(await user(method, f"/v1/promo/{id}{path}", {"code": "x"} if method == "PUT" else None), *NOT_THERE)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/promo"),
        ("DELETE", "/v1/promo"),
        ("PATCH", "/v1/promo/1"),
        ("POST", "/v1/promo/1"),
        ("POST", "/v1/promo/1/statistics"),
        ("GET", "/v1/promo/"),
        ("GET", "/v1/promo/1/nope"),
        ("GET", "/v1/promo/1/statistics/1"),
        ("OPTIONS", "/v1/promo"),
    ],
)
async def test_an_unknown_route_is_a_404(user: LPMotorClient, method: str, path: str) -> None:
    """What LP Motor does not have is a 404 with an error's body, key or no key, and no page of other origins is let in."""
    answer = await user(method, path, Origin="https://shop.example")
    refused(answer, *NO_PAGE)
    assert "access-control-allow-origin" not in answer.headers
    refused(await user.client.request(method, path), *NO_PAGE)


@pytest.mark.parametrize("query", ["", "?site_id=", "?site_id=%20", "?site_id=abc", "?site_id=1.5", "?site=11111"])
async def test_a_list_is_of_a_site(user: LPMotorClient, query: str) -> None:
    """Without a site's number a list makes no sense."""
    refused(await user("GET", f"/v1/promo{query}"), *BAD)


@pytest.mark.parametrize(
    ("exception", "status", "error", "title"),
    [
        (TooManyAttempts(7), 429, 0, "too many requests"),
        (BodyTooLarge(), 413, 0, "request is too large"),
        (RequestTimeout(), 503, 0, "request took too long"),
        (InternalError("abc"), 500, 0, "unknown error"),
    ],
)
def test_the_rest_of_the_failure_table(exception: Exception, status: int, error: int, title: str) -> None:
    """What a test can't make happen has its words all the same."""
    answer = errors.error_response(exception)
    assert (answer.status_code, json.loads(bytes(answer.body))) == (
        status,
        {"title": title, "error": error, "code": status},
    )
    assert answer.headers.get("retry-after") == ("7" if status == 429 else None)


async def test_a_bug_is_an_unknown_error(user: LPMotorClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks here is told in the vendor's own words."""

    async def broken(organization_id: int) -> AsyncIterator[list[Code]]:
        raise RuntimeError("a bug")
        yield []

    monkeypatch.setattr(find, "only_codes", broken)
    refused(await user("GET", "/v1/promo?site_id=11111"), 500, 0, "unknown error")


async def test_a_body_that_is_too_large_is_a_413(user: LPMotorClient, services: Services) -> None:
    """A body above 4 MB is a 413 in the vendor's shape."""
    refused(await user("POST", "/v1/promo", "x" * (4 * 2**20 + 1)), 413, 0, "request is too large")


BIG = "x" * 1_000_000
FLAGS = ("is_enabled", "bonus_amount_is_in_percentages", "time_limit_is_enabled", "quantity_limit_is_enabled")
NOT_FLAGS = (None, 2, -1, 0.5, "yes", "", [], {}, [True], "\ud800", BIG)
NOT_NUMBERS: tuple[Any, ...] = (None, True, "", "abc", "1e3", "٣", [], {}, [1], "\ud800", BIG, "9" * 30, "NaN")
NOT_DATES = ("", "soon", "2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", 1637862127647, True, [], {})

BAD_FIELDS: list[Any] = [
    *({"code": value} for value in (None, 1, True, [], {}, "", " ", "-", "a\0b", "\ud800", "x" * 101, BIG)),
    *({flag: value} for flag in FLAGS for value in NOT_FLAGS),
    *({"personal_limit_is_enabled": value} for value in NOT_FLAGS),
    *({"bonus_type": value} for value in (*NOT_NUMBERS, 1.5, 2**53, -(2**53), 1e300)),
    *({"bonus_amount": value} for value in (*NOT_NUMBERS, -1, -0.01, "-5", 10**30, 1e300, 0.001, "1.005", 1e-300)),
    *({"bonus_amount": value, "bonus_amount_is_in_percentages": True} for value in (100.01, 101, "1000", 1.00001)),
    *(f'{{"bonus_amount": {value}}}' for value in ("NaN", "Infinity", "-Infinity", "1e999", "9" * 5_000)),
    *({"quantity_limit": value} for value in (*NOT_NUMBERS, -1, 0.5, 2**31, 10**30, "-1")),
    *({name: value} for name in ("d_on", "d_off") for value in (*NOT_DATES, "\ud800", "a\0", BIG)),
    *({"d_off": value} for value in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")),
    *({"d_on": SECOND, "d_off": value} for value in (FIRST, SECOND, "2026-12-24T23:59:59.999+02:00")),
    {"d_on": SECOND, "d_off": FIRST, "time_limit_is_enabled": True},
    *("{", "[]", '"x"', "null", "1", b"\xff\xfe", "[" * 100_000, "a=b&c=d"),
]


def _named(value: Any) -> str:
    return str(value)[:60].encode("ascii", "backslashreplace").decode().replace("\0", "\\0")


def _field(body: Any) -> str:
    """The field that a bad body is about."""
    return next(iter(body)) if isinstance(body, dict) else "the body"


@pytest.mark.long
@pytest.mark.parametrize("field", sorted({_field(body) for body in BAD_FIELDS}))
async def test_invalid_values_are_a_400(user: LPMotorClient, field: str) -> None:
    """Bad input is a 400, on create as on change, and changes nothing; so these bodies share a store."""
    shown = await create_promo(user)
    before = await all_rows()
    for body in BAD_FIELDS:
        if _field(body) != field:
            continue
        whole = {"site_id": SITE, "code": "another", **body} if isinstance(body, dict) else body
        if isinstance(body, str) and body.startswith('{"'):
            whole = body.replace("{", '{"site_id": 11111, "code": "another", ', 1)
        refused(await user("POST", "/v1/promo", whole), *BAD)
        refused(await user("PUT", f"/v1/promo/{shown['id']}", body), *BAD)
        assert await all_rows() == before, _named(body)


async def test_a_promo_needs_site_and_code_of_its_user(user: LPMotorClient) -> None:
    """Without a site and a code there is no promo, and none for another user than the header's."""
    before = await all_rows()
    for body in (
        {"code": "x"},
        {"site_id": SITE},
        *({"site_id": value, "code": "x"} for value in (*NOT_NUMBERS, 1.5)),
        *({"site_id": SITE, "code": "x", "user_id": value} for value in (*NOT_NUMBERS, 124, "124", 1.5)),
    ):
        refused(await user("POST", "/v1/promo", body), *BAD)
        assert await all_rows() == before, _named(body)


async def test_a_change_is_checked_against_what_stays(user: LPMotorClient) -> None:
    """A field that makes no sense beside those that keep their values is a 400."""
    shown = await create_promo(user, bonus_amount=500, d_on=FIRST)
    for body in ({"bonus_amount_is_in_percentages": True}, {"d_off": FIRST}):
        refused(await user("PUT", f"/v1/promo/{shown['id']}", body), *BAD)
    assert data(await user("GET", f"/v1/promo/{shown['id']}")) == shown


def test_a_new_promo_has_the_defaults() -> None:
    """What is not said of a new promo is as the page of this vendor tells."""
    defaults = promo.Promo("x")
    shown = promo_object(0, "x")
    assert {name: shown[name] for name in vars(defaults)} == vars(defaults)
