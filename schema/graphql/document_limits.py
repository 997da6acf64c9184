"""Limits on the size of a document, computed from the parsed document before anything of it runs.

The size of a fragment is computed once and added wherever it is spread, so that the work is linear however often that
is.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
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

from schema.graphql.connections import MAX_PAGE_SIZE, PAGE_SIZE, Connection
from schema.graphql.engine import text_limits

MAX_TOKENS, MAX_ALIASES = text_limits.MAX_TOKENS, text_limits.MAX_ALIASES
MAX_DEPTH = 15
MAX_FIELDS = 10_000
"""Fields of a document once its fragments are written out: fragments that are spread in each other double each time."""
MAX_ROWS = 150_000
"""Rows that a document's pages within pages may come to; 50 × 50 × 50 fit."""
MAX_VALUES = 400_000
"""Fields of all these rows together, each by each of its names."""

MAX_LIST_ROWS: Mapping[tuple[str, str], int] = {
    ("CodesGenerated", "codes"): 1_000,
    ("CodeSent", "deliveries"): 10_000,
    ("Query", "nodes"): MAX_PAGE_SIZE,
}
"""The most rows of lists that are no pages, by type and field; others are short, or counted while they are made."""

INTROSPECTION_ROWS: Mapping[str, int] = {
    "types": 150,
    "fields": 12,
    "inputFields": 8,
    "enumValues": 10,
    "args": 3,
    "possibleTypes": 10,
    "directives": 8,
}
"""The approximate length of the lists that introspection returns, by field."""

NO_INTROSPECTION: tuple[type[ASTValidationRule], ...] = tuple(DisableIntrospection().validation_rules)


Selecting: TypeAlias = OperationDefinitionNode | FieldNode | InlineFragmentNode | FragmentDefinitionNode
"""A node with a selection set."""


class DocumentSize(NamedTuple):
    """The size of a selection: its depth and its numbers of fields, aliases, rows and values."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    rows: int = 0
    values: int = 0

    def plus(self, other: "DocumentSize") -> "DocumentSize":
        """The size of both selections, one beside the other."""
        return DocumentSize(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.rows + other.rows,
            self.values + other.values,
        )


def document_size(schema: GraphQLSchema, document: DocumentNode) -> DocumentSize:
    """The size of a document's operations together. The document need not be valid."""
    return _SizeCalculator(schema, document).total()


def max_values(schema: GraphQLSchema, document: DocumentNode) -> int:
    """The most values that a response to a document has. Raises GraphQLError for a document that is too large."""
    size = document_size(schema, document)
    if (error := limit_error(size)) is not None:
        raise error
    return size.values


def limit_error(size: DocumentSize) -> GraphQLError | None:
    """The error of a document that is too large, or None."""
    if size.fields > MAX_FIELDS:
        return GraphQLError(f"This document has {size.fields} fields, {MAX_FIELDS} are allowed.")
    if size.aliases > MAX_ALIASES:
        return GraphQLError(f"{size.aliases} aliases found, {MAX_ALIASES} are allowed.")
    if size.depth > MAX_DEPTH:
        return GraphQLError(f"This document's depth is {size.depth}, {MAX_DEPTH} is allowed.")
    if size.rows > MAX_ROWS:
        return GraphQLError(f"This asks for up to {size.rows} rows, {MAX_ROWS} are allowed. Ask for smaller pages.")
    if size.values > MAX_VALUES:
        return GraphQLError(
            f"This asks for up to {size.values} values in {size.rows} rows, {MAX_VALUES} are allowed."
            " Ask for smaller pages, or for fewer fields."
        )
    return None


