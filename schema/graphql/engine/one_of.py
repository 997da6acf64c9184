"""OneOf inputs, which take exactly one of their fields, validated by graphql-core's own rules.

Strawberry has a rule of its own in their place, which remembers the variables of the operation that it entered last
and so fails where a fragment uses one: it is not used here.
"""

from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLSchema,
    NonNullTypeNode,
    OperationDefinitionNode,
    ValidationRule,
    is_non_null_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter


def mark_one_of_inputs(schema: GraphQLSchema) -> None:
    """Mark the inputs that are OneOf for Strawberry as such for graphql-core."""
    for kind in schema.type_map.values():
        definition = kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if isinstance(kind, GraphQLInputObjectType) and definition is not None and definition.is_one_of:
            kind.is_one_of = True


class OneOfVariables(ValidationRule):
    """Validates that a variable within a OneOf input is non-nullable.

    graphql-core's own rule does so only where the input itself is nullable.
    """

    def leave_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        """Validate each usage of an operation's variables, in fragments too."""
        definitions = {variable.variable.name.value: variable for variable in node.variable_definitions or ()}
        for usage in self.context.get_recursive_variable_usages(node):
            parent = usage.parent_type
            definition = definitions.get(usage.node.name.value)
            if not is_non_null_type(parent) or definition is None or isinstance(definition.type, NonNullTypeNode):
                continue
            if isinstance(parent.of_type, GraphQLInputObjectType) and parent.of_type.is_one_of:
                name, kind = definition.variable.name.value, definition.type
                type_name = getattr(kind, "name", None)
                self.report_error(
                    GraphQLError(
                        f"Variable '${name}' is of type '{type_name.value if type_name else 'a list'}' but must be"
                        f" non-nullable to be used for OneOf Input Object '{parent.of_type}'.",
                        [definition, usage.node],
                    )
                )
