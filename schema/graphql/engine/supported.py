"""Checks at start-up that a schema uses no feature of Strawberry that our field resolvers would ignore.

A permission class that is never called would let everybody in. To use one of these features, teach it to
field_resolvers.py first.
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
    """Raised for a schema with a feature that would be ignored."""

    def __init__(self, where: str, feature: str) -> None:
        super().__init__(
            f"{where} {feature}, which schema/graphql/engine/field_resolvers.py ignores."
            " Do it in the field's resolver, or teach that module to do it."
        )


def check_schema(schema: strawberry.Schema) -> None:
    """Raises Unsupported for a feature of the schema as a whole."""
    for name in ("extensions", "directives"):
        if getattr(schema, name):
            raise Unsupported("The schema", f"has {name}")
    if schema.config.default_resolver is not StrawberryConfig().default_resolver:
        raise Unsupported("The schema's configuration", "has a `default_resolver` of its own")


def check_field(where: str, field: StrawberryField) -> None:
    """Raises Unsupported for a feature of a field, which may have a resolver or be an attribute."""
    if field.permission_classes:
        raise Unsupported(where, f"has permission classes ({_names(field.permission_classes)})")
    if field.extensions:
        raise Unsupported(where, f"has extensions ({_names(field.extensions)})")
    if field.is_subscription:
        raise Unsupported(where, "is a subscription")
    if type(field).get_result is not StrawberryField.get_result:
        raise Unsupported(where, f"is a {type(field).__name__} with a `get_result` of its own")
    resolver = field.base_resolver
    if resolver is None:
        return
    for name in ("root_parameter", "parent_parameter"):
        if getattr(resolver, name) is not None:
            raise Unsupported(where, f"takes `{getattr(resolver, name).name}`")
    if isinstance(resolver.wrapped_func, staticmethod | classmethod):
        raise Unsupported(where, "is a static or a class method")
    if inspect.isasyncgenfunction(resolver.wrapped_func):
        raise Unsupported(where, "is a generator")


def check_argument_type(where: str, kind: Any) -> None:
    """Raises Unsupported for an argument's type that needs a conversion of its own."""
    if isinstance(kind, StrawberryMaybe):
        raise Unsupported(where, "takes a `strawberry.Maybe`")


def check_leaf_type(where: str, kind: Any) -> None:
    """Raises Unsupported for a type that is no scalar and no enum; lists and inputs are checked by what they hold."""
    is_scalar = isinstance(kind, type) and not issubclass(kind, Enum)
    is_new_type = hasattr(kind, "__supertype__")
    if not (isinstance(kind, StrawberryEnumDefinition) or is_scalar or is_new_type):
        raise Unsupported(where, f"takes a {type(kind).__name__}")


def _names(all: Any) -> str:
    return ", ".join(getattr(one, "__name__", type(one).__name__) for one in all)
