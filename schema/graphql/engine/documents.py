"""Documents: parsed, validated, planned and cached by their text, before anything of them runs.

A client that sends its values as variables has its document parsed once: nothing that is validated here depends on
variables. Long documents are loaded by a thread, one after another, so that the event loop goes on serving others.
"""

import asyncio
import gc
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple, TypeAlias

from graphql import (
    ASTValidationRule,
    DirectiveNode,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    Token,
    TokenKind,
    VariableNode,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged as overlapping
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.graphql.engine import text_limits
from schema.graphql.engine.plan import Plan

MAX_CACHED_CHARACTERS = 20_000
"""Characters of a text that is cached; a longer one is parsed each time."""
MAX_INLINE_CHARACTERS = 1_000
"""Characters of a text that is loaded by the event loop itself; a longer one is loaded by a thread."""
MAX_WAITING = 100
"""Documents that may wait for a loader's thread."""
DEFAULT_SWITCH_SECONDS, SWITCH_SECONDS = sys.getswitchinterval(), 0.0005
"""Python's interval between switches of threads: as it is set, and while a thread loads a document."""
EMPTY_TOKEN = Token(TokenKind.SOF, 0, 0, 0, 0)
BASE_RULES: tuple[type[ASTValidationRule], ...] = (*specified_rules, MaybeNullValidationRule)
"""The validation rules of the specification, and Strawberry's of `Maybe`."""

overlapping.MAX_COMPLEXITY_BUDGET = (
    20_000  # a 25th of its own, far above what clients send; the rule reads it as it begins
)

Planner: TypeAlias = Callable[[DocumentNode, OperationDefinitionNode], Plan | None]
"""A function that plans an operation of a valid document; None for one that graphql-core has to run."""


class InvalidDocument(Exception):
    """Raised for a document that can't be parsed or breaks a rule; nothing of it has run."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.errors = errors


class FailedRule(InvalidDocument):
    """Raised for a document on which a rule itself has failed: `__cause__` is the bug, which the error's text tells."""


class TooManyDocuments(Exception):
    """Raised where so many long documents wait for the thread that one more would wait too long."""

    def __init__(self) -> None:
        super().__init__("Many long documents are being read just now. Try again in a moment.")


class Document(NamedTuple):
    """A valid document, its operations by name and, where they select the same in every run, their plans."""

    parsed: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]
    plans: Mapping[str | None, Plan | None]
    size_bytes: int
    """The approximate memory that it takes."""
    max_values: int
    """The most values that a response to it has."""

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation of that name; without a name the only one. None where there is none such."""
        if name is None:
            return next(iter(self.operations.values())) if len(self.operations) == 1 else None
        return self.operations.get(name)

    def plan(self, operation: OperationDefinitionNode) -> Plan | None:
        """The plan of one of its operations, where that has one."""
        return self.plans.get(operation.name.value if operation.name else None)


class DocumentCache:
    """A least-recently-used cache of documents by their texts, of `max_bytes` in all."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._lock = Lock()  # documents are loaded by threads too

    def get(self, text: str) -> Document | None:
        """The document with that text, if it is cached."""
        with self._lock:
            document = self._documents.get(text)
            if document is not None:
                self._documents.move_to_end(text)
            return document

    def put(self, text: str, document: Document) -> None:
        """Add a document, and drop those that were not used for the longest time."""
        with self._lock:
            if text in self._documents:
                return
            self._documents[text] = document
            self._bytes += document.size_bytes
            while self._bytes > self._max_bytes:
                self._bytes -= self._documents.popitem(last=False)[1].size_bytes


def drop_tokens(parsed: DocumentNode) -> None:
    """Remove the tokens from a parsed document: a third of its memory, and a reference cycle.

    Python's garbage collector stops all threads while it goes through cycles. Locations of errors do not need them.
    """
    token = parsed.loc.start_token if parsed.loc else None
    while token is not None:
        following = token.next
        token.prev = token.next = None
        token = following
    for node in _nodes(parsed):
        if node.loc is not None:
            node.loc.start_token = node.loc.end_token = EMPTY_TOKEN


def _nodes(top: Node) -> list[Node]:
    """A node and all nodes below it."""
    nodes: list[Node] = []
    pending: list[object] = [top]
    while pending:
        node = pending.pop()
        if isinstance(node, tuple):
            pending.extend(node)
        elif isinstance(node, Node):
            nodes.append(node)
            pending.extend(getattr(node, key) for key in node.keys if key != "loc")
    return nodes


