"""A document's text, held to sizes before anything parses it: one linear look, a token at a time.

graphql-core's rules compare fields with each other, print whole literals into each error and look for names that are
spelled alike. All of that is bounded by what is counted here.
"""

import re

from graphql import GraphQLError

LETTERS = 100_000
TOKENS = 10_000
BRACKETS = 100
"""Brackets of all kinds that may be open at once."""
NAME = 255
NUMBER = 100
MEMBERS = 200
"""Arguments of one field, fields of one literal object, or variables of one operation."""
ALIASES = 100
SPREADS = 500
"""Spreads of fragments, and fragments in place."""
DIRECTIVES = 200
DEFINITIONS = 300
"""Operations and fragments."""

# Strings and comments are passed over once, even if they never end, so the whole is linear.
_TOKEN = re.compile(
    r'"""(?:[^"\\]++|\\"""|\\|"(?!""))*+(?:""")?'
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


def tokens(text: str) -> int:
    """How many tokens a text has. Raises GraphQLError for one that is too large in any way."""
    if len(text) > LETTERS:
        raise GraphQLError(
            f"This document has {len(text)} letters, {LETTERS} are allowed, and {TOKENS} tokens."
            " Send values as variables."
        )
    look = _Look()
    for found in _TOKEN.finditer(text):
        look.at(found[0])
    return look.tokens


class _Look:
    """What has been seen so far, and which brackets are open."""

    def __init__(self) -> None:
        self.tokens = self.aliases = self.spreads = self.directives = self.definitions = 0
        self.open: list[tuple[str, set[str]]] = []
        """Of each open bracket what closes it, and the names that are given values in it."""
        self.in_arguments = 0
        self.before = ""

    def at(self, token: str) -> None:
        """Count one token. Raises GraphQLError where that is one too many."""
        first = token[0]
        self.tokens += 1
        if self.tokens > TOKENS:
            raise GraphQLError(f"This document has more than {TOKENS} tokens.")
        if first in "{([":
            self._opened(first)
        elif first in "})]":
            self._closed(first)
        elif token == _COLON:
            self._named()
        elif token == _SPREAD:
            self.spreads = _one_more(self.spreads, SPREADS, "fragments and spreads of them")
        elif first == "@":
            self.directives = _one_more(self.directives, DIRECTIVES, "directives")
        elif first in _DIGITS:
            if len(token) > NUMBER:
                raise GraphQLError(f"A number in this document has more than {NUMBER} digits.")
        elif first not in '"#' and len(token) > NAME:
            raise GraphQLError(f"A name in this document has more than {NAME} letters.")
        self.before = token

    def _opened(self, bracket: str) -> None:
        if len(self.open) == BRACKETS:
            raise GraphQLError(f"This document is nested too deeply: at most {BRACKETS} brackets in each other.")
        if not self.open and bracket == "{":
            self.definitions = _one_more(self.definitions, DEFINITIONS, "operations and fragments")
        self.in_arguments += bracket == "("
        self.open.append((bracket, set()))

    def _closed(self, bracket: str) -> None:
        if self.open and _CLOSED_BY[self.open[-1][0]] == bracket:
            self.in_arguments -= self.open.pop()[0] == "("

    def _named(self) -> None:
        if not self.in_arguments:
            self.aliases = _one_more(self.aliases, ALIASES, "aliases")
            return
        names = self.open[-1][1]
        if self.before in names:
            raise GraphQLError(f"'{self.before[:50]}' is given twice in one place.")
        names.add(self.before)
        if len(names) > MEMBERS:
            raise GraphQLError(f"More than {MEMBERS} names are given values in one place. Send them as a variable.")


def _one_more(count: int, most: int, what: str) -> int:
    if count == most:
        raise GraphQLError(f"More than {most} {what} found in this document.")
    return count + 1
