"""Coercion of variables by functions that are made once for each operation.

graphql-core looks up the type of each variable and of each field of an input in each run, and once more how deep they
are nested: a tenth of a claim's time. Here a value only goes through functions. A value that is not valid is left to
graphql-core, which reports what is wrong with it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.utilities.coerce_input_value import coerce_default_value

Coercer: TypeAlias = Callable[[Any], Any]
"""A function from a raw value to a coerced one. Raises any exception for a value that is not valid."""


class CoercionError(Exception):
    """Raised for a value or type that graphql-core has to coerce."""


def coercer(kind: Any, above: tuple[Any, ...] = ()) -> Coercer:
    """The coercer of a type, which may be within the input types `above`.

    Raises CoercionError for a type that graphql-core has to coerce.
    """
    is_required = is_non_null_type(kind)
    coerce = _non_null_coercer(kind.of_type if is_required else kind, above)

    def coerce_nullable(value: Any) -> Any:
        if value is None:
            if is_required:
                raise CoercionError
            return None
        coerced = coerce(value)
        if coerced is Undefined:
            raise CoercionError
        return coerced

    return coerce_nullable


def _non_null_coercer(kind: Any, above: tuple[Any, ...]) -> Coercer:
    """The same for values that are not null."""
    if is_list_type(kind):
        coerce_item = coercer(kind.of_type, above)
        return lambda values: [coerce_item(value) for value in values] if isinstance(values, list) else Undefined
    if is_input_object_type(kind):
        return _input_coercer(kind, above)
    coerce: Coercer = kind.coerce_input_value
    return coerce


def _input_coercer(kind: Any, above: tuple[Any, ...]) -> Coercer:
    if kind in above:  # an input type within itself: its values may be nested too deeply
        raise CoercionError
    above = (*above, kind)
    fields = {name: (field.out_name or name, coercer(field.type, above)) for name, field in kind.fields.items()}
    required = {name for name, field in kind.fields.items() if is_required_input_field(field)}
    defaults = {fields[name][0]: coerce_default_value(field) for name, field in kind.fields.items()}
    defaults = {name: value for name, value in defaults.items() if value is not Undefined}

    def coerce_input(raw: dict[str, Any]) -> Any:
        if not required <= raw.keys() or (kind.is_one_of and (len(raw) != 1 or None in raw.values())):
            raise CoercionError
        values = dict(defaults)
        for key, value in raw.items():
            name, coerce = fields[key]
            values[name] = coerce(value)
        return kind.out_type(values)

    return coerce_input


class Variable(NamedTuple):
    """A variable of an operation, its coercer, and its default value or Undefined."""

    signature: GraphQLVariableSignature
    coerce: Coercer
    default: Any


class Variables:
    """The variables of an operation. Raises CoercionError where graphql-core has to coerce one of them."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        signatures: list[Any] = [get_variable_signature(schema, node) for node in operation.variable_definitions or ()]
        self._all = [
            Variable(signature, coercer(signature.type), coerce_default_value(signature)) for signature in signatures
        ]

    def coerce(self, raw: dict[str, Any]) -> VariableValues | None:
        """The values of the variables as graphql-core has them, or None where one is not valid."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        try:
            for signature, coerce, default in self._all:
                value = raw.get(signature.name, Undefined)
                sources[signature.name] = VariableValueSource(signature, value)
                if value is not Undefined:
                    coerced[signature.name] = coerce(value)
                elif default is not Undefined:
                    coerced[signature.name] = default
                elif is_non_null_type(signature.type):
                    return None
        except Exception:  # nothing is swallowed: graphql-core meets it again, and reports it
            return None
        return VariableValues(sources, coerced)
