"""What REST doors share: lenient JSON, and saying no in a vendor's own words."""

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
from schema.context import NoOrganization, NotAdmitted
from schema.limits import TookTooLong, TooLarge
from schema.streams import Stream, Streams, TooBusy

# A string, even one that never ends, is passed over once and not looked into again: linear in hostile bodies too.
_STRING_OR_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*+(?:"|\\?\Z))|,(?=\s*[}\]])', re.DOTALL)

Words = Callable[[Exception], Response]
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class NotUnderstood(Exception):
    """Raised when a request makes no sense before any verb has seen it; its text says why."""


class NoSuchRoute(Exception):
    """Raised for an address that a vendor's door does not have."""


EXPECTED = (Refusal, NotAdmitted, NoOrganization, NotUnderstood, NoSuchRoute, TooLarge, TookTooLong, TooBusy)


class Router:
    """A vendor's routes: every no, and of every bug its Fault, is answered by `words`, in the vendor's shape.

    Starlette's own routes, because the vendors' requests are read by hand: FastAPI's way of finding out what a
    function wants of a request costs as much again as all the rest of the door.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self.routes: list[BaseRoute] = []

    def add_api_route(self, path: str, endpoint: Endpoint, methods: Sequence[str] | None) -> None:
        """Answer these methods, and no HEAD unless it is said, at a path; None is any method that there is."""
        route = Route(path, Answering(endpoint, self._words), methods=methods)
        route.methods = None if methods is None else set(methods)
        self.routes.append(route)

    def everything_else_below(self, path: str, endpoint: Endpoint) -> None:
        """Answer whatever is asked at a path and below it that no route before answers."""
        self.add_api_route(path, endpoint, None)
        self.add_api_route(f"{path}/{{rest:path}}", endpoint, None)

    def api_route(self, path: str, methods: Sequence[str]) -> Callable[[Endpoint], Endpoint]:
        """The same, written above the function that answers."""

        def hung(endpoint: Endpoint) -> Endpoint:
            self.add_api_route(path, endpoint, methods)
            return endpoint

        return hung

    def get(self, path: str) -> Callable[[Endpoint], Endpoint]:
        """Answers GET at a path."""
        return self.api_route(path, ["GET"])

    def post(self, path: str) -> Callable[[Endpoint], Endpoint]:
        """Answers POST at a path."""
        return self.api_route(path, ["POST"])

    def put(self, path: str) -> Callable[[Endpoint], Endpoint]:
        """Answers PUT at a path."""
        return self.api_route(path, ["PUT"])

    def delete(self, path: str) -> Callable[[Endpoint], Endpoint]:
        """Answers DELETE at a path."""
        return self.api_route(path, ["DELETE"])


class Answering:
    """An ASGI application: what is answered at a vendor's address, or the vendor's no."""

    def __init__(self, endpoint: Endpoint, words: Words) -> None:
        self._endpoint, self._words = endpoint, words
        functools.update_wrapper(self, endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            async with limits.InTime():
                return await self._endpoint(request)
        except EXPECTED as no:
            return self._words(no)
        except Exception as bug:
            return self._words(errors.logged(bug, f"{request.method} {request.url.path}"))


class Json(Response):
    """An answer in JSON, as Starlette writes it, by a coder that is made once."""

    media_type = "application/json"
    write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

    def render(self, content: Any) -> bytes:
        """The bytes of a value."""
        return Json.write(content).encode()


AT_ONCE = 2**18
"""Bytes of a list that are answered at once; a longer one is a stream."""


async def listed(
    request: Request, organization_id: int, streams: Streams, *parts: bytes | AsyncIterator[Sequence[Any]]
) -> Response:
    """An answer in JSON, of texts and lists by turns, each list by its pages; in little memory however long they are.

    Raises TooBusy where it is long and too many long ones are being written.
    """
    pieces = _pieces(parts)
    begun: list[bytes] = []
    while sum(map(len, begun)) <= AT_ONCE:
        piece = await streams.next_piece(pieces)
        if piece is None:
            return Response(b"".join(begun), media_type=Json.media_type)
        begun.append(piece)
    await streams.enter(organization_id)
    return Stream(request, streams, organization_id, _chained(begun, pieces), Json.media_type)


async def whole(*parts: bytes | AsyncIterator[Sequence[Any]]) -> Response:
    """The same, of what may be asked for once only: all of it at once, read and written a page at a time."""
    return Response(b"".join([piece async for piece in _pieces(parts)]), media_type=Json.media_type)


async def _pieces(parts: Sequence[bytes | AsyncIterator[Sequence[Any]]]) -> AsyncIterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        separator = b"["
        async for page in part:
            if page:
                yield separator + ",".join(map(Json.write, page)).encode()
                separator = b","
        yield b"]" if separator == b"," else b"[]"


async def _chained(begun: list[bytes], pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield b"".join(begun)
    begun.clear()
    async for piece in pieces:
        yield piece


def router(words: Words) -> Router:
    """A vendor's router."""
    return Router(words)


MEMBERS = {True: 5_000, False: 100_000}
"""Commas and brackets of a body, with a public key and with any other: reading it takes time by them."""

LARGEST_LENIENT = 2**16
"""Bytes of a body in which a trailing comma is forgiven; no client's that leaves one is as large."""


async def json_object(request: Request, in_public: bool = False) -> dict[str, Any]:
    """The request's JSON object; no body is an empty one, and trailing commas are forgiven in a small one.

    Vendors' documented samples have them (lancero `POST /codes/delete`, WalletApp throughout). Raises
    NotUnderstood, TooLarge.
    """
    body = await limits.body(request, limits.LARGEST_PUBLIC_BODY if in_public else limits.LARGEST_BODY)
    if not body.strip():
        return {}
    if len(body) > MEMBERS[in_public] and sum(map(body.count, (b",", b"[", b"{"))) > MEMBERS[in_public]:
        raise NotUnderstood(f"The body has more than {MEMBERS[in_public]} members.")
    try:
        value = lenient_json(body.decode()) if len(body) <= LARGEST_LENIENT else json.loads(body.decode())
    except (ValueError, RecursionError):
        raise NotUnderstood("The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise NotUnderstood("The body is not a JSON object.")
    return value


def lenient_json(text: str) -> Any:
    """JSON that may have a comma after its last member. Raises ValueError."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(_STRING_OR_TRAILING_COMMA.sub(lambda found: found[1] or "", text))
