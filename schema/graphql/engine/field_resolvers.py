"""Field resolvers called directly: as Strawberry calls them, with everything precomputed that no request changes.

Strawberry looks up an input's names and types in each call, and wraps each call in what extensions and handlers may
need: a tenth of the time of a claim, with its nested input (docs/performance.md). The schema's own resolvers are left
alone: graphql-core calls them where an operation has no plan.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import MISSING
from types import CoroutineType
from typing import Any, TypeAlias

import strawberry
from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo
from strawberry import UNSET
from strawberry.relay import GlobalID
from strawberry.schema.exception_handlers import ExceptionHandler, get_error_type, get_exception_types
from strawberry.schema.schema_converter import GraphQLCoreConverter, field_contains_type
from strawberry.types.arguments import convert_argument
from strawberry.types.base import (
    StrawberryList,
    StrawberryObjectDefinition,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver
from strawberry.types.lazy_type import LazyType
from strawberry.utils.await_maybe import await_maybe

from schema.graphql.engine import supported

Converter: TypeAlias = Callable[[Any], object]
Arguments: TypeAlias = Mapping[str, object]
Info: TypeAlias = GraphQLResolveInfo[object]
FieldResolver: TypeAlias = Callable[[object, Info, Arguments], object]
"""A function from a field's source, graphql-core's info and the coerced arguments to a value or an awaitable of it."""


def _unchanged(value: object) -> object:
    return value


class ArgumentConverters:
    """Converters from coerced GraphQL arguments to resolver arguments, one a type; an input's is made once."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema = schema
        self.name_converter = schema.config.name_converter
        self._inputs: dict[type, Converter] = {}

    def for_type(self, kind: object, where: str = "A field") -> Converter:
        """The converter of values of a type. Raises Unsupported, which names the field in `where`."""
        supported.check_argument_type(where, kind)
        if isinstance(kind, LazyType):
            return self.for_type(kind.resolve_type(), where)
        if isinstance(kind, StrawberryOptional):
            return self.for_type(kind.of_type, where)
        if isinstance(kind, StrawberryList):
            return _list_converter(self.for_type(kind.of_type, where))
        if kind is GlobalID:
            registry, config = self._schema.schema_converter.scalar_registry, self._schema.config
            return lambda value: convert_argument(value, GlobalID, registry, config)
        if has_object_definition(kind):
            return self._input(kind, kind.__strawberry_definition__, where)
        supported.check_leaf_type(where, kind)
        return _unchanged

    def _input(self, kind: type, definition: StrawberryObjectDefinition, where: str) -> Converter:
        if kind in self._inputs:
            return self._inputs[kind]
        supported.check_input(where, definition)
        fields: list[tuple[str, str, Converter]] = []
        absent: dict[str, object] = {}

        def convert_input(values: object) -> object:
            if not isinstance(values, dict):
                return values  # null, or not given at all
            return kind(**absent | {name: convert(values[key]) for key, name, convert in fields if key in values})

        self._inputs[kind] = convert_input  # before its fields, which may be inputs of the same type
        for field in definition.fields:
            inner = f"{kind.__name__}.{field.python_name}"
            supported.check_field(inner, field)
            convert = self.for_type(field.resolve_type(type_definition=definition), inner)
            fields.append((self.name_converter.from_field(field), field.python_name, convert))
            if field.default_value is MISSING and field.default_factory is MISSING:
                absent[field.python_name] = None
        return convert_input


def _list_converter(convert_item: Converter) -> Converter:
    def convert_list(values: Any) -> object:
        if values is None or values is UNSET:
            return values
        return [convert_item(value) for value in values]

    return convert_list


class FieldHandlers:
    """The exception handlers that can apply to one field: those whose error type is in the field's union."""

    def __init__(self, schema: strawberry.Schema, field: StrawberryField) -> None:
        self._field, self._info_class = field, schema.config.info_class
        self._handlers: list[tuple[tuple[type[Exception], ...], ExceptionHandler[Exception]]] = [
            (get_exception_types(handler), handler)
            for handler in schema.exception_handlers
            if field_contains_type(field, get_error_type(handler))
        ]
        self.exception_types: tuple[type[Exception], ...] = tuple(kind for kinds, _ in self._handlers for kind in kinds)

    async def value_for_async(self, error: Exception, info: Info) -> object:
        """The value that the first handler of an error has for it. Raises the error where that declines."""
        value: object = await await_maybe(self._handle(error, info))
        if value is None:
            raise error
        return value

    def value_for(self, error: Exception, info: Info) -> object:
        """The same of a resolver that is not asynchronous."""
        value = self._handle(error, info)
        if value is None:
            raise error
        return value

    def _handle(self, error: Exception, info: Info) -> object:
        handler = next(handler for kinds, handler in self._handlers if isinstance(error, kinds))
        return handler.handle(error, field=self._field, info=self._info_class(_raw_info=info, _field=self._field))


