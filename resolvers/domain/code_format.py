"""Formats of code texts: how a text is matched, and how new ones are generated.

Matching: case, spaces and dashes of every kind, there or not, don't matter. `folding.code_key` folds a text in our
own code and never by a database's collation, so both databases agree.

Generating: every style is a row of slots, each filled from an alphabet of its own. That gives a numbered space of
texts to draw from uniformly, whose capacity is the product of the alphabets' sizes.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import product
from string import ascii_lowercase, ascii_uppercase, digits

from resolvers.domain import folding, wordlist
from resolvers.domain.refusals import InvalidInput

MAX_CODE_LENGTH = 100
MAX_KEY_LENGTH = 400

_WRITABLE = set(ascii_lowercase + ascii_uppercase + digits + "-_")

MAX_BLOCK_TEXTS = 2**16
"""The number of texts up to which neighbouring slots are joined into one table."""


class Style(StrEnum):
    CREATIVE = "CREATIVE"
    ALPHANUMERIC = "ALPHANUMERIC"
    NUMERIC = "NUMERIC"
    PATTERN = "PATTERN"


Text = tuple[str, str]
"""A code's text as it is issued, and its match key."""


@lru_cache(maxsize=16)
def _joined(alphabets: tuple[Sequence[str], ...]) -> tuple[Text, ...]:
    """Every text of neighbouring slots, in the order of their numbers."""
    texts = map("".join, product(*alphabets))
    return tuple((text, folding.code_key(text)) for text in texts)


@dataclass(frozen=True)
class Format:
    """The format of new texts; `read_format` makes a valid one."""

    style: Style = Style.CREATIVE
    pattern: str | None = None
    prefix: str = ""

    @cached_property
    def slots(self) -> tuple[Sequence[str], ...]:
        """The alphabet of each place in the text, the fixed parts included as alphabets of one."""
        return ((self.prefix,), *self._styled_slots())

    def _styled_slots(self) -> tuple[Sequence[str], ...]:
        if self.style is Style.CREATIVE:
            return (wordlist.adjectives(), ("-",), wordlist.nouns())
        if self.style is Style.ALPHANUMERIC:
            return (ascii_lowercase + digits,) * 6
        if self.style is Style.NUMERIC:
            return (digits,) * 6
        alphabets = {"#": digits + ascii_uppercase, "A": ascii_uppercase, "9": digits}
        return tuple(alphabets.get(letter, letter) for letter in self.pattern or "")

    @cached_property
    def capacity(self) -> int:
        """The number of different texts, used or not."""
        return math.prod(len(alphabet) for alphabet in self.slots)

    @property
    def entropy_bits(self) -> float:
        """The entropy of a text that is drawn uniformly."""
        return math.log2(self.capacity)

    @cached_property
    def _blocks(self) -> tuple[tuple[Text, ...], ...]:
        """The slots with neighbours joined, the last first: a text is concatenated from few long parts."""
        groups: list[tuple[Sequence[str], ...]] = [()]
        for alphabet in reversed(self.slots):
            if math.prod(map(len, groups[-1])) * len(alphabet) > MAX_BLOCK_TEXTS:
                groups.append(())
            groups[-1] = (alphabet, *groups[-1])
        return tuple(_joined(group) for group in groups)

    def texts(self, numbers: Iterable[int]) -> list[Text]:
        """The texts with these numbers, each 0 <= number < capacity; different numbers give different texts."""
        if len(self._blocks) != 2:
            return [self._text(number) for number in numbers]
        ends, starts = self._blocks
        size = len(ends)
        pairs = ((starts[number // size], ends[number % size]) for number in numbers)
        return [(text + end, key + end_key) for (text, key), (end, end_key) in pairs]

    def _text(self, number: int) -> Text:
        text = key = ""
        for block in self._blocks:
            number, place = divmod(number, len(block))
            text, key = block[place][0] + text, block[place][1] + key
        return text, key


def prepare() -> None:
    """Make the tables of texts beforehand: that takes a tenth of a second, once a process."""
    for style in (Style.CREATIVE, Style.ALPHANUMERIC, Style.NUMERIC):
        Format(style).texts([0])


def read_format(style: Style, pattern: str | None, prefix: str | None) -> Format:
    """A valid format: PATTERN needs a pattern, the other styles have none; any may have a prefix.

    In a pattern `#` stands for a digit or letter, `A` for a letter, `9` for a digit, and the rest for itself.
    Generated texts stay within letters, digits, `-` and `_`, because vendors' clients put codes into paths
    without escaping them. Raises InvalidInput.
    """
    if (style is Style.PATTERN) != bool(pattern):
        raise InvalidInput("A pattern goes with the style PATTERN, and only with it.", "format", "pattern")
    format = Format(style, pattern, prefix or "")
    for field, part in (("pattern", (pattern or "").replace("#", "")), ("prefix", prefix or "")):
        if not _WRITABLE.issuperset(part):
            raise InvalidInput("Codes are made of the letters A-Z, digits, - and _.", "format", field)
        if len(part) > MAX_CODE_LENGTH // 2:
            raise InvalidInput(f"At most {MAX_CODE_LENGTH // 2} characters, please.", "format", field)
    if not format.texts([0])[0][1]:
        raise InvalidInput("A code needs more than dashes.", "format", "pattern")
    return format
