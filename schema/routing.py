"""Dispatch of requests to routes: a table of the routes that need nothing of FastAPI, and conflicts between routes."""

import itertools
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from urllib.parse import quote, unquote

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_PARAMETER = re.compile(r"{[^}]*}")

Endpoint = Callable[[Request], Awaitable[Response]]


class DirectEndpoint:
    """The ASGI application of an endpoint that takes the request and nothing else: FastAPI has nothing to solve."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._endpoint(Request(scope, receive))
        await response(scope, receive, send)


class RouteTable:
    """Finds the route of a request among routes in their order: by its path, or among those of its first segment.

    Routes of FastAPI that have something to solve (parameters, dependencies) stay in their place, with no application:
    a request that one of them matches is FastAPI's.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        known = list(_up_to_a_mount(routes))
        segments = {_first_segment(route.path) for route in known} | {"{}"}
        self._by_segment = {
            segment: [route for route in known if _first_segment(route.path) in (segment, "{}")] for segment in segments
        }
        plain = [route for route in known if not route.param_convertors]
        requests = [(method, route.path) for route in plain for method in route.methods or ("GET", "POST")]
        self._by_path = {
            (method, path): self._match({"type": "http", "method": method, "path": path}) for method, path in requests
        }

    def find(self, scope: Scope) -> tuple[ASGIApp, Scope] | None:
        """The application of an HTTP request's route, and what the route adds to the scope; None for FastAPI's."""
        if scope.get("root_path"):
            return None
        if b"%2f" in (scope.get("raw_path") or b"").lower():
            return self._match(scope)  # by segments: an escaped slash is no separator, as it is in `path`
        return self._by_path.get((scope["method"], scope["path"])) or self._match(scope)

    def _match(self, scope: Scope) -> tuple[ASGIApp, Scope] | None:
        segment = scope["path"][1:].partition("/")[0]
        for route in self._by_segment.get(segment) or self._by_segment["{}"]:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                app = _direct_app(route)
                return None if app is None else (app, child_scope)
        return None


def _up_to_a_mount(routes: Sequence[BaseRoute]) -> Iterator[Route]:
    """Routes of a method and path, until there is something else, which may answer whatever comes behind it."""
    for route in routes:
        if not isinstance(route, Route):
            return
        yield route


def _first_segment(path: str) -> str:
    """The first segment of a route's path; `{}` for one with a parameter in it."""
    segment = path[1:].partition("/")[0]
    return "{}" if "{" in segment else segment


def _direct_app(route: Route) -> ASGIApp | None:
    is_solved_by_fastapi = isinstance(route, APIRoute) and not isinstance(route.app, DirectEndpoint)
    return None if is_solved_by_fastapi else route.app


class SegmentRoute(Route):
    """A route by whose path escapes stay within their segments."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette's, but an escape stays within its segment of the path."""
        return match_by_segments(super().matches, scope)


def match_by_segments(matches: Callable[[Scope], tuple[Match, Scope]], scope: Scope) -> tuple[Match, Scope]:
    """How a route matches a path with each segment escaped, its parameters unescaped."""
    raw_path = scope.get("raw_path") or b""
    if b"%" not in raw_path:
        return matches(scope)
    match, child_scope = matches({**scope, "path": escape_segments(raw_path)})
    if "path_params" in child_scope:
        outer = scope.get("path_params", {})
        child_scope["path_params"] = outer | {
            name: unquote(value) for name, value in child_scope["path_params"].items() if name not in outer
        }
    return match, child_scope


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
