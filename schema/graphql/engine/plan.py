"""Execution plans: the fields that an operation selects, with everything precomputed that is the same in every run.

An operation has a plan if it selects the same fields in every run: none of its directives has a variable, and it does
not ask about the schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    is_abstract_type,
    is_object_type,
)
from graphql.execution import default_field_resolver
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE
from strawberry.types.union import StrawberryUnion

from schema.graphql.engine.field_resolvers import FieldResolver, FieldResolvers
from schema.graphql.engine.output_types import (
    AbstractOutput,
    AnyOutput,
    LeafOutput,
    ListOutput,
    ObjectOutput,
    output_of,
)
from schema.graphql.engine.readers import Reader, attribute_reader, typename_reader
from schema.graphql.engine.variables import CoercionError, Variables

NO_VARIABLES = VariableValues({}, {})


@dataclass(slots=True, eq=False)
class FieldStep:
    """One step of a plan: a selected field of one type.

    `constants` are its arguments where they are the same in every run, `variables` the name of each argument's
    variable, where all are variables.
    """

    key: str
    name: str
    parent: GraphQLObjectType
    details: FieldDetailsList
    nodes: list[FieldNode]
    definition: GraphQLField
    output: AnyOutput
    attribute: str | None
    resolve: FieldResolver
    read: Reader | None
    constants: Mapping[str, object] | None
    variables: Mapping[str, str] | None
    only_type: GraphQLObjectType | None
    """The type of the field's objects, where none has to be asked whether it is of that type."""
    is_by_class: bool
    """Whether objects of one class are of one type."""
    types_by_class: dict[type, GraphQLObjectType] = field(default_factory=dict)
    """The types of the objects that were met so far, by their classes."""
    children: dict[GraphQLObjectType, list["FieldStep"]] = field(default_factory=dict)
    """The steps below it, by the type of its value."""

    def arguments(self, values: VariableValues) -> Mapping[str, object]:
        """The arguments of the field's resolver."""
        if self.constants is not None:
            return self.constants
        if self.variables is not None:
            arguments = {name: values.coerced.get(variable) for name, variable in self.variables.items()}
            if None not in arguments.values():
                return arguments
        return get_argument_values(self.definition, self.nodes[0], values)

    def type_of(self, value: object) -> GraphQLObjectType | None:
        """The type of an object, where its class tells."""
        kind = self.types_by_class.get(type(value))
        return None if kind is not None and hasattr(value, TYPE_CAST_ATTRIBUTE) else kind

    def remember_type(self, value: object, kind: GraphQLObjectType) -> None:
        """Remember the type of an object for others of its class, if that tells."""
        is_concrete = _is_concrete(getattr(type(value), "__strawberry_definition__", None))
        if self.is_by_class and is_concrete and not hasattr(value, TYPE_CAST_ATTRIBUTE):
            self.types_by_class[type(value)] = kind


class Planner:
    """Plans the operations of a schema's documents."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema = schema._schema
        self._resolvers = FieldResolvers(schema)

    def plan(self, document: DocumentNode, operation: OperationDefinitionNode) -> "Plan | None":
        """The plan of an operation of a valid document; None for one that graphql-core has to run."""
        root = self._schema.get_root_type(operation.operation)
        if root is None:
            return None
        try:
            plan = Plan(self, document, operation, root)
        except RecursionError:
            return None
        return None if any(step.name in ("__schema", "__type") for step in plan.steps) else plan

    def variables(self, operation: OperationDefinitionNode) -> Variables | None:
        """The variables of an operation; None where graphql-core has to coerce them."""
        try:
            return Variables(self._schema, operation)
        except CoercionError:
            return None

    def root_fields(self, plan: "Plan", root: GraphQLObjectType) -> list[FieldStep]:
        """The steps of an operation's root fields."""
        return self._steps(root, collect_fields(self._schema, plan.fragments, NO_VARIABLES, root, plan.operation)[0])

    def fields_below(self, plan: "Plan", step: FieldStep, kind: GraphQLObjectType) -> list[FieldStep]:
        """The steps below a step whose value is of that type."""
        fields = collect_subfields(self._schema, plan.fragments, NO_VARIABLES, plan.operation, kind, step.details)
        return self._steps(kind, fields.grouped_field_set)

    def _steps(self, parent: GraphQLObjectType, fields: GroupedFieldSet) -> list[FieldStep]:
        return [self._step(parent, key, details) for key, details in fields.items()]

    def _step(self, parent: GraphQLObjectType, key: str, details: FieldDetailsList) -> FieldStep:
        nodes = [detail.node for detail in details]
        name = nodes[0].name.value
        definition = self._schema.get_field(parent, name)
        if definition is None:
            raise LookupError(f"{parent.name} has no field {name}")  # never: the document is valid
        output = output_of(definition.type)
        attribute = self._resolvers.attribute(parent.name, name)
        named = _named_output(output)
        only_type = named.nullable if isinstance(named, ObjectOutput) and not named.nullable.is_type_of else None
        return FieldStep(
            key, name, parent, details, nodes, definition, output, attribute,
            self._resolvers.resolver(parent.name, name) or _foreign_resolver(definition),
            typename_reader(parent.name) if name == "__typename" else field_reader(attribute, output),
            _constants(definition, nodes[0]), _variables(definition, nodes[0]),
            only_type, not isinstance(named, LeafOutput) and _is_by_class(self._schema, named.nullable),
        )  # fmt: skip


