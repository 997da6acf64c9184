"""What doors make of HTTP: preflights, `Accept`, paths with escapes, methods of all kinds, clients that go away."""

import asyncio
import logging
import re
import socket
from types import ModuleType
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.responses import Response

from db.enums import KeyKind
from db.models import Organization
from schema import app as http_app
from schema import content_negotiation, vendors
from schema.app import MAX_REQUESTED_HEADER_BYTES, RouteConflict
from schema.context import Services
from schema.graphql import http_request
from schema.graphql.http_request import GRAPHQL_RESPONSE, JSON
from schema.vendors import kit
from tests import make

# ------------------------------------------------------------------ W12: preflights

HEADERS = [
    "traceparent", "tracestate", "baggage", "sentry-trace", "apollographql-client-name", "x-requested-with",
    "authorization,content-type,x-organization", "X-Shop-Custom, If-None-Match",
]  # fmt: skip


@pytest.mark.case("W12")
@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/codes/claim", "/leads/create", "/codes/nowhere"])
async def test_any_header_may_be_sent_by_a_page(served: httpx.AsyncClient, path: str) -> None:
    """A key admits, and not an origin: what a browser asks leave to send is allowed, also from a public page to a host
    of a private network."""
    for names in HEADERS:
        response = await served.options(
            path,
            headers={
                "Origin": "https://shop.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": names,
                "Access-Control-Request-Private-Network": "true",
            },
        )
        headers = response.headers
        assert response.status_code == 200, names
        assert headers["access-control-allow-headers"] == names
        assert headers["access-control-allow-origin"] == "https://shop.example"
        assert headers["access-control-allow-private-network"] == "true"
        assert headers["access-control-allow-credentials"] == "true"


@pytest.mark.case("W12")
async def test_what_a_preflight_says_back_is_bounded(served: httpx.AsyncClient) -> None:
    """Nobody sends thousands of headers, and who asks to is not echoed."""
    asks = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    response = await served.options(
        "/graphql", headers=asks | {"Access-Control-Request-Headers": "a" * (MAX_REQUESTED_HEADER_BYTES + 1)}
    )
    assert (response.status_code, len(response.content) < 100) == (400, True)


# ------------------------------------------------------------------ W15: Accept, and a slash at the end


@pytest.mark.case("W15")
@pytest.mark.parametrize(
    ("accepted", "media_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (GRAPHQL_RESPONSE.upper(), GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE};q=0", JSON),
        (f"{GRAPHQL_RESPONSE};Q=0.000", JSON),
        (f"{GRAPHQL_RESPONSE} ; q=0, */*", JSON),
        (f"{JSON};q=0, */*", GRAPHQL_RESPONSE),
        (f"{JSON};q=0, {GRAPHQL_RESPONSE};q=0", JSON),
        (f"{GRAPHQL_RESPONSE}, {JSON}", GRAPHQL_RESPONSE),
        (f"{JSON}, {GRAPHQL_RESPONSE}", GRAPHQL_RESPONSE),
        (f"{JSON};q=0.9, {GRAPHQL_RESPONSE};q=0.8", JSON),
        (f"{JSON};q=0.5, {GRAPHQL_RESPONSE};q=0.8", GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE};charset=utf-8, {JSON};charset=UTF-8", GRAPHQL_RESPONSE),
        (f'{GRAPHQL_RESPONSE};charset="utf-8";q=0.1, {JSON};q=0.2', JSON),
        (f"{GRAPHQL_RESPONSE};charset=latin1", JSON),
        (f"{GRAPHQL_RESPONSE};q=0.5, */*", JSON),
        (f"{GRAPHQL_RESPONSE};q=0.5, */*;q=0.1", GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE};q=2", JSON),
        (f"{GRAPHQL_RESPONSE};q=nan", JSON),
        (f'text/plain;a=",{GRAPHQL_RESPONSE}"', JSON),
        (f"{GRAPHQL_RESPONSE}x", JSON),
        (f"x{GRAPHQL_RESPONSE}", JSON),
        (f",, {GRAPHQL_RESPONSE},", GRAPHQL_RESPONSE),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ('"' * 60_000, JSON),
        ("," * 60_000, JSON),
        (";q=" * 20_000, JSON),
        ("a" * 60_000, JSON),
    ],
)
def test_an_answer_is_of_the_type_that_is_wanted(accepted: str, media_type: str) -> None:
    """Weights, capitals, wildcards and parameters count as RFC 9110 has them."""
    assert http_request.response_media_type(accepted) == media_type


@pytest.mark.case("W15")
@pytest.mark.parametrize(
    ("accepted", "quality"),
    [("text/html", 1), ("TEXT/HTML;q=0.5", 0.5), ("text/*;q=0.2,*/*", 0.2), ("*/*;q=0", 0), ("text/html;q=0,*/*", 0), ("image/*", 0)],
)  # fmt: skip
def test_the_most_specific_range_counts(accepted: str, quality: float) -> None:
    """A type's own range before its family's, and that before any."""
    assert content_negotiation.quality(accepted, "text/html") == quality


