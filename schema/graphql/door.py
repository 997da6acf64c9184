"""GraphQL over HTTP: the schema, who is let in, and within which bounds."""

import json
from functools import cache

import strawberry
from cross_web import HTTPException
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send
from strawberry.asgi import GraphQL
from strawberry.extensions import MaxTokensLimiter, ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from schema import bounds, faults
from schema import context as speaking
from schema.context import NoOrganization, NotAdmitted
from schema.graphql import limits, playground
from schema.graphql.context import Context
from schema.graphql.faults import Faults
from schema.graphql.mutation import Mutation
from schema.graphql.public import only_public
from schema.graphql.query import Query
from schema.graphql.refusals import HANDLERS, Refusal
from schema.graphql.scalars import SCALARS
from schema.graphql.types import NODES


class Schema(strawberry.Schema):
    """Strawberry's, which else would log each client's typing error with a stack trace; see Faults."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        pass


schema = Schema(
    query=Query,
    mutation=Mutation,
    types=[*(kind for _, kind in NODES.values()), *Refusal.__subclasses__()],
    config=StrawberryConfig(scalar_map=SCALARS),
    exception_handlers=HANDLERS,
    extensions=[
        lambda: MaxTokensLimiter(max_token_count=limits.TOKENS),
        lambda: ParserCache(maxsize=500),
        limits.Limits,
        lambda: ValidationCache(maxsize=500),
        Faults,
    ],
)
limits.Limits.only_public = only_public(schema.as_str())


@cache
def printed() -> str:
    """The schema definition, as it is committed in schema.graphql."""
    return f"{schema.as_str()}\n"


class _Request(Request):
    """A request whose body is read within its bounds."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            self._body = await bounds.body(self)
        return self._body


class Door(GraphQL[Context, None]):
    """Strawberry's own ASGI application, hung as a plain route: half the work of its FastAPI router."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(_Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            async with bounds.in_time():
                return await self.run(request)
        except NotAdmitted as no:
            return said(401, str(no), "UNAUTHENTICATED")
        except NoOrganization as no:
            return said(400, str(no), "BAD_REQUEST")
        except bounds.TooLarge as no:
            return said(413, str(no), "TOO_LARGE")
        except HTTPException as no:
            return said(no.status_code, no.reason, "BAD_REQUEST")
        except bounds.TookTooLong as no:
            return said(503, str(no), "TIMEOUT")
        except Exception as bug:
            told = faults.logged(bug, "/graphql")
            return said(told.status, str(told), told.code)

    async def get_context(self, request: Request, response: Response) -> Context | None:  # type: ignore[override]
        if self.should_render_graphql_ide(self.request_adapter_class(request)):
            return None  # the page is for everybody; what it sends comes with a key
        return Context(await speaking.caller(request, await speaking.holder(request.headers)))

    async def render_graphql_ide(self, request: Request) -> Response:
        return HTMLResponse(playground.page())

    def decode_json(self, data: str | bytes) -> object:
        try:
            value = json.loads(data, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise HTTPException(400, "The body is not valid JSON.") from None
        if not isinstance(value, dict):
            raise HTTPException(400, "The body is not a JSON object with a `query`.")
        return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def said(status: int, message: str, code: str) -> Response:
    """A GraphQL answer that holds nothing but why there is none."""
    errors = [{"message": message, "extensions": {"code": code}}]
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"data": None, "errors": errors}, status, headers)


def routes() -> list[BaseRoute]:
    """`/graphql`, its playground and the playground's files."""
    return [Route("/graphql", Door(schema, allow_queries_via_get=True)), *playground.routes]
