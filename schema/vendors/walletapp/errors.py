"""Saying no in WalletApp's words: nearly all choices, told with their reasons in docs/vendors/walletapp.md."""

from resolvers.domain import refusals
from resolvers.domain.refusals import InvalidInput, Refusal
from schema import errors as schema_errors
from schema.context import AccessDenied
from schema.errors import Unavailable
from schema.limits import BodyTooLarge, RequestTimeout
from schema.streams import TooManyStreams
from schema.vendors.kit import BadRequest, JsonResponse, UnknownRoute


class NotAllowed(AccessDenied):
    """Raised when a key works, and not for this."""


class NoSuchOrganization(BadRequest):
    """Raised when there is no organization as the request names it."""


class Invalid(BadRequest):
    """Raised when fields are missing or wrong; `errors` has the complaints of each, by the vendor's names."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(next(iter(errors.values()))[0])
        self.errors = errors


SENTENCES: dict[type[Exception], str] = {
    AccessDenied: "Unauthenticated.",
    NoSuchOrganization: "Organization not found",
    UnknownRoute: "Not found",
    refusals.UnknownPromotion: "Promotion not found",
    refusals.UnknownCode: "Promotion code not found",
    refusals.AlreadyActivated: "Promotion code already activated",
    refusals.Ended: "This promotion or promotion code has expired",
    refusals.Disabled: "This promotion or promotion code is switched off",
    refusals.TooManyAttempts: "Too Many Attempts.",
    RequestTimeout: "Service Unavailable",
    Unavailable: "Service Unavailable",
}
"""For other refusals our own words do."""

STATUSES: dict[type[Exception], int] = {
    BadRequest: 400,
    AccessDenied: 401,
    NotAllowed: 403,
    NoSuchOrganization: 404,
    UnknownRoute: 404,
    refusals.UnknownPromotion: 404,
    refusals.UnknownCode: 404,
    BodyTooLarge: 413,
    Invalid: 422,
    refusals.TooManyAttempts: 429,
    TooManyStreams: 429,
    RequestTimeout: 503,
    Unavailable: 503,
}
"""Every other Refusal is a 422, the one failure that the vendor documents [doc]; a bug is a 500."""

FIELDS = {"email": "email", "first_name": "firstname", "last_name": "lastname", "amount": "codes", "text": "code"}
"""What the verbs' fields are called here."""


def error_response(no: Exception) -> JsonResponse:
    """A failure: `success` and `message`, a plain string; `errors` on fields alone."""
    status = STATUSES.get(type(no), 422 if isinstance(no, Refusal) else 500)
    told = "Server Error" if status == 500 else SENTENCES.get(type(no), str(no))
    body = {"success": False, "message": told}
    errors = _errors(no)
    return JsonResponse({**body, "errors": errors} if errors else body, status, schema_errors.retry_headers(no))


def _errors(no: Exception) -> dict[str, list[str]]:
    if isinstance(no, Invalid):
        return no.errors
    field = FIELDS.get(no.path[-1]) if isinstance(no, InvalidInput) and no.path else None
    return {field: [str(no)]} if field else {}
