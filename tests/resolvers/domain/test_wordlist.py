"""The words of codes are clean in shape, many, and never ambiguous once the dash is gone."""

import re
from importlib.resources import files
from string import ascii_lowercase

import pytest

from resolvers.domain.wordlist import adjectives, nouns


@pytest.mark.parametrize("words", [adjectives(), nouns()], ids=["adjectives", "nouns"])
def test_words_are_short_plain_sorted_and_unique(words: tuple[str, ...]) -> None:
    """Words are 3 to 12 letters a-z, each once, in order."""
    assert list(words) == sorted(set(words))
    assert [word for word in words if not re.fullmatch("[a-z]{3,12}", word)] == []


def test_there_are_at_least_four_million_pairs() -> None:
    """A guesser of creative codes faces at least 4,000,000 of them."""
    assert len(adjectives()) * len(nouns()) >= 4_000_000


@pytest.mark.parametrize("word", ["free", "stupid", "ugly", "fat", "sexy", "black", "white"])
def test_an_unwelcome_adjective_is_refused(word: str) -> None:
    """No adjective judges, invites or promises."""
    assert word not in adjectives()


@pytest.mark.parametrize("word", ["slave", "corpse", "murder", "bomb", "god", "cancer", "breast", "gorilla"])
def test_an_unwelcome_noun_is_refused(word: str) -> None:
    """No noun is of violence, death, disease, the body or faith."""
    assert word not in nouns()


def test_the_brief_example_can_be_drawn() -> None:
    """curious-pineapple is a code that we issue."""
    assert "curious" in adjectives()
    assert "pineapple" in nouns()


@pytest.mark.long
def test_no_two_pairs_read_alike_without_the_dash() -> None:
    """A code typed without its dash is still one adjective and one noun."""
    # Codes that read alike share their first letter, so one letter's codes at a time are enough to hold.
    for letter in ascii_lowercase:
        begun = [adjective for adjective in adjectives() if adjective.startswith(letter)]
        codes = {adjective + noun for adjective in begun for noun in nouns()}
        assert len(codes) == len(begun) * len(nouns())


def test_no_word_is_profane() -> None:
    """No word of a code is on the profanity list of the package it comes from."""
    listed = files("wonderwords").joinpath("assets/profanitylist.txt").read_text(encoding="utf-8")
    profane = {line.strip().lower() for line in listed.splitlines() if line.strip()}
    assert len(profane) > 100
    assert profane.intersection(adjectives()) == set()
    assert profane.intersection(nouns()) == set()
