"""Error responses in LP Motor's format: a title, the vendor's error number, and the status."""

from resolvers.domain import refusals
from resolvers.domain.refusals import InvalidInput, Refusal, TooManyAttempts
from schema import errors
from schema.context import AccessDenied, NoOrganization
from schema.errors import Unavailable
from schema.limits import BodyTooLarge, RequestTimeout
from schema.streams import TooManyStreams
from schema.vendors import kit
from schema.vendors.kit import BadRequest, JsonResponse, UnknownRoute


class NotEditable(BadRequest):
    """Raised for the default promotion of a site, which can't be deleted."""


SENTENCES: dict[type[Exception], tuple[int, int, str]] = {
    Refusal: (409, 0, "request is refused"),
    Exception: (500, 0, "unknown error"),
    BadRequest: (400, 10, "file or data is invalid"),
    InvalidInput: (400, 10, "file or data is invalid"),
    AccessDenied: (401, 0, "Unauthorized"),
    NotEditable: (403, 8, "user can't access to edit this site"),
    NoOrganization: (403, 30, "user cant view site"),
    refusals.UnknownPromotion: (404, 0, "can't find promo"),
    UnknownRoute: (404, 0, "can't find page"),
    refusals.CodeTaken: (409, 0, "promo already exists"),
    BodyTooLarge: (413, 0, "request is too large"),
    TooManyAttempts: (429, 0, "too many requests"),
    TooManyStreams: (429, 0, "too many requests"),
    RequestTimeout: (503, 0, "request took too long"),
    Unavailable: (503, 0, "service is unavailable"),
}
"""Status, error and title; the nearest class counts. Numbers other than 0, and a bug's answer, stand in the vendor's
own table with that status [doc]; the choice among them, and the other titles, are choices."""


def error_response(error: Exception) -> JsonResponse:
    """An error object of three members [doc]; `code` is the status."""
    status, number, title = errors.by_class(SENTENCES, error)
    return JsonResponse({"title": title, "error": number, "code": status}, status, errors.retry_headers(error))


class LPMotorRoute(kit.VendorRoute):
    """A route that answers errors so."""

    error_response = staticmethod(error_response)
    parameters = (kit.parameter("header", "X-Api-User-Id", "The account's number [doc]"),)
