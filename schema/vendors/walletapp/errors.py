"""Error responses in WalletApp's format: nearly all choices, with their reasons in docs/vendors/walletapp.md."""

from resolvers.domain import refusals
from resolvers.domain.refusals import InvalidInput, Refusal
from schema import errors as schema_errors
from schema.context import AccessDenied
from schema.errors import Unavailable
from schema.limits import BodyTooLarge, RequestTimeout
from schema.streams import TooManyStreams
from schema.vendors import kit
from schema.vendors.kit import BadRequest, JsonResponse, UnknownRoute


class NotAllowed(AccessDenied):
    """Raised when a valid key does not have the right to this."""


class NoSuchOrganization(BadRequest):
    """Raised when a request names an unknown organization."""


class InvalidFields(BadRequest):
    """Raised when fields are missing or invalid; `errors` has a list of messages for each, by the vendor's names."""

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
"""Other errors have our own message."""

STATUSES: dict[type[Exception], int] = {
    Refusal: 422,
    Exception: 500,
    BadRequest: 400,
    AccessDenied: 401,
    NotAllowed: 403,
    NoSuchOrganization: 404,
    UnknownRoute: 404,
    refusals.UnknownPromotion: 404,
    refusals.UnknownCode: 404,
    BodyTooLarge: 413,
    InvalidFields: 422,
    refusals.TooManyAttempts: 429,
    TooManyStreams: 429,
    RequestTimeout: 503,
    Unavailable: 503,
}
"""The nearest class counts; 422 is the one failure that the vendor documents [doc]."""

FIELDS = {"email": "email", "first_name": "firstname", "last_name": "lastname", "amount": "codes", "text": "code"}
"""The vendor's names of the verbs' fields."""


def error_response(error: Exception) -> JsonResponse:
    """A failure: `success`, `message`, a plain string, and `errors` for invalid fields only."""
    status = schema_errors.by_class(STATUSES, error)
    message = "Server Error" if status == 500 else SENTENCES.get(type(error), str(error))
    body = {"success": False, "message": message}
    errors = _errors(error)
    return JsonResponse({**body, "errors": errors} if errors else body, status, schema_errors.retry_headers(error))


def _errors(exception: Exception) -> dict[str, list[str]]:
    if isinstance(exception, InvalidFields):
        return exception.errors
    field = FIELDS.get(exception.path[-1]) if isinstance(exception, InvalidInput) and exception.path else None
    return {field: [str(exception)]} if field else {}


class WalletAppRoute(kit.VendorRoute):
    """A route that answers errors so."""

    error_response = staticmethod(error_response)
