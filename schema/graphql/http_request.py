"""What a request over HTTP asks, as the GraphQL over HTTP specification has it, and how its answer is written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from starlette.requests import Request

from schema import content_negotiation, limits

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"


LARGE = 50_000
"""Bytes of a body in which much is said."""
MEMBERS = {True: 5_000, False: 100_000}
"""Members of all objects and lists in a body together, with a public key and with any other."""


class PersistedQueryNotSupported(Exception):
    """Raised for a request that has a hash in place of its document: its client then sends the document."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotSupported")  # Apollo's word, which clients compare


class NotUnderstood(Exception):
    """Raised for a request that is no GraphQL request; its text says why."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """A document's text, its values, which of its operations is meant, and whether much is said."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    is_large: bool = False


async def read(request: Request, in_public: bool) -> Asked:
    """What is asked: by POST in a JSON body, by GET in the address.

    Raises NotUnderstood, PersistedQueryNotSupported, BodyTooLarge.
    """
    if request.method == "POST":
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != JSON:
            raise NotUnderstood(f"Unsupported content type: a request is {JSON}.", 415)
        body = await limits.read_body(request, limits.MAX_PUBLIC_BODY_BYTES if in_public else limits.MAX_BODY_BYTES)
        return _asked(_json_object(body, "body", in_public), len(body) > LARGE)
    said: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if said.get(name):
            said[name] = _json_object(said[name], name, in_public)
    return _asked(said)


def _asked(said: Mapping[str, Any], is_large: bool = False) -> Asked:
    query, name = said.get("query"), said.get("operationName")
    extensions = said.get("extensions")
    if query is None and isinstance(extensions, dict) and "persistedQuery" in extensions:
        raise PersistedQueryNotSupported
    if not isinstance(query, str) or not query:
        raise NotUnderstood("There is no `query`, which is a string.")
    if not isinstance(name, str | None):
        raise NotUnderstood("`operationName` is a string or null.")
    for other in ("variables", "extensions"):
        if not isinstance(said.get(other), dict | None):
            raise NotUnderstood(f"`{other}` is an object or null.")
    return Asked(query, said.get("variables"), name, is_large)


def _json_object(said: str | bytes, name: str, in_public: bool) -> dict[str, Any]:
    try:
        text = said if isinstance(said, str) else said.decode(json.detect_encoding(said), "surrogatepass")
        if text.count(",") + text.count("[") + text.count("{") > MEMBERS[in_public]:  # those within texts too
            raise NotUnderstood(f"The {name} has more than {MEMBERS[in_public]} members.", 413)
        value = READER.decode(text)
    except (ValueError, RecursionError):
        raise NotUnderstood(f"The {name} is not valid JSON.") from None
    if not isinstance(value, dict):
        raise NotUnderstood(f"The {name} is not a JSON object{' with a `query`' if name == 'body' else ''}.")
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


READER = json.JSONDecoder(parse_constant=_no_number)


def wants_page(request: Request) -> bool:
    """Whether this is a browser that looks at the address and asks nothing."""
    return (
        request.method != "POST"
        and not {"query", "extensions"} & request.query_params.keys()
        and content_negotiation.quality(request.headers.get("accept", ""), "text/html") > 0
    )


@lru_cache(maxsize=64)  # clients send few, and each the same again
def media_type(accepted: str) -> str:
    """How the answer is written: as the `Accept` header would have it, JSON where it has no opinion."""
    wanted, otherwise = (content_negotiation.quality(accepted, kind) for kind in (GRAPHQL_RESPONSE, JSON))
    is_named = content_negotiation.names(accepted, GRAPHQL_RESPONSE)
    return GRAPHQL_RESPONSE if wanted > otherwise or (is_named and wanted == otherwise > 0) else JSON
