"""Saying no in LP Motor's words: a title, the vendor's own number of it, and the status once more."""

from resolvers.domain import refusals
from resolvers.domain.refusals import InvalidInput, TooManyAttempts
from schema import errors
from schema.context import NoOrganization, NotAdmitted
from schema.errors import Away
from schema.limits import TookTooLong, TooLarge
from schema.streams import TooBusy
from schema.vendors.kit import Json, NoSuchRoute, NotUnderstood


class NotEditable(NotUnderstood):
    """Raised for what a site keeps, whoever asks: its own promotion."""


SENTENCES: dict[type[Exception], tuple[int, int, str]] = {
    NotUnderstood: (400, 10, "file or data is invalid"),
    InvalidInput: (400, 10, "file or data is invalid"),
    NotAdmitted: (401, 0, "Unauthorized"),
    NotEditable: (403, 8, "user can't access to edit this site"),
    NoOrganization: (403, 30, "user cant view site"),
    refusals.UnknownPromotion: (404, 0, "can't find promo"),
    NoSuchRoute: (404, 0, "can't find page"),
    refusals.CodeTaken: (409, 0, "promo already exists"),
    TooLarge: (413, 0, "request is too large"),
    TooManyAttempts: (429, 0, "too many requests"),
    TooBusy: (429, 0, "too many requests"),
    TookTooLong: (503, 0, "request took too long"),
    Away: (503, 0, "service is unavailable"),
}
"""Status, error and title. Numbers other than 0 stand in the vendor's own table with that status [doc]; which of
them is for what, and the titles without a number, are choices."""

UNKNOWN_ERROR = (500, 0, "unknown error")
"""The vendor's own words for a bug [doc]."""


def words(no: Exception) -> Json:
    """An error's three members [doc], `code` equal to the status."""
    status, error, title = SENTENCES.get(type(no), UNKNOWN_ERROR)
    return Json({"title": title, "error": error, "code": status}, status, errors.headers(no))
