"""Errors of a GraphQL response: a refusal as it is, a bug as a number under which the log knows more."""

from collections.abc import Sequence

from graphql import FieldNode, GraphQLError, GraphQLFormattedError

from resolvers.domain.refusals import InvalidInput, Refusal
from schema import errors as schema_errors
from schema.context import AccessDenied
from schema.errors import InternalError
from schema.graphql.refusals import argument_path

MAX_ERRORS, MAX_MESSAGE_CHARACTERS, MAX_LOCATIONS = 6, 300, 5
"""Errors of a document that has not run, characters of each message, and locations of each."""


def to_graphql_error(error: GraphQLError, is_public: bool) -> GraphQLError:
    """An error as its caller may see it: with a code, a bug without its text; for a public key without suggestions."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):  # a scalar's own error, wrapped
        cause = cause.original_error
    if cause is None:
        return _changed(error, error.message.split(" Did you mean")[0], error.extensions) if is_public else error
    if isinstance(cause, InvalidInput):
        return _changed(
            error, str(cause), {"code": cause.reason, "path": argument_path(cause.path, _input_argument(error))}
        )
    if isinstance(cause, Refusal):
        return _changed(error, str(cause), {"code": cause.reason})
    if isinstance(cause, AccessDenied):
        return _changed(error, str(cause), {"code": "FORBIDDEN"})
    shown = schema_errors.log_error(cause, error.path)
    extensions = {"id": shown.number} if isinstance(shown, InternalError) else {}
    return _changed(error, str(shown), {"code": shown.code, **extensions})


def _input_argument(error: GraphQLError) -> str | None:
    """The name of the argument that holds all others of the field that has failed, if it has one."""
    fields = [node for node in error.nodes or () if isinstance(node, FieldNode)]
    names = {argument.name.value for field in fields for argument in field.arguments or ()}
    return "input" if "input" in names else None


def shortened(errors: Sequence[GraphQLError]) -> list[GraphQLFormattedError]:
    """The errors of a document that has not run, formatted: few, with short messages and few locations."""
    formatted = [error.formatted for error in errors[:MAX_ERRORS]]
    for error in formatted:
        error["message"] = shorten(error["message"])
        if "locations" in error:
            error["locations"] = error["locations"][:MAX_LOCATIONS]
    return formatted


def shorten(message: str) -> str:
    """A message cut after MAX_MESSAGE_CHARACTERS, as it may print a caller's values at length."""
    return message if len(message) <= MAX_MESSAGE_CHARACTERS else f"{message[:MAX_MESSAGE_CHARACTERS]}…"


def _changed(error: GraphQLError, message: str, extensions: dict[str, object] | None) -> GraphQLError:
    return GraphQLError(message, nodes=error.nodes, source=error.source, path=error.path, extensions=extensions)
