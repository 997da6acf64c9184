"""The application: every route, cross-origin access, and dispatch without FastAPI's overhead."""

import itertools
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from schema import health, pages, vendors
from schema.context import Services
from schema.csv import export
from schema.graphql import app as graphql_app
from schema.server.trusted_proxies import TrustedProxies

log = logging.getLogger("tessera")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_PARAMETER = re.compile(r"{[^}]*}")

Lifespan = Callable[[FastAPI], Any]


MAX_REQUESTED_HEADER_BYTES = 8_000
"""Bytes of `Access-Control-Request-Headers`, which a preflight's answer repeats."""


class BoundedCORSMiddleware(CORSMiddleware):
    """Starlette's CORS middleware with a limit on the headers that a preflight may request."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a preflight request; 400 if it requests too many headers."""
        if len(request_headers.get("access-control-request-headers", "")) > MAX_REQUESTED_HEADER_BYTES:
            return PlainTextResponse("Too many headers", 400)
        return super().preflight_response(request_headers)


class CrossOriginAccess:
    """Applies CORS: pages of any origin may call the given paths, with or without credentials.

    Access is by key, never by cookie, so an origin proves nothing. Lancero's client requires the exact origin
    and allowed credentials (docs/vendors/lancero.md); other paths have no CORS headers.
    """

    def __init__(self, app: ASGIApp, paths: tuple[str, ...]) -> None:
        self.app, self.paths = app, paths
        self.cors = BoundedCORSMiddleware(
            app,
            allow_origin_regex=".*",
            allow_credentials=True,
            allow_methods=["GET", "POST", "DELETE", "OPTIONS"],
            allow_headers=["*"],  # also those that tracing and client libraries add
            allow_private_network=True,
            expose_headers=["retry-after"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_cors = scope["type"] == "http" and scope["path"].startswith(self.paths) and not _is_without_origin(scope)
        await (self.cors if is_cors else self.app)(scope, receive, send)


def _is_without_origin(scope: Scope) -> bool:
    """Whether a request is no browser page's and no cache keeps its answer for one: a POST without `Origin`."""
    return scope["method"] == "POST" and all(name != b"origin" for name, _ in scope["headers"])


class Application(FastAPI):
    """FastAPI's application, with dispatch to routes that skips its middleware.

    The routes handle their own errors and need nothing of that middleware, which was a sixteenth of a claim's time.
    A request that no route matches goes to FastAPI, which answers 404 or 405.
    """

    def install_routes(
        self, routes: Sequence[BaseRoute], browser_paths: tuple[str, ...], proxies: TrustedProxies
    ) -> None:
        """Add the routes, with CORS at paths that begin with `browser_paths`, and with these trusted proxies."""
        self._proxies = proxies
        self._own_routes = routes
        plain = [route for route in routes if isinstance(route, Route) and not route.param_convertors]
        requests = [(method, route.path) for route in plain for method in route.methods or ("GET", "POST")]
        self._routes_by_path = {
            (method, path): self._match_route({"type": "http", "method": method, "path": path})
            for method, path in requests
        }
        self.router.routes.extend(routes)
        self._cors = CrossOriginAccess(self._dispatch, browser_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        if scope["type"] == "http":
            self._proxies.apply(scope)
        try:
            await self._cors(scope, receive, send)
        except ClientDisconnect:
            log.debug("a client disconnected before it was answered, at %s", scope["path"])

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, child_scope = self._find_route(scope) if scope["type"] == "http" else (None, {})
        if route is None:
            await super().__call__(scope, receive, send)
            return
        scope.update(child_scope)
        await route.handle(scope, receive, send)

    def _find_route(self, scope: Scope) -> tuple[BaseRoute | None, Scope]:
        """The first route that matches, and its child scope; a table lookup for paths without parameters."""
        match = None if scope.get("root_path") else self._routes_by_path.get((scope["method"], scope["path"]))
        return match or self._match_route(scope)

    def _match_route(self, scope: Scope) -> tuple[BaseRoute | None, Scope]:
        raw = scope.get("raw_path") or b""
        route_scope = {**scope, "path": escape_segments(raw)} if b"%" in raw else scope
        for route in self._own_routes:
            match, child_scope = route.matches(route_scope)
            if match is Match.FULL:
                if route_scope is not scope:
                    child_scope["path_params"] = {
                        name: unquote(value) for name, value in child_scope["path_params"].items()
                    }
                return route, child_scope
        return None, {}


def escape_segments(raw_path: bytes) -> str:
    """A path with each segment escaped in one way: `%2F` stays within its segment and is no separator.

    Characters that need no escape are unescaped, so that a route matches however its path is written.
    """
    segments = raw_path.partition(b"?")[0].decode("ascii", "replace").split("/")
    return "/".join(quote(unquote(segment), safe="") if "%" in segment else segment for segment in segments)


class RouteConflict(Exception):
    """Raised when two modules have routes for the same method and path: the second would never be called."""


def check_route_conflicts(owners: Mapping[str, Sequence[BaseRoute]]) -> None:
    """Raises RouteConflict, with both names, if a route of one owner matches the path of another owner's route."""
    for (owner, routes), (other, other_routes) in itertools.permutations(owners.items(), 2):
        for route in (route for route in routes if isinstance(route, Route)):
            path = _PARAMETER.sub("x", route.path)
            for method in route.methods or METHODS:
                scope = {"type": "http", "method": method, "path": path}
                if any(each.matches(scope)[0] is Match.FULL for each in other_routes):
                    raise RouteConflict(
                        f"{owner} and {other} both answer {method} {route.path}: one of them has to go."
                    )


def create_app(services: Services, lifespan: Lifespan | None = None) -> FastAPI:
    """The application with every route: GraphQL, each vendor, health, the codes' pages, downloads."""
    app = Application(title="Tessera", openapi_url=None, redirect_slashes=False, lifespan=lifespan)
    app.state.services = services
    owners: dict[str, Sequence[BaseRoute]] = {
        "Tessera itself": [*graphql_app.routes(), *health.routes, *pages.routes, *export.routes]
    }
    browser_paths = ["/graphql"]
    for vendor in vendors.discover():
        owners[vendor.__name__] = vendor.router.routes
        browser_paths += getattr(vendor, "BROWSER_PATHS", ())
    check_route_conflicts(owners)
    routes = list(itertools.chain.from_iterable(owners.values()))
    app.install_routes(routes, tuple(browser_paths), services.proxies)
    return app
