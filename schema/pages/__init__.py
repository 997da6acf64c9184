"""What a customer sees: the page that `Code.url` leads to, and the one where they want no more letters.

No script, nothing from elsewhere, nothing kept.
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
from starlette.routing import BaseRoute, Route

from db.models import Code, Organization, Promotion
from resolvers import find, signed_links, suppress
from resolvers.domain import rules
from resolvers.domain.refusals import UnknownCode
from schema import errors, limits
from schema.context import Services
from schema.pages import describe

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
"""The address is all it takes to see the page, so it is passed on to nobody: no index, no referrer, no cache."""

templates = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
templates.globals["style"] = Markup(STYLE)  # noqa: S704 (our own file)


def url(public_url: str, organization: Organization, code_id: int) -> str:
    """The address of a code's page."""
    return f"{public_url}/c/{signed_links.code_token(organization, code_id)}"


def unsubscribe_url(public_url: str, organization: Organization, email: str) -> str:
    """Where a recipient says that they want no more letters."""
    return f"{public_url}/u/{signed_links.recipient_token(organization, email)}"


async def code(request: Request) -> Response:
    """The page at a code's address."""
    return await _in_our_clothes(_code, request, "a code's page")


async def unsubscribe(request: Request) -> Response:
    """Asks whether somebody wants no more letters, and takes their word for it.

    What scans a letter may GET its links, and changes nothing by that; the button POSTs, and so does the one that
    mail programs show by themselves (RFC 8058).
    """
    return await _in_our_clothes(_unsubscribe, request, "the page against letters")


async def _in_our_clothes(answer: Callable[[Request], Awaitable[Response]], request: Request, where: str) -> Response:
    """Whatever is wrong is said on a page as well."""
    try:
        async with limits.TimeLimit():
            return await answer(request)
    except limits.RequestTimeout:
        return _sorry(503, "Too busy", "That took too long. Try again in a minute.")
    except Exception as bug:
        told = errors.log_error(bug, where)
        return _sorry(told.status, "Sorry", str(told))


async def _unsubscribe(request: Request) -> Response:
    services: Services = request.app.state.services
    found = await find.recipient_by_token(request.path_params["address"])
    if found is None:
        return _sorry(404, "Nothing here", "There is nobody at this address. Is it complete, as it was in the letter?")
    organization, email = found
    done = request.method == "POST"
    if done:
        await suppress.recipient(organization, email, services.clock())
    return _page("unsubscribe.html", 200, organization=organization.name, email=email, done=done)


async def _code(request: Request) -> Response:
    services: Services = request.app.state.services
    try:
        organization, promotion, found = await find.code_by_token(request.path_params["address"])
    except UnknownCode:
        return _sorry(404, "Nothing here", "There is no code at this address. Is it complete, as it was given to you?")
    places = (await find.locations_of_promotions([promotion.id])).get(promotion.id, [])
    status = rules.code_status(found, promotion, services.clock())
    return _page("code.html", 200, **_told(organization, promotion, found, status, [place.name for place in places]))


def _told(
    organization: Organization, promotion: Promotion, found: Code, status: str, places: list[str]
) -> dict[str, object]:
    starts_at, ends_at = rules.window(found, promotion)
    return {
        "organization": organization.name,
        "promotion": promotion.name,
        "gives": describe.gives(promotion),
        "text": found.text,
        "qr": qr(found.text),
        "state": describe.state(status, starts_at, ends_at, organization.time_zone),
        "until": describe.validity(status, ends_at, organization.time_zone),
        "places": places,
    }


def qr(text: str) -> Markup:
    """A code's text as a QR code: an SVG that takes the size of its box, black on white also in the dark."""
    drawn = segno.make_qr(text, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    return Markup(drawn)  # noqa: S704 (squares; the text is not in it)


def _sorry(status: int, title: str, sentence: str) -> Response:
    return _page("sorry.html", status, title=title, sentence=sentence)


def _page(name: str, status: int, **told: object) -> Response:
    return HTMLResponse(templates.get_template(name).render(told), status, HEADERS)


routes: list[BaseRoute] = [
    Route("/c/{address:path}", code),
    Route("/u/{address:path}", unsubscribe, methods=["GET", "POST"]),
]
