"""The application: dispatch to routes, what somebody adds to it in FastAPI's ways, 404 and 405, and CORS."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from tortoise.exceptions import DBConnectionError

from db.models import Organization
from resolvers import authenticate
from schema import app as http_app
from schema.context import Services
from schema.vendors import lancero
from tests import make

HOT = [
    ("POST", "/graphql", 401),
    ("GET", "/codes/x", 401),
    ("POST", "/codes/claim", 401),
    ("GET", "/codes/nowhere/at/all", 404),
    ("GET", "/v1/promo", 401),
    ("GET", "/v1/promo/1/statistics", 401),
    ("POST", "/webshop-promotions/webshopcode", 401),
    ("GET", "/healthz", 200),
    ("GET", "/c/nothing", 404),
    ("GET", "/export/codes.csv", 401),
    ("GET", "/nowhere", 404),
    ("POST", "/healthz", 405),
]
"""A request to each kind of route and beside them, with the status of its answer."""

Call = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(params=["table", "fastapi"])
def app(request: pytest.FixtureRequest, store: str, services: Services) -> FastAPI:
    """The application, dispatching by its table of routes or in FastAPI's way."""
    app = http_app.create_app(services)
    return app if request.param == "table" else by_fastapi(app)


def by_fastapi(app: FastAPI) -> FastAPI:
    """An application in which a route stands before all others, so that FastAPI asks each in its order."""
    app.router.routes.insert(0, Route("/before/all/others", lambda request: PlainTextResponse("")))
    return app


def client(app: ASGIApp, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, **options), base_url="http://tessera")


