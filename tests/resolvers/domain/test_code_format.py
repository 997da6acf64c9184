"""Wording: codes match as people type them, and each style looks as it is documented."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers import random_codes
from resolvers.domain import code_format, wordlist
from resolvers.domain.code_format import Format, Style, read_format
from resolvers.domain.folding import code_key
from resolvers.domain.refusals import InvalidInput


@pytest.mark.parametrize(
    "typed",
    [
        "hello15",
        "hello 15",
        "HELLO–15",
        "Hello-15",
        "  hello15  ",
        "h e l l o 1 5",
        "hello\u00a015",  # no-break space
        "hello\u202f15",  # narrow no-break space
        "hello\u200b15",  # zero width space
        "hello\ufeff15",
        "hel\u00adlo15",  # soft hyphen
        "hello\u201115",  # non-breaking hyphen
        "hello\u201215",
        "hello—15",
        "hello\u221215",  # minus
        "hello\ufe6315",
        "hello\uff0d15",  # fullwidth hyphen
        "hello\t\n15",
        "ｈｅｌｌｏ１５",
        "ＨＥＬＬＯ　１５",
        "𝐡𝐞𝐥𝐥𝐨𝟏𝟓",
        "hello¹⁵",
    ],
)
def test_a_code_is_one_however_it_is_typed(typed: str) -> None:
    """Case, width, spaces and dashes of every kind, there or not, don't matter."""
    assert code_key(typed) == "hello15"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ﬁnale", "FINALE"),
        ("straße", "STRASSE"),
        ("CAFE\u0301", "café"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("ⅷ", "VIII"),
        ("K", "k"),
    ],
)
def test_letters_of_one_meaning_are_one(one: str, other: str) -> None:
    """Ligatures, accents put together and signs that stand for letters are those letters."""
    assert code_key(one) == code_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("hello15", "hello16"), ("cafe", "café"), ("o", "0"), ("a_b", "ab"), ("a.b", "ab")]
)
def test_different_codes_stay_different(one: str, other: str) -> None:
    """Nothing but case, spaces and dashes is left out of a code."""
    assert code_key(one) != code_key(other)


@pytest.mark.parametrize("typed", ["", " ", "-", " – — \u00a0\u00ad\u200b"])
def test_nothing_but_spaces_and_dashes_is_nothing(typed: str) -> None:
    """What has no letter has no key."""
    assert code_key(typed) == ""


@settings(derandomize=True, database=None)
@given(st.text(max_size=30))
def test_folding_twice_is_folding_once(typed: str) -> None:
    """A key is its own key, so a code may be shown by it and typed back."""
    assert code_key(code_key(typed)) == code_key(typed)


@settings(derandomize=True, database=None)
@given(
    st.text(alphabet=st.characters(categories=["Ll", "Lu", "Nd"]), max_size=12),
    st.integers(0, 12),
    st.sampled_from(" -–\u00a0\u00ad"),
)
def test_a_space_or_dash_anywhere_does_not_matter(typed: str, at: int, ignored: str) -> None:
    """Letters and digits of any script match with and without a space or dash between them."""
    assert code_key(typed[:at] + ignored + typed[at:]) == code_key(typed)


STYLES = [
    (Format(), r"[a-z]+-[a-z]+"),
    (Format(Style.ALPHANUMERIC), r"[a-z0-9]{6}"),
    (Format(Style.NUMERIC), r"[0-9]{6}"),
    (Format(Style.PATTERN, "#A9-x_9"), r"[A-Z0-9][A-Z][0-9]-x_[0-9]"),
    (Format(prefix="VIP-"), r"VIP-[a-z]+-[a-z]+"),
]


@pytest.mark.parametrize(("format", "shape"), STYLES, ids=str)
def test_each_style_looks_as_documented(format: Format, shape: str) -> None:
    """Drawn texts match their style's shape, and are strings also where they are digits."""
    drawn = [text for text, _ in format.texts(random_codes.numbers(500, format.capacity, random_codes.new_seed()))]
    assert len(set(drawn)) == 500
    assert [text for text in drawn if not re.fullmatch(shape, text)] == []
    [(last, _)] = format.texts([format.capacity - 1])
    assert re.fullmatch(shape, last)


