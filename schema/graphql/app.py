"""GraphQL over HTTP: the schema, and the ASGI application that authenticates a request and runs its document.

The application is our own, over Strawberry's schema: for a small document, Strawberry's costs as much again in
bookkeeping that nothing here needs (docs/performance.md).
"""

import logging
from collections.abc import Sequence
from functools import cache, partial

import strawberry
from graphql import GraphQLError, OperationType
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send
from strawberry.schema.config import StrawberryConfig

from resolvers.domain.refusals import Refusal, TooManyAttempts
from schema import context as request_context
from schema import errors as schema_errors
from schema import limits
from schema.context import AccessDenied, Caller, NoOrganization
from schema.graphql import document_limits, http_request, mutations, playground
from schema.graphql.context import Context
from schema.graphql.engine import (
    BASE_RULES,
    MAX_INLINE_CHARACTERS,
    Document,
    DocumentLoader,
    Engine,
    FailedRule,
    InvalidDocument,
    Mode,
    OneOfVariables,
    Policy,
    ResponseScheduler,
    TooManyDocuments,
    mark_one_of_inputs,
)
from schema.graphql.error_format import shortened, to_graphql_error
from schema.graphql.http_request import BadGraphQLRequest, GraphQLRequest, PersistedQueryNotSupported
from schema.graphql.json_encoding import JSON_ENCODER, encode_in_chunks
from schema.graphql.nouns import NODES
from schema.graphql.public import only_public
from schema.graphql.query import Query
from schema.graphql.refusals import HANDLERS, TYPES
from schema.graphql.scalars import SCALARS

schema = strawberry.Schema(
    query=Query,
    mutation=mutations.discover(),
    types=[*(kind for kind, _ in NODES.values()), *(shown.type for shown in TYPES.values())],
    config=StrawberryConfig(scalar_map=SCALARS),
    exception_handlers=HANDLERS,
)
mark_one_of_inputs(schema._schema)
MAX_COERCION_ERRORS = 5
"""Invalid values of variables that are reported: each is searched for, and printed at length."""
MAX_CONCURRENT_FIELDS = 10
"""Root fields of a query that are run concurrently: many more would keep all others from the database."""
MAX_VALIDATION_ERRORS = 5
"""Errors that validation reports of one document."""
MAX_CACHE_BYTES = {True: 10_000_000, False: 20_000_000}
"""Bytes of cached documents: those of public keys, and those of all others."""
log = logging.getLogger("tessera")


@cache
def sdl() -> str:
    """The schema in the schema definition language, as it is committed in schema.graphql."""
    return f"{schema.as_str()}\n"


def document_policy(is_public: bool) -> Policy:
    """What a document may be: with a public key it may select public fields only, and has a cache of its own."""
    public_rules = (*document_limits.NO_INTROSPECTION, only_public(schema.as_str())) if is_public else ()
    return Policy(
        rules=(*BASE_RULES, OneOfVariables, *public_rules),
        measure=partial(document_limits.max_values, schema._schema),
        max_errors=MAX_VALIDATION_ERRORS,
        hide_suggestions=is_public,
        allow_empty_selection_sets=False,
        cache_bytes=MAX_CACHE_BYTES[is_public],
    )


@cache
def engine(mode: Mode) -> Engine:
    """The engine that runs this schema's documents in a mode; one a process."""
    return Engine(schema, mode, max_coercion_errors=MAX_COERCION_ERRORS, max_concurrent_fields=MAX_CONCURRENT_FIELDS)


@cache
def documents(mode: Mode, is_public: bool) -> DocumentLoader:
    """The loader of documents that come with a public key, or with any other; one a process."""
    return engine(mode).loader(document_policy(is_public), f"documents-{'public' if is_public else 'others'}")


