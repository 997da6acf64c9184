"""Error responses in Lancero's format: statuses and sentences, most of them choices (docs/vendors/lancero.md)."""

import time
from http import HTTPStatus

from resolvers.domain import refusals
from resolvers.domain.refusals import InvalidInput, Refusal
from schema import errors
from schema.context import AccessDenied, NoOrganization
from schema.errors import Unavailable
from schema.limits import BodyTooLarge, RequestTimeout
from schema.streams import TooManyStreams
from schema.vendors import kit
from schema.vendors.kit import BadRequest, JsonResponse, UnknownRoute

SENTENCES: dict[type[Exception], str] = {
    refusals.UnknownCode: "That code was not found",
    refusals.NotClaimable: "That code cannot be claimed",
    refusals.UnknownCustomer: "That lead was not found",
    refusals.UnknownToken: "That token was not found",
    refusals.EmailTaken: "That lead already exists",
    UnknownRoute: "Unknown route",
}
"""Choices, some after the same author's later product; other errors have our own message."""

STATUSES: dict[type[Exception], int] = {
    Refusal: 403,
    Exception: 500,
    BadRequest: 400,
    InvalidInput: 400,
    NoOrganization: 400,
    AccessDenied: 401,
    UnknownRoute: 404,
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
    BodyTooLarge: 413,
    refusals.TooManyAttempts: 429,
    TooManyStreams: 429,
    RequestTimeout: 503,
    Unavailable: 503,
}
"""Choices; the nearest class counts. 401 is for invalid keys only: the SDK hides its message [doc]."""


def error_response(error: Exception) -> JsonResponse:
    """An error object of four members [doc]; `message` is always a plain string, as the SDK rejects with it."""
    status = errors.by_class(STATUSES, error)
    message = SENTENCES.get(type(error), str(error))
    body = {
        "code": status,
        "error": HTTPStatus(status).phrase,
        "message": message,
        "time": time.time_ns() // 1_000_000,
    }
    return JsonResponse(body, status, errors.retry_headers(error))


class LanceroRoute(kit.VendorRoute):
    """A route that answers errors so."""

    error_response = staticmethod(error_response)
