"""What strawberry offers and a quickened field does not do is refused at start-up, before anybody is let past it.

A permission class that nobody calls is an open door. Whoever wants one of these looks at field_resolvers.py first.
"""

import inspect
from enum import Enum
from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryMaybe
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField


class Unsupported(TypeError):
    """Raised for a schema with something in it that would be passed over."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(
            f"{where} {what}, which schema/graphql/engine/field_resolvers.py passes over."
            " Do it in the field's function, or teach that module to do it."
        )


def schema(told: strawberry.Schema) -> None:
    """Raises Unsupported for what a schema as a whole has."""
    for name in ("extensions", "exception_handlers", "directives"):
        if getattr(told, name):
            raise Unsupported("The schema", f"has {name}")
    for name in ("default_resolver", "info_class"):
        if getattr(told.config, name) is not getattr(StrawberryConfig(), name):
            raise Unsupported("The schema's configuration", f"has a `{name}` of its own")


def field(where: str, told: StrawberryField) -> None:
    """Raises Unsupported for what a field has, be it a function or an attribute."""
    if told.permission_classes:
        raise Unsupported(where, f"has permission classes ({_names(told.permission_classes)})")
    if told.extensions:
        raise Unsupported(where, f"has extensions ({_names(told.extensions)})")
    if told.is_subscription:
        raise Unsupported(where, "is a subscription")
    if type(told).get_result is not StrawberryField.get_result:
        raise Unsupported(where, f"is a {type(told).__name__} with a `get_result` of its own")
    resolver = told.base_resolver
    if resolver is None:
        return
    for name in ("root_parameter", "parent_parameter"):
        if getattr(resolver, name) is not None:
            raise Unsupported(where, f"takes `{getattr(resolver, name).name}`")
    if isinstance(resolver.wrapped_func, staticmethod | classmethod):
        raise Unsupported(where, "is a static or a class method")
    if inspect.isasyncgenfunction(resolver.wrapped_func):
        raise Unsupported(where, "is a generator")


def value(where: str, kind: Any) -> None:
    """Raises Unsupported for a kind of value that would need more than to be handed on."""
    if isinstance(kind, StrawberryMaybe):
        raise Unsupported(where, "takes a `strawberry.Maybe`")


def handed_on(where: str, kind: Any) -> None:
    """Raises Unsupported for what is neither a list nor an input, and no scalar or enum either."""
    is_scalar = isinstance(kind, type) and not issubclass(kind, Enum)
    is_new_type = hasattr(kind, "__supertype__")
    if not (isinstance(kind, StrawberryEnumDefinition) or is_scalar or is_new_type):
        raise Unsupported(where, f"takes a {type(kind).__name__}")


def _names(all: Any) -> str:
    return ", ".join(getattr(one, "__name__", type(one).__name__) for one in all)