class GraphQLApp:
    """The ASGI application of `/graphql`; errors of every kind become responses here."""

    def __init__(self, mode: Mode = "plans") -> None:
        self._engine = engine(mode)
        self._documents = {is_public: documents(mode, is_public) for is_public in (True, False)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        media_type = http_request.response_media_type(request.headers.get("accept", ""))
        try:
            async with limits.TimeLimit():
                return await self._respond_in_time(request, media_type)
        except AccessDenied as error:
            return error_response(401, str(error), "UNAUTHENTICATED", media_type, {"WWW-Authenticate": "Bearer"})
        except NoOrganization as error:
            return error_response(400, str(error), "BAD_REQUEST", media_type)
        except limits.BodyTooLarge as error:
            return error_response(413, str(error), "TOO_LARGE", media_type)
        except BadGraphQLRequest as error:
            code = "TOO_LARGE" if error.status == 413 else "BAD_REQUEST"
            return error_response(error.status, str(error), code, media_type)
        except PersistedQueryNotSupported as error:
            headers = {"Cache-Control": "private, no-cache, must-revalidate"}
            return error_response(200, str(error), error.code, media_type, headers)
        except TooManyDocuments as error:
            return error_response(503, str(error), "UNAVAILABLE", media_type, {"Retry-After": "1"})
        except Refusal as error:
            status = 429 if isinstance(error, TooManyAttempts) else 409
            return error_response(status, str(error), error.reason, media_type, schema_errors.retry_headers(error))
        except limits.RequestTimeout as error:
            return error_response(503, str(error), "TIMEOUT", media_type)
        except Exception as bug:
            shown = (
                bug
                if isinstance(bug, schema_errors.Unavailable)
                else schema_errors.log_error(bug, "/graphql", request.app)
            )
            return error_response(shown.status, str(shown), shown.code, media_type, schema_errors.retry_headers(shown))

    async def _respond_in_time(self, request: Request, media_type: str) -> Response:
        if request.method not in ("GET", "HEAD", "POST"):
            allowed = {"Allow": "GET, HEAD, POST, OPTIONS"}
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=allowed)
            return error_response(405, "GraphQL is asked by GET and POST.", "BAD_REQUEST", media_type, allowed)
        if http_request.wants_page(request):  # for everybody: the requests that it sends come with a key
            return HTMLResponse(playground.page(request.url.path.endswith("/")))
        holder = await request_context.holder(request.headers)
        context = Context(await request_context.caller(request, holder))
        graphql_request = await http_request.read(request, context.caller.is_public)
        return await self._run(graphql_request, context, request.method, media_type)

    async def _run(self, request: GraphQLRequest, context: Context, method: str, media_type: str) -> Response:
        """The response to a request whose caller is known."""
        is_public = context.caller.is_public
        try:
            document = self._documents[is_public].cached(request.query) or await self._load(
                request.query, context.caller
            )
        except FailedRule as error:
            log.error("a document could not be checked", exc_info=error.__cause__)
            return _rejected_document([GraphQLError("This document could not be checked.")], is_public, media_type)
        except InvalidDocument as error:
            return _rejected_document(error.errors, is_public, media_type)
        operation = document.operation(request.operation_name)
        if operation is None:
            raise BadGraphQLRequest("The document has no such operation, or several, and `operationName` tells which.")
        is_query = operation.operation is OperationType.QUERY
        if not is_query and method != "POST":
            return error_response(
                405, "By GET only queries are answered.", "BAD_REQUEST", media_type, {"Allow": "POST"}
            )
        max_values = document_limits.MAX_VALUES if is_query else None  # a mutation has run: its response is sent whole
        scheduler = context.scheduler = ResponseScheduler(document.max_values, max_values)
        async with scheduler.admit():
            variables = request.variables or {}
            result = await self._engine.run(
                document, operation, variables, context, scheduler=scheduler, in_thread=request.is_large
            )
            if isinstance(result, list):
                return _rejected_document(result, is_public, media_type)
            errors = [to_graphql_error(error, is_public) for error in result.errors or ()]
            if any(
                error.extensions and error.extensions.get("code") == schema_errors.Unavailable.code for error in errors
            ):
                raise schema_errors.Unavailable  # a part of the data would look like the whole
            payload: dict[str, object] = {"data": result.data}
            if errors:
                payload["errors"] = [error.formatted for error in errors]
            body = await encode_in_chunks(payload) if scheduler.is_long else JSON_ENCODER.encode(payload)
        return Response(body, 200, None, f"{media_type}; charset=utf-8")

    async def _load(self, text: str, caller: Caller) -> Document:
        """A document that is not in the cache. Invalid ones of a public key count as failed attempts.

        Raises InvalidDocument; TooManyAttempts for a long text of a caller of whom too many have failed.
        """
        attempt = None
        try:
            if caller.guard is not None:
                attempt = await caller.guard.take()
        except TooManyAttempts:
            if len(text) > MAX_INLINE_CHARACTERS:
                raise
        try:
            document = await self._documents[caller.is_public].load_async(text)
        except InvalidDocument:
            if attempt is not None:
                await attempt.fail()
            raise
        except BaseException:
            if attempt is not None:
                attempt.give_back()
            raise
        if attempt is not None:
            attempt.give_back()
        return document


def _rejected_document(errors: Sequence[GraphQLError], is_public: bool, media_type: str) -> Response:
    """The response to a document that did not run: 400 to clients that accept GraphQL's own media type."""
    formatted = shortened([to_graphql_error(error, is_public) for error in errors])
    if media_type == http_request.GRAPHQL_RESPONSE:
        return _json_response({"errors": formatted}, 400, media_type)
    return _json_response({"data": None, "errors": formatted}, 200, media_type)


def error_response(
    status: int, message: str, code: str, media_type: str, headers: dict[str, str] | None = None
) -> Response:
    """A response of one error and no data; `code` stands in the error's extensions."""
    payload: dict[str, object] = {"errors": [{"message": message, "extensions": {"code": code}}]}
    if media_type == http_request.JSON:
        payload = {"data": None, **payload}
    return _json_response(payload, status, media_type, headers)


def _json_response(
    payload: dict[str, object], status: int, media_type: str, headers: dict[str, str] | None = None
) -> Response:
    return Response(JSON_ENCODER.encode(payload), status, headers, f"{media_type}; charset=utf-8")


def routes(mode: Mode = "plans") -> list[BaseRoute]:
    """`/graphql`, also with a slash behind it, its playground and the playground's files.

    Raises Unsupported for a schema that the engine can't run in this mode.
    """
    app = GraphQLApp(mode)
    return [Route("/graphql", app), Route("/graphql/", app), *playground.routes]
