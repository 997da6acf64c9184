"""Checks at start-up that a schema uses no feature of Strawberry that the engine would ignore.

A permission class that is never called would let everybody in. To use one of these features, teach it to the engine
first, or run the schema without plans.
"""

from collections.abc import Iterable
from enum import Enum

import strawberry
from graphql import GraphQLField
from strawberry.schema.base import BaseSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.base import StrawberryMaybe, StrawberryObjectDefinition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

READ_MEMBERS = ("get_result", "is_basic_field", "is_async", "arguments", "base_resolver", "default_resolver")
"""Members of Strawberry's fields that are read once, at start-up, or not at all."""
RESOLVERS_MODULE = "strawberry.schema.schema_converter"
"""The module of the resolvers that Strawberry makes for fields."""


class Unsupported(TypeError):
    """Raised for a schema with a feature that would be ignored."""

    def __init__(self, where: str, feature: str) -> None:
        super().__init__(
            f"{where} {feature}, which schema/graphql/engine ignores."
            " Do it in the field's resolver, or teach the engine to do it."
        )


def check_schema(schema: strawberry.Schema) -> None:
    """Raises Unsupported for a feature of the schema as a whole that neither plans nor graphql-core's executor know."""
    for name in ("extensions", "directives", "subscription"):
        if getattr(schema, name):
            raise Unsupported("The schema", f"has {name}")
    for name in ("enable_experimental_incremental_execution", "disable_field_suggestions"):
        if getattr(schema.config, name):
            raise Unsupported("The schema's configuration", f"has `{name}`")
    if schema.execution_context_class is not StrawberryGraphQLCoreExecutionContext:
        raise Unsupported("The schema", "has an `execution_context_class` of its own")
    if type(schema).process_errors is not BaseSchema.process_errors:
        raise Unsupported("The schema", "has a `process_errors` of its own")
    if type(schema).execute is not strawberry.Schema.execute:
        raise Unsupported("The schema", "has an `execute` of its own")


def check_config(config: StrawberryConfig) -> None:
    """Raises Unsupported for a feature of the schema's configuration that plans ignore."""
    if config.default_resolver is not StrawberryConfig().default_resolver:
        raise Unsupported("The schema's configuration", "has a `default_resolver` of its own")


def check_resolver(where: str, field: GraphQLField) -> None:
    """Raises Unsupported for a field of the schema whose resolver is not the one that Strawberry has made."""
    if getattr(field.resolve, "__module__", None) != RESOLVERS_MODULE:
        raise Unsupported(where, "has had its resolver replaced")


def check_field(where: str, field: StrawberryField) -> None:
    """Raises Unsupported for a feature of a field, which may have a resolver or be an attribute."""
    if field.permission_classes:
        raise Unsupported(where, f"has permission classes ({_names(field.permission_classes)})")
    if field.extensions:
        raise Unsupported(where, f"has extensions ({_names(field.extensions)})")
    if field.is_subscription:
        raise Unsupported(where, "is a subscription")
    for name in READ_MEMBERS:
        if getattr(type(field), name) is not getattr(StrawberryField, name):
            raise Unsupported(where, f"is a {type(field).__name__} with a `{name}` of its own")


def check_argument_type(where: str, kind: object) -> None:
    """Raises Unsupported for an argument's type that needs a conversion of its own."""
    if isinstance(kind, StrawberryMaybe):
        raise Unsupported(where, "takes a `strawberry.Maybe`")


def check_input(where: str, definition: StrawberryObjectDefinition) -> None:
    """Raises Unsupported for an input that makes its objects itself."""
    if definition.from_input is not None:
        raise Unsupported(where, f"takes a {definition.name} with a `from_input` of its own")


def check_leaf_type(where: str, kind: object) -> None:
    """Raises Unsupported for a type that is no scalar and no enum; lists and inputs are checked by what they hold."""
    is_scalar = isinstance(kind, type) and not issubclass(kind, Enum)
    is_new_type = hasattr(kind, "__supertype__")
    if not (isinstance(kind, StrawberryEnumDefinition) or is_scalar or is_new_type):
        raise Unsupported(where, f"takes a {type(kind).__name__}")


def _names(all: Iterable[object]) -> str:
    return ", ".join(getattr(one, "__name__", type(one).__name__) for one in all)
