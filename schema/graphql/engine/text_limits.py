"""Limits on the text of a document, counted token by token in one linear pass before it is parsed.

graphql-core's rules compare fields with each other, print whole literals into each error and look for names that are
spelled alike. The counts here bound all of that.
"""

import re

from graphql import GraphQLError

MAX_CHARACTERS = 100_000
MAX_TOKENS = 10_000
MAX_OPEN_BRACKETS = 100
"""Brackets of all kinds that may be open at once."""
MAX_NAME_CHARACTERS = 255
MAX_NUMBER_DIGITS = 100
MAX_MEMBERS = 200
"""Arguments of one field, fields of one literal object, or variables of one operation."""
MAX_ALIASES = 100
MAX_SPREADS = 500
"""Fragment spreads and inline fragments."""
MAX_DIRECTIVES = 200
MAX_DEFINITIONS = 300
"""Operations and fragments."""

# Strings and comments are matched once, even if they never end, so the whole is linear.
_TOKEN = re.compile(
    r'"""(?:[^"\\]+|\\"""|\\|"(?!""))*(?:""")?'  # not possessive: Python 3.11.2 takes one with a lookahead wrongly
    r'|"(?:[^"\\\n\r]++|\\.)*+"?'
    r"|\#[^\n\r]*+"
    r"|[_A-Za-z][_0-9A-Za-z]*+"
    r"|-?[0-9][0-9A-Za-z.+-]*+"
    r"|\.\.\."
    r"|[^\s,\ufeff]"
)
_COLON, _SPREAD = ":", "..."
_DIGITS = frozenset("-0123456789")
_CLOSED_BY = {"{": "}", "(": ")", "[": "]"}


def count_tokens(text: str) -> int:
    """The number of tokens in a text. Raises GraphQLError for a text that passes any of the limits."""
    if len(text) > MAX_CHARACTERS:
        raise GraphQLError(
            f"This document has {len(text)} letters, {MAX_CHARACTERS} are allowed, and {MAX_TOKENS} tokens."
            " Send values as variables."
        )
    counter = _TokenCounter()
    for match in _TOKEN.finditer(text):
        counter.add(match[0])
    return counter.tokens


class _TokenCounter:
    """Counts of the tokens so far, and the open brackets."""

    def __init__(self) -> None:
        self.tokens = self.aliases = self.spreads = self.directives = self.definitions = 0
        self.open_brackets: list[tuple[str, set[str]]] = []
        """Each open bracket, and the names that have a value in it."""
        self.open_parentheses = 0
        self.previous = ""

    def add(self, token: str) -> None:
        """Count one token. Raises GraphQLError where it passes a limit."""
        first = token[0]
        self.tokens += 1
        if self.tokens > MAX_TOKENS:
            raise GraphQLError(f"This document has more than {MAX_TOKENS} tokens.")
        if first in "{([":
            self._open(first)
        elif first in "})]":
            self._close(first)
        elif token == _COLON:
            self._count_name()
        elif token == _SPREAD:
            self.spreads = _incremented(self.spreads, MAX_SPREADS, "fragments and spreads of them")
        elif first == "@":
            self.directives = _incremented(self.directives, MAX_DIRECTIVES, "directives")
        elif first in _DIGITS:
            if len(token) > MAX_NUMBER_DIGITS:
                raise GraphQLError(f"A number in this document has more than {MAX_NUMBER_DIGITS} digits.")
        elif first not in '"#' and len(token) > MAX_NAME_CHARACTERS:
            raise GraphQLError(f"A name in this document has more than {MAX_NAME_CHARACTERS} letters.")
        self.previous = token

    def _open(self, bracket: str) -> None:
        if len(self.open_brackets) == MAX_OPEN_BRACKETS:
            raise GraphQLError(
                f"This document is nested too deeply: at most {MAX_OPEN_BRACKETS} brackets in each other."
            )
        if not self.open_brackets and bracket == "{":
            self.definitions = _incremented(self.definitions, MAX_DEFINITIONS, "operations and fragments")
        self.open_parentheses += bracket == "("
        self.open_brackets.append((bracket, set()))

    def _close(self, bracket: str) -> None:
        if self.open_brackets and _CLOSED_BY[self.open_brackets[-1][0]] == bracket:
            self.open_parentheses -= self.open_brackets.pop()[0] == "("

    def _count_name(self) -> None:
        if not self.open_parentheses:
            self.aliases = _incremented(self.aliases, MAX_ALIASES, "aliases")
            return
        names = self.open_brackets[-1][1]
        if self.previous in names:
            raise GraphQLError(f"'{self.previous[:50]}' is given twice in one place.")
        names.add(self.previous)
        if len(names) > MAX_MEMBERS:
            raise GraphQLError(f"More than {MAX_MEMBERS} names are given values in one place. Send them as a variable.")


def _incremented(count: int, limit: int, things: str) -> int:
    if count == limit:
        raise GraphQLError(f"More than {limit} {things} found in this document.")
    return count + 1
