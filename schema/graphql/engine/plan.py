"""Execution plans: the fields that an operation selects, with everything precomputed that is the same in every run.

Only operations without directives and introspection have a plan: they select the same fields in every run.
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
from schema.graphql.engine.variables import CoercionError, Variables

NO_VARIABLES = VariableValues({}, {})


class FieldReader(NamedTuple):
    """Reads a field that is an attribute: its name, the serializer of its type, and whether it may be null."""

    attribute: str
    serialize: Callable[[Any], Any]
    is_optional: bool

    def read(self, source: Any) -> Any:
        """The field's value as it is sent, or Undefined where graphql-core has to complete it."""
        try:
            value = getattr(source, self.attribute)
            if value is None:
                return None if self.is_optional else Undefined
            serialized = self.serialize(value)
        except Exception:  # nothing is swallowed: graphql-core meets it again, and reports it
            return Undefined
        return Undefined if serialized is None else serialized


class TypenameReader(NamedTuple):
    """Reads `__typename`, which is the same for every source."""

    name: str

    def read(self, _: Any) -> Any:
        """The type's name."""
        return self.name


def field_reader(definition: GraphQLField) -> FieldReader | None:
    """The reader of a field that is an attribute of one scalar or enum; None for any other."""
    name = attribute_name(definition)
    kind: Any = definition.type.of_type if is_non_null_type(definition.type) else definition.type
    is_optional = kind is definition.type
    return FieldReader(name, kind.coerce_output_value, is_optional) if name and is_leaf_type(kind) else None


def attribute_name(definition: GraphQLField) -> str | None:
    """The name of the attribute that a field is; None for one with a resolver."""
    field = field_resolvers.strawberry_field(definition)
    return field.python_name if field is not None and field.is_basic_field else None


class OutputType(NamedTuple):
    """A field's type taken apart: without its non-null wrapper, and of a list the type of its items.

    `kind` is "leaf", "list", "object" or "abstract".
    """

    type: Any
    is_required: bool
    kind: str
    nullable: Any
    item: Any


def output_type(type: Any) -> OutputType:
    """A type of the schema taken apart."""
    is_required = is_non_null_type(type)
    nullable = type.of_type if is_required else type
    if is_list_type(nullable):
        return OutputType(type, is_required, "list", nullable, output_type(nullable.of_type))
    kind = "leaf" if is_leaf_type(nullable) else "abstract" if is_abstract_type(nullable) else "object"
    return OutputType(type, is_required, kind, nullable, None)


@dataclass(slots=True)
class FieldStep:
    """One step of a plan: a selected field of one type.

    `constants` are its arguments where they are the same in every run, `variables` the name of each argument's
    variable, where all are variables.
    """

    key: str
    name: str
    parent: GraphQLObjectType
    details: Any
    nodes: list[FieldNode]
    definition: GraphQLField
    output: OutputType
    attribute: str | None
    reader: FieldReader | TypenameReader | None
    constants: dict[str, Any] | None
    variables: dict[str, str] | None
    children: dict[GraphQLObjectType, list["FieldStep"]] = field(default_factory=dict)
    """The steps below it, by the type of its value."""
    runtime_types: dict[type, GraphQLObjectType] = field(default_factory=dict)
    """The type of the schema by the class of a value, where the field's type is an interface or a union."""

    def arguments(self, values: VariableValues) -> dict[str, Any]:
        """The arguments of the field's resolver."""
        if self.constants is not None:
            return self.constants
        if self.variables is not None:
            arguments = {name: values.coerced.get(variable) for name, variable in self.variables.items()}
            if None not in arguments.values():
                return arguments
        return get_argument_values(self.definition, self.nodes[0], values)


class Plan:
    """The execution plan of one operation; `variables` is None where graphql-core has to coerce them."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._schema, self.operation = schema, operation
        fragments = [node for node in document.definitions if isinstance(node, FragmentDefinitionNode)]
        self.fragment_definitions = {node.name.value: node for node in fragments}
        self.fragments = {name: FragmentDetails(node) for name, node in self.fragment_definitions.items()}
        root: Any = schema.get_root_type(operation.operation)
        self.steps = self._steps(root, collect_fields(schema, self.fragments, NO_VARIABLES, root, operation)[0])
        try:
            self.variables: Variables | None = Variables(schema, operation)
        except CoercionError:
            self.variables = None

    def children(self, step: FieldStep, kind: GraphQLObjectType) -> list[FieldStep]:
        """The steps below a step whose value is of that type; collected when they are first needed."""
        steps = step.children.get(kind)
        if steps is None:
            fields = collect_subfields(
                self._schema, self.fragments, NO_VARIABLES, self.operation, kind, step.details
            ).grouped_field_set
            steps = step.children[kind] = self._steps(kind, fields)
        return steps

    def _steps(self, parent: GraphQLObjectType, fields: GroupedFieldSet) -> list[FieldStep]:
        return [_step(self._schema, parent, key, details) for key, details in fields.items()]


def _step(schema: GraphQLSchema, parent: GraphQLObjectType, key: str, details: Any) -> FieldStep:
    node = details[0].node
    name = node.name.value
    definition: Any = schema.get_field(parent, name)  # it is there: the document is valid
    reader = TypenameReader(parent.name) if name == "__typename" else field_reader(definition)
    constants = None if node.arguments else get_argument_values(definition, node, NO_VARIABLES)
    nodes = [detail.node for detail in details]
    output, attribute = output_type(definition.type), attribute_name(definition)
    variables = _variables(definition, node)
    return FieldStep(key, name, parent, details, nodes, definition, output, attribute, reader, constants, variables)


def _variables(definition: GraphQLField, node: FieldNode) -> dict[str, str] | None:
    """The variable of each argument, where all arguments are there and variables."""
    arguments: Mapping[str, Any] = {argument.name.value: argument.value for argument in node.arguments or ()}
    if arguments.keys() != definition.args.keys():
        return None
    if not all(isinstance(value, VariableNode) for value in arguments.values()):
        return None
    return {name: value.name.value for name, value in arguments.items()}


def build_plan(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Plan | None:
    """The plan of an operation of a valid document, or None for introspection."""
    plan = Plan(schema, document, operation)
    return None if any(step.name in ("__schema", "__type") for step in plan.steps) else plan