def is_conditional(parsed: DocumentNode) -> bool:
    """Whether a directive of a document has a variable, so that other fields are selected in each run."""
    directives = (node for node in _nodes(parsed) if isinstance(node, DirectiveNode))
    return any(isinstance(argument.value, VariableNode) for node in directives for argument in node.arguments or ())


@dataclass(frozen=True)
class Policy:
    """What documents of one kind of caller may be. The defaults are what plain Strawberry does.

    `measure` returns the most values that a response to a parsed document has; it raises GraphQLError for a document
    that is too large to be validated.
    """

    rules: tuple[type[ASTValidationRule], ...] = (*BASE_RULES, OneOfInputValidationRule)
    measure: Callable[[DocumentNode], int] | None = None
    max_errors: int | None = None
    hide_suggestions: bool = False
    allow_empty_selection_sets: bool = True
    cache_bytes: int = 10_000_000


class DocumentLoader:
    """Loads the documents that one kind of caller sends: cached, or parsed, validated and planned.

    `name` is that of its thread.
    """

    def __init__(self, schema: GraphQLSchema, policy: Policy, planner: Planner, name: str = "documents") -> None:
        self._schema, self._policy, self._planner = schema, policy, planner
        self._cache = DocumentCache(policy.cache_bytes)
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, name)

    def cached(self, text: str) -> Document | None:
        """The document with that text, if it is cached."""
        return self._cache.get(text)

    async def load_async(self, text: str) -> Document:
        """The document with that text; a long one is loaded by a thread. Raises InvalidDocument, TooManyDocuments."""
        if len(text) <= MAX_INLINE_CHARACTERS or len(text) > text_limits.MAX_CHARACTERS:
            return self.load(text)
        if self._waiting >= MAX_WAITING:
            raise TooManyDocuments
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._load_in_thread, text)
        finally:
            self._waiting -= 1

    def _load_in_thread(self, text: str) -> Document:
        """Load a document while Python switches threads more often than its usual 5 ms.

        A claim waits for its thread a dozen times.
        """
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.disable()
        try:
            return self.load(text)
        finally:
            gc.collect(0)  # the rules leave cycles that hold the whole document: now they are young and few
            gc.enable()
            sys.setswitchinterval(DEFAULT_SWITCH_SECONDS)

    def load(self, text: str) -> Document:
        """The document with that text. Raises InvalidDocument."""
        document = self.cached(text)
        if document is None:
            document = self._parse(text)
            if len(text) <= MAX_CACHED_CHARACTERS:
                self._cache.put(text, document)
        return document

    def _parse(self, text: str) -> Document:
        try:
            tokens = text_limits.count_tokens(text)
            parsed = parse(
                text,
                max_tokens=text_limits.MAX_TOKENS,
                allow_empty_selection_sets=self._policy.allow_empty_selection_sets,
            )
        except GraphQLError as error:
            raise InvalidDocument([error]) from None
        except RecursionError:
            raise InvalidDocument([GraphQLError("This document is nested too deeply.")]) from None
        try:
            max_values = self._validate(parsed)
        finally:
            drop_tokens(parsed)
        operations = [node for node in parsed.definitions if isinstance(node, OperationDefinitionNode)]
        by_name = {node.name.value if node.name else None: node for node in operations}
        plans: dict[str | None, Plan | None] = {}
        if not is_conditional(parsed):
            plans = {name: self._planner(parsed, node) for name, node in by_name.items()}
        return Document(parsed, by_name, plans, 10_000 + 400 * tokens + 4 * len(text), max_values)

    def _validate(self, parsed: DocumentNode) -> int:
        """The most values that a response has. Raises InvalidDocument for one that is too large or breaks a rule."""
        policy = self._policy
        try:
            max_values = policy.measure(parsed) if policy.measure else 0
            errors = validate(
                self._schema, parsed, policy.rules, policy.max_errors, hide_suggestions=policy.hide_suggestions
            )
        except GraphQLError as error:  # it is too large
            errors = [error]
        except RecursionError:  # fragments within fragments, hundreds deep
            errors = [GraphQLError("This document is nested too deeply.")]
        except Exception as bug:  # of a rule: a document that it fails on is none that can be run
            raise FailedRule([GraphQLError(str(bug), original_error=bug)]) from bug
        if errors:
            raise InvalidDocument(errors)
        return max_values
