"""Estimates the chance that a guess hits a code: an organization's live codes, over the size of their space.

The estimate reads the codes themselves, however they were made. Codes of a promotion with the same length and kind of
characters are a group. A character that all codes of a group share (a prefix, say) counts as known to a guesser. A
group of few codes counts as custom texts: their number over all texts of that length and kind. Codes of an adjective
and a noun are recognized by our own word lists.
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
"""Codes that are read before the event loop may run other tasks."""

MIN_GROUP_SIZE = 8
"""The codes that a group needs for a pattern: fewer may be alike by chance."""

MIN_ASSUMED_CODES = 100
"""The codes that every space is assumed to have at least: new codes are counted up to a minute later."""

MAX_SAFE_CHANCE = 1e-8
"""A chance that is no risk: ten thousand addresses at 60 failed attempts a minute would find one in three hours."""

WARNING_CHANCE = 1e-4
"""The chance above which new codes come with a warning."""

_SIZES = {"9": (10, 0, 10), "a": (26, 26, 0), "x": (36, 26, 10), "?": (64, 0, 0)}
"""The number of characters of a kind, and how many of them are letters and digits."""

_CLASSES = {"9": "[0-9]", "a": "[a-z]", "x": "[0-9a-z]", "?": "."}


class Group(NamedTuple):
    """The key of a group of codes: their promotion, kind of characters and length.

    Codes of an adjective and a noun are of the kind "w" and have a prefix in place of a length.
    """

    promotion_id: int
    kind: str
    length: int | str


def kind(key: str) -> tuple[str, int | str]:
    """The kind of a code's key, and its length or prefix."""
    prefix = _prefix_of_words(key)
    if prefix is not None:
        return "w", prefix
    return _kind(key), len(key)


def _kind(letters: str) -> str:
    """The kind of a text's characters: 9 for digits, a for letters, x for both, ? for others."""
    if not letters.isascii() or not letters.isalnum():
        return "?"
    return "9" if letters.isdigit() else "a" if letters.isalpha() else "x"


@cache
def _words() -> tuple[frozenset[str], frozenset[str], int]:
    return frozenset(wordlist.adjectives()), frozenset(wordlist.nouns()), Format().capacity


def _prefix_of_words(key: str) -> str | None:
    """The text before an adjective and a noun; None where a key does not end in such a pair."""
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
    """A group's number of codes and, from MIN_GROUP_SIZE on, the set of characters at each place."""

    codes: int = 0
    few: list[str] = field(default_factory=list)
    seen: list[set[str]] = field(default_factory=list)

    def add(self, keys: list[str]) -> None:
        """Count more codes, by their keys."""
        self.codes += len(keys)
        if self.codes < MIN_GROUP_SIZE:
            self.few += keys
            return
        keys, self.few = self.few + keys, []
        columns = [set(letters) for letters in zip(*keys, strict=True)]
        self.seen = [one | other for one, other in zip(self.seen, columns, strict=True)] if self.seen else columns

    def pattern(self) -> tuple[str, float]:
        """A regular expression that all of them match, and the number of texts that match it.

        A place has one character, or any character of a kind.
        """
        classes = [None if len(letters) == 1 else _kind("".join(letters)) for letters in self.seen]
        pattern = (
            _CLASSES[one] if one else re.escape(min(letters)) for one, letters in zip(classes, self.seen, strict=True)
        )
        kinds = [one or _kind(min(letters)) for one, letters in zip(classes, self.seen, strict=True)]
        sizes = [
            _SIZES[one] if one else (1, int(kind == "a"), int(kind == "9"))
            for one, kind in zip(classes, kinds, strict=True)
        ]
        return "".join(pattern), _size(sizes, "x" in kinds or {"a", "9"} <= set(kinds))


class Chances:
    """The chances of guesses at one organization's codes; `counted` codes, of which `at_risk` can be guessed."""

    def __init__(self, counted: dict[Group, GroupCount], own_at_most: float) -> None:
        self.counted = sum(group.codes for group in counted.values())
        self._own: dict[tuple[str, int | str], float] = defaultdict(float)
        self._drawn: dict[tuple[str, int | str], float] = defaultdict(float)
        self._alike: dict[tuple[str, int | str], list[tuple[re.Pattern[str], float]]] = defaultdict(list)
        self._own_at_most = own_at_most
        at_risk: dict[tuple[str, int | str], int] = defaultdict(int)
        densest: dict[tuple[str, int | str], float] = defaultdict(float)
        for group, count in counted.items():
            key = group.kind, group.length
            chance = self._add(key, count)
            at_risk[key] += count.codes
            densest[key] = max(densest[key], chance)
        self.at_risk = sum(
            number
            for key, number in at_risk.items()
            if densest[key] + self._own[key] + self._drawn[key] > MAX_SAFE_CHANCE
        )

    def _add(self, key: tuple[str, int | str], count: GroupCount) -> float:
        if key[0] == "w":
            self._drawn[key] += count.codes / _words()[2]
            return 0
        whole = space(*key)
        if count.codes < MIN_GROUP_SIZE:
            self._own[key] += count.codes / whole
            return 0
        pattern, size = count.pattern()
        if size == whole:
            self._drawn[key] += count.codes / whole
            return 0
        chance = min(1.0, count.codes / size)
        self._alike[key].append((re.compile(pattern), chance))
        return chance

    def of(self, key: str) -> float:
        """The chance that a text with this key is a live code that anybody may claim."""
        group = kind(key)
        size = _words()[2] if group[0] == "w" else space(*group)
        own = max(self._own.get(group, 0.0), MIN_ASSUMED_CODES / size)
        drawn = self._drawn.get(group, 0.0)
        for pattern, chance in self._alike.get(group, ()):
            if pattern.fullmatch(key):
                drawn += chance
        return min(1.0, max(drawn, min(own, self._own_at_most)))


@cache
def space(kind: str, length: int | str) -> float:
    """The number of texts of a kind and length. Texts of letters alone, or digits alone, are not of the kind x."""
    return _size([_SIZES[kind]] * min(int(length), 100), is_mixed=kind == "x")


def _size(places: list[tuple[int, int, int]], is_mixed: bool) -> float:
    every, letters, digits = (math.prod(map(float, of)) for of in zip(*places, strict=True))
    return max(1.0, every - letters - digits if is_mixed else every)


def assumed(own_at_most: float) -> Chances:
    """The chances that are assumed of an organization whose codes have not been counted yet."""
    return Chances({}, own_at_most)


async def count_by_page(organization_id: int, now: datetime) -> AsyncIterator[dict[Group, GroupCount]]:
    """Count an organization's live codes that are not reserved; yields the counts so far after each page."""
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
    """Count all codes. An organization of a million codes takes seconds, in which other tasks run."""
    last: dict[Group, GroupCount] = {}
    async for counted in count_by_page(organization_id, now):
        last = counted
    return Chances(last, own_at_most)


def warnings(amount: int, format: Format) -> list[str]:
    """Sentences that warn the owner of new codes that they can be guessed; none where the chance is small."""
    chance = amount / format.capacity
    if chance <= WARNING_CHANCE:
        return []
    hit = "every guess hits" if chance >= 1 else f"one in {max(2, round(1 / chance)):,} guesses hits"
    return [
        f"{amount:,} codes of {format.capacity:,}: {hit} one. Longer codes can't be guessed, ten # in a pattern, say."
    ]
