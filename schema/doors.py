"""All doors on one application."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from schema import downloads, operator, pages, vendors
from schema.context import Services
from schema.graphql import door
from schema.server.trusted_proxies import TrustedProxies

log = logging.getLogger("tessera")

Lifespan = Callable[[FastAPI], Any]


class Browsers:
    """Lets pages of any origin call the paths that are meant for them, with or without credentials.

    A key is what admits, never a cookie, so an origin proves nothing. Lancero's client demands the exact
    origin and allowed credentials (docs/vendors/lancero.md); other paths answer no browser of another origin.
    """

    def __init__(self, app: ASGIApp, paths: tuple[str, ...]) -> None:
        self.app, self.paths = app, paths
        self.cross_origin = CORSMiddleware(
            app,
            allow_origin_regex=".*",
            allow_credentials=True,
            allow_methods=["GET", "POST", "DELETE", "OPTIONS"],
            allow_headers=["authorization", "content-type", "x-organization"],
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

    def stand(self, doors: Sequence[BaseRoute], browser_paths: tuple[str, ...], proxies: TrustedProxies) -> None:
        """Hang the doors, let browsers in at these paths, and believe these proxies."""
        self._proxies = proxies
        self._doors = doors
        plain = [route for route in doors if isinstance(route, Route) and not route.param_convertors]
        asked = [(method, route.path) for route in plain for method in route.methods or ("GET", "POST")]
        self._known = {
            (method, path): self._looked_for({"type": "http", "method": method, "path": path}) for method, path in asked
        }
        self.router.routes.extend(doors)
        self._browsers = Browsers(self._hand_over, browser_paths)

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
        for route in self._doors:
            match, told = route.matches(scope)
            if match is Match.FULL:
                return route, told
        return None, {}


def hang(services: Services, lifespan: Lifespan | None = None) -> FastAPI:
    """The application with every door: GraphQL, each vendor found, the operator's, the codes' pages, downloads."""
    app = Application(title="Tessera", openapi_url=None, lifespan=lifespan)
    app.state.services = services
    routes: list[BaseRoute] = [*door.routes(), *operator.routes, *pages.routes, *downloads.routes]
    browser_paths = ["/graphql"]
    for vendor in vendors.found():
        routes += vendor.router.routes
        browser_paths += getattr(vendor, "BROWSER_PATHS", ())
    app.stand(routes, tuple(browser_paths), services.proxies)
    return app
