"""The application: dispatch to routes, 404 and 405, and CORS."""

import httpx
from starlette.routing import Match, Route

from schema import app as http_app
from schema.context import Services


def test_the_path_table_finds_the_first_matching_route(services: Services) -> None:
    """For each method of each path without parameters, it is the first route that matches in their order."""
    app = http_app.create_app(services)
    assert isinstance(app, http_app.Application)
    plain = {route.path for route in app.routes if isinstance(route, Route) and not route.param_convertors}
    assert {"/graphql", "/healthz", "/codes/claim"} <= plain
    for path in plain:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
            fitting = [route for route in app.router.routes if route.matches(scope)[0] is Match.FULL]
            assert app._find_route(scope)[0] is next(iter(fitting), None), (method, path)


async def test_requests_without_a_route(served: httpx.AsyncClient) -> None:
    """An unknown path is 404, an unknown method of a path is 405."""
    assert (await served.get("/nowhere")).status_code == 404
    response = await served.post("/healthz")
    assert (response.status_code, "GET" in response.headers["allow"]) == (405, True)


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
