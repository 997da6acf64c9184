"""What one document may ask for, checked before it runs."""

from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    IntValueNode,
    OperationDefinitionNode,
    ValidationRule,
)
from strawberry.extensions import DisableIntrospection, MaxAliasesLimiter, QueryDepthLimiter

from schema.graphql.connections import LARGEST

DEPTH = 15
ALIASES = 100
TOKENS = 10_000
FIELDS = 10_000
"""Fields that a document has once its fragments are written out: spread in each other, they double each time."""
ROWS = 250_000
"""Rows that a document's pages in pages may come to; 50 × 50 × 50 fit."""


def fields(document: DocumentNode) -> int:
    """How many fields and fragments a document has once it is written out; no fragment may be within itself."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    known: dict[str, int] = {}

    def within(node: Any) -> int:
        return sum(of(child) for child in node.selection_set.selections) if node.selection_set else 0

    def of(node: Any) -> int:
        if not isinstance(node, FragmentSpreadNode):
            return 1 + within(node)
        name = node.name.value
        if name not in known:
            known[name] = 1 + within(fragments[name])
        return known[name]

    return sum(within(one) for one in document.definitions if isinstance(one, OperationDefinitionNode))


class RowsLimiter(ValidationRule):
    """Pages within pages multiply; a document whose pages come to more than ROWS is refused."""

    def enter_operation_definition(self, node: Any, *_: Any) -> None:
        rows = self._rows(node, 1, frozenset())
        if rows > ROWS:
            self.report_error(GraphQLError(f"This asks for up to {rows} rows, {ROWS} are allowed.", node))

    def _rows(self, node: Any, times: int, within: frozenset[str]) -> int:
        return sum(self._selected(child, times, within) for child in node.selection_set.selections)

    def _selected(self, node: Any, times: int, within: frozenset[str]) -> int:
        if isinstance(node, FragmentSpreadNode):
            fragment = self.context.get_fragment(node.name.value)
            if not isinstance(fragment, FragmentDefinitionNode) or node.name.value in within:
                return 0
            return self._rows(fragment, times, within | {node.name.value})
        if isinstance(node, FieldNode):
            times *= _page_size(node)
        if times > ROWS or node.selection_set is None:
            return times if times > ROWS else 0
        return (times if _page_size(node) > 1 else 0) + self._rows(node, times, within)


def _page_size(node: Any) -> int:
    """How many rows a field's page has: `first`, or the largest page where a variable says it."""
    if not isinstance(node, FieldNode):
        return 1
    children: Any = node.selection_set.selections if node.selection_set else ()
    connection = any(isinstance(child, FieldNode) and child.name.value in ("nodes", "edges") for child in children)
    for argument in node.arguments or ():
        if argument.name.value == "first":
            return int(argument.value.value) if isinstance(argument.value, IntValueNode) else LARGEST
    return 50 if connection else 1


FOR_ALL: tuple[type[ASTValidationRule], ...] = (
    *QueryDepthLimiter(max_depth=DEPTH).validation_rules,
    *MaxAliasesLimiter(max_alias_count=ALIASES).validation_rules,
    RowsLimiter,
)
NO_INTROSPECTION: tuple[type[ASTValidationRule], ...] = tuple(DisableIntrospection().validation_rules)
