"""All doors on one application."""

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
"""Bytes of the names of headers that a browser asks leave to send, and hears again."""


class BoundedCORSMiddleware(CORSMiddleware):
    """Starlette's, but what is said back of a preflight is bounded."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to what a browser asks before it asks."""
        if len(request_headers.get("access-control-request-headers", "")) > MAX_REQUESTED_HEADER_BYTES:
            return PlainTextResponse("Too many headers", 400)
        return super().preflight_response(request_headers)


class CrossOriginAccess:
    """Lets pages of any origin call the paths that are meant for them, with or without credentials.

    A key is what admits, never a cookie, so an origin proves nothing. Lancero's client demands the exact
    origin and allowed credentials (docs/vendors/lancero.md); other paths answer no browser of another origin.
    """

    def __init__(self, app: ASGIApp, paths: tuple[str, ...]) -> None:
        self.app, self.paths = app, paths
        self.cross_origin = BoundedCORSMiddleware(
            app,
            allow_origin_regex=".*",
            allow_credentials=True,
            allow_methods=["GET", "POST", "DELETE", "OPTIONS"],
            allow_headers=["*"],  # also those that tracing and client libraries add
            allow_private_network=True,
            expose_headers=["retry-after"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        meant = scope["type"] == "http" and scope["path"].startswith(self.paths) and not _is_said_by_a_program(scope)
        await (self.cross_origin if meant else self.app)(scope, receive, send)


def _is_said_by_a_program(scope: Scope) -> bool:
    """Whether no page asks, and no cache keeps an answer that a page may ask for later."""
    return scope["method"] == "POST" and all(name != b"origin" for name, _ in scope["headers"])


class Application(FastAPI):
    """FastAPI's, but what is asked of a door is handed to it at once.

    Doors answer for their own faults and need nothing that FastAPI lays around a route, which was a sixteenth of a
    claim's time. What no door answers goes FastAPI's way, which tells what is wrong about it.
    """

    def install_routes(
        self, doors: Sequence[BaseRoute], browser_paths: tuple[str, ...], proxies: TrustedProxies
    ) -> None:
        """Hang the doors, let browsers in at these paths, and believe these proxies."""
        self._proxies = proxies
        self._doors = doors
        plain = [route for route in doors if isinstance(route, Route) and not route.param_convertors]
        asked = [(method, route.path) for route in plain for method in route.methods or ("GET", "POST")]
        self._known = {
            (method, path): self._looked_for({"type": "http", "method": method, "path": path}) for method, path in asked
        }
        self.router.routes.extend(doors)
        self._browsers = CrossOriginAccess(self._hand_over, browser_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        if scope["type"] == "http":
            self._proxies.apply(scope)
        try:
            await self._browsers(scope, receive, send)
        except ClientDisconnect:
            log.debug("a client has gone before it was answered, at %s", scope["path"])

    async def _hand_over(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, told = self._door_for(scope) if scope["type"] == "http" else (None, {})
        if route is None:
            await super().__call__(scope, receive, send)
            return
        scope.update(told)
        await route.handle(scope, receive, send)

    def _door_for(self, scope: Scope) -> tuple[BaseRoute | None, Scope]:
        """The first door that answers, as most addresses tell by themselves, and what it reads of the address."""
        known = None if scope.get("root_path") else self._known.get((scope["method"], scope["path"]))
        return known or self._looked_for(scope)

    def _looked_for(self, scope: Scope) -> tuple[BaseRoute | None, Scope]:
        raw = scope.get("raw_path") or b""
        asked = {**scope, "path": escape_segments(raw)} if b"%" in raw else scope
        for route in self._doors:
            match, told = route.matches(asked)
            if match is Match.FULL:
                if asked is not scope:
                    told["path_params"] = {name: unquote(value) for name, value in told["path_params"].items()}
                return route, told
        return None, {}


def escape_segments(raw_path: bytes) -> str:
    """A path in which what is escaped is not its structure: `%2F` is a letter of a segment, and no slash.

    What need not be escaped is not, so that a route's own words are found however they are written.
    """
    segments = raw_path.partition(b"?")[0].decode("ascii", "replace").split("/")
    return "/".join(quote(unquote(segment), safe="") if "%" in segment else segment for segment in segments)


class RouteConflict(Exception):
    """Raised when two of those whose routes are hung answer one method at one path: the second would never be asked."""


def check_route_conflicts(owners: Mapping[str, Sequence[BaseRoute]]) -> None:
    """Raises RouteConflict, with the names of both, where one's routes answer what another's are there for."""
    for (one, of_one), (other, of_other) in itertools.permutations(owners.items(), 2):
        for route in (route for route in of_one if isinstance(route, Route)):
            path = _PARAMETER.sub("x", route.path)
            for method in route.methods or METHODS:
                scope = {"type": "http", "method": method, "path": path}
                if any(each.matches(scope)[0] is Match.FULL for each in of_other):
                    raise RouteConflict(f"{one} and {other} both answer {method} {route.path}: one of them has to go.")


def create_app(services: Services, lifespan: Lifespan | None = None) -> FastAPI:
    """The application with every door: GraphQL, each vendor found, the operator's, the codes' pages, downloads."""
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
