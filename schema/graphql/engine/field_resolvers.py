"""Field resolvers called directly: as Strawberry calls them, with everything precomputed that no request changes.

Strawberry looks up an input's names and types in each call, and wraps each call in what extensions and handlers may
need: a tenth of the time of a claim, with its nested input (docs/performance.md).
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import MISSING
from typing import Any, TypeAlias

import strawberry
from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exception_handlers import ExceptionHandler, get_error_type, get_exception_types
from strawberry.schema.schema_converter import GraphQLCoreConverter, field_contains_type
from strawberry.types.base import StrawberryList, StrawberryOptional, has_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver
from strawberry.types.lazy_type import LazyType
from strawberry.utils.await_maybe import await_maybe

from schema.graphql.engine import supported

Converter: TypeAlias = Callable[[Any], Any]


def _unchanged(value: Any) -> Any:
    return value


class ArgumentConverters:
    """Converters from coerced GraphQL arguments to resolver arguments, one a type; an input's is made once."""

    def __init__(self, config: StrawberryConfig) -> None:
        self.name_converter = config.name_converter
        self._inputs: dict[type, Converter] = {}

    def for_type(self, kind: Any, where: str = "A field") -> Converter:
        """The converter of values of a type. Raises Unsupported, which names the field in `where`."""
        supported.check_argument_type(where, kind)
        if isinstance(kind, LazyType):
            return self.for_type(kind.resolve_type(), where)
        if isinstance(kind, StrawberryOptional):
            convert = self.for_type(kind.of_type, where)
            return convert if convert is _unchanged else lambda value: None if value is None else convert(value)
        if isinstance(kind, StrawberryList):
            convert_item = self.for_type(kind.of_type, where)
            return lambda values: [convert_item(value) for value in values]
        if has_object_definition(kind):
            return self._input(kind)
        supported.check_leaf_type(where, kind)
        return _unchanged

    def _input(self, kind: Any) -> Converter:
        if kind in self._inputs:
            return self._inputs[kind]
        definition = kind.__strawberry_definition__
        fields: list[tuple[str, str, Converter]] = []
        absent: dict[str, None] = {}

        def convert_input(values: dict[str, Any]) -> Any:
            return kind(**absent | {name: convert(values[key]) for key, name, convert in fields if key in values})

        self._inputs[kind] = convert_input  # before its fields, which may be inputs of the same type
        for field in definition.fields:
            field_type = field.resolve_type(type_definition=definition)
            where = f"{kind.__name__}.{field.python_name}"
            supported.check_field(where, field)
            convert = self.for_type(field_type, where)
            fields.append((self.name_converter.from_field(field), field.python_name, convert))
            if field.default is MISSING and isinstance(field_type, StrawberryOptional):
                absent[field.python_name] = None
        return convert_input


class FieldHandlers:
    """The exception handlers that can apply to one field: those whose error type is in the field's union."""

    def __init__(self, schema: strawberry.Schema, field: StrawberryField) -> None:
        self._field, self._info_class = field, schema.config.info_class
        self._handlers: list[tuple[tuple[type[Exception], ...], ExceptionHandler[Any]]] = [
            (get_exception_types(handler), handler)
            for handler in schema.exception_handlers
            if field_contains_type(field, get_error_type(handler))
        ]
        self.exception_types: tuple[type[Exception], ...] = tuple(kind for kinds, _ in self._handlers for kind in kinds)

    async def value_for_async(self, error: Exception, info: GraphQLResolveInfo[Any]) -> Any:
        """The value that the first handler of an error has for it. Raises the error where that declines."""
        value = await await_maybe(self._handle(error, info))
        if value is None:
            raise error
        return value

    def value_for(self, error: Exception, info: GraphQLResolveInfo[Any]) -> Any:
        """The same of a resolver that is not asynchronous."""
        value = self._handle(error, info)
        if value is None:
            raise error
        return value

    def _handle(self, error: Exception, info: GraphQLResolveInfo[Any]) -> Any:
        handler = next(handler for kinds, handler in self._handlers if isinstance(error, kinds))
        return handler.handle(error, field=self._field, info=self._info_class(_raw_info=info, _field=self._field))


def install_resolvers(schema: strawberry.Schema) -> None:
    """Replace the resolvers of a schema's fields. Raises Unsupported for a feature that these would ignore."""
    converters = ArgumentConverters(schema.config)
    for kind in schema._schema.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for name, field in kind.fields.items():
                definition = strawberry_field(field)
                if definition is None:
                    continue
                supported.check_field(f"{kind.name}.{name}", definition)
                if definition.base_resolver is not None:
                    field.resolve = _resolver(schema, definition, definition.base_resolver, converters)


def strawberry_field(field: GraphQLField) -> StrawberryField | None:
    """Strawberry's definition of a field; None for graphql-core's own fields."""
    definition: StrawberryField | None = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return definition


def _resolver(
    schema: strawberry.Schema,
    definition: StrawberryField,
    resolver: StrawberryResolver[Any],
    converters: ArgumentConverters,
) -> Callable[..., Any]:
    function: Any = resolver.wrapped_func
    takes_source = resolver.self_parameter is not None
    info_name = resolver.info_parameter.name if resolver.info_parameter is not None else None
    info_class = schema.config.info_class
    arguments = [
        (
            converters.name_converter.from_argument(argument),
            argument.python_name,
            converters.for_type(argument.type, f"{definition.python_name}({argument.python_name}:)"),
        )
        for argument in definition.arguments
    ]

    def call(source: Any, info: GraphQLResolveInfo[Any], values: dict[str, Any]) -> Any:
        kwargs = {name: convert(values[key]) for key, name, convert in arguments if key in values} if values else values
        if info_name:
            kwargs[info_name] = info_class(_raw_info=info, _field=definition)
        return function(source, **kwargs) if takes_source else function(**kwargs)

    def resolve(source: Any, info: GraphQLResolveInfo[Any], **values: Any) -> Any:
        return call(source, info, values)

    handlers = FieldHandlers(schema, definition)
    if not handlers.exception_types:
        return resolve

    async def resolve_or_handle_async(source: Any, info: GraphQLResolveInfo[Any], **values: Any) -> Any:
        try:
            return await call(source, info, values)
        except handlers.exception_types as error:
            return await handlers.value_for_async(error, info)

    async def await_or_handle(value: Awaitable[Any], info: GraphQLResolveInfo[Any]) -> Any:
        try:
            return await value
        except handlers.exception_types as error:
            return await handlers.value_for_async(error, info)

    def resolve_or_handle(source: Any, info: GraphQLResolveInfo[Any], **values: Any) -> Any:
        try:
            value = call(source, info, values)
        except handlers.exception_types as error:
            return handlers.value_for(error, info)
        return await_or_handle(value, info) if inspect.isawaitable(value) else value

    return resolve_or_handle_async if definition.is_async else resolve_or_handle
