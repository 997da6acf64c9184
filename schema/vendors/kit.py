"""Shared by the REST vendors: routes, error responses in a vendor's format, lenient JSON, long JSON lists."""

import functools
import inspect
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, ParamSpec, TypeAlias

from fastapi import APIRouter, Request, Response, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from resolvers.domain.refusals import Refusal
from schema import errors, limits
from schema.context import AccessDenied, NoOrganization
from schema.limits import BodyTooLarge, RequestTimeout
from schema.routing import DirectEndpoint, match_by_segments
from schema.streams import StreamedResponse, Streams, TooManyStreams

# Possessive: a string is matched once, even one without an end, so that hostile bodies take linear time too.
_STRING_OR_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*+(?:"|\\?\Z))|,(?=\s*[}\]])', re.DOTALL)

_PATH_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")

KEY = Security(
    HTTPBearer(scheme_name="key", description="A key of Tessera's, or one that was imported", auto_error=False)
)
"""Tells in OpenAPI that a route takes a key. Its endpoint looks the key up."""

P = ParamSpec("P")

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""A value that was read from JSON."""
JsonObject: TypeAlias = dict[str, object]
"""An object that is written as JSON."""
Parameter = Mapping[str, object]
Failures: TypeAlias = dict[int | str, dict[str, Any]]
"""Descriptions of failures by their status, as FastAPI has them."""
ErrorResponder = Callable[[Exception], Response]


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


class VendorRoute(APIRoute):
    """A FastAPI route of a vendor, which answers errors in the vendor's format: a vendor's subclass says how.

    Its endpoint reads the raw request, as clients are read leniently. Models, failures and parameters describe it in
    OpenAPI, and nothing is parsed or validated by them. So FastAPI has nothing to solve, and `app` calls the endpoint
    directly; where somebody adds dependencies or parameters, FastAPI solves them before.
    """

    parameters: ClassVar[Sequence[Parameter]] = ()
    """Parameters of all of a vendor's routes, in OpenAPI."""

    def __init__(self, path: str, endpoint: Callable[..., object], **options: Any) -> None:
        extra = options.get("openapi_extra") or {}
        declared = inspect.signature(endpoint).parameters
        in_path = [parameter("path", name) for name in _PATH_PARAMETER.findall(path) if name not in declared]
        options["openapi_extra"] = {**extra, "parameters": [*self.parameters, *in_path, *extra.get("parameters", ())]}
        super().__init__(path, _answering(endpoint, self.error_response), **options)
        if self._is_direct():
            self.app = DirectEndpoint(self.endpoint)

    @staticmethod
    def error_response(error: Exception) -> Response:
        """The response to an expected error, or to a bug's InternalError or Unavailable."""
        raise NotImplementedError

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As FastAPI's, but an escape stays within its segment of the path."""
        return match_by_segments(super().matches, scope)

    def _is_direct(self) -> bool:
        """Whether the endpoint takes the request alone and returns a response; KEY is told, and not solved."""
        signature = inspect.signature(self.endpoint, eval_str=True)
        return (
            len(signature.parameters) == 1
            and self.dependant.request_param_name is not None
            and isinstance(signature.return_annotation, type)
            and issubclass(signature.return_annotation, Response)
            and all(each.dependency is KEY.dependency for each in self.dependencies)
        )


def _answering(endpoint: Callable[P, object], error_response: ErrorResponder) -> Callable[P, Awaitable[object]]:
    """An endpoint under the request's time limit, with its errors answered by `error_response`."""
    call = endpoint if inspect.iscoroutinefunction(endpoint) else _in_thread(endpoint)

    @functools.wraps(endpoint)
    async def answer(*values: P.args, **named: P.kwargs) -> object:
        try:
            async with limits.TimeLimit():
                return await call(*values, **named)
        except HTTPException:
            raise  # answered by the application, as everywhere in FastAPI
        except EXPECTED_ERRORS as error:
            return error_response(error)
        except Exception as bug:
            for value in (*values, *named.values()):
                if isinstance(value, Request):
                    return error_response(errors.log_error(bug, f"{value.method} {value.url.path}", value.app))
            return error_response(errors.log_error(bug, endpoint.__qualname__))

    return answer


def _in_thread(function: Callable[P, object]) -> Callable[P, Awaitable[object]]:
    async def call(*values: P.args, **named: P.kwargs) -> object:
        return await run_in_threadpool(function, *values, **named)

    return call


def parameter(where: str, name: str, description: str = "", required: bool = True) -> Parameter:
    """A parameter's description; `where` is path, query or header."""
    described = {"description": description} if description else {}
    return {"name": name, "in": where, "required": required, "schema": {"type": "string"}, **described}


def body(model: type[BaseModel]) -> dict[str, object]:
    """The description of a JSON body, for `openapi_extra`: it is read by hand."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {JsonResponse.media_type: {"schema": schema}}}}


def absent(description: str) -> Any:
    """A member that may be absent, and is never null for that."""
    return Field(default_factory=lambda: None, description=description)


def failures(model: type[BaseModel], *statuses: int) -> Failures:
    """The descriptions of failures with these statuses, for `responses`."""
    return {status: {"model": model, "description": HTTPStatus(status).phrase} for status in statuses}


def add_fallback(router: APIRouter, path: str) -> None:
    """Answer every method at a path and below it that no earlier route matches, by the vendor's error."""

    async def unknown_route(request: Request) -> Response:
        raise UnknownRoute

    for each in (path, f"{path}/{{rest:path}}"):
        router.add_api_route(each, unknown_route, methods=[], operation_id="unknown_route", include_in_schema=False)


class JsonResponse(Response):
    """A JSON response in Starlette's format, by an encoder that is made once."""

    media_type = "application/json"
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

    def render(self, content: object) -> bytes:
        """A value as UTF-8 bytes."""
        return JsonResponse.encode(content).encode()


MAX_BUFFERED_BYTES = 2**18
"""Bytes of a list response up to which it is sent in one piece; a longer one is streamed."""


async def list_response(
    request: Request, organization_id: int, streams: Streams, *parts: bytes | AsyncIterator[Sequence[object]]
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


async def complete_response(*parts: bytes | AsyncIterator[Sequence[object]]) -> Response:
    """The same in one piece, for the result of a write, which can't be asked for again; read a page at a time."""
    return Response(b"".join([piece async for piece in _json_pieces(parts)]), media_type=JsonResponse.media_type)


async def _json_pieces(parts: Sequence[bytes | AsyncIterator[Sequence[object]]]) -> AsyncIterator[bytes]:
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


async def read_json_object(request: Request, is_public: bool = False) -> dict[str, Json]:
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
        text = body.decode()
        value = parse_lenient_json(text) if len(body) <= MAX_LENIENT_BYTES else parse_json(text)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise BadRequest("The body is not a JSON object.")
    return value


def parse_json(text: str) -> Json:
    """Parse JSON. Raises ValueError."""
    value: Json = json.loads(text)
    return value


def parse_lenient_json(text: str) -> Json:
    """Parse JSON that may have a comma after its last member. Raises ValueError."""
    try:
        return parse_json(text)
    except ValueError:
        return parse_json(_STRING_OR_TRAILING_COMMA.sub(lambda match: match[1] or "", text))
