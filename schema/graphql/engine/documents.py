"""Documents: read, held to their limits and remembered, before anything of them runs.

A document's text is the key, so a client that sends its values as variables is read once. Nothing that is checked
here depends on variables: a page whose size is one counts as the largest (document_limits.py). What is long is read by
a thread of its own, one document after another, so that the event loop goes on with everybody else's.
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

from schema.graphql import document_limits, text_limits
from schema.graphql.engine.one_of import OneOfVariables
from schema.graphql.engine.plan import Plan, plan
from schema.graphql.public import only_public

REMEMBERED = {True: 10_000_000, False: 20_000_000}
"""Bytes of remembered documents at most: those of public keys, and those of all others."""
LONGEST_REMEMBERED = 20_000
AT_ONCE = 1_000
"""Letters of a text that is read at once; a longer one is read by a thread."""
WAITING = 100
"""Documents that may wait for a thread: of public keys, and of all others."""
ERRORS = 5
"""Errors that are told of one document."""
USUAL_SWITCH, SWITCH = sys.getswitchinterval(), 0.0005
"""Seconds after which one thread lets others go on; the latter while a document is read beside the loop."""
NO_TOKEN = Token(TokenKind.SOF, 0, 0, 0, 0)
log = logging.getLogger("tessera")

overlapping.MAX_COMPLEXITY_BUDGET = (
    20_000  # a 25th of its own, far above what clients send; the rule reads it as it begins
)


class NotGood(Exception):
    """Raised for a document that can't be read, or breaks a rule; nothing of it has run."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.errors = errors


class Busy(Exception):
    """Raised where so many long documents wait to be read that one more would wait too long."""

    def __init__(self) -> None:
        super().__init__("Many long documents are being read just now. Try again in a moment.")


class Document(NamedTuple):
    """A document that keeps every rule, what it may do and, where that is the same in every run, its plans."""

    parsed: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]
    plans: Mapping[str | None, Plan | None]
    bytes: int
    """About how much memory it takes."""
    cells: int
    """How many values an answer has at most."""

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """What is to be done, or None where a name is wanted and missing, or unknown."""
        if name is None:
            return next(iter(self.operations.values())) if len(self.operations) == 1 else None
        return self.operations.get(name)

    def plan(self, operation: OperationDefinitionNode) -> Plan | None:
        """An operation's plan, where it has one."""
        return self.plans.get(operation.name.value if operation.name else None)


class Remembered:
    """Documents by their texts, the latest used ones, up to so many bytes in all."""

    def __init__(self, bytes: int) -> None:
        self._most, self._bytes = bytes, 0
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._lock = Lock()  # texts are read by threads

    def get(self, text: str) -> Document | None:
        """The document with that text, if it is remembered."""
        with self._lock:
            found = self._documents.get(text)
            if found is not None:
                self._documents.move_to_end(text)
            return found

    def put(self, text: str, document: Document) -> None:
        """Remember a document, and forget those that were not used for the longest time."""
        with self._lock:
            if text in self._documents:
                return
            self._documents[text] = document
            self._bytes += document.bytes
            while self._bytes > self._most:
                self._bytes -= self._documents.popitem(last=False)[1].bytes


def lighten(parsed: DocumentNode) -> None:
    """Let a document's tokens go: a third of its memory, and they refer to each other in circles.

    Python's garbage collector holds up all threads while it goes through those. Where nodes stand is told without them.
    """
    token: Any = parsed.loc.start_token if parsed.loc else None
    while token is not None:
        following = token.next
        token.prev = token.next = None
        token = following
    left: list[Any] = [parsed]
    while left:
        node = left.pop()
        if isinstance(node, tuple):
            left.extend(node)
        elif isinstance(node, Node):
            if node.loc is not None:
                node.loc.start_token = node.loc.end_token = NO_TOKEN
            left.extend(getattr(node, key) for key in node.keys if key != "loc")


class Documents:
    """What a schema's callers send, those with a public key held to what is public and remembered apart."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema = schema._schema
        rules = (*specified_rules, MaybeNullValidationRule, OneOfVariables)
        self._rules = {True: (*rules, *document_limits.NO_INTROSPECTION, only_public(schema.as_str())), False: rules}
        self._remembered = {in_public: Remembered(most) for in_public, most in REMEMBERED.items()}
        self._waiting = dict.fromkeys(REMEMBERED, 0)
        self._readers = {
            in_public: ThreadPoolExecutor(1, f"documents-{'public' if in_public else 'others'}")
            for in_public in REMEMBERED
        }

    def known(self, text: str, in_public: bool) -> Document | None:
        """A document that has been read before, and is remembered."""
        return self._remembered[in_public].get(text)

    async def read_aside(self, text: str, in_public: bool) -> Document:
        """A document by its text, without holding up the event loop. Raises NotGood, Busy."""
        if len(text) <= AT_ONCE or len(text) > text_limits.LETTERS:
            return self.read(text, in_public)
        if self._waiting[in_public] >= WAITING:
            raise Busy
        self._waiting[in_public] += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._readers[in_public], self._read_by_thread, text, in_public)
        finally:
            self._waiting[in_public] -= 1

    def _read_by_thread(self, text: str, in_public: bool) -> Document:
        """Python lets a thread run for 5 ms at a time, and a claim asks for its turn a dozen times: let it have it."""
        sys.setswitchinterval(SWITCH)
        gc.disable()
        try:
            return self.read(text, in_public)
        finally:
            gc.collect(0)  # the rules leave circles behind that hold the whole document: now they are young and few
            gc.enable()
            sys.setswitchinterval(USUAL_SWITCH)

    def read(self, text: str, in_public: bool) -> Document:
        """A document by its text. Raises NotGood."""
        found = self.known(text, in_public)
        if found is None:
            found = self._read(text, in_public)
            if len(text) <= LONGEST_REMEMBERED:
                self._remembered[in_public].put(text, found)
        return found

    def _read(self, text: str, in_public: bool) -> Document:
        try:
            tokens = text_limits.tokens(text)
            parsed = parse(text, max_tokens=text_limits.TOKENS, allow_empty_selection_sets=False)
        except GraphQLError as error:
            raise NotGood([error]) from None
        except RecursionError:
            raise NotGood([GraphQLError("This document is nested too deeply.")]) from None
        try:
            cells = self._check(parsed, in_public)
        finally:
            lighten(parsed)
        operations = [found for found in parsed.definitions if isinstance(found, OperationDefinitionNode)]
        by_name = {found.name.value if found.name else None: found for found in operations}
        planned = {} if "@" in text else {name: plan(self._schema, parsed, found) for name, found in by_name.items()}
        return Document(parsed, by_name, planned, 10_000 + 400 * tokens + 4 * len(text), cells)

    def _check(self, parsed: DocumentNode, in_public: bool) -> int:
        """How many cells a document comes to. Raises NotGood for one that breaks a rule, or is too large."""
        try:
            size = document_limits.size(self._schema, parsed)
            objection = document_limits.objection(size)
            errors = [objection] if objection else validate(
                self._schema, parsed, self._rules[in_public], ERRORS, hide_suggestions=in_public
            )  # fmt: skip
        except RecursionError:  # fragments within fragments, hundreds deep
            errors = [GraphQLError("This document is nested too deeply.")]
        except Exception as bug:  # of a rule: whatever it stumbled over is no document that can be run
            log.error("a document could not be checked", exc_info=bug)
            errors = [GraphQLError("This document could not be checked.")]
        if errors:
            raise NotGood(errors)
        return size.cells
