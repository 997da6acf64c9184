"""Shared by the REST vendors: routing, error responses in a vendor's format, lenient JSON, long JSON lists."""

import functools
import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from resolvers.domain.refusals import Refusal
from schema import errors, limits
from schema.context import AccessDenied, NoOrganization
from schema.limits import BodyTooLarge, RequestTimeout
from schema.streams import StreamedResponse, Streams, TooManyStreams

# Possessive: a string is matched once, even one without an end, so that hostile bodies take linear time too.
_STRING_OR_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*+(?:"|\\?\Z))|,(?=\s*[}\]])', re.DOTALL)

ErrorResponder = Callable[[Exception], Response]
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class BadRequest(Exception):
    """Raised when a request can't be read, before any verb is called; its text gives the reason."""


class UnknownRoute(Exception):
    """Raised for an address at which a vendor has no route."""


EXPECTED_ERRORS = (
    Refusal,
    AccessDenied,
    NoOrganization,
    BadRequest,
    UnknownRoute,
    BodyTooLarge,
    RequestTimeout,
    TooManyStreams,
)


class VendorRouter:
    """A vendor's routes: `error_response` turns every expected error, and a bug's InternalError, into a response.

    Starlette's own routes, because the vendors' requests are read by hand: FastAPI's reading of a function's
    signature costs as much again as all the rest of a request.
    """

    def __init__(self, error_response: ErrorResponder) -> None:
        self._error_response = error_response
        self.routes: list[BaseRoute] = []

    def add_api_route(self, path: str, endpoint: Endpoint, methods: Sequence[str] | None) -> None:
        """Add a route for exactly these methods (no implicit HEAD) at a path; None is every method."""
        route = Route(path, VendorEndpoint(endpoint, self._error_response), methods=methods)
        route.methods = None if methods is None else set(methods)
        self.routes.append(route)

    def add_fallback(self, path: str, endpoint: Endpoint) -> None:
        """Add a route for every method at a path and below it, for requests that no earlier route matches."""
        self.add_api_route(path, endpoint, None)
        self.add_api_route(f"{path}/{{rest:path}}", endpoint, None)

    def api_route(self, path: str, methods: Sequence[str]) -> Callable[[Endpoint], Endpoint]:
        """A decorator that adds a route for these methods at a path."""

        def decorate(endpoint: Endpoint) -> Endpoint:
            self.add_api_route(path, endpoint, methods)
            return endpoint

        return decorate

    def get(self, path: str) -> Callable[[Endpoint], Endpoint]:
        """A decorator that adds a GET route at a path."""
        return self.api_route(path, ["GET"])

    def post(self, path: str) -> Callable[[Endpoint], Endpoint]:
        """A decorator that adds a POST route at a path."""
        return self.api_route(path, ["POST"])

    def put(self, path: str) -> Callable[[Endpoint], Endpoint]:
        """A decorator that adds a PUT route at a path."""
        return self.api_route(path, ["PUT"])

    def delete(self, path: str) -> Callable[[Endpoint], Endpoint]:
        """A decorator that adds a DELETE route at a path."""
        return self.api_route(path, ["DELETE"])


class VendorEndpoint:
    """An ASGI application: an endpoint under the request's time limit, its errors answered in the vendor's format."""

    def __init__(self, endpoint: Endpoint, error_response: ErrorResponder) -> None:
        self._endpoint, self._error_response = endpoint, error_response
        functools.update_wrapper(self, endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            async with limits.TimeLimit():
                return await self._endpoint(request)
        except EXPECTED_ERRORS as error:
            return self._error_response(error)
        except Exception as bug:
            return self._error_response(errors.log_error(bug, f"{request.method} {request.url.path}"))


class JsonResponse(Response):
    """A JSON response in Starlette's format, by an encoder that is made once."""

    media_type = "application/json"
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

    def render(self, content: Any) -> bytes:
        """A value as UTF-8 bytes."""
        return JsonResponse.encode(content).encode()


MAX_BUFFERED_BYTES = 2**18
"""Bytes of a list response up to which it is sent in one piece; a longer one is streamed."""


async def list_response(
    request: Request, organization_id: int, streams: Streams, *parts: bytes | AsyncIterator[Sequence[Any]]
) -> Response:
    """A JSON response of byte texts and lists, each list given as pages of its items; in memory that does not grow.

    Raises TooManyStreams when it is long and too many long ones are being written.
    """
    pieces = _json_pieces(parts)
    buffered: list[bytes] = []
    while sum(map(len, buffered)) <= MAX_BUFFERED_BYTES:
        piece = await streams.next_piece(pieces)
        if piece is None:
            return Response(b"".join(buffered), media_type=JsonResponse.media_type)
        buffered.append(piece)
    await streams.acquire(organization_id)
    return StreamedResponse(request, streams, organization_id, _chain(buffered, pieces), JsonResponse.media_type)


async def complete_response(*parts: bytes | AsyncIterator[Sequence[Any]]) -> Response:
    """The same in one piece, for the result of a write, which can't be asked for again; read a page at a time."""
    return Response(b"".join([piece async for piece in _json_pieces(parts)]), media_type=JsonResponse.media_type)


async def _json_pieces(parts: Sequence[bytes | AsyncIterator[Sequence[Any]]]) -> AsyncIterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        separator = b"["
        async for page in part:
            if page:
                yield separator + ",".join(map(JsonResponse.encode, page)).encode()
                separator = b","
        yield b"]" if separator == b"," else b"[]"


async def _chain(buffered: list[bytes], pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield b"".join(buffered)
    buffered.clear()
    async for piece in pieces:
        yield piece


MAX_MEMBERS = {True: 5_000, False: 100_000}
"""Commas and brackets of a body, with a public key (True) and with any other: parsing time grows with them."""

MAX_LENIENT_BYTES = 2**16
"""Bytes of a body in which trailing commas are accepted; clients that leave them send less."""


async def read_json_object(request: Request, is_public: bool = False) -> dict[str, Any]:
    """The request's JSON object; an empty body is an empty object, and trailing commas are accepted in a small one.

    Vendors' documented samples have them (lancero `POST /codes/delete`, WalletApp throughout). Raises
    BadRequest, BodyTooLarge.
    """
    body = await limits.read_body(request, limits.MAX_PUBLIC_BODY_BYTES if is_public else limits.MAX_BODY_BYTES)
    if not body.strip():
        return {}
    if len(body) > MAX_MEMBERS[is_public] and sum(map(body.count, (b",", b"[", b"{"))) > MAX_MEMBERS[is_public]:
        raise BadRequest(f"The body has more than {MAX_MEMBERS[is_public]} members.")
    try:
        value = parse_lenient_json(body.decode()) if len(body) <= MAX_LENIENT_BYTES else json.loads(body.decode())
    except (ValueError, RecursionError):
        raise BadRequest("The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise BadRequest("The body is not a JSON object.")
    return value


def parse_lenient_json(text: str) -> Any:
    """Parse JSON that may have a comma after its last member. Raises ValueError."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(_STRING_OR_TRAILING_COMMA.sub(lambda match: match[1] or "", text))
