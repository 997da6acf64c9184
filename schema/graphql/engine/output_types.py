"""Types of fields, taken apart once: whether a value may be null, and what is done with one that is not."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from graphql import (
    GraphQLAbstractType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

T = TypeVar("T", bound=GraphQLOutputType, covariant=True)


@dataclass(slots=True)
class Output(Generic[T]):
    """A field's type: `type` as it is declared, `nullable` without its non-null wrapper."""

    type: GraphQLOutputType
    nullable: T
    is_required: bool


class LeafOutput(Output[GraphQLLeafType]):
    """A scalar or an enum."""


class ObjectOutput(Output[GraphQLObjectType]):
    """An object type."""


class AbstractOutput(Output[GraphQLAbstractType]):
    """An interface or a union."""


@dataclass(slots=True)
class ListOutput(Output[GraphQLList[GraphQLOutputType]]):
    """A list, with the type of its items."""

    item: "AnyOutput"


AnyOutput = LeafOutput | ListOutput | ObjectOutput | AbstractOutput


def output_of(type: GraphQLOutputType) -> AnyOutput:
    """A type of the schema taken apart."""
    is_required = is_non_null_type(type)
    nullable: GraphQLOutputType = type.of_type if is_non_null_type(type) else type
    if is_list_type(nullable):
        return ListOutput(type, nullable, is_required, output_of(nullable.of_type))
    if is_leaf_type(nullable):
        return LeafOutput(type, nullable, is_required)
    if is_abstract_type(nullable):
        return AbstractOutput(type, nullable, is_required)
    if is_object_type(nullable):
        return ObjectOutput(type, nullable, is_required)
    raise TypeError(f"{type} is no type of a field")  # never: non-null is not nested