class _SizeCalculator:
    """Computes the size of one document; each fragment's once."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._definitions = document.definitions
        fragments = [node for node in document.definitions if isinstance(node, FragmentDefinitionNode)]
        self._fragments = {node.name.value: node for node in fragments}
        self._fragment_sizes: dict[str, DocumentSize] = {}

    def total(self) -> DocumentSize:
        """The size of all operations together."""
        total = DocumentSize()
        for node in self._definitions:
            if isinstance(node, OperationDefinitionNode):
                total = total.plus(self._selection_set(node, self._schema.get_root_type(node.operation)))
        return total

    def _selection_set(self, node: Selecting, parent: GraphQLNamedType | None) -> DocumentSize:
        """The size of a node's selection set, in an object of the type `parent`."""
        total = DocumentSize()
        for child in node.selection_set.selections if node.selection_set else ():
            if isinstance(child, FieldNode):
                total = total.plus(self._field(child, parent))
            elif isinstance(child, FragmentSpreadNode):
                total = total.plus(self._spread(child.name.value))
            elif isinstance(child, InlineFragmentNode):
                condition = child.type_condition
                kind = self._schema.get_type(condition.name.value) if condition else parent
                total = total.plus(self._selection_set(child, kind)).plus(DocumentSize(fields=1))
        return total

    def _selects(self, node: Selecting, *names: str) -> bool:
        """Whether one of these fields is selected directly below a node, in fragments too."""
        pending: list[Selecting] = [node]
        visited: set[str] = set()
        while pending:
            selections = pending.pop().selection_set
            for child in selections.selections if selections else ():
                if isinstance(child, FieldNode):
                    if child.name.value in names:
                        return True
                elif isinstance(child, InlineFragmentNode):
                    pending.append(child)
                elif not isinstance(child, FragmentSpreadNode):
                    continue  # there is no fourth kind
                elif child.name.value not in visited and child.name.value in self._fragments:
                    visited.add(child.name.value)
                    pending.append(self._fragments[child.name.value])
        return False

    def _spread(self, name: str) -> DocumentSize:
        if name not in self._fragment_sizes:
            self._fragment_sizes[name] = DocumentSize()  # where it is spread in itself, which a rule refuses
            fragment = self._fragments.get(name)
            if fragment is not None:
                kind = self._schema.get_type(fragment.type_condition.name.value)
                self._fragment_sizes[name] = self._selection_set(fragment, kind)
        return self._fragment_sizes[name].plus(DocumentSize(fields=1))

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> DocumentSize:
        name = node.name.value
        field = self._schema.get_field(parent, name) if is_object_type(parent) or is_interface_type(parent) else None
        below = self._selection_set(node, get_named_type(field.type) if field else None)
        rows = _max_rows(node, parent, field)
        if field and "first" in field.args and not self._selects(node, "nodes", "edges"):
            rows = 1
        return DocumentSize(
            below.depth + 1 if node.selection_set and not name.startswith("__") else 0,
            below.fields + 1,
            below.aliases + bool(node.alias),
            (rows if rows > 1 else 0) + rows * below.rows,
            1 + rows * below.values,
        )


def _max_rows(node: FieldNode, parent: GraphQLNamedType | None, field: GraphQLField | None) -> int:
    """The most rows of a field's list or page; a size that is a variable counts as the largest page."""
    if field is None or parent is None:
        return 1
    if "first" in field.args:
        return _page_size(node)
    if not is_list_type(get_nullable_type(field.type)) or issubclass(_origin(parent), Connection):
        return 1
    ids = [argument.value for argument in node.arguments or () if argument.name.value == "ids"]
    if ids and isinstance(ids[0], ListValueNode):
        return min(len(ids[0].values), MAX_PAGE_SIZE)
    if parent.name.startswith("__"):
        return INTROSPECTION_ROWS.get(node.name.value, 1)
    return MAX_LIST_ROWS.get((parent.name, node.name.value), 1)


def _origin(kind: GraphQLNamedType) -> type:
    """The Python class of a type of the schema."""
    definition = kind.extensions.get("strawberry-definition")
    origin: type = getattr(definition, "origin", object)
    return origin


def _page_size(node: FieldNode) -> int:
    for argument in node.arguments or ():
        if argument.name.value == "first":
            value = argument.value
            return min(int(value.value), MAX_PAGE_SIZE) if isinstance(value, IntValueNode) else MAX_PAGE_SIZE
    return PAGE_SIZE