@pytest.mark.parametrize("format", [*(format for format, _ in STYLES), Format(Style.PATTERN, "#" * 50, "X-")], ids=str)
def test_a_text_comes_with_its_key(format: Format) -> None:
    """What a made text is matched by is what is matched when somebody types it."""
    generated = format.texts(random_codes.numbers(500, format.capacity, random_codes.new_seed()))
    assert [
        (text, its_key)
        for text, its_key in generated
        if its_key != code_key(text) or its_key != code_key(f" {text.upper()}")
    ] == []


def test_a_character_of_ascii_folds_as_any_other() -> None:
    """The short way for ASCII agrees with the long one, which a letter that folds to nothing makes it take."""
    everything = [chr(number) for number in range(128)]
    assert [letter for letter in everything if code_key(letter) != code_key(f"{letter}\u2014")] == []


@pytest.mark.parametrize(
    ("format", "capacity"),
    [
        (Format(Style.ALPHANUMERIC), 36**6),
        (Format(Style.NUMERIC), 10**6),
        (Format(Style.PATTERN, "#A9"), 36 * 26 * 10),
        (Format(Style.PATTERN, "SELL"), 1),
        (Format(Style.PATTERN, "#" * 50), 36**50),
        (Format(Style.NUMERIC, prefix="A9-"), 10**6),
    ],
    ids=str,
)
def test_a_formats_capacity_is_how_many_texts_it_has(format: Format, capacity: int) -> None:
    """Capacity is exact, however large, and a prefix adds nothing to it."""
    assert format.capacity == capacity
    assert 2**format.entropy_bits == pytest.approx(capacity)


def test_the_creative_style_has_as_many_texts_as_pairs_of_words() -> None:
    """Every adjective goes with every noun: at least 4,000,000 pairs."""
    assert Format().capacity == len(wordlist.adjectives()) * len(wordlist.nouns()) >= 4_000_000


def test_every_number_has_a_text_of_its_own() -> None:
    """All texts of a space are different, also as codes are matched, and as many as its capacity."""
    format = Format(Style.PATTERN, "#9-A")
    texts = [text for text, _ in format.texts(range(format.capacity))]
    assert len(texts) == len(set(texts)) == len({code_key(text) for text in texts}) == format.capacity == 9360
    assert texts[:2] == ["00-A", "00-B"]


@pytest.mark.parametrize(
    ("style", "pattern", "prefix", "field"),
    [
        (Style.PATTERN, None, None, "pattern"),
        (Style.PATTERN, "", None, "pattern"),
        (Style.CREATIVE, "99", None, "pattern"),
        (Style.PATTERN, "9 9", None, "pattern"),
        (Style.PATTERN, "9/9", None, "pattern"),
        (Style.PATTERN, "é9", None, "pattern"),
        (Style.PATTERN, "--", None, "pattern"),
        (Style.PATTERN, "9" * 51, None, "pattern"),
        (Style.CREATIVE, None, "a b", "prefix"),
        (Style.CREATIVE, None, "#", "prefix"),
        (Style.CREATIVE, None, "x" * 51, "prefix"),
    ],
)
def test_an_invalid_format_is_refused(style: Style, pattern: str | None, prefix: str | None, field: str) -> None:
    """A pattern goes with its style only, and what we issue can stand in a path."""
    with pytest.raises(InvalidInput) as no:
        read_format(style, pattern, prefix)
    assert no.value.path == ("format", field)


def test_the_longest_format_still_makes_a_code() -> None:
    """Prefix and pattern together are no longer than a code may be."""
    written = read_format(Style.PATTERN, "9" * 50, "x" * 50)
    [(text, its_key)] = written.texts([0])
    assert len(text) == len(its_key) == code_format.MAX_CODE_LENGTH


@pytest.mark.parametrize("letter", [chr(number) for number in range(128)])
def test_plain_letters_are_folded_as_all_others(letter: str) -> None:
    """The way that is quick for ASCII comes to the same: beside an é, which is kept, the letter is folded alike."""
    assert code_key(f"a{letter}B") == code_key(f"éa{letter}B").removeprefix("é")
