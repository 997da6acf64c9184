"""How a field's function is called: as Strawberry calls it, with everything found out once that no request changes.

Strawberry looks up an input's names and types each time that something is said in it, and wraps each call in what
extensions and handlers may want: a tenth of the time of a claim, with its nested input (docs/performance.md).
"""

from collections.abc import Callable
from dataclasses import MISSING
from typing import Any, TypeAlias

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryList, StrawberryOptional, has_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver
from strawberry.types.lazy_type import LazyType

from schema.graphql.context import Info
from schema.graphql.engine import supported
from schema.graphql.refusals import TYPES, to_graphql_refusal

Convert: TypeAlias = Callable[[Any], Any]


def _as_it_is(value: Any) -> Any:
    return value


class Conversions:
    """What makes of what was said, coerced by now, what functions take; an input's is made once."""

    def __init__(self, config: StrawberryConfig) -> None:
        self.name = config.name_converter
        self._inputs: dict[type, Convert] = {}

    def of(self, kind: Any, where: str = "A field") -> Convert:
        """What converts values of that kind. Raises Unsupported, which names where it stands."""
        supported.value(where, kind)
        if isinstance(kind, LazyType):
            return self.of(kind.resolve_type(), where)
        if isinstance(kind, StrawberryOptional):
            convert = self.of(kind.of_type, where)
            return convert if convert is _as_it_is else lambda value: None if value is None else convert(value)
        if isinstance(kind, StrawberryList):
            of_each = self.of(kind.of_type, where)
            return lambda values: [of_each(value) for value in values]
        if has_object_definition(kind):
            return self._input(kind)
        supported.handed_on(where, kind)
        return _as_it_is

    def _input(self, kind: Any) -> Convert:
        if kind in self._inputs:
            return self._inputs[kind]
        definition = kind.__strawberry_definition__
        fields: list[tuple[str, str, Convert]] = []
        absent: dict[str, None] = {}

        def build(said: dict[str, Any]) -> Any:
            return kind(**absent | {name: convert(said[key]) for key, name, convert in fields if key in said})

        self._inputs[kind] = build  # before its fields, which may be inputs of the same kind
        for field in definition.fields:
            of = field.resolve_type(type_definition=definition)
            where = f"{kind.__name__}.{field.python_name}"
            supported.field(where, field)
            fields.append((self.name.from_field(field), field.python_name, self.of(of, where)))
            if field.default is MISSING and isinstance(of, StrawberryOptional):
                absent[field.python_name] = None
        return build


def install_resolvers(schema: GraphQLSchema, config: StrawberryConfig) -> None:
    """Have a schema's functions called in this way. Raises Unsupported for what would be passed over."""
    conversions = Conversions(config)
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for name, field in kind.fields.items():
                told = definition(field)
                if told is None:
                    continue
                supported.field(f"{kind.name}.{name}", told)
                if told.base_resolver is not None:
                    field.resolve = _resolver(schema, field, told, told.base_resolver, conversions)


def definition(field: GraphQLField) -> StrawberryField | None:
    """What Strawberry was told of a field; None of those that it has not been told of."""
    found: StrawberryField | None = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return found


def _resolver(
    schema: GraphQLSchema,
    field: GraphQLField,
    told: StrawberryField,
    resolver: StrawberryResolver[Any],
    conversions: Conversions,
) -> Callable[..., Any]:
    function: Any = resolver.wrapped_func
    takes_source = resolver.self_parameter is not None
    takes_info = resolver.info_parameter.name if resolver.info_parameter is not None else None
    arguments = [
        (
            conversions.name.from_argument(argument),
            argument.python_name,
            conversions.of(argument.type, f"{told.python_name}({argument.python_name}:)"),
        )
        for argument in told.arguments
    ]

    def call(source: Any, info: Any, said: dict[str, Any]) -> Any:
        given = {name: convert(said[key]) for key, name, convert in arguments if key in said} if said else said
        if takes_info:
            given[takes_info] = Info(_raw_info=info, _field=told)
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
            answer = to_graphql_refusal(refusal, info.context.caller.is_public)
            if type(answer).__name__ not in outcomes:
                raise
            return answer

    return resolve_or_refuse
