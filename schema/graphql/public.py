"""The @public directive, and the validation rule that holds a public key's document to the fields marked with it.

A key in a browser is everybody's key. The rule is applied before anything of the document runs: were fields checked
during the run, an error within the response of a committed claim could take that response away.
"""

from functools import cache

import strawberry
from graphql import (
    FieldDefinitionNode,
    FieldNode,
    GraphQLError,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ValidationRule,
    parse,
)
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    name="public",
    description="A PUBLIC key may select this field, or every field of this type.",
)
class Public:
    pass


@cache
def public_fields(sdl: str) -> frozenset[tuple[str, str]]:
    """The (type, field) pairs of a printed schema that are marked, by the field or by its type."""
    return frozenset(
        (definition.name.value, field.name.value)
        for definition in parse(sdl).definitions
        if isinstance(definition, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode)
        for field in definition.fields or ()
        if _is_marked(definition) or _is_marked(field)
    )


def _is_marked(node: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode | FieldDefinitionNode) -> bool:
    return any(directive.name.value == "public" for directive in node.directives or ())


def only_public(sdl: str) -> type[ValidationRule]:
    """The validation rule that allows only the @public fields of a printed schema, and `__typename`."""
    allowed = public_fields(sdl)

    class OnlyPublic(ValidationRule):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            parent = self.context.get_parent_type()
            name = node.name.value
            if parent is not None and name != "__typename" and (parent.name, name) not in allowed:
                self.report_error(
                    GraphQLError(
                        f"A public key may not ask for {parent.name}.{name}.",
                        node,
                        extensions={"code": "FORBIDDEN"},
                    )
                )

    return OnlyPublic
