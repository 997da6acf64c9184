"""One application: what is asked for goes to its door, and what no door answers is told so."""

import httpx
from starlette.routing import Match, Route

from schema import app as http_app
from schema.context import Services


def test_an_address_tells_the_door_that_a_search_would_find(services: Services) -> None:
    """For each method of each address without parameters, it is the first that answers of all doors in their order."""
    app = http_app.create_app(services)
    assert isinstance(app, http_app.Application)
    plain = {route.path for route in app.routes if isinstance(route, Route) and not route.param_convertors}
    assert {"/graphql", "/healthz", "/codes/claim"} <= plain
    for path in plain:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
            fitting = [route for route in app.router.routes if route.matches(scope)[0] is Match.FULL]
            assert app._door_for(scope)[0] is next(iter(fitting), None), (method, path)


async def test_what_no_door_answers(served: httpx.AsyncClient) -> None:
    """No such address is 404, and an address that is asked in a way it does not know is 405."""
    assert (await served.get("/nowhere")).status_code == 404
    wrong = await served.post("/healthz")
    assert (wrong.status_code, "GET" in wrong.headers["allow"]) == (405, True)


async def test_a_page_of_another_origin_may_read_what_is_meant_for_it(served: httpx.AsyncClient) -> None:
    """Answers say so where a page asks, or a cache might keep them for one; a program's own calls need no word."""
    page = {"Origin": "https://shop.example"}
    for path in ("/graphql", "/codes/claim"):
        told = (await served.post(path, headers=page, json={})).headers
        assert told["access-control-allow-origin"] == "https://shop.example"
        assert "access-control-allow-origin" not in (await served.post(path, json={})).headers
        asked = await served.options(path, headers=page | {"Access-Control-Request-Method": "POST"})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://shop.example")
        assert (await served.get(path)).headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in (await served.get("/healthz", headers=page)).headers