@pytest.mark.case("W15")
async def test_a_slash_behind_is_answered_in_place(served: httpx.AsyncClient, organization: Organization) -> None:
    """`/graphql/` is `/graphql`, in a browser too, and nobody is sent to an address that a header makes up."""
    key = {"Authorization": f"Bearer {await make.key(organization, KeyKind.SECRET)}"}
    response = await served.post("/graphql/", headers=key, json={"query": "{__typename}"})
    assert response.json() == {"data": {"__typename": "Query"}}
    for path in ("/graphql", "/graphql/"):
        page = (await served.get(path, headers={"Accept": "text/html"})).text
        scripts = re.findall(r'<script defer src="([^"]+)"', page)
        assert len(scripts) == 4
        assert all(
            str(httpx.URL(f"http://x{path}").join(script)).startswith("http://x/graphql/assets/") for script in scripts
        )


@pytest.mark.long
@pytest.mark.case("W15")
async def test_nobody_is_redirected(served: httpx.AsyncClient, services: Services) -> None:
    """No path, with a slash more or less, answers with a Location."""
    paths = {route.path.replace("{", "").replace(":path}", "").replace("}", "") for route in iter_route_contexts(http_app.create_app(services).routes) if route.path}  # fmt: skip
    assert {"/healthz", "/v1/promo", "/export/codes.csv"} <= paths
    for path in paths:
        for asked_path in (f"{path}/", path.rstrip("/"), f"/{path}"):
            response = await served.get(asked_path or "/", headers={"Host": "evil.example"})
            assert not response.is_redirect, asked_path
            assert "location" not in response.headers


# ------------------------------------------------------------------ W17: paths


@pytest.mark.case("W17")
@pytest.mark.parametrize("text", ["A/B", "A%B", "A%2FB", "A?B", "A+B", "ä/ö", "A#B", "claim/x"])
async def test_a_code_is_found_however_its_letters_are_escaped(
    served: httpx.AsyncClient, organization: Organization, text: str
) -> None:
    """A slash of a code is a letter of it at both of Lancero's paths."""
    await make.promotion(organization, text)
    key = {"Authorization": f"Bearer {await make.key(organization, KeyKind.SECRET)}"}
    escaped = "".join(f"%{byte:02X}" for byte in text.encode())
    for path in (f"/codes/{escaped}", f"/codes/code/{escaped}", f"/%63odes/{escaped}"):
        response = await served.get(path, headers=key)
        assert (response.status_code, response.json()["data"]["code"]) == (200, text), path


LANCERO = ["/codes", "/codes/", "/codes/x/y", "/codes/x%0Ay", "/codes/x%0A", "/codes/code/%0A", "/leads/x%0Ay", "/claims/%2F", "/codes%2Fx/y"]  # fmt: skip
LPMOTOR = ["/v1/promo/", "/v1/promo/x%0Ay", "/v1/promo/1%2Fstatistics", "/v1/promo/1/statistics/%0A", "/v1/promo/%FF"]
WALLETAPP = [
    "/webshop-promotions",
    "/webshop-promotions/",
    "/webshop-promotions/%0A",
    "/webshop-promotions/webshopcode%2F",
]


@pytest.mark.case("W17")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PROPFIND", "PATCH", "LOCK"])
async def test_every_path_below_a_vendors_is_answered_in_its_words(
    served: httpx.AsyncClient, organization: Organization, method: str
) -> None:
    """Whatever the escapes and the method are, it is the vendor who says no."""
    account = await organization.account
    key = {
        "Authorization": f"Bearer {await make.key(organization, KeyKind.ACCOUNT)}",
        "X-Api-User-Id": str(account.number),
    }
    for paths, members in (
        (LANCERO[:-1], {"code", "error", "message", "time"}),
        (LPMOTOR, {"title", "error", "code"}),
        (WALLETAPP, {"success", "message"}),
    ):
        for path in paths:
            response = await served.request(method, path, headers=key)
            assert response.json().keys() >= members, (path, response.text)
            assert response.status_code in (400, 404), (path, response.text)


@pytest.mark.case("W17")
async def test_an_escaped_slash_is_no_structure(served: httpx.AsyncClient, organization: Organization) -> None:
    """A code's page and LP Motor's statistics are found by their segments."""
    for path in ("/c%2Fx", "/c/x%0Ay", "/u/%0A", "/c/%2F", "/codes%2Fclaim"):
        assert (await served.get(path)).status_code in (401, 404), path
    assert "<html" in (await served.get("/c/x%0Ay")).text


# ------------------------------------------------------------------ W18: whose promo


