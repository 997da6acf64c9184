"""What one document may ask for, found out of the parsed document before anything of it runs.

Fragments are gone into once and multiplied where they are spread, so that a walk is linear however often they are.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_interface_type,
    is_list_type,
    is_object_type,
)
from strawberry.extensions import DisableIntrospection

from schema.graphql import text_limits
from schema.graphql.connections import MAX_PAGE_SIZE, PAGE_SIZE, Connection

TOKENS, ALIASES = text_limits.TOKENS, text_limits.ALIASES
DEPTH = 15
FIELDS = 10_000
"""Fields that a document has once its fragments are written out: spread in each other, they double each time."""
ROWS = 150_000
"""Rows that a document's pages in pages may come to; 50 × 50 × 50 fit."""
CELLS = 400_000
"""Fields of all these rows together, each by each of its names."""

LISTS: Mapping[tuple[str, str], int] = {
    ("CodesGenerated", "codes"): 1_000,
    ("CodeSent", "deliveries"): 10_000,
    ("Query", "nodes"): MAX_PAGE_SIZE,
}
"""The most rows of lists that are no pages; others are short, or bounded as they are answered."""

OF_THE_SCHEMA: Mapping[str, int] = {
    "types": 150,
    "fields": 12,
    "inputFields": 8,
    "enumValues": 10,
    "args": 3,
    "possibleTypes": 10,
    "directives": 8,
}
"""About how long the lists are that tell of the schema itself."""

NO_INTROSPECTION: tuple[type[ASTValidationRule], ...] = tuple(DisableIntrospection().validation_rules)


class Size(NamedTuple):
    """What a selection comes to."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    rows: int = 0
    cells: int = 0

    def beside(self, other: "Size") -> "Size":
        """Both together, one beside the other."""
        return Size(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.rows + other.rows,
            self.cells + other.cells,
        )


def size(schema: GraphQLSchema, document: DocumentNode) -> Size:
    """The size of a document's operations together; whatever its rules refuse may be in it."""
    return _Sizes(schema, document).of_operations()


def objection(found: Size) -> GraphQLError | None:
    """What is too large about it, if anything is."""
    if found.fields > FIELDS:
        return GraphQLError(f"This document has {found.fields} fields, {FIELDS} are allowed.")
    if found.aliases > ALIASES:
        return GraphQLError(f"{found.aliases} aliases found, {ALIASES} are allowed.")
    if found.depth > DEPTH:
        return GraphQLError(f"This document's depth is {found.depth}, {DEPTH} is allowed.")
    if found.rows > ROWS:
        return GraphQLError(f"This asks for up to {found.rows} rows, {ROWS} are allowed. Ask for smaller pages.")
    if found.cells > CELLS:
        return GraphQLError(
            f"This asks for up to {found.cells} values in {found.rows} rows, {CELLS} are allowed."
            " Ask for smaller pages, or for fewer fields."
        )
    return None


class _Sizes:
    """Sizes of one document's parts, each found out once."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._definitions = document.definitions
        parts = [found for found in document.definitions if isinstance(found, FragmentDefinitionNode)]
        self._fragments = {found.name.value: found for found in parts}
        self._known: dict[str, Size] = {}

    def of_operations(self) -> Size:
        total = Size()
        for found in self._definitions:
            if isinstance(found, OperationDefinitionNode):
                total = total.beside(self._selected(found, self._schema.get_root_type(found.operation)))
        return total

    def _selected(self, node: Any, parent: Any) -> Size:
        """What a node's selection comes to, in an object of that type."""
        total = Size()
        for child in node.selection_set.selections if node.selection_set else ():
            if isinstance(child, FieldNode):
                total = total.beside(self._field(child, parent))
            elif isinstance(child, FragmentSpreadNode):
                total = total.beside(self._spread(child.name.value))
            else:
                condition = child.type_condition
                kind = self._schema.get_type(condition.name.value) if condition else parent
                total = total.beside(self._selected(child, kind)).beside(Size(fields=1))
        return total

    def _selects(self, node: Any, *names: str) -> bool:
        """Whether one of these fields is selected of a node itself, in fragments too."""
        left, seen = [node], set()
        while left:
            selections = left.pop().selection_set
            for child in selections.selections if selections else ():
                if isinstance(child, FieldNode):
                    if child.name.value in names:
                        return True
                elif not isinstance(child, FragmentSpreadNode):
                    left.append(child)
                elif child.name.value not in seen and child.name.value in self._fragments:
                    seen.add(child.name.value)
                    left.append(self._fragments[child.name.value])
        return False

    def _spread(self, name: str) -> Size:
        if name not in self._known:
            self._known[name] = Size()  # of itself, if it is within itself, which a rule refuses
            fragment = self._fragments.get(name)
            if fragment is not None:
                kind = self._schema.get_type(fragment.type_condition.name.value)
                self._known[name] = self._selected(fragment, kind)
        return self._known[name].beside(Size(fields=1))

    def _field(self, node: FieldNode, parent: Any) -> Size:
        name = node.name.value
        known: Any = self._schema.get_field(parent, name) if has_fields(parent) else None
        within = self._selected(node, get_named_type(known.type) if known else None)
        times = _rows(node, parent, known)
        if known and "first" in known.args and not self._selects(node, "nodes", "edges"):
            times = 1
        return Size(
            within.depth + 1 if node.selection_set and not name.startswith("__") else 0,
            within.fields + 1,
            within.aliases + bool(node.alias),
            (times if times > 1 else 0) + times * within.rows,
            1 + times * within.cells,
        )


def has_fields(kind: Any) -> bool:
    """Whether fields can be selected of a type by name."""
    return is_object_type(kind) or is_interface_type(kind)


def _rows(node: FieldNode, parent: Any, known: Any) -> int:
    """How many rows a field's list or page has at most; where a variable tells, the largest page."""
    if known is None:
        return 1
    if "first" in known.args:
        return _page_size(node)
    if not is_list_type(get_nullable_type(known.type)) or issubclass(_origin(parent), Connection):
        return 1
    given = [argument.value for argument in node.arguments or () if argument.name.value == "ids"]
    if given and isinstance(given[0], ListValueNode):
        return min(len(given[0].values), MAX_PAGE_SIZE)
    if parent.name.startswith("__"):
        return OF_THE_SCHEMA.get(node.name.value, 1)
    return LISTS.get((parent.name, node.name.value), 1)


def _origin(kind: Any) -> type:
    definition = kind.extensions.get("strawberry-definition") if kind else None
    origin: type = getattr(definition, "origin", object)
    return origin


def _page_size(node: FieldNode) -> int:
    for argument in node.arguments or ():
        if argument.name.value == "first":
            value = argument.value
            return min(int(value.value), MAX_PAGE_SIZE) if isinstance(value, IntValueNode) else MAX_PAGE_SIZE
    return PAGE_SIZE
