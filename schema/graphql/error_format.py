"""What is told of faults: a refusal as it is, a bug by a number under which the log knows more."""

from collections.abc import Sequence
from typing import Any

from graphql import FieldNode, GraphQLError, GraphQLFormattedError

from resolvers.domain.refusals import InvalidInput, Refusal
from schema import errors as schema_errors
from schema.context import AccessDenied
from schema.errors import InternalError
from schema.graphql.refusals import path_of

ERRORS, LETTERS, PLACES = 6, 300, 5
"""Errors, letters of each, and places of each that a document is refused with."""


def to_graphql_error(error: GraphQLError, in_public: bool) -> GraphQLError:
    """An error as a caller may hear it; what fields there are is not suggested in public."""
    fault = error.original_error
    while isinstance(fault, GraphQLError):  # a scalar's own words, wrapped
        fault = fault.original_error
    if fault is None:
        return _said(error, error.message.split(" Did you mean")[0], error.extensions) if in_public else error
    if isinstance(fault, InvalidInput):
        return _said(error, str(fault), {"code": fault.reason, "path": path_of(fault, _input(error))})
    if isinstance(fault, Refusal):
        return _said(error, str(fault), {"code": fault.reason})
    if isinstance(fault, AccessDenied):
        return _said(error, str(fault), {"code": "FORBIDDEN"})
    told = schema_errors.log_error(fault, error.path)
    known = {"id": told.number} if isinstance(told, InternalError) else {}
    return _said(error, str(told), {"code": told.code, **known})


def _input(error: GraphQLError) -> str | None:
    """The argument that holds all others of the field that has failed, if it has one."""
    fields = [node for node in error.nodes or () if isinstance(node, FieldNode)]
    given = {argument.name.value for field in fields for argument in field.arguments or ()}
    return "input" if "input" in given else None


def clipped(errors: Sequence[GraphQLError]) -> list[GraphQLFormattedError]:
    """What is told of a document that has not run: few errors, in few words, at few places."""
    told = [error.formatted for error in errors[:ERRORS]]
    for one in told:
        one["message"] = clip(one["message"])
        if "locations" in one:
            one["locations"] = one["locations"][:PLACES]
    return told


def clip(message: str) -> str:
    """A message without what it may print of somebody's values at length."""
    return message if len(message) <= LETTERS else f"{message[:LETTERS]}…"


def _said(error: GraphQLError, message: str, extensions: dict[str, Any] | None) -> GraphQLError:
    return GraphQLError(message, nodes=error.nodes, source=error.source, path=error.path, extensions=extensions)