@pytest.mark.case("W18")
async def test_a_promo_is_changed_by_its_own_user(served: httpx.AsyncClient, organization: Organization) -> None:
    """Another's user_id in the body is 400 for PUT as it is for POST, and changes nothing; one's own is fine."""
    promotion = await make.promotion(organization, "HELLO")
    number = (await organization.account).number
    headers = {"Authorization": f"Bearer {await make.key(organization, KeyKind.ACCOUNT)}", "X-Api-User-Id": str(number)}
    path = f"/v1/promo/{promotion.number}"
    for other in (number + 1, str(number + 1), "me", None, [number]):
        response = await served.put(path, headers=headers, json={"user_id": other, "code": "BYE"})
        assert (response.status_code, response.json()["error"]) == (400, 10), other
    assert (await served.get(path, headers=headers)).json()["code"] == "HELLO"
    for same in (number, str(number)):
        assert (await served.put(path, headers=headers, json={"user_id": same, "code": "BYE"})).status_code == 200


# ------------------------------------------------------------------ W24: two of a path


def vendor(name: str, *routes: tuple[str, str]) -> ModuleType:
    """A vendor's module with these methods and paths."""

    async def answer(request: Any) -> Response:
        return Response(status_code=204)

    module: Any = ModuleType(f"schema.vendors.{name}")
    module.router = APIRouter(route_class=kit.VendorRoute)
    for method, path in routes:
        module.router.add_api_route(path, answer, methods=[method])
    return module  # type: ignore[no-any-return]


@pytest.mark.case("W24")
@pytest.mark.parametrize(
    ("method", "path", "other"),
    [
        ("POST", "/codes/claim", "schema.vendors.lancero"),
        ("POST", "/codes/extra", "schema.vendors.lancero"),
        ("GET", "/v1/promo/{number}", "schema.vendors.lpmotor"),
        ("POST", "/graphql", "Tessera itself"),
        ("GET", "/c/{code}", "Tessera itself"),
        ("GET", "/{everything:path}", "Tessera itself"),
        ("GET", "/new", "schema.vendors.newer"),
        ("GET", "/new/{code}", "schema.vendors.newer"),
    ],
)
def test_two_of_a_path_are_refused(
    services: Services, monkeypatch: pytest.MonkeyPatch, method: str, path: str, other: str
) -> None:
    """The application does not start where two would answer one method at one path, and says which two."""
    discovered = vendors.discover()
    more = [vendor("fourth", (method, path)), vendor("newer", ("GET", "/new"), ("GET", "/new/{id}"))]
    monkeypatch.setattr(vendors, "discover", lambda: [*discovered, *more])
    with pytest.raises(RouteConflict) as why:
        http_app.create_app(services)
    assert "schema.vendors.fourth" in str(why.value)
    assert other in str(why.value)
    assert method in str(why.value)


@pytest.mark.case("W24")
def test_different_methods_and_paths_are_no_clash(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vendors whose paths begin alike can live together."""
    discovered = vendors.discover()
    more = [vendor("fourth", ("POST", "/new"), ("GET", "/v1/promotions")), vendor("newer", ("GET", "/new"))]
    monkeypatch.setattr(vendors, "discover", lambda: [*discovered, *more])
    assert http_app.create_app(services)


# ------------------------------------------------------------------ W13: who goes away

PATHS = [
    "/graphql", "/codes/claim", "/codes/generate", "/leads/create", "/claims/exchange", "/v1/promo",
    "/webshop-promotions/webshopcode", "/webshop-promotions/createNonActivatedCodes", "/u/x", "/nowhere", "/healthz",
]  # fmt: skip


@pytest.mark.long
@pytest.mark.case("W13")
async def test_a_client_that_goes_away_is_no_fault(
    served: httpx.AsyncClient, organization: Organization, caplog: pytest.LogCaptureFixture
) -> None:
    """In the middle of a body, at every door, with every key: at most a line of log, no stack, and no fault."""
    caplog.set_level(logging.INFO)
    number = (await organization.account).number
    keys = [
        await make.key(organization, kind) for kind in (KeyKind.SECRET, KeyKind.ACCOUNT, KeyKind.PUBLIC, KeyKind.DEVICE)
    ]
    url = httpx.URL(str(served.base_url))
    for path in PATHS:
        for key in keys:
            caplog.clear()
            _, writer = await asyncio.open_connection(url.host, url.port)
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nX-Api-User-Id: {number}\r\n"
            writer.write(f'{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"a'.encode())
            await writer.drain()
            await served.get("/readyz")  # by now the door waits for the rest
            linger = writer.get_extra_info("socket")
            linger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            writer.transport.abort()
            await served.get("/readyz")
            await served.get("/healthz")
            records = [record for record in caplog.records if record.name.startswith(("tessera", "uvicorn", "asyncio"))]
            assert [record for record in records if record.exc_info or record.levelno >= logging.WARNING] == []
            assert len(records) <= 1
