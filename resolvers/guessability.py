"""How likely a guess is to hit a code: the live codes of an organization, over the size of the space that they are in.

The codes are looked at themselves, whoever made them and however long ago. Those of a promotion that have as many
characters of the same kinds are a group. Where all of a group have the same character (a prefix, say) it is known to
whoever guesses. A few codes are own wordings: they count by their length over their alphabet. Adjective and noun are
found in our own lists of words.
"""

import asyncio
import math
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import NamedTuple

from db.queries import codes
from resolvers.domain import wordlist
from resolvers.domain.code_format import Format

PAGE_SIZE = 1_000
"""Codes that are looked at between two moments in which others are served."""

MIN_GROUP_SIZE = 8
"""Codes that show what they have in common: fewer may be alike by chance."""

MIN_ASSUMED_CODES = 100
"""Codes that every space is taken to have at least: what is made may be looked at a minute later."""

MAX_SAFE_CHANCE = 1e-8
"""A chance that is no risk: ten thousand addresses at 60 failed attempts a minute would find one in three hours."""

WARNING_CHANCE = 1e-4
"""A chance that its owner is told of when codes are made."""

_SIZES = {"9": (10, 0, 10), "a": (26, 26, 0), "x": (36, 26, 10), "?": (64, 0, 0)}
"""Characters of a kind, and how many of them are letters and digits."""

_CLASSES = {"9": "[0-9]", "a": "[a-z]", "x": "[0-9a-z]", "?": "."}


class Group(NamedTuple):
    """Whose codes are alike: of one promotion, with one kind of characters, and so many of them.

    Adjective and noun are of the kind "w" and have a prefix in place of a length.
    """

    promotion_id: int
    kind: str
    length: int | str


def kind(key: str) -> tuple[str, int | str]:
    """The kind of a code's key, and its length or prefix."""
    prefix = _prefix_of_words(key)
    if prefix is not None:
        return "w", prefix
    return _class(key), len(key)


def _class(letters: str) -> str:
    """What the characters of a text have in common: all are digits, or letters, or either."""
    if not letters.isascii() or not letters.isalnum():
        return "?"
    return "9" if letters.isdigit() else "a" if letters.isalpha() else "x"


@cache
def _words() -> tuple[frozenset[str], frozenset[str], int]:
    return frozenset(wordlist.adjectives()), frozenset(wordlist.nouns()), Format().capacity


def _prefix_of_words(key: str) -> str | None:
    """What stands before an adjective and a noun; None where a key does not end in such a pair."""
    adjectives, nouns, _ = _words()
    for noun in range(3, min(13, len(key) - 2)):
        if key[-noun:] in nouns:
            rest = key[:-noun]
            for adjective in range(3, min(13, len(rest) + 1)):
                if rest[-adjective:] in adjectives:
                    return rest[:-adjective]
    return None


@dataclass
class GroupCount:
    """The codes of a group: how many, and the characters at each place once they are more than a few."""

    codes: int = 0
    few: list[str] = field(default_factory=list)
    seen: list[set[str]] = field(default_factory=list)

    def add(self, keys: list[str]) -> None:
        """Count these as well."""
        self.codes += len(keys)
        if self.codes < MIN_GROUP_SIZE:
            self.few += keys
            return
        keys, self.few = self.few + keys, []
        columns = [set(letters) for letters in zip(*keys, strict=True)]
        self.seen = [one | other for one, other in zip(self.seen, columns, strict=True)] if self.seen else columns

    def pattern(self) -> tuple[str, float]:
        """What all of them match, and how many texts do: a place has one character, or any of a kind."""
        classes = [None if len(letters) == 1 else _class("".join(letters)) for letters in self.seen]
        pattern = (
            _CLASSES[one] if one else re.escape(min(letters)) for one, letters in zip(classes, self.seen, strict=True)
        )
        kinds = [one or _class(min(letters)) for one, letters in zip(classes, self.seen, strict=True)]
        sizes = [
            _SIZES[one] if one else (1, int(kind == "a"), int(kind == "9"))
            for one, kind in zip(classes, kinds, strict=True)
        ]
        return "".join(pattern), _size(sizes, "x" in kinds or {"a", "9"} <= set(kinds))


