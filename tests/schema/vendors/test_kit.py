"""What REST doors share: routes, and JSON with a forgiven comma, in time that a hostile body can't stretch."""

import time

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from resolvers.domain.refusals import UnknownPromotion
from schema import app as http_app
from schema.routing import DirectEndpoint
from schema.vendors.kit import KEY, VendorRoute, parse_lenient_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"code": "fantastic-apple",}', {"code": "fantastic-apple"}),
        ('{"a": [1, 2, ] , }', {"a": [1, 2]}),
        ('{"a": ",}", "b": "\\",}",}', {"a": ",}", "b": '",}'}),
        ("{}", {}),
    ],
)
def test_a_comma_after_the_last_member_is_forgiven(text: str, value: object) -> None:
    """Trailing commas are dropped, and never inside a string."""
    assert parse_lenient_json(text) == value


@pytest.mark.parametrize("text", ['{"a" 1}', '{"a": 1,, }', "{'a': 1}", '"', "{"])
def test_other_mistakes_are_not(text: str) -> None:
    """What else is no JSON stays none."""
    with pytest.raises(ValueError, match="line"):
        parse_lenient_json(text)


@pytest.mark.parametrize(
    "hostile", ['{"a": "' + '\\"' * 500_000, '"' * 1_000_000, '{"a": ' + ", " * 500_000, "[" + "," * 1_000_000]
)
def test_a_hostile_body_costs_no_more_than_its_length(hostile: str) -> None:
    """A megabyte that never ends is refused within a second: reading it is linear."""
    began = time.perf_counter()
    with pytest.raises(ValueError, match="line"):
        parse_lenient_json(hostile)
    assert time.perf_counter() - began < 1


# ------------------------------------------------------------------ routes


class FifthRoute(VendorRoute):
    """A route whose errors are a sentence in an object."""

    @staticmethod
    def error_response(error: Exception) -> JSONResponse:
        return JSONResponse({"sentence": str(error)}, 409)


class FifthOrder(BaseModel):
    """A body that is read by FastAPI."""

    amount: int


def fifth() -> APIRouter:
    """A router as FastAPI's pages write them, with routes of our kind."""
    router = APIRouter(route_class=FifthRoute, prefix="/fifth")

    @router.get("/raw/{name}")
    async def raw(request: Request) -> JSONResponse:
        return JSONResponse(request.path_params["name"])

    @router.post("/orders")
    async def order(body: FifthOrder) -> dict[str, int]:
        if body.amount > 9:
            raise UnknownPromotion
        if body.amount < 0:
            raise KeyError(body.amount)
        return {"amount": body.amount}

    @router.get("/in-a-thread/{number}")
    def in_a_thread(number: int) -> int:
        if number > 9:
            raise HTTPException(418, "too hot")
        return number

    return router


async def test_routes_may_be_written_as_fastapis_pages_do() -> None:
    """What an endpoint declares is read by FastAPI; its refusals and bugs are answered by its route all the same."""
    router = fifth()
    apps = [type(route.app) is DirectEndpoint for route in router.routes if isinstance(route, VendorRoute)]
    assert apps == [True, False, False]
    embedded = FastAPI()
    embedded.include_router(router)
    for app in (http_app.Application([], [router]), embedded):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://tessera") as http:
            assert (await http.get("/fifth/raw/a%2Fb")).json() == "a/b"
            assert (await http.post("/fifth/orders", json={"amount": "5"})).json() == {"amount": 5}
            assert (await http.post("/fifth/orders", json={"amount": "many"})).status_code == 422
            assert (await http.post("/fifth/orders", json={"amount": 10})).json() == {
                "sentence": "There is no such promotion."
            }
            bug = await http.post("/fifth/orders", json={"amount": -1})
            assert (bug.status_code, "The log knows more" in bug.json()["sentence"]) == (409, True)
            assert (await http.get("/fifth/in-a-thread/7")).json() == 7
            assert (await http.get("/fifth/in-a-thread/seven")).status_code == 422
            assert (await http.get("/fifth/in-a-thread/10")).json() == {"detail": "too hot"}
    paths = embedded.openapi()["paths"]
    assert {
        path: [each["name"] for operation in item.values() for each in operation.get("parameters", ())]
        for path, item in paths.items()
    } == {"/fifth/raw/{name}": ["name"], "/fifth/orders": [], "/fifth/in-a-thread/{number}": ["number"]}


async def test_a_dependency_is_never_passed_by() -> None:
    """Security that somebody adds to a route or a router is asked before the endpoint, though KEY is only told."""

    async def answer(request: Request) -> JSONResponse:
        return JSONResponse("in")

    router = APIRouter(route_class=FifthRoute, dependencies=[KEY])
    router.add_api_route("/told", answer)
    router.add_api_route("/asked", answer, dependencies=[Security(HTTPBearer())])
    app = http_app.Application([], [router])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tessera") as http:
        assert (await http.get("/told")).json() == "in"
        assert (await http.get("/asked")).status_code == 401
        assert (await http.get("/asked", headers={"Authorization": "Bearer x"})).json() == "in"
