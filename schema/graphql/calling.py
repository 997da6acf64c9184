"""How a field's function is called: as Strawberry calls it, with everything found out once that no request changes.

Strawberry looks up an input's names and types each time that something is said in it, and wraps each call in what
extensions and handlers may want; for a small mutation that is as much work as all else (docs/performance.md).
"""

from collections.abc import Callable
from dataclasses import MISSING
from typing import Any, TypeAlias

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, get_named_type, is_abstract_type
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryList, StrawberryOptional, has_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver
from strawberry.types.lazy_type import LazyType

from schema.graphql.context import Info
from schema.graphql.refusals import TYPES, worded

Convert: TypeAlias = Callable[[Any], Any]


def quicken(schema: GraphQLSchema, config: StrawberryConfig) -> None:
    """Have a schema's functions called in this way."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for field in kind.fields.values():
                told = definition(field)
                if told is not None and told.base_resolver is not None:
                    field.resolve = _resolver(schema, field, told, told.base_resolver, config)


def definition(field: GraphQLField) -> StrawberryField | None:
    """What Strawberry was told of a field; None of those that it has not been told of."""
    found: StrawberryField | None = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return found


def _resolver(
    schema: GraphQLSchema,
    field: GraphQLField,
    told: StrawberryField,
    resolver: StrawberryResolver[Any],
    config: StrawberryConfig,
) -> Callable[..., Any]:
    function: Any = resolver.wrapped_func
    takes_source, takes_info = resolver.self_parameter is not None, resolver.info_parameter is not None
    arguments = [
        (config.name_converter.from_argument(argument), argument.python_name, _conversion(argument.type, config))
        for argument in told.arguments
    ]

    def call(source: Any, info: Any, said: dict[str, Any]) -> Any:
        given = {name: convert(said[key]) for key, name, convert in arguments if key in said} if said else said
        if takes_info:
            given["info"] = Info(_raw_info=info, _field=told)
        return function(source, **given) if takes_source else function(**given)

    def resolve(source: Any, info: Any, **said: Any) -> Any:
        return call(source, info, said)

    named = get_named_type(field.type)
    if not is_abstract_type(named) or not told.is_async:
        return resolve
    outcomes = {kind.name for kind in schema.get_possible_types(named)}

    async def resolve_or_refuse(source: Any, info: Any, **said: Any) -> Any:
        try:
            return await call(source, info, said)
        except tuple(TYPES) as refusal:
            answer = worded(refusal, info.context.caller.is_public)
            if type(answer).__name__ not in outcomes:
                raise
            return answer

    return resolve_or_refuse


def _as_it_is(value: Any) -> Any:
    return value


def _conversion(kind: Any, config: StrawberryConfig) -> Convert:
    """Makes of what was said, coerced by now, what the function takes."""
    if isinstance(kind, LazyType):
        return _conversion(kind.resolve_type(), config)
    if isinstance(kind, StrawberryOptional):
        convert = _conversion(kind.of_type, config)
        return convert if convert is _as_it_is else lambda value: None if value is None else convert(value)
    if isinstance(kind, StrawberryList):
        of_each = _conversion(kind.of_type, config)
        return lambda values: [of_each(value) for value in values]
    return _input(kind, config) if has_object_definition(kind) else _as_it_is


def _input(kind: Any, config: StrawberryConfig) -> Convert:
    definition = kind.__strawberry_definition__
    kinds = {field: field.resolve_type(type_definition=definition) for field in definition.fields}
    fields = [
        (config.name_converter.from_field(field), field.python_name, _conversion(kinds[field], config))
        for field in definition.fields
    ]
    absent = {
        field.python_name: None
        for field in definition.fields
        if field.default is MISSING and isinstance(kinds[field], StrawberryOptional)
    }

    def build(said: dict[str, Any]) -> Any:
        return kind(**absent | {name: convert(said[key]) for key, name, convert in fields if key in said})

    return build
