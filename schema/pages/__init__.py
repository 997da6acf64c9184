"""Pages for customers: a code's page at `Code.url`, and the page to unsubscribe from letters.

They have no script, load nothing from other hosts and are not cached.
"""

import hashlib
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from db import statuses
from db.enums import CodeStatus
from db.models import Code, Organization, Promotion
from resolvers import find, signed_links, suppress
from resolvers.domain import rules
from resolvers.domain.refusals import Refusal, UnknownCode
from schema import errors, limits
from schema.context import Services
from schema.pages import describe
from schema.routing import SegmentRoute

HERE = Path(__file__).resolve().parent
STYLE = (HERE / "style.css").read_text(encoding="utf-8")
STYLE_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
"""The address alone admits to the page, so it is not passed on: no index, no referrer, no cache."""

templates = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
templates.globals["style"] = Markup(STYLE)  # noqa: S704 (a file of ours)


def url(public_url: str, organization: Organization, code_id: int) -> str:
    """The address of a code's page."""
    return f"{public_url}/c/{signed_links.code_token(organization, code_id)}"


def unsubscribe_url(public_url: str, organization: Organization, email: str) -> str:
    """The address at which a recipient unsubscribes from letters."""
    return f"{public_url}/u/{signed_links.recipient_token(organization, email)}"


async def code(request: Request) -> Response:
    """The page at a code's address."""
    return await _with_error_pages(_code, request, "a code's page")


async def unsubscribe(request: Request) -> Response:
    """The page to unsubscribe: GET asks, POST does it.

    Programs that scan a letter may GET its links, which changes nothing; the page's button POSTs, and so does the
    button of mail programs (RFC 8058).
    """
    return await _with_error_pages(_unsubscribe, request, "the unsubscribe page")


async def _with_error_pages(answer: Callable[[Request], Awaitable[Response]], request: Request, where: str) -> Response:
    """The answer, or an error page; under the time limit of a request."""
    try:
        async with limits.TimeLimit():
            return await answer(request)
    except limits.RequestTimeout:
        return _error_page(503, "Too busy", "That took too long. Try again in a minute.")
    except Refusal:
        return _error_page(409, "Not now", "That can't be done now. Whoever gave you this address can tell you more.")
    except Exception as bug:
        error = errors.log_error(bug, where, request.app)
        return _error_page(error.status, "Sorry", str(error))


async def _unsubscribe(request: Request) -> Response:
    services: Services = request.app.state.services
    recipient = await find.recipient_by_token(request.path_params["address"])
    if recipient is None:
        return _error_page(
            404, "Nothing here", "There is nobody at this address. Is it complete, as it was in the letter?"
        )
    organization, email = recipient
    done = request.method == "POST"
    if done:
        await suppress.recipient(organization, email, services.clock())
    return _render("unsubscribe.html", 200, organization=organization.name, email=email, done=done)


async def _code(request: Request) -> Response:
    services: Services = request.app.state.services
    try:
        organization, promotion, code = await find.code_by_token(request.path_params["address"])
    except UnknownCode:
        return _error_page(
            404, "Nothing here", "There is no code at this address. Is it complete, as it was given to you?"
        )
    places = (await find.locations_of_promotions(organization.id, [promotion.id])).get(promotion.id, [])
    status = statuses.of_code(code, promotion, services.clock())
    return _render(
        "code.html", 200, **_variables(organization, promotion, code, status, [place.name for place in places])
    )


def _variables(
    organization: Organization, promotion: Promotion, code: Code, status: CodeStatus, places: list[str]
) -> dict[str, object]:
    starts_at, ends_at = rules.window(code, promotion)
    return {
        "organization": organization.name,
        "promotion": promotion.name,
        "gives": describe.discount(promotion),
        "text": code.text,
        "qr": qr(code.text),
        "state": describe.state(status, starts_at, ends_at, organization.time_zone),
        "until": describe.validity(status, ends_at, organization.time_zone),
        "places": places,
    }


def qr(text: str) -> Markup:
    """A code's text as a QR code: an SVG in the size of its box, black on white also in dark mode."""
    svg = segno.make_qr(text, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    return Markup(svg)  # noqa: S704 (squares; the text is not in it)


def _error_page(status: int, title: str, sentence: str) -> Response:
    return _render("error.html", status, title=title, sentence=sentence)


def _render(name: str, status: int, **variables: object) -> Response:
    return HTMLResponse(templates.get_template(name).render(variables), status, HEADERS)


routes: list[BaseRoute] = [
    SegmentRoute("/c/{address:path}", code),
    SegmentRoute("/u/{address:path}", unsubscribe, methods=["GET", "POST"]),
]
