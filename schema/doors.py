"""All doors on one application."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
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


def hang(services: Services, lifespan: Lifespan | None = None) -> FastAPI:
    """The application with every door: GraphQL, each vendor found, the operator's, the codes' pages, downloads."""
    app = FastAPI(title="Tessera", openapi_url=None, lifespan=lifespan)
    app.state.services = services
    app.router.routes.extend([*door.routes(), *operator.routes, *pages.routes, *downloads.routes])
    browser_paths: list[str] = ["/graphql"]
    for vendor in vendors.found():
        app.router.routes.extend(vendor.router.routes)
        browser_paths += getattr(vendor, "BROWSER_PATHS", ())
    app.add_middleware(Browsers, paths=tuple(browser_paths))
    return app
