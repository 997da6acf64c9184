"""Inputs that take exactly one of their fields, by graphql-core's own rules.

Strawberry has a rule of its own in their place, which remembers the variables of the operation that it met last and
so fails where a fragment uses one: it is not used here.
"""

from typing import Any

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


def mark(schema: GraphQLSchema) -> None:
    """Tell graphql-core which inputs of strawberry's are of this kind."""
    for kind in schema.type_map.values():
        told = kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if isinstance(kind, GraphQLInputObjectType) and told is not None and told.is_one_of:
            kind.is_one_of = True


class OneOfVariables(ValidationRule):
    """A variable in such an input may not be null, which graphql-core asks only where the input itself may be."""

    def leave_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        """Look at all that an operation uses its variables for, in fragments too."""
        defined = {one.variable.name.value: one for one in node.variable_definitions or ()}
        for usage in self.context.get_recursive_variable_usages(node):
            parent: Any = usage.parent_type
            definition = defined.get(usage.node.name.value)
            if not is_non_null_type(parent) or definition is None or isinstance(definition.type, NonNullTypeNode):
                continue
            if isinstance(parent.of_type, GraphQLInputObjectType) and parent.of_type.is_one_of:
                name, kind = definition.variable.name.value, definition.type
                written = getattr(kind, "name", None)
                self.report_error(
                    GraphQLError(
                        f"Variable '${name}' is of type '{written.value if written else 'a list'}' but must be"
                        f" non-nullable to be used for OneOf Input Object '{parent.of_type}'.",
                        [definition, usage.node],
                    )
                )