class Chances:
    """What a guess's chance is at one organization, by the guess."""

    def __init__(self, counted: dict[Group, GroupCount], own_at_most: float) -> None:
        self.counted = sum(group.codes for group in counted.values())
        self._own: dict[tuple[str, int | str], float] = defaultdict(float)
        self._drawn: dict[tuple[str, int | str], float] = defaultdict(float)
        self._alike: dict[tuple[str, int | str], list[tuple[re.Pattern[str], float]]] = defaultdict(list)
        self._own_at_most = own_at_most
        at_risk: dict[tuple[str, int | str], int] = defaultdict(int)
        densest: dict[tuple[str, int | str], float] = defaultdict(float)
        for group, known in counted.items():
            key = group.kind, group.length
            chance = self._add(key, known)
            at_risk[key] += known.codes
            densest[key] = max(densest[key], chance)
        self.at_risk = sum(
            number
            for key, number in at_risk.items()
            if densest[key] + self._own[key] + self._drawn[key] > MAX_SAFE_CHANCE
        )

    def _add(self, key: tuple[str, int | str], known: GroupCount) -> float:
        if key[0] == "w":
            self._drawn[key] += known.codes / _words()[2]
            return 0
        whole = space(*key)
        if known.codes < MIN_GROUP_SIZE:
            self._own[key] += known.codes / whole
            return 0
        pattern, size = known.pattern()
        if size == whole:
            self._drawn[key] += known.codes / whole
            return 0
        chance = min(1.0, known.codes / size)
        self._alike[key].append((re.compile(pattern), chance))
        return chance

    def of(self, key: str) -> float:
        """The chance that a text with this key is a live code that anybody may claim."""
        found = kind(key)
        size = _words()[2] if found[0] == "w" else space(*found)
        own = max(self._own.get(found, 0.0), MIN_ASSUMED_CODES / size)
        drawn = self._drawn.get(found, 0.0)
        for pattern, chance in self._alike.get(found, ()):
            if pattern.fullmatch(key):
                drawn += chance
        return min(1.0, max(drawn, min(own, self._own_at_most)))


@cache
def space(kind: str, length: int | str) -> float:
    """How many texts there are of a kind and length. All letters, or all digits, are of another kind than both."""
    return _size([_SIZES[kind]] * min(int(length), 100), is_mixed=kind == "x")


def _size(places: list[tuple[int, int, int]], is_mixed: bool) -> float:
    every, letters, digits = (math.prod(map(float, of)) for of in zip(*places, strict=True))
    return max(1.0, every - letters - digits if is_mixed else every)


def assumed(own_at_most: float) -> Chances:
    """What is assumed of an organization whose codes nobody has looked at yet."""
    return Chances({}, own_at_most)


async def count_by_page(organization_id: int, now: datetime) -> AsyncIterator[dict[Group, GroupCount]]:
    """An organization's live codes, those that are nobody's own, as counted after each page: by now, in the end all."""
    counted: dict[Group, GroupCount] = defaultdict(GroupCount)
    async for page in codes.claimable_by_anybody(organization_id, now, PAGE_SIZE):
        alike: dict[Group, list[str]] = defaultdict(list)
        for promotion_id, key in page:
            alike[Group(promotion_id, *kind(key))].append(key)
        for group, keys in alike.items():
            if group.kind == "w":
                counted[group].codes += len(keys)
            else:
                counted[group].add(keys)
        yield counted
        await asyncio.sleep(0)


async def count(organization_id: int, now: datetime, own_at_most: float = 1.0) -> Chances:
    """All of it. An organization of a million codes takes seconds, in which others are served."""
    last: dict[Group, GroupCount] = {}
    async for counted in count_by_page(organization_id, now):
        last = counted
    return Chances(last, own_at_most)


def warnings(amount: int, format: Format) -> list[str]:
    """What the owner of new codes should know, in sentences; nothing where strangers would guess for ever."""
    chance = amount / format.capacity
    if chance <= WARNING_CHANCE:
        return []
    hit = "every guess hits" if chance >= 1 else f"one in {max(2, round(1 / chance)):,} guesses hits"
    return [
        f"{amount:,} codes of {format.capacity:,}: {hit} one. Longer codes can't be guessed, ten # in a pattern, say."
    ]
