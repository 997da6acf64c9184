"""The application: every route, cross-origin access, and dispatch without FastAPI's overhead."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import chain

from fastapi import APIRouter, FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from schema import health, pages, vendors
from schema.context import Services
from schema.csv import export
from schema.graphql import app as graphql_app
from schema.routing import RouteConflict, RouteTable, check_route_conflicts
from schema.server.trusted_proxies import TrustedProxies

__all__ = ["Application", "RouteConflict", "create_app"]

log = logging.getLogger("tessera")

ROUTE_APP = "tessera.route_app"
"""The member of a request's scope with the application of its route."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

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
    """FastAPI's application, whose first routes are called past what FastAPI would wrap around them.

    These routes handle their own errors and need nothing of it, which was a sixteenth of a claim's time. A table finds
    them below the middleware that somebody adds, and past all middleware while nobody does; every other request goes
    FastAPI's way (docs/decisions/0014-routes-are-found-past-fastapi.md).
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute],
        routers: Sequence[APIRouter] = (),
        browser_paths: Sequence[str] = (),
        proxies: TrustedProxies | None = None,
        lifespan: Lifespan | None = None,
    ) -> None:
        super().__init__(title="Tessera", openapi_url=None, redirect_slashes=False, lifespan=lifespan)
        self.router.routes.extend(routes)
        for router in routers:
            self.include_router(router)
        self.add_middleware(CrossOriginAccess, paths=tuple(browser_paths))
        self._proxies = proxies if proxies is not None and proxies.networks else None
        self._first_routes = [*routes, *chain.from_iterable(router.routes for router in routers)]
        self._as_made = (list(self.router.routes), list(self.user_middleware), dict(self.exception_handlers))
        self._table, self._is_extended = RouteTable([]), True
        self._direct_app = CrossOriginAccess(_call_route, tuple(browser_paths))
        self._dispatch_by_fastapi = self.router.middleware_stack
        self.router.middleware_stack = self._dispatch

    def build_middleware_stack(self) -> ASGIApp:
        """FastAPI's stack, and the table of routes by what was added until now; made for the first request."""
        routes, middleware, handlers = self._as_made
        is_first = self.router.routes[: len(routes)] == routes and not self._native_telemetry.enabled()
        self._table = RouteTable(self._first_routes if is_first else [])
        self._is_extended = (
            self.user_middleware != middleware or self.exception_handlers != handlers or bool(self.root_path)
        )
        return super().build_middleware_stack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        if scope["type"] == "lifespan":
            list(iter_route_contexts(self.routes))  # made now, and not while a request waits
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        if self._proxies is not None:
            self._proxies.apply(scope)
        found = None if self._is_extended else self._table.find(scope)
        try:
            if found is None:
                await super().__call__(scope, receive, send)
                return
            scope["app"] = self
            scope[ROUTE_APP], child_scope = found
            scope.update(child_scope)
            await self._direct_app(scope, receive, send)
        except ClientDisconnect:
            log.debug("a client disconnected before it was answered, at %s", scope["path"])

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The innermost application of the middleware stack: a route of the table, or FastAPI's way to a route."""
        found = self._table.find(scope) if scope["type"] == "http" else None
        if found is None:
            await self._dispatch_by_fastapi(scope, receive, send)
            return
        app, child_scope = found
        scope.update(child_scope)
        await app(scope, receive, send)


async def _call_route(scope: Scope, receive: Receive, send: Send) -> None:
    """Call the application of the route that was found."""
    try:
        await scope[ROUTE_APP](scope, receive, send)
    except HTTPException as error:
        response = await http_exception_handler(Request(scope), error)
        await response(scope, receive, send)


def create_app(services: Services, lifespan: Lifespan | None = None) -> FastAPI:
    """The application with every route: GraphQL, each vendor, health, the codes' pages, downloads."""
    routes = [*graphql_app.routes(services.graphql_engine), *health.routes, *pages.routes, *export.routes]
    found = vendors.discover()
    owners = {"Tessera itself": routes, **{vendor.__name__: vendor.router.routes for vendor in found}}
    check_route_conflicts(owners)
    browser_paths = ["/graphql", *chain.from_iterable(getattr(vendor, "BROWSER_PATHS", ()) for vendor in found)]
    app = Application(routes, [vendor.router for vendor in found], browser_paths, services.proxies, lifespan)
    app.state.services = services
    return app
