"""Saying no in WalletApp's words: nearly all choices, told with their reasons in docs/vendors/walletapp.md."""

from resolvers.domain import refusals
from resolvers.domain.refusals import InvalidInput, Refusal
from schema import errors as schema_errors
from schema.context import NotAdmitted
from schema.errors import Away
from schema.limits import TookTooLong, TooLarge
from schema.streams import TooBusy
from schema.vendors.kit import Json, NoSuchRoute, NotUnderstood


class NotAllowed(NotAdmitted):
    """Raised when a key works, and not for this."""


class NoSuchOrganization(NotUnderstood):
    """Raised when there is no organization as the request names it."""


class Invalid(NotUnderstood):
    """Raised when fields are missing or wrong; `errors` has the complaints of each, by the vendor's names."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(next(iter(errors.values()))[0])
        self.errors = errors


SENTENCES: dict[type[Exception], str] = {
    NotAdmitted: "Unauthenticated.",
    NoSuchOrganization: "Organization not found",
    NoSuchRoute: "Not found",
    refusals.UnknownPromotion: "Promotion not found",
    refusals.UnknownCode: "Promotion code not found",
    refusals.AlreadyActivated: "Promotion code already activated",
    refusals.Ended: "This promotion or promotion code has expired",
    refusals.Disabled: "This promotion or promotion code is switched off",
    refusals.TooManyAttempts: "Too Many Attempts.",
    TookTooLong: "Service Unavailable",
    Away: "Service Unavailable",
}
"""For other refusals our own words do."""

STATUSES: dict[type[Exception], int] = {
    NotUnderstood: 400,
    NotAdmitted: 401,
    NotAllowed: 403,
    NoSuchOrganization: 404,
    NoSuchRoute: 404,
    refusals.UnknownPromotion: 404,
    refusals.UnknownCode: 404,
    TooLarge: 413,
    Invalid: 422,
    refusals.TooManyAttempts: 429,
    TooBusy: 429,
    TookTooLong: 503,
    Away: 503,
}
"""Every other Refusal is a 422, the one failure that the vendor documents [doc]; a bug is a 500."""

FIELDS = {"email": "email", "first_name": "firstname", "last_name": "lastname", "amount": "codes", "text": "code"}
"""What the verbs' fields are called here."""


def words(no: Exception) -> Json:
    """A failure: `success` and `message`, a plain string; `errors` on fields alone."""
    status = STATUSES.get(type(no), 422 if isinstance(no, Refusal) else 500)
    told = "Server Error" if status == 500 else SENTENCES.get(type(no), str(no))
    body = {"success": False, "message": told}
    errors = _errors(no)
    return Json({**body, "errors": errors} if errors else body, status, schema_errors.headers(no))


def _errors(no: Exception) -> dict[str, list[str]]:
    if isinstance(no, Invalid):
        return no.errors
    field = FIELDS.get(no.path[-1]) if isinstance(no, InvalidInput) and no.path else None
    return {field: [str(no)]} if field else {}
