"""Requests of GraphQL over HTTP, read as the specification has it, and the media type of the response."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import Request

from schema import content_negotiation, limits

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"


LARGE_BODY_BYTES = 50_000
"""Bytes from which a body is large: its variables are coerced by a thread where they hold errors."""
MAX_MEMBERS = {True: 5_000, False: 100_000}
"""Members of all objects and lists in a body together, with a public key and with any other."""


class PersistedQueryNotSupported(Exception):
    """Raised for a request that has a hash in place of its document: its client then sends the document."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotSupported")  # Apollo's word, which clients compare


class BadGraphQLRequest(Exception):
    """Raised for a request that is no GraphQL request; its text says why, `status` is the response's."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class GraphQLRequest:
    """The text of a document, its variables, the operation's name, and whether the body is large."""

    query: str
    variables: dict[str, object] | None
    operation_name: str | None
    is_large: bool = False


async def read(request: Request, is_public: bool) -> GraphQLRequest:
    """The GraphQL request of an HTTP request: by POST in a JSON body, by GET in the query string.

    Raises BadGraphQLRequest, PersistedQueryNotSupported, BodyTooLarge.
    """
    if request.method == "POST":
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != JSON:
            raise BadGraphQLRequest(f"Unsupported content type: a request is {JSON}.", 415)
        body = await limits.read_body(request, limits.MAX_PUBLIC_BODY_BYTES if is_public else limits.MAX_BODY_BYTES)
        return _from_params(_json_object(body, "body", is_public), len(body) > LARGE_BODY_BYTES)
    params: dict[str, object] = dict(request.query_params)
    for name in ("variables", "extensions"):
        text = request.query_params.get(name)
        if text:
            params[name] = _json_object(text, name, is_public)
    return _from_params(params)


def _from_params(params: Mapping[str, object], is_large: bool = False) -> GraphQLRequest:
    query, name = params.get("query"), params.get("operationName")
    extensions = params.get("extensions")
    if query is None and isinstance(extensions, dict) and "persistedQuery" in extensions:
        raise PersistedQueryNotSupported
    if not isinstance(query, str) or not query:
        raise BadGraphQLRequest("There is no `query`, which is a string.")
    if not isinstance(name, str | None):
        raise BadGraphQLRequest("`operationName` is a string or null.")
    variables = _optional_object(params.get("variables"), "variables")
    _optional_object(extensions, "extensions")
    return GraphQLRequest(query, variables, name, is_large)


def _optional_object(value: object, name: str) -> dict[str, object] | None:
    if not isinstance(value, dict | None):
        raise BadGraphQLRequest(f"`{name}` is an object or null.")
    return value


def _json_object(source: str | bytes, name: str, is_public: bool) -> dict[str, object]:
    max_members = MAX_MEMBERS[is_public]
    try:
        text = source if isinstance(source, str) else source.decode(json.detect_encoding(source), "surrogatepass")
        if text.count(",") + text.count("[") + text.count("{") > max_members:  # those within strings too
            raise BadGraphQLRequest(f"The {name} has more than {max_members} members.", 413)
        value = JSON_DECODER.decode(text)
    except (ValueError, RecursionError):
        raise BadGraphQLRequest(f"The {name} is not valid JSON.") from None
    if not isinstance(value, dict):
        raise BadGraphQLRequest(f"The {name} is not a JSON object{' with a `query`' if name == 'body' else ''}.")
    return value


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


JSON_DECODER = json.JSONDecoder(parse_constant=_reject_constant)


def wants_page(request: Request) -> bool:
    """Whether a browser opens the address without a GraphQL request, and so is shown the playground."""
    return (
        request.method != "POST"
        and not {"query", "extensions"} & request.query_params.keys()
        and content_negotiation.quality(request.headers.get("accept", ""), "text/html") > 0
    )


@lru_cache(maxsize=64)  # clients send few, and each the same again
def response_media_type(accept: str) -> str:
    """The media type of the response to a request with this `Accept` header; JSON where it states no preference."""
    graphql_quality, json_quality = (
        content_negotiation.quality(accept, media_type) for media_type in (GRAPHQL_RESPONSE, JSON)
    )
    is_named = content_negotiation.names_type(accept, GRAPHQL_RESPONSE)
    is_preferred = graphql_quality > json_quality or (is_named and graphql_quality == json_quality > 0)
    return GRAPHQL_RESPONSE if is_preferred else JSON
