"""The refusals as object types, each derived from its class in resolvers/domain/refusals.py, and made of a raised one.

Fields marked @public are all that a public key's document may select.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, fields
from typing import Any, get_type_hints

import strawberry
from strawberry.schema.schema_converter import field_contains_type
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from db import models
from resolvers.domain import money, refusals
from schema.graphql.context import Info
from schema.graphql.enums import IN_GRAPHQL, RefusalReason
from schema.graphql.nouns import Claim
from schema.graphql.public import Public
from schema.graphql.value_types import Money


@strawberry.interface(description="Why something was not done; nothing has changed.")
class Refusal:
    reason: RefusalReason = strawberry.field(directives=[Public()])
    message: str = strawberry.field(directives=[Public()])


def argument_path(path: Sequence[str], argument: str | None = "input") -> list[str]:
    """The path to an invalid value in a field's arguments, in camel case; it begins with `argument`, if any."""
    names = [to_camel_case(part) for part in path]
    return names if argument is None else [argument, *names]


SHOWN_AS: Mapping[object, tuple[object, Callable[..., object]]] = {
    money.Money: (Money, Money.of),
    models.Claim: (Claim, Claim.of),
    tuple[str, ...]: (list[str], argument_path),
}
"""The GraphQL type of a field whose type is none of GraphQL's, and the function that makes its value."""

PRIVATE = (models.Claim,)
"""Types that a public key may not see."""


@dataclass(frozen=True)
class RefusalType:
    """The object type of one refusal, and the functions that make the values of its fields."""

    type: type[Refusal]
    makers: Mapping[str, Callable[..., object]]

    def of(self, refusal: refusals.Refusal) -> Refusal:
        """A raised refusal as an object of this type."""
        data: dict[str, Any] = {name: make(getattr(refusal, name)) for name, make in self.makers.items()}
        return self.type(reason=RefusalReason(refusal.reason), message=refusal.message, **data)


def derive_type(kind: type[refusals.Refusal]) -> RefusalType:
    """The object type of a class of refusals: its name, its docstring, and the fields that are not internal."""
    hints = get_type_hints(kind)
    shown = [field for field in fields(kind) if field.init and not field.metadata.get("is_internal")]  # type: ignore[arg-type]
    members: dict[str, Any] = {"__module__": __name__, "__doc__": kind.__doc__, "__annotations__": {}}
    makers: dict[str, Callable[..., object]] = {}
    for field in shown:
        members["__annotations__"][field.name], makers[field.name] = _shown_as(field, hints[field.name])
        if "description" in field.metadata:
            members[field.name] = strawberry.field(description=field.metadata["description"])
    is_private = any(hints[field.name] in PRIVATE for field in shown)
    made = type(kind.__name__, (Refusal,), members)
    directives = [] if is_private else [Public()]
    return RefusalType(strawberry.type(made, description=describe(kind), directives=directives), makers)


def describe(kind: type[refusals.Refusal]) -> str:
    """When a refusal is raised: the first paragraph of its docstring, without the words that say so."""
    paragraph = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    text = re.sub(r"^Raised (when )?", "", paragraph)
    return text[:1].upper() + text[1:]


def _shown_as(field: "Field[object]", hint: object) -> tuple[object, Callable[..., object]]:
    if field.metadata.get("is_large"):
        return str, str
    return SHOWN_AS.get(hint, (hint, _unchanged))


def _unchanged(value: object) -> object:
    return value


TYPES: Mapping[type[refusals.Refusal], RefusalType] = {kind: derive_type(kind) for kind in IN_GRAPHQL}
"""The object type of each refusal that a field can give."""


def to_graphql_refusal(refusal: refusals.Refusal, is_public: bool) -> Refusal:
    """A raised refusal as an object of its type; with a public key as the refusal that such a key may see."""
    shown = refusals.for_public_key(refusal) if is_public else refusal
    return TYPES[type(shown)].of(shown)


class RefusalHandler:
    """Strawberry's handler of one refusal: a field that raises it has it as its outcome, if its union has that type."""

    def __init__(self, kind: type[refusals.Refusal]) -> None:
        self.exception_type, self.error_type = kind, TYPES[kind].type

    def handle(self, exception: refusals.Refusal, *, field: StrawberryField, info: Info) -> Refusal | None:
        """The refusal as an object of its type; None, so that it is an error, where the union has no such type."""
        outcome = to_graphql_refusal(exception, info.context.caller.is_public)
        is_declared = type(outcome) is self.error_type or field_contains_type(field, type(outcome))
        return outcome if is_declared else None


HANDLERS = [RefusalHandler(kind) for kind in TYPES]
