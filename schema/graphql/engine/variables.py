"""Coercion of variables by functions that are made once for each operation.

graphql-core looks up the type of each variable and of each field of an input in each run, and once more how deep they
are nested: a tenth of a claim's time. Here a value only goes through functions. A value that is not valid is left to
graphql-core, which reports what is wrong with it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal

Coercer: TypeAlias = Callable[[Any], object]
"""A function from a raw value to a coerced one. Raises any exception for a value that is not valid."""


class CoercionError(Exception):
    """Raised for a value or type that graphql-core has to coerce."""


def coercer(kind: GraphQLInputType, above: tuple[GraphQLInputObjectType, ...] = ()) -> Coercer:
    """The coercer of a type, which may be within the input types `above`.

    Raises CoercionError for a type that graphql-core has to coerce.
    """
    is_required = is_non_null_type(kind)
    coerce = _non_null_coercer(kind.of_type if is_non_null_type(kind) else kind, above)

    def coerce_nullable(value: object) -> object:
        if value is None:
            if is_required:
                raise CoercionError
            return None
        coerced = coerce(value)
        if coerced is Undefined:
            raise CoercionError
        return coerced

    return coerce_nullable


def _non_null_coercer(kind: GraphQLInputType, above: tuple[GraphQLInputObjectType, ...]) -> Coercer:
    """The same for values that are not null."""
    if is_list_type(kind):
        coerce_item = coercer(kind.of_type, above)
        return lambda values: [coerce_item(value) for value in values] if isinstance(values, list) else Undefined
    if is_input_object_type(kind):
        return _input_coercer(kind, above)
    if not is_leaf_type(kind):
        raise CoercionError
    return kind.coerce_input_value


def _input_coercer(kind: GraphQLInputObjectType, above: tuple[GraphQLInputObjectType, ...]) -> Coercer:
    if kind in above:  # an input type within itself: its values may be nested too deeply
        raise CoercionError
    above = (*above, kind)
    names = kind.fields.keys()
    required = {name for name, field in kind.fields.items() if is_required_input_field(field)}
    fields: list[tuple[str, str, Coercer, object]] = [
        (name, field.out_name or name, coercer(field.type, above), coerce_default_value(field))
        for name, field in kind.fields.items()
    ]

    def coerce_input(raw: object) -> object:
        if not isinstance(raw, dict) or not required <= raw.keys() <= names:
            raise CoercionError
        if kind.is_one_of and (len(raw) != 1 or None in raw.values()):
            raise CoercionError
        values: dict[str, object] = {}
        for key, name, coerce, default in fields:
            if key in raw:
                values[name] = coerce(raw[key])
            elif default is not Undefined:
                values[name] = default
        return kind.out_type(values)

    return coerce_input


class Variable(NamedTuple):
    """A variable of an operation, its coercer, and its default value or Undefined."""

    signature: GraphQLVariableSignature
    coerce: Coercer
    default: object

    def default_of_run(self) -> object:
        """The default value, made anew for each run if a resolver could change it."""
        literal = self.signature.default.literal if self.signature.default else None
        if literal is not None and isinstance(self.default, list | dict):
            return coerce_input_literal(literal, self.signature.type)
        return self.default


class Variables:
    """The variables of an operation. Raises CoercionError where graphql-core has to coerce one of them."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._all: list[Variable] = []
        for node in operation.variable_definitions or ():
            signature = get_variable_signature(schema, node)
            if not isinstance(signature, GraphQLVariableSignature):
                raise CoercionError
            try:
                default: object = coerce_default_value(signature)
            except Exception as error:  # it is reported in each run that needs it
                raise CoercionError from error
            self._all.append(Variable(signature, coercer(signature.type), default))

    def coerce(self, raw: Mapping[str, object]) -> VariableValues | None:
        """The values of the variables as graphql-core has them, or None where one is not valid."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, object] = {}
        try:
            for variable in self._all:
                signature = variable.signature
                value = raw.get(signature.name, Undefined)
                sources[signature.name] = VariableValueSource(signature, value)
                if value is not Undefined:
                    coerced[signature.name] = variable.coerce(value)
                elif variable.default is not Undefined:
                    coerced[signature.name] = variable.default_of_run()
                elif is_non_null_type(signature.type):
                    return None
        except Exception:  # nothing is swallowed: graphql-core meets it again, and reports it
            return None
        return VariableValues(sources, coerced)
