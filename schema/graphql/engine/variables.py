"""How the values of a document's variables are made ready, found out once.

graphql-core finds out in each run of which type each variable and each field of an input is, and once more how deep
they are nested: a tenth of a claim's time. Here a value only goes through functions. Whatever is amiss is left to
graphql-core, which says what it is.
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

Ready: TypeAlias = Callable[[Any], Any]
"""What was said as functions take it. Raises anything when something is amiss."""


class Amiss(Exception):
    """Raised for what graphql-core has to look at."""


def ready(kind: Any, above: tuple[Any, ...] = ()) -> Ready:
    """What makes values of a type ready, where it is below those types. Raises Amiss for types of the long way."""
    is_required = is_non_null_type(kind)
    make = _present(kind.of_type if is_required else kind, above)

    def made(value: Any) -> Any:
        if value is None:
            if is_required:
                raise Amiss
            return None
        found = make(value)
        if found is Undefined:
            raise Amiss
        return found

    return made


def _present(kind: Any, above: tuple[Any, ...]) -> Ready:
    """The same of values that are there."""
    if is_list_type(kind):
        member = ready(kind.of_type, above)
        return lambda values: [member(value) for value in values] if isinstance(values, list) else Undefined
    if is_input_object_type(kind):
        return _input(kind, above)
    coerce: Ready = kind.coerce_input_value
    return coerce


def _input(kind: Any, above: tuple[Any, ...]) -> Ready:
    if kind in above:  # what holds itself may be nested too deeply
        raise Amiss
    above = (*above, kind)
    fields = {name: (field.out_name or name, ready(field.type, above)) for name, field in kind.fields.items()}
    required = {name for name, field in kind.fields.items() if is_required_input_field(field)}
    defaults = {fields[name][0]: coerce_default_value(field) for name, field in kind.fields.items()}
    defaults = {name: value for name, value in defaults.items() if value is not Undefined}

    def made(said: dict[str, Any]) -> Any:
        if not required <= said.keys() or (kind.is_one_of and (len(said) != 1 or None in said.values())):
            raise Amiss
        values = dict(defaults)
        for key, value in said.items():
            name, make = fields[key]
            values[name] = make(value)
        return kind.out_type(values)

    return made


class Variable(NamedTuple):
    """A variable, how its value is made ready, and the one it has if none is said."""

    signature: GraphQLVariableSignature
    make: Ready
    default: Any


class Variables:
    """An operation's variables. Raises Amiss where one of them has to go the long way."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        signatures: list[Any] = [get_variable_signature(schema, told) for told in operation.variable_definitions or ()]
        self._all = [Variable(one, ready(one.type), coerce_default_value(one)) for one in signatures]

    def values(self, said: dict[str, Any]) -> VariableValues | None:
        """Their values as graphql-core has them, or None where anything is amiss."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        try:
            for signature, make, default in self._all:
                value = said.get(signature.name, Undefined)
                sources[signature.name] = VariableValueSource(signature, value)
                if value is not Undefined:
                    coerced[signature.name] = make(value)
                elif default is not Undefined:
                    coerced[signature.name] = default
                elif is_non_null_type(signature.type):
                    return None
        except Exception:  # nothing is swallowed: the long way meets it again, and words it
            return None
        return VariableValues(sources, coerced)
