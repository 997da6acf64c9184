"""GraphQL over HTTP: the schema, who is let in, and within which bounds.

The handler is our own, over strawberry's schema: beside a small document, Strawberry's own application costs as much
again in bookkeeping that nothing here needs (docs/performance.md).
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError, OperationType
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send
from strawberry.schema.config import StrawberryConfig

from resolvers.domain.refusals import TooManyAttempts
from schema import context as speaking
from schema import errors as schema_errors
from schema import limits
from schema.context import AccessDenied, Caller, NoOrganization
from schema.graphql import document_limits, http_request, playground
from schema.graphql.context import Context
from schema.graphql.engine import execute, field_resolvers, one_of, supported
from schema.graphql.engine.documents import AT_ONCE, Busy, Document, Documents, NotGood
from schema.graphql.engine.turns import Turns
from schema.graphql.error_format import clipped, to_graphql_error
from schema.graphql.http_request import Asked, NotUnderstood, PersistedQueryNotSupported
from schema.graphql.mutation import Mutation
from schema.graphql.query import Query
from schema.graphql.refusals import Refusal
from schema.graphql.scalars import SCALARS
from schema.graphql.types import NODES

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    types=[*(kind for _, kind in NODES.values()), *Refusal.__subclasses__()],
    config=StrawberryConfig(scalar_map=SCALARS),
)
supported.schema(schema)
field_resolvers.install_resolvers(schema._schema, schema.config)
one_of.mark(schema._schema)
documents = Documents(schema)
SHORT = 50_000
"""Letters of an answer that are written in one go."""
DEEP = 3 * document_limits.DEPTH
"""Objects and lists within each other that a document asks for; what is deeper is somebody's metadata."""
WRITER = json.JSONEncoder(separators=(",", ":"))


@cache
def printed() -> str:
    """The schema definition, as it is committed in schema.graphql."""
    return f"{schema.as_str()}\n"


class Door:
    """An ASGI application, hung as a plain route."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        media_type = http_request.media_type(request.headers.get("accept", ""))
        try:
            async with limits.TimeLimit():
                return await self._answer_in_time(request, media_type)
        except AccessDenied as no:
            return said(401, str(no), "UNAUTHENTICATED", media_type, {"WWW-Authenticate": "Bearer"})
        except NoOrganization as no:
            return said(400, str(no), "BAD_REQUEST", media_type)
        except limits.BodyTooLarge as no:
            return said(413, str(no), "TOO_LARGE", media_type)
        except NotUnderstood as no:
            return said(no.status, str(no), "TOO_LARGE" if no.status == 413 else "BAD_REQUEST", media_type)
        except PersistedQueryNotSupported as no:
            return said(200, str(no), no.code, media_type, {"Cache-Control": "private, no-cache, must-revalidate"})
        except Busy as no:
            return said(503, str(no), "UNAVAILABLE", media_type, {"Retry-After": "1"})
        except TooManyAttempts as no:
            return said(429, str(no), no.reason, media_type, schema_errors.retry_headers(no))
        except limits.RequestTimeout as no:
            return said(503, str(no), "TIMEOUT", media_type)
        except Exception as bug:
            told = bug if isinstance(bug, schema_errors.Unavailable) else schema_errors.log_error(bug, "/graphql")
            return said(told.status, str(told), told.code, media_type, schema_errors.retry_headers(told))

    async def _answer_in_time(self, request: Request, media_type: str) -> Response:
        if request.method not in ("GET", "HEAD", "POST"):
            allowed = {"Allow": "GET, HEAD, POST, OPTIONS"}
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=allowed)
            return said(405, "GraphQL is asked by GET and POST.", "BAD_REQUEST", media_type, allowed)
        if http_request.wants_page(request):
            return HTMLResponse(
                playground.page(request.url.path.endswith("/"))
            )  # for everybody; what it sends comes with a key
        context = Context(await speaking.caller(request, await speaking.holder(request.headers)))
        told = await http_request.read(request, context.caller.is_public)
        return await _run(told, context, request.method, media_type)


async def _run(told: Asked, context: Context, method: str, media_type: str) -> Response:
    """The answer to what is asked, once it is known who asks."""
    in_public = context.caller.is_public
    try:
        document = documents.known(told.query, in_public) or await _read(told.query, context.caller)
    except NotGood as no:
        return _refused(no.errors, in_public, media_type)
    operation = document.operation(told.operation_name)
    if operation is None:
        raise NotUnderstood("The document has no such operation, or several, and `operationName` tells which.")
    if operation.operation is not OperationType.QUERY and method != "POST":
        return said(405, "By GET only queries are answered.", "BAD_REQUEST", media_type, {"Allow": "POST"})
    is_query = operation.operation is OperationType.QUERY  # what is done is told, however much it is
    turns = context.turns = Turns(document.cells, document_limits.CELLS if is_query else None)
    async with turns.admitted():
        plan = document.plan(operation)
        done = await execute.run(
            schema._schema, document.parsed, operation, plan, told.variables or {}, context, turns, told.is_large
        )
        if isinstance(done, list):
            return _refused(done, in_public, media_type)
        errors = [to_graphql_error(error, in_public) for error in done.errors or ()]
        if any(error.extensions and error.extensions.get("code") == schema_errors.Unavailable.code for error in errors):
            raise schema_errors.Unavailable  # a part of the answer would look like the whole
        answer: dict[str, Any] = {"data": done.data}
        if errors:
            answer["errors"] = [error.formatted for error in errors]
        written = await in_pieces(answer) if turns.is_long else WRITER.encode(answer)
    return Response(written, 200, None, f"{media_type}; charset=utf-8")


async def _read(text: str, caller: Caller) -> Document:
    """A document that is not remembered. A public key's refused ones are failed attempts.

    Raises NotGood; TooManyAttempts where much is to be read for somebody of whom too many have failed.
    """
    taken = None
    try:
        if caller.guard is not None:
            taken = await caller.guard.take()
    except TooManyAttempts:
        if len(text) > AT_ONCE:
            raise
    try:
        document = await documents.read_aside(text, caller.is_public)
    except NotGood:
        if taken is not None:
            await taken.fail()
        raise
    except BaseException:
        if taken is not None:
            taken.give_back()
        raise
    if taken is not None:
        taken.give_back()
    return document


def _refused(errors: Sequence[GraphQLError], in_public: bool, media_type: str) -> Response:
    """The answer to a document that did not run: 400 to those who read GraphQL's own media type."""
    told = clipped([to_graphql_error(error, in_public) for error in errors])
    if media_type == http_request.GRAPHQL_RESPONSE:
        return _sent({"errors": told}, 400, media_type)
    return _sent({"data": None, "errors": told}, 200, media_type)


