"""Documents: read, held to their limits and remembered, before anything of them runs.

A document's text is the key, so a client that sends its values as variables is read once. Nothing that is checked
here depends on variables: a page whose size is one counts as the largest (limits.py).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import strawberry
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, parse, specified_rules, validate
from strawberry.schema.schema import validate_document

from schema.graphql import limits
from schema.graphql.plans import Plan, plan
from schema.graphql.public import only_public

REMEMBERED = 500
LONGEST_REMEMBERED = 20_000
"""Letters of a text that is worth remembering; with REMEMBERED it bounds what is kept of what strangers send."""


class NotGood(Exception):
    """Raised for a document that can't be read, or breaks a rule; nothing of it has run."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.errors = errors


class Document(NamedTuple):
    """A document that keeps every rule, what it may do and, where that is the same in every run, its plans."""

    parsed: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]
    plans: Mapping[str | None, Plan | None]

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """What is to be done, or None where a name is wanted and missing, or unknown."""
        if name is None:
            return next(iter(self.operations.values())) if len(self.operations) == 1 else None
        return self.operations.get(name)

    def plan(self, operation: OperationDefinitionNode) -> Plan | None:
        """An operation's plan, where it has one."""
        return self.plans.get(operation.name.value if operation.name else None)


class Documents:
    """What a schema's callers send, those with a public key held to what is public."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema = schema._schema
        self._public_rules = (*specified_rules, *limits.NO_INTROSPECTION, only_public(schema.as_str()))
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._read)

    def read(self, text: str, in_public: bool) -> Document:
        """A document by its text. Raises NotGood."""
        return (self._remembered if len(text) <= LONGEST_REMEMBERED else self._read)(text, in_public)

    def _read(self, text: str, in_public: bool) -> Document:
        try:
            parsed = parse(text, max_tokens=limits.TOKENS)
        except GraphQLError as error:
            raise NotGood([error]) from None
        try:
            errors = self._errors(parsed, in_public)
        except RecursionError:  # fragments within fragments, hundreds deep
            errors = [GraphQLError("This document is nested too deeply.")]
        if errors:
            raise NotGood(errors)
        operations = [found for found in parsed.definitions if isinstance(found, OperationDefinitionNode)]
        by_name = {found.name.value if found.name else None: found for found in operations}
        planned = {} if "@" in text else {name: plan(self._schema, parsed, found) for name, found in by_name.items()}
        return Document(parsed, by_name, planned)

    def _errors(self, parsed: DocumentNode, in_public: bool) -> list[GraphQLError]:
        """What is wrong with a document. The limits go into a fragment each time it is spread, so they come last."""
        errors = validate_document(self._schema, parsed, self._public_rules if in_public else specified_rules)
        if not errors and (fields := limits.fields(parsed)) > limits.FIELDS:
            errors = [GraphQLError(f"This document has {fields} fields, {limits.FIELDS} are allowed.")]
        return errors or validate(self._schema, parsed, limits.FOR_ALL)
