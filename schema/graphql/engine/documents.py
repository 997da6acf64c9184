"""Documents: parsed, validated and cached by their text, before anything of them runs.

A client that sends its values as variables has its document parsed once. Nothing that is validated here depends on
variables: a page whose size is a variable counts as the largest (document_limits.py). Long documents are loaded by a
thread, one after another, so that the event loop goes on serving others.
"""

import asyncio
import gc
import logging
import sys
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, NamedTuple

import strawberry
from graphql import (
    DocumentNode,
    GraphQLError,
    Node,
    OperationDefinitionNode,
    Token,
    TokenKind,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged as overlapping
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from schema.graphql import document_limits
from schema.graphql.engine import text_limits
from schema.graphql.engine.one_of import OneOfVariables
from schema.graphql.engine.plan import Plan, build_plan
from schema.graphql.public import only_public

MAX_CACHE_BYTES = {True: 10_000_000, False: 20_000_000}
"""Bytes of cached documents: those of public keys, and those of all others."""
MAX_CACHED_CHARACTERS = 20_000
"""Characters of a text that is cached; a longer one is parsed each time."""
MAX_INLINE_CHARACTERS = 1_000
"""Characters of a text that is loaded by the event loop itself; a longer one is loaded by a thread."""
MAX_WAITING = 100
"""Documents that may wait for a thread: of public keys, and of all others."""
MAX_ERRORS = 5
"""Errors that validation reports of one document."""
DEFAULT_SWITCH_SECONDS, SWITCH_SECONDS = sys.getswitchinterval(), 0.0005
"""Python's interval between switches of threads: as it is set, and while a thread loads a document."""
EMPTY_TOKEN = Token(TokenKind.SOF, 0, 0, 0, 0)
log = logging.getLogger("tessera")

overlapping.MAX_COMPLEXITY_BUDGET = (
    20_000  # a 25th of its own, far above what clients send; the rule reads it as it begins
)


class InvalidDocument(Exception):
    """Raised for a document that can't be parsed or breaks a rule; nothing of it has run."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.errors = errors


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
    token: Any = parsed.loc.start_token if parsed.loc else None
    while token is not None:
        following = token.next
        token.prev = token.next = None
        token = following
    pending: list[Any] = [parsed]
    while pending:
        node = pending.pop()
        if isinstance(node, tuple):
            pending.extend(node)
        elif isinstance(node, Node):
            if node.loc is not None:
                node.loc.start_token = node.loc.end_token = EMPTY_TOKEN
            pending.extend(getattr(node, key) for key in node.keys if key != "loc")


class DocumentLoader:
    """Loads the documents that a schema's callers send: cached, or parsed, validated and planned.

    `is_public` says that a document comes with a public key: it may select public fields only, and has a cache and a
    thread apart from all others'.
    """

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema = schema._schema
        rules = (*specified_rules, MaybeNullValidationRule, OneOfVariables)
        self._rules = {True: (*rules, *document_limits.NO_INTROSPECTION, only_public(schema.as_str())), False: rules}
        self._caches = {is_public: DocumentCache(max_bytes) for is_public, max_bytes in MAX_CACHE_BYTES.items()}
        self._waiting = dict.fromkeys(MAX_CACHE_BYTES, 0)
        self._threads = {
            is_public: ThreadPoolExecutor(1, f"documents-{'public' if is_public else 'others'}")
            for is_public in MAX_CACHE_BYTES
        }

    def cached(self, text: str, is_public: bool) -> Document | None:
        """The document with that text, if it is cached."""
        return self._caches[is_public].get(text)

    async def load_async(self, text: str, is_public: bool) -> Document:
        """The document with that text; a long one is loaded by a thread. Raises InvalidDocument, TooManyDocuments."""
        if len(text) <= MAX_INLINE_CHARACTERS or len(text) > text_limits.MAX_CHARACTERS:
            return self.load(text, is_public)
        if self._waiting[is_public] >= MAX_WAITING:
            raise TooManyDocuments
        self._waiting[is_public] += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads[is_public], self._load_in_thread, text, is_public)
        finally:
            self._waiting[is_public] -= 1

    def _load_in_thread(self, text: str, is_public: bool) -> Document:
        """Load a document while Python switches threads more often than its usual 5 ms.

        A claim waits for its thread a dozen times.
        """
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.disable()
        try:
            return self.load(text, is_public)
        finally:
            gc.collect(0)  # the rules leave cycles that hold the whole document: now they are young and few
            gc.enable()
            sys.setswitchinterval(DEFAULT_SWITCH_SECONDS)

    def load(self, text: str, is_public: bool) -> Document:
        """The document with that text. Raises InvalidDocument."""
        document = self.cached(text, is_public)
        if document is None:
            document = self._parse(text, is_public)
            if len(text) <= MAX_CACHED_CHARACTERS:
                self._caches[is_public].put(text, document)
        return document

    def _parse(self, text: str, is_public: bool) -> Document:
        try:
            tokens = text_limits.count_tokens(text)
            parsed = parse(text, max_tokens=text_limits.MAX_TOKENS, allow_empty_selection_sets=False)
        except GraphQLError as error:
            raise InvalidDocument([error]) from None
        except RecursionError:
            raise InvalidDocument([GraphQLError("This document is nested too deeply.")]) from None
        try:
            max_values = self._validate(parsed, is_public)
        finally:
            drop_tokens(parsed)
        operations = [node for node in parsed.definitions if isinstance(node, OperationDefinitionNode)]
        by_name = {node.name.value if node.name else None: node for node in operations}
        may_have_directives = "@" in text  # which may select something else in each run
        plans: dict[str | None, Plan | None] = {}
        if not may_have_directives:
            plans = {name: build_plan(self._schema, parsed, node) for name, node in by_name.items()}
        return Document(parsed, by_name, plans, 10_000 + 400 * tokens + 4 * len(text), max_values)

    def _validate(self, parsed: DocumentNode, is_public: bool) -> int:
        """The most values that a response has. Raises InvalidDocument for one that is too large or breaks a rule."""
        try:
            size = document_limits.document_size(self._schema, parsed)
            limit_error = document_limits.limit_error(size)
            errors = [limit_error] if limit_error else validate(
                self._schema, parsed, self._rules[is_public], MAX_ERRORS, hide_suggestions=is_public
            )  # fmt: skip
        except RecursionError:  # fragments within fragments, hundreds deep
            errors = [GraphQLError("This document is nested too deeply.")]
        except Exception as bug:  # of a rule: a document that it fails on is none that can be run
            log.error("a document could not be checked", exc_info=bug)
            errors = [GraphQLError("This document could not be checked.")]
        if errors:
            raise InvalidDocument(errors)
        return size.values