class FieldResolvers:
    """The resolvers of all fields of a schema, by type and field. Raises Unsupported for a feature that is ignored."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema, self._converters = schema, ArgumentConverters(schema)
        self._resolvers: dict[tuple[str, str], FieldResolver] = {}
        self._attributes: dict[tuple[str, str], str] = {}
        for kind in schema._schema.type_map.values():
            if isinstance(kind, GraphQLObjectType):
                for name, field in kind.fields.items():
                    self._add(kind.name, name, field)

    def attribute(self, parent: str, name: str) -> str | None:
        """The name of the attribute that a field is; None for one with a resolver."""
        return self._attributes.get((parent, name))

    def resolver(self, parent: str, name: str) -> FieldResolver | None:
        """The resolver of a field; None for one that is an attribute, and for graphql-core's own fields."""
        return self._resolvers.get((parent, name))

    def _add(self, parent: str, name: str, field: GraphQLField) -> None:
        definition: StrawberryField | None = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if definition is None:
            return
        where = f"{parent}.{name}"
        supported.check_field(where, definition)
        supported.check_resolver(where, field)
        handlers = FieldHandlers(self._schema, definition)
        if definition.base_resolver is not None:
            call = self._caller(where, definition, definition.base_resolver)
        elif handlers.exception_types:
            call = _attribute_reader(definition.python_name)
        else:
            self._attributes[parent, name] = definition.python_name
            return
        self._resolvers[parent, name] = _resolver(call, definition.is_async, handlers)

    def _caller(self, where: str, definition: StrawberryField, resolver: StrawberryResolver[object]) -> FieldResolver:
        """The function that calls a field's resolver with its converted arguments."""
        function = resolver.wrapped_func
        if not callable(function):
            raise supported.Unsupported(where, "has a resolver that is not bound to its class")
        takes_source = resolver.self_parameter is not None
        source_names = [
            parameter.name for parameter in (resolver.parent_parameter, resolver.root_parameter) if parameter
        ]
        info_name = resolver.info_parameter.name if resolver.info_parameter is not None else None
        info_class = self._schema.config.info_class
        from_argument = self._converters.name_converter.from_argument
        arguments = []
        for argument in definition.arguments:
            convert = self._converters.for_type(argument.type, f"{definition.python_name}({argument.python_name}:)")
            arguments.append((from_argument(argument), argument.python_name, convert))

        def call(source: object, info: Info, values: Arguments) -> object:
            kwargs = {name: convert(values[key]) for key, name, convert in arguments if key in values} if values else {}
            if source_names:
                kwargs.update(dict.fromkeys(source_names, source))
            if info_name:
                kwargs[info_name] = info_class(_raw_info=info, _field=definition)
            return function(source, **kwargs) if takes_source else function(**kwargs)

        return call


def _attribute_reader(name: str) -> FieldResolver:
    return lambda source, info, values: getattr(source, name)


def _resolver(call: FieldResolver, is_async: bool, handlers: FieldHandlers) -> FieldResolver:
    """The resolver that calls a field's function, and hands what that raises to the schema's exception handlers."""
    exception_types = handlers.exception_types

    def resolve_async(source: object, info: Info, values: Arguments) -> object:
        try:
            value = call(source, info, values)
        except Exception as error:  # of an input's class: it fails when the field is awaited, as Strawberry has it
            return _raise(error)
        return value if isinstance(value, CoroutineType) else await_maybe(value)

    async def resolve_or_handle_async(source: object, info: Info, values: Arguments) -> object:
        try:
            value = call(source, info, values)
            return await value if isinstance(value, CoroutineType) else await await_maybe(value)
        except exception_types as error:
            return await handlers.value_for_async(error, info)

    async def await_or_handle(value: Awaitable[object], info: Info) -> object:
        try:
            return await value
        except exception_types as error:
            return await handlers.value_for_async(error, info)

    def resolve_or_handle(source: object, info: Info, values: Arguments) -> object:
        try:
            value = call(source, info, values)
        except exception_types as error:
            return handlers.value_for(error, info)
        return await_or_handle(value, info) if inspect.isawaitable(value) else value

    if not exception_types:
        return resolve_async if is_async else call
    return resolve_or_handle_async if is_async else resolve_or_handle


async def _raise(error: Exception) -> object:
    raise error
