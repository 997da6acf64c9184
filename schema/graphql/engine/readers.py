"""Readers of fields that are attributes: each reads its attribute and serializes it, and makes no `info` for it."""

from collections.abc import Callable, Mapping
from types import FunctionType, GeneratorType
from typing import Any, TypeAlias

from graphql import GraphQLBoolean, GraphQLEnumType, GraphQLID, GraphQLLeafType, GraphQLString, Undefined
from graphql.pyutils import inspect
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.enum import StrawberryEnumDefinition

MAX_PLAIN_CLASSES = 1_000
PLAIN_CLASSES: set[type] = {bool, int, float, str, bytes, bytearray, list, tuple, dict, set, frozenset}
"""Classes of values that are no awaitables, no exceptions and not null; those of the schema's own values are added."""


def is_plain(value: object) -> bool:
    """Whether a value is no awaitable, no exception and not null. A class of such values is remembered."""
    kind = type(value)
    if kind in PLAIN_CLASSES:
        return True
    if value is None or value is Undefined or isinstance(value, Exception) or optimized_is_awaitable(value):
        return False
    may_differ = isinstance(kind.__getattribute__, FunctionType) or any("__getattr__" in vars(c) for c in kind.__mro__)
    may_differ = may_differ or kind is GeneratorType  # one that `types.coroutine` marks is awaitable
    if not may_differ and len(PLAIN_CLASSES) < MAX_PLAIN_CLASSES:
        PLAIN_CLASSES.add(kind)
    return True


class NotPlain(Exception):
    """Raised for an attribute whose value has to be completed like that of any other field."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


Reader: TypeAlias = Callable[[object], object]
"""Reads a field of a source as it is sent. Raises what is wrong with it; NotPlain for a value to be completed."""

SENT_AS_THEY_ARE: Mapping[GraphQLLeafType, type] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}
"""Scalars, and the class of values that each of them sends as they are."""


def attribute_reader(attribute: str, kind: GraphQLLeafType, is_optional: bool) -> Reader:
    """The reader of a field that is an attribute of one scalar or enum."""
    serialize = enum_serializer(kind) if isinstance(kind, GraphQLEnumType) else kind.coerce_output_value
    sent_as_it_is = SENT_AS_THEY_ARE.get(kind, NotPlain)

    def read(source: object) -> object:
        value: object = getattr(source, attribute)
        if type(value) is sent_as_it_is:
            return value
        if value is None and is_optional:
            return None
        if type(value) not in PLAIN_CLASSES and not is_plain(value):
            raise NotPlain(value)
        serialized: object = serialize(value)
        if serialized is None or serialized is Undefined:
            raise not_serialized(kind, value, serialized)
        return serialized

    return read


def enum_serializer(kind: GraphQLEnumType) -> Callable[[Any], object]:
    """The function that serializes an enum's values; its members' names are looked up once."""
    definition: object = kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    members: list[object] = list(definition.wrapped_cls) if isinstance(definition, StrawberryEnumDefinition) else []
    names = {id(member): kind.coerce_output_value(member) for member in members}

    def serialize(value: object) -> object:
        return names.get(id(value)) or kind.coerce_output_value(value)

    return serialize


def typename_reader(name: str) -> Reader:
    """The reader of `__typename`, which is the same for every source."""
    return lambda source: name


def not_serialized(kind: GraphQLLeafType, value: object, serialized: object) -> TypeError:
    """The error of a value that a scalar has serialized to nothing, as graphql-core words it."""
    return TypeError(
        f"Expected `{inspect(kind)}.coerce_output_value({inspect(value)})` to return non-nullable value,"
        f" returned: {inspect(serialized)}"
    )