async def in_pieces(answer: dict[str, Any]) -> bytes:
    """A long answer as it is sent; between two pieces the loop goes on."""
    written = bytearray()
    for piece in _pieces(answer):
        written += piece.encode()
        if len(piece) > SHORT:
            await asyncio.sleep(0)
    return bytes(written)


def _pieces(value: Any) -> Iterator[str]:
    """What a value is in JSON, a row or more at a time."""
    buffer = ""
    for piece in _written(value):
        buffer += piece
        if len(buffer) > SHORT:
            yield buffer
            buffer = ""
    yield buffer


def _written(value: Any, deep: int = 0) -> Iterator[str]:
    if deep > DEEP:
        yield WRITER.encode(value)
    elif isinstance(value, dict) and any(isinstance(one, dict | list) for one in value.values()):
        before = "{"
        for name, member in value.items():
            yield f"{before}{WRITER.encode(name)}:"
            yield from _written(member, deep + 1)
            before = ","
        yield "}"
    elif isinstance(value, list) and value:
        before = "["
        for member in value:
            yield before
            yield from _written(member, deep + 1)
            before = ","
        yield "]"
    else:
        yield WRITER.encode(value)


def said(status: int, message: str, code: str, media_type: str, headers: dict[str, str] | None = None) -> Response:
    """An answer that holds nothing but why there is none."""
    answer: dict[str, Any] = {"errors": [{"message": message, "extensions": {"code": code}}]}
    if media_type == http_request.JSON:
        answer = {"data": None, **answer}
    return _sent(answer, status, media_type, headers)


def _sent(answer: dict[str, Any], status: int, media_type: str, headers: dict[str, str] | None = None) -> Response:
    return Response(WRITER.encode(answer), status, headers, f"{media_type}; charset=utf-8")


def routes() -> list[BaseRoute]:
    """`/graphql`, also with a slash behind it, its playground and the playground's files."""
    door = Door()
    return [Route("/graphql", door), Route("/graphql/", door), *playground.routes]