class Plan:
    """The execution plan of one operation; `variables` is None where graphql-core has to coerce them."""

    def __init__(
        self,
        planner: Planner,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        root: GraphQLObjectType,
    ) -> None:
        self._planner, self.operation = planner, operation
        fragments = [node for node in document.definitions if isinstance(node, FragmentDefinitionNode)]
        self.fragment_definitions = {node.name.value: node for node in fragments}
        self.fragments = {name: FragmentDetails(node) for name, node in self.fragment_definitions.items()}
        self.steps = planner.root_fields(self, root)
        self.variables = planner.variables(operation)

    def children(self, step: FieldStep, kind: GraphQLObjectType) -> list[FieldStep]:
        """The steps below a step whose value is of that type; collected when they are first needed."""
        steps = step.children.get(kind)
        if steps is None:
            steps = step.children[kind] = self._planner.fields_below(self, step, kind)
        return steps


def field_reader(attribute: str | None, output: AnyOutput) -> Reader | None:
    """The reader of a field that is an attribute of one scalar or enum; None for any other."""
    if attribute is None or not isinstance(output, LeafOutput):
        return None
    return attribute_reader(attribute, output.nullable, not output.is_required)


def _named_output(output: AnyOutput) -> LeafOutput | ObjectOutput | AbstractOutput:
    while isinstance(output, ListOutput):
        output = output.item
    return output


def _foreign_resolver(definition: GraphQLField) -> FieldResolver:
    """The resolver of a field that is not Strawberry's. (Of an attribute it is not called.)"""
    resolve = definition.resolve or default_field_resolver
    return lambda source, info, values: resolve(source, info, **values)


def _constants(definition: GraphQLField, node: FieldNode) -> Mapping[str, object] | None:
    """The arguments of a field that is given none: the defaults."""
    if node.arguments:
        return None
    try:
        return get_argument_values(definition, node, NO_VARIABLES)
    except GraphQLError:  # a default that is not valid: it is reported in each run
        return None


def _variables(definition: GraphQLField, node: FieldNode) -> Mapping[str, str] | None:
    """The variable of each argument, where all arguments are there and variables."""
    variables = {
        argument.name.value: argument.value.name.value
        for argument in node.arguments or ()
        if isinstance(argument.value, VariableNode)
    }
    return variables if variables.keys() == definition.args.keys() else None


def _is_by_class(schema: GraphQLSchema, kind: GraphQLObjectType | GraphQLAbstractType) -> bool:
    """Whether Strawberry tells the type of an object by its class: no `is_type_of` or `resolve_type` looks at it."""
    definition: object = kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if is_object_type(kind):
        return _is_concrete(definition) and definition.is_type_of is None  # type: ignore[attr-defined]
    if not is_abstract_type(kind):
        return False
    if isinstance(definition, StrawberryObjectDefinition):
        is_default = definition.resolve_type is None
    else:
        is_default = isinstance(definition, StrawberryUnion) and (
            type(definition).get_type_resolver is StrawberryUnion.get_type_resolver
        )
    return is_default and all(_is_by_class(schema, each) for each in schema.get_possible_types(kind))


def _is_concrete(definition: object) -> bool:
    """Whether Strawberry's definition of an object is that of a type that is not generic."""
    return (
        isinstance(definition, StrawberryObjectDefinition)
        and definition.concrete_of is None
        and not definition.is_graphql_generic
    )
