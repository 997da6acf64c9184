"""What REST doors share: lenient JSON, and saying no in a vendor's own words."""

import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from resolvers.refusals import Refusal
from schema import bounds, faults
from schema.bounds import TookTooLong, TooLarge
from schema.context import NoOrganization, NotAdmitted

# A string, even one that never ends, is passed over once and not looked into again: linear in hostile bodies too.
_STRING_OR_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*+(?:"|\\?\Z))|,(?=\s*[}\]])', re.DOTALL)

Words = Callable[[Exception], Response]


class NotUnderstood(Exception):
    """Raised when a request makes no sense before any verb has seen it; its text says why."""


class NoSuchRoute(Exception):
    """Raised for an address that a vendor's door does not have."""


EXPECTED = (Refusal, NotAdmitted, NoOrganization, NotUnderstood, NoSuchRoute, TooLarge, TookTooLong)


def router(words: Words) -> APIRouter:
    """A vendor's router: every no, and of every bug its Fault, is answered by `words`, in the vendor's shape."""

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    async with bounds.in_time():
                        return await handle(request)
                except EXPECTED as no:
                    return words(no)
                except Exception as bug:
                    return words(faults.logged(bug, f"{request.method} {request.url.path}"))

            return answer

    return APIRouter(route_class=Route, include_in_schema=False)


async def json_object(request: Request) -> dict[str, Any]:
    """The request's JSON object; no body is an empty one, and trailing commas are forgiven.

    Vendors' documented samples have them (lancero `POST /codes/delete`, WalletApp throughout). Raises
    NotUnderstood, TooLarge.
    """
    body = await bounds.body(request)
    if not body.strip():
        return {}
    try:
        value = lenient_json(body.decode())
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