class KeysBroken(Exception):
    """Raised by what a test breaks."""


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key can be looked up, no token found: every route has a bug."""

    async def fail(*_: object) -> None:
        raise KeysBroken("no")

    monkeypatch.setattr(authenticate, "key", fail)
    monkeypatch.setattr("resolvers.find.code_by_token", fail)


BROKEN = [(method, path) for method, path, status in HOT if status == 401 or path == "/c/nothing"]
KEY = {"Authorization": "Bearer sk_x", "Content-Type": "application/json", "X-Api-User-Id": "1"}


# ------------------------------------------------------------------ dispatch


def test_the_table_finds_the_first_matching_route(services: Services) -> None:
    """For each method and path it is the first route that matches in their order."""
    app = http_app.create_app(services)
    assert isinstance(app, http_app.Application)
    app.build_middleware_stack()
    routes = [route for route in app._first_routes if isinstance(route, Route)]
    plain = {route.path for route in routes if not route.param_convertors}
    assert {"/graphql", "/healthz", "/codes/claim"} <= plain
    for path in [*plain, "/codes/x", "/codes/x/y", "/codes/code/x", "/v1/promo/1", "/c/x", "/x/y", "/"]:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
            scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
            fitting = [route for route in routes if route.matches(scope)[0] is Match.FULL]
            found = app._table.find(scope)
            assert (found[0] if found else None) == (fitting[0].app if fitting else None), (method, path)


async def test_fastapi_dispatches_as_the_table_does(services: Services, organization: Organization) -> None:
    """Each request has the same answer past FastAPI and through it, escapes in its path included."""
    key = await make.key(organization)
    await make.code(organization, "a/b")
    app, slow = http_app.create_app(services), by_fastapi(http_app.create_app(services))
    paths = [
        "/codes/a%2Fb",
        "/codes/a/b",
        "/codes/code/a/b",
        "/codes/code/a%2fb",
        "/leads/email/a+b%40c.d",
        "/codes%2Fx",
    ]
    requests = [("GET", path) for path in paths] + [("POST", "/codes%2Fclaim"), ("GET", "/v1%2Fpromo")]
    requests += [(method, path) for method, path, _ in HOT]
    requests += [
        (method, path) for path in ("/codes/claim", "/leads/delete", "/v1/promo") for method in ("OPTIONS", "BREW")
    ]
    async with client(app) as direct, client(slow) as through:
        for method, path in requests:
            for headers in ({}, {"Authorization": f"Bearer {key}", "Origin": "https://shop.example"}):
                answers = [await one.request(method, path, headers=headers) for one in (direct, through)]
                [first, second] = [(a.status_code, without_time(a), sorted(a.headers.items())) for a in answers]
                assert first == second, (method, path)
        assert (await direct.get("/codes/a%2Fb", headers=headers)).json()["data"]["code"] == "a/b"


def without_time(answer: httpx.Response) -> object:
    body = answer.json() if "json" in answer.headers.get("content-type", "") else answer.text
    return {**body, "time": 0} if isinstance(body, dict) else body


async def test_requests_without_a_route(served: httpx.AsyncClient) -> None:
    """An unknown path is 404, an unknown method of a path is 405."""
    assert (await served.get("/nowhere")).status_code == 404
    response = await served.post("/healthz")
    assert (response.status_code, "GET" in response.headers["allow"]) == (405, True)


# ------------------------------------------------------------------ what somebody adds


async def test_a_middleware_is_passed_by_every_request(app: FastAPI) -> None:
    """One that is a function and one that is a class, on every path, in FastAPI's order."""
    seen = []

    class Counting:
        def __init__(self, app: ASGIApp, name: str) -> None:
            self.app, self.name = app, name

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((self.name, scope["path"]))
            await self.app(scope, receive, send)

    app.add_middleware(Counting, name="counted")

    @app.middleware("http")
    async def mark(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers["X-Marked"] = "yes"
        return response

    async with client(app) as http:
        for method, path, status in HOT:
            response = await http.request(method, path)
            assert (response.status_code, response.headers["x-marked"]) == (status, "yes"), path
    assert seen == [("counted", path) for _, path, _ in HOT]


async def test_the_table_is_used_below_a_middleware(services: Services, store: str) -> None:
    """FastAPI searches for none that is in the table."""
    app = http_app.create_app(services)
    assert isinstance(app, http_app.Application)
    searched = []

    @app.middleware("http")
    async def pass_on(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return await call_next(request)

    async def search(scope: Scope, receive: Receive, send: Send) -> None:
        searched.append(scope["path"])
        await PlainTextResponse("", 404)(scope, receive, send)

    app._dispatch_by_fastapi = search
    async with client(app) as http:
        for method, path, _ in HOT:
            await http.request(method, path)
    assert searched == ["/nowhere", "/healthz"]


async def test_a_middleware_may_answer_by_itself(app: FastAPI, organization: Organization) -> None:
    """No route is called then; a download streams through one that lets it pass."""
    key = await make.key(organization)
    await make.code(organization)

    @app.middleware("http")
    async def gate(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return await call_next(request) if "x-let-in" in request.headers else PlainTextResponse("closed", 403)

    async with client(app) as http:
        for method, path, _ in HOT:
            assert (await http.request(method, path)).text == "closed"
        headers = {"Authorization": f"Bearer {key}", "X-Let-In": "please"}
        response = await http.get("/export/codes.csv", headers=headers)
        assert (response.status_code, "HELLO-15" in response.text) == (200, True)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(("method", "path"), BROKEN)
async def test_a_handler_of_an_exception_answers_in_our_place(app: FastAPI, method: str, path: str) -> None:
    """A bug in a route is told to the handler of its type, wherever it is raised."""

    @app.exception_handler(KeysBroken)
    async def answer(request: Request, error: KeysBroken) -> Response:
        return JSONResponse({"broken": str(error)}, 418)

    async with client(app) as http:
        response = await http.request(method, path, headers=KEY, json={})
    assert (response.status_code, response.json()) == (418, {"broken": "no"})


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("kind", [Exception, 500])
@pytest.mark.parametrize(("method", "path"), BROKEN)
async def test_a_handler_of_every_exception_answers_in_our_place(
    app: FastAPI, method: str, path: str, kind: Any
) -> None:
    """It is called for a bug that has no handler of its own."""
    app.add_exception_handler(kind, lambda request, error: PlainTextResponse(f"caught {error}", 500))
    async with client(app, raise_app_exceptions=False) as http:
        response = await http.request(method, path, headers=KEY, json={})
    assert (response.status_code, response.text) == (500, "caught no")


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(("method", "path"), BROKEN)
async def test_a_bug_without_a_handler_is_answered_by_its_route(app: FastAPI, method: str, path: str) -> None:
    """A handler of another type changes nothing, and refusals stay refusals with any handler."""
    app.add_exception_handler(KeyError, lambda request, error: PlainTextResponse("never"))
    async with client(app) as http:
        response = await http.request(method, path, headers=KEY, json={})
    assert response.status_code == 500
    assert "never" not in response.text


@pytest.mark.parametrize(("method", "path"), BROKEN)
async def test_an_unavailable_database_is_no_bug(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    """It is a 503 of the route, also with a handler of every exception."""

    async def fail(*_: object) -> None:
        raise DBConnectionError("gone")

    monkeypatch.setattr(authenticate, "key", fail)
    monkeypatch.setattr("resolvers.find.code_by_token", fail)
    app.add_exception_handler(Exception, lambda request, error: PlainTextResponse("never"))
    async with client(app) as http:
        response = await http.request(method, path, headers=KEY, json={})
    assert (response.status_code, response.text == "never") == (503, False)


async def test_what_a_door_answers_by_itself_goes_to_no_handler(app: FastAPI) -> None:
    """Missing keys and unknown paths of a vendor are answered in the vendor's format, also with handlers of everything."""
    for kind in (Exception, 401, 404, StarletteHTTPException):
        app.add_exception_handler(kind, lambda request, error: PlainTextResponse("ours", 404))
    async with client(app) as http:
        for method, path, status in HOT:
            response = await http.request(method, path)
            is_fastapis = path == "/nowhere" or status == 405
            assert (response.status_code, response.text == "ours") == (404 if is_fastapis else status, is_fastapis), (
                path
            )


async def test_further_routes_are_reached(app: FastAPI) -> None:
    """Routes, routers with dependencies, and mounted applications, added behind ours."""

    async def allowed(token: str) -> str:
        if token != "t":
            raise HTTPException(403, "not allowed")
        return token

    @app.get("/extra/{number}")
    async def extra(number: int, token: str = Depends(allowed)) -> dict[str, object]:
        return {"number": number, "token": token}

    router = APIRouter(prefix="/more", dependencies=[Depends(allowed)])

    @router.post("/things", status_code=201)
    async def things(body: dict[str, int]) -> dict[str, int]:
        return body

    app.include_router(router)
    app.mount("/other", FastAPI(openapi_url=None))
    async with client(app) as http:
        assert (await http.get("/extra/5?token=t")).json() == {"number": 5, "token": "t"}
        assert (await http.get("/extra/x?token=t")).status_code == 422
        assert (await http.get("/extra/5?token=x")).status_code == 403
        assert (await http.post("/more/things?token=t", json={"a": 1})).status_code == 201
        assert (await http.post("/more/things?token=x", json={"a": 1})).status_code == 403
        assert (await http.get("/other/x")).json() == {"detail": "Not Found"}
        assert (await http.get("/codes/x")).json()["message"] == "No authorization header passed"


async def test_a_route_before_ours_is_asked_first(app: FastAPI) -> None:
    """A route that somebody puts before the others has its paths."""
    app.router.routes.insert(0, Route("/codes/{rest:path}", lambda request: PlainTextResponse("first")))
    async with client(app) as http:
        assert (await http.get("/codes/x")).text == "first"
        assert (await http.get("/v1/promo")).status_code == 401


async def test_the_application_can_be_mounted(app: FastAPI) -> None:
    """Below a path of another application all is as at its root."""
    outer = FastAPI()
    outer.mount("/promo", app)
    async with client(outer) as http:
        for method, path, status in HOT:
            assert (await http.request(method, f"/promo{path}")).status_code == status, path


async def test_a_vendors_router_can_be_included_elsewhere(services: Services, organization: Organization) -> None:
    """In a plain FastAPI application below a prefix, with dependencies that are solved before."""
    asked = []

    async def audit(request: Request) -> None:
        asked.append(request.url.path)
        if "x-blocked" in request.headers:
            raise HTTPException(423, "locked")

    outer = FastAPI()
    outer.state.services = services
    outer.include_router(lancero.router, prefix="/old", dependencies=[Depends(audit)])
    await make.code(organization)
    headers = {"Authorization": f"Bearer {await make.key(organization)}"}
    async with client(outer) as http:
        found = await http.get("/old/codes/hello-15", headers=headers)
        assert found.json()["data"]["code"] == "HELLO-15"
        assert (await http.get("/old/codes/none", headers=headers)).json()["message"] == "That code was not found"
        assert (await http.get("/old/codes/hello-15", headers=headers | {"X-Blocked": "1"})).status_code == 423
    assert asked == ["/old/codes/hello-15", "/old/codes/none", "/old/codes/hello-15"]


async def test_an_http_exception_in_a_route_is_fastapis(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is answered with its own status, whether or not something was added."""

    async def fail(*_: object) -> None:
        raise HTTPException(418, "short and stout")

    monkeypatch.setattr(authenticate, "key", fail)
    extended = http_app.create_app(app.state.services)
    extended.add_exception_handler(418, lambda request, error: PlainTextResponse("tea", 200))
    async with client(app) as http, client(extended) as more:
        for method, path in BROKEN[:-2]:
            response = await http.request(method, path, headers=KEY, json={})
            assert (response.status_code, response.json()) == (418, {"detail": "short and stout"}), path
            assert (await more.request(method, path, headers=KEY, json={})).text == "tea"


# ------------------------------------------------------------------ CORS


async def test_pages_of_other_origins_may_call_some_paths(served: httpx.AsyncClient) -> None:
    """CORS headers are on answers to a page, and on those that a cache might keep for one; not on a POST without origin."""
    page = {"Origin": "https://shop.example"}
    for path in ("/graphql", "/codes/claim"):
        headers = (await served.post(path, headers=page, json={})).headers
        assert headers["access-control-allow-origin"] == "https://shop.example"
        assert "access-control-allow-origin" not in (await served.post(path, json={})).headers
        preflight = await served.options(path, headers=page | {"Access-Control-Request-Method": "POST"})
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (
            200,
            "https://shop.example",
        )
        assert (await served.get(path)).headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in (await served.get("/healthz", headers=page)).headers
