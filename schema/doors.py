"""All doors on one application."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from schema import downloads, operator, pages, vendors
from schema.context import Services
from schema.graphql import door

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
        meant = scope["type"] == "http" and scope["path"].startswith(self.paths)
        await (self.cross_origin if meant else self.app)(scope, receive, send)


class Application(FastAPI):
    """FastAPI's, but what is asked of a door is handed to it at once.

    Doors answer for their own faults and need nothing that FastAPI lays around a route, which costs as much as reading
    a request. What no door answers goes FastAPI's way, which tells what is wrong about it.
    """

    def stand(self, doors: Sequence[BaseRoute], browser_paths: tuple[str, ...]) -> None:
        """Hang the doors, and let browsers in at these paths."""
        self._doors = doors
        self.router.routes.extend(doors)
        self._browsers = Browsers(self._hand_over, browser_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self._browsers(scope, receive, send)

    async def _hand_over(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for route in self._doors:
                match, told = route.matches(scope)
                if match is Match.FULL:
                    scope.update(told)
                    await route.handle(scope, receive, send)
                    return
        await super().__call__(scope, receive, send)


def hang(services: Services, lifespan: Lifespan | None = None) -> FastAPI:
    """The application with every door: GraphQL, each vendor found, the operator's, the codes' pages, downloads."""
    app = Application(title="Tessera", openapi_url=None, lifespan=lifespan)
    app.state.services = services
    routes: list[BaseRoute] = [*door.routes(), *operator.routes, *pages.routes, *downloads.routes]
    browser_paths = ["/graphql"]
    for vendor in vendors.found():
        routes += vendor.router.routes
        browser_paths += getattr(vendor, "BROWSER_PATHS", ())
    app.stand(routes, tuple(browser_paths))
    return app
