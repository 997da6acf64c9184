"""How a code's text is made and matched.

Matching: case, spaces and dashes of every kind, there or not, don't matter. `key` folds a text to what is
compared, in our own code and never by a database's collation, so both databases agree.

Making: every style is a row of slots, each filled from an alphabet of its own. That gives a numbered space
of texts to draw from uniformly, whose capacity is the product of the alphabets.
"""

import math
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from string import ascii_lowercase, ascii_uppercase, digits

from resolvers import words
from resolvers.refusals import InvalidInput

LONGEST_TEXT = 100
LONGEST_KEY = 400

# Read as dashes or as nothing, though Unicode files them elsewhere: soft hyphen, modifier minus, zero width
# space and no-break space, word joiner, hyphen bullet, minus.
_IGNORED = {"\u00ad", "\u02d7", "\u200b", "\u2060", "\ufeff", "\u2043", "\u2212"}
_WRITABLE = set(ascii_lowercase + ascii_uppercase + digits + "-_")


def key(text: str) -> str:
    """What a code's text is compared by; empty when nothing but spaces and dashes was said."""
    if text.isascii():  # the same, ten times as fast: only case, spaces and the hyphen are folded
        return "".join(text.lower().replace("-", "").split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(letter for letter in folded if not _is_ignored(letter))
    # What stood apart may join up now: an accent with the letter before it. Folded again, nothing changes.
    return kept if kept == text else key(kept)


def _is_ignored(letter: str) -> bool:
    return letter.isspace() or letter in _IGNORED or unicodedata.category(letter) in ("Pd", "Zs", "Zl", "Zp")


class Style(StrEnum):
    CREATIVE = "CREATIVE"
    ALPHANUMERIC = "ALPHANUMERIC"
    NUMERIC = "NUMERIC"
    PATTERN = "PATTERN"


@dataclass(frozen=True)
class Format:
    """How new texts look; see `read_format` for what may be said."""

    style: Style = Style.CREATIVE
    pattern: str | None = None
    prefix: str = ""

    @cached_property
    def slots(self) -> tuple[Sequence[str], ...]:
        """The alphabet of each place in the text, the fixed parts included as alphabets of one."""
        return ((self.prefix,), *self._styled_slots())

    def _styled_slots(self) -> tuple[Sequence[str], ...]:
        if self.style is Style.CREATIVE:
            return (words.adjectives(), ("-",), words.nouns())
        if self.style is Style.ALPHANUMERIC:
            return (ascii_lowercase + digits,) * 6
        if self.style is Style.NUMERIC:
            return (digits,) * 6
        alphabets = {"#": digits + ascii_uppercase, "A": ascii_uppercase, "9": digits}
        return tuple(alphabets.get(letter, letter) for letter in self.pattern or "")

    @cached_property
    def capacity(self) -> int:
        """How many different texts there are, taken or not."""
        return math.prod(len(alphabet) for alphabet in self.slots)

    @property
    def entropy_bits(self) -> float:
        """How many coin tosses choosing one text takes."""
        return math.log2(self.capacity)

    def text(self, number: int) -> str:
        """The text with this number, 0 <= number < capacity; each number has another text."""
        parts = []
        for alphabet in reversed(self.slots):
            number, place = divmod(number, len(alphabet))
            parts.append(alphabet[place])
        return "".join(reversed(parts))

    def draw(self, amount: int) -> list[str]:
        """Different texts drawn uniformly, taken or not; `amount` is at most half the capacity."""
        numbers: set[int] = set()
        while len(numbers) < amount:
            numbers.add(secrets.randbelow(self.capacity))
        return [self.text(number) for number in numbers]

    def all(self) -> Iterator[str]:
        """Every text of the space."""
        return (self.text(number) for number in range(self.capacity))


def read_format(style: Style, pattern: str | None, prefix: str | None) -> Format:
    """A format from what a caller says: PATTERN wants a pattern, the others none; a prefix may be before any.

    In a pattern `#` stands for a digit or letter, `A` for a letter, `9` for a digit, and the rest for itself.
    What we issue stays within letters, digits, `-` and `_`, because vendors' clients put codes into paths
    without escaping them. Raises InvalidInput.
    """
    if (style is Style.PATTERN) != bool(pattern):
        raise InvalidInput("A pattern goes with the style PATTERN, and only with it.", "format", "pattern")
    written = Format(style, pattern, prefix or "")
    for field, part in (("pattern", (pattern or "").replace("#", "")), ("prefix", prefix or "")):
        if not _WRITABLE.issuperset(part):
            raise InvalidInput("Codes are made of the letters A-Z, digits, - and _.", "format", field)
        if len(part) > LONGEST_TEXT // 2:
            raise InvalidInput(f"At most {LONGEST_TEXT // 2} characters, please.", "format", field)
    if not key(written.text(0)):
        raise InvalidInput("A code needs more than dashes.", "format", "pattern")
    return written
