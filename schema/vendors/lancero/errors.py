"""Saying no in Lancero's words: statuses and sentences, most of them choices (docs/vendors/lancero.md)."""

import time
from http import HTTPStatus

from resolvers.domain import refusals
from resolvers.domain.refusals import InvalidInput
from schema import errors
from schema.context import NoOrganization, NotAdmitted
from schema.errors import Away
from schema.limits import TookTooLong, TooLarge
from schema.streams import TooBusy
from schema.vendors.kit import Json, NoSuchRoute, NotUnderstood

SENTENCES: dict[type[Exception], str] = {
    refusals.UnknownCode: "That code was not found",
    refusals.NotClaimable: "That code cannot be claimed",
    refusals.UnknownCustomer: "That lead was not found",
    refusals.UnknownToken: "That token was not found",
    refusals.EmailTaken: "That lead already exists",
    NoSuchRoute: "Unknown route",
}
"""Choices, some after the same author's later product; for the others our own words do."""

STATUSES: dict[type[Exception], int] = {
    NotUnderstood: 400,
    InvalidInput: 400,
    NoOrganization: 400,
    NotAdmitted: 401,
    NoSuchRoute: 404,
    refusals.UnknownCode: 404,
    refusals.NotClaimable: 404,
    refusals.UnknownCustomer: 404,
    refusals.UnknownToken: 404,
    refusals.EmailTaken: 409,
    refusals.AlreadyClaimed: 409,
    refusals.CustomerLimitReached: 409,
    refusals.FullyClaimed: 409,
    refusals.PromotionSpent: 409,
    refusals.CodeSpaceTooSmall: 409,
    TooLarge: 413,
    refusals.TooManyAttempts: 429,
    TooBusy: 429,
    TookTooLong: 503,
    Away: 503,
}
"""Choices; every other Rule is a 403. 401 is for key trouble alone: the SDK hides what it says [doc]."""


def words(no: Exception) -> Json:
    """An error's four members [doc]; `message` is always a plain string, as the SDK rejects with it."""
    status = STATUSES.get(type(no), 403 if isinstance(no, refusals.Rule) else 500)
    message = SENTENCES.get(type(no), str(no))
    body = {
        "code": status,
        "error": HTTPStatus(status).phrase,
        "message": message,
        "time": time.time_ns() // 1_000_000,
    }
    return Json(body, status, errors.headers(no))
