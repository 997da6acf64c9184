"""What a document selects, found out once: each field's function, and how arguments and values are made ready.

A plan is for documents without directives and questions about the schema itself: they select the same in every run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    VariableNode,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import FragmentDetails, GroupedFieldSet, collect_fields, collect_subfields
from graphql.execution.values import VariableValues, get_argument_values

from schema.graphql.engine import field_resolvers
from schema.graphql.engine.variables import Amiss, Variables

NOTHING = VariableValues({}, {})


class Reading(NamedTuple):
    """A field that is an attribute: its name, how its value is written, and whether it may be absent."""

    attribute: str
    write: Callable[[Any], Any]
    is_optional: bool

    def of(self, source: Any) -> Any:
        """The field's value, or Undefined for what has to go the long way."""
        try:
            value = getattr(source, self.attribute)
            if value is None:
                return None if self.is_optional else Undefined
            written = self.write(value)
        except Exception:  # nothing is swallowed: the long way meets it again, and words it
            return Undefined
        return Undefined if written is None else written


class Naming(NamedTuple):
    """`__typename`, which asks nothing of what it is the type of."""

    name: str

    def of(self, _: Any) -> Any:
        """The type's name."""
        return self.name


def reading(of: GraphQLField) -> Reading | None:
    """How a field is read that is an attribute of one scalar or enum; None of any other."""
    name = attribute(of)
    kind: Any = of.type.of_type if is_non_null_type(of.type) else of.type
    return Reading(name, kind.coerce_output_value, kind is of.type) if name and is_leaf_type(kind) else None


def attribute(of: GraphQLField) -> str | None:
    """The attribute that a field is, if it is one."""
    told = field_resolvers.definition(of)
    return told.python_name if told is not None and told.is_basic_field else None


class Shape(NamedTuple):
    """What a value is to be: of which type, that type's kind, and of a list what its members are to be."""

    type: Any
    is_required: bool
    kind: str
    bare: Any
    member: Any


def shape(type: Any) -> Shape:
    """A type taken apart."""
    is_required = is_non_null_type(type)
    bare = type.of_type if is_required else type
    if is_list_type(bare):
        return Shape(type, is_required, "list", bare, shape(bare.of_type))
    kind = "leaf" if is_leaf_type(bare) else "abstract" if is_abstract_type(bare) else "object"
    return Shape(type, is_required, kind, bare, None)


@dataclass(slots=True)
class Step:
    """A selected field of one type.

    `given` are its arguments where they are the same in every run, `variables` the names of those that they are,
    by argument, where all are variables.
    """

    key: str
    name: str
    parent: GraphQLObjectType
    details: Any
    nodes: list[FieldNode]
    of: GraphQLField
    shape: Shape
    attribute: str | None
    reading: Reading | Naming | None
    given: dict[str, Any] | None
    variables: dict[str, str] | None
    below: dict[GraphQLObjectType, list["Step"]] = field(default_factory=dict)
    kinds: dict[type, GraphQLObjectType] = field(default_factory=dict)
    """Which type of the schema a class stands for, where the field may be of several."""

    def arguments(self, values: VariableValues) -> dict[str, Any]:
        """What the field's function is given."""
        if self.given is not None:
            return self.given
        if self.variables is not None:
            said = {name: values.coerced.get(variable) for name, variable in self.variables.items()}
            if None not in said.values():
                return said
        return get_argument_values(self.of, self.nodes[0], values)


class Plan:
    """One operation of a document that is plain; `variables` is None where they have to go the long way."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._schema, self.operation = schema, operation
        parts = [found for found in document.definitions if isinstance(found, FragmentDefinitionNode)]
        self.parts = {found.name.value: found for found in parts}
        self.fragments = {name: FragmentDetails(found) for name, found in self.parts.items()}
        root: Any = schema.get_root_type(operation.operation)
        self.steps = self._steps(root, collect_fields(schema, self.fragments, NOTHING, root, operation)[0])
        try:
            self.variables: Variables | None = Variables(schema, operation)
        except Amiss:
            self.variables = None

    def below(self, step: Step, kind: GraphQLObjectType) -> list[Step]:
        """What is selected of a step's value, when it is of that type."""
        steps = step.below.get(kind)
        if steps is None:
            found = collect_subfields(
                self._schema, self.fragments, NOTHING, self.operation, kind, step.details
            ).grouped_field_set
            steps = step.below[kind] = self._steps(kind, found)
        return steps

    def _steps(self, parent: GraphQLObjectType, selected: GroupedFieldSet) -> list[Step]:
        return [_step(self._schema, parent, key, details) for key, details in selected.items()]


def _step(schema: GraphQLSchema, parent: GraphQLObjectType, key: str, details: Any) -> Step:
    node = details[0].node
    name = node.name.value
    of: Any = schema.get_field(parent, name)  # it is there: the document is valid
    read = Naming(parent.name) if name == "__typename" else reading(of)
    given = None if node.arguments else get_argument_values(of, node, NOTHING)
    nodes = [one.node for one in details]
    variables = _variables(of, node)
    return Step(key, name, parent, details, nodes, of, shape(of.type), attribute(of), read, given, variables)


def _variables(of: GraphQLField, node: FieldNode) -> dict[str, str] | None:
    said: Mapping[str, Any] = {argument.name.value: argument.value for argument in node.arguments or ()}
    if said.keys() != of.args.keys() or not all(isinstance(value, VariableNode) for value in said.values()):
        return None
    return {name: value.name.value for name, value in said.items()}


def plan(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Plan | None:
    """An operation's plan, or None of one that asks about the schema itself."""
    made = Plan(schema, document, operation)
    return None if any(step.name in ("__schema", "__type") for step in made.steps) else made
