"""A promotion's own words: what they may say, and that nobody can harm the service, or a letter, with them."""

import time
from contextlib import suppress

import pytest

from resolvers.domain import letter_template, params
from resolvers.domain.letter_template import ValidLetter
from resolvers.domain.refusals import InvalidInput

VALUES = dict.fromkeys(letter_template.VARIABLES, "") | {"code": "HELLO-15", "firstName": "<Ada>"}


def checked(body: str | None, subject: str | None = "For {{ firstName }}") -> ValidLetter:
    return letter_template.letter(params.Letter(subject, body), ValidLetter())


@pytest.mark.parametrize(
    ("body", "letter"),
    [
        ("{{ code }}", "HELLO-15"),
        ("Dear {{ firstName or 'friend' }}", "Dear <Ada>"),
        ("{% if lastName %}{{ lastName }}{% else %}{{ firstName | upper | trim }}{% endif %}", "<ADA>"),
        ("{{ lastName | default('Anon', true) }}", "Anon"),
        ("{{ 'it is ' ~ code if code == 'HELLO-15' and not message else '' }}", "it is HELLO-15"),
        ("{# only for us #}100 % of {% raw %}{{ code }}{% endraw %}", "100 % of {{ code }}"),
        (" \n ", None),
        (None, None),
    ],
)
def test_words_are_put_in(body: str | None, letter: str | None) -> None:
    """A template prints what is known, chooses, and changes case; an empty one is none."""
    saved = checked(body).letter_body
    assert (letter_template.render(saved, VALUES) if saved else None) == letter


def test_as_html_what_is_printed_is_escaped() -> None:
    """A name is never markup; the template's own markup is."""
    saved = checked("<b>{{ firstName }}</b>").letter_body
    assert letter_template.render_escaped(saved or "", VALUES) == "<b>&lt;Ada&gt;</b>"


@pytest.mark.parametrize(
    ("body", "line", "reason"),
    [
        ("a\nb {{ code", 2, "unexpected end of template"),
        ("\n\n{% if code %}x", 3, "endif"),
        ("{{ frstName }}", 1, "there is no frstName; there are code, url, firstName"),
        ("a\n{{ code | replace('H', 'x') }}", 2, "no filter replace"),
        ("{{ code | safe }}", 1, "no filter safe"),
        ("{{ code | nonsense }}", 1, "nonsense"),
        ("{% for i in range(10**9) %}x{% endfor %}", 1, "for"),
        ("{{ 'x' * 10**9 }}", 1, "mul"),
        ("{{ 9 ** 9 ** 9 }}", 1, "pow"),
        ("{{ ''.__class__.__mro__ }}", 1, "getattr"),
        ("{{ code.format(code) }}", 1, "call"),
        ("{{ range(9) }}", 1, "call"),
        ("{% set x = code %}", 1, "assign"),
        ("{% macro m() %}{{ m() }}{% endmacro %}", 1, "macro"),
        ("{% include 'letter.txt' %}", 1, "include"),
        ("{% extends 'letter.txt' %}", 1, "extends"),
        ("{% import 'letter.txt' as x %}", 1, "import"),
        ("{{ [code, code] }}", 1, "list"),
        ("{{ code[0] }}", 1, "getitem"),
        ("\n{% autoescape false %}{{ code }}{% endautoescape %}", 2, "scope"),
        ("{{ self }}", 1, "there is no self"),
    ],
)
def test_words_that_are_refused(body: str, line: int, reason: str) -> None:
    """What can't be rendered, or could harm, is refused when it is saved, with its line and why; at once."""
    began = time.perf_counter()
    with pytest.raises(InvalidInput, match=rf"^line {line}: .*{reason}") as no:
        checked(body)
    assert no.value.path == ("letter", "body")
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "body",
    [
        "{{ " + "(" * 5_000 + "code" + ")" * 5_000 + " }}",
        "{% if code %}" * 800 + "{% endif %}" * 800,
        "{{ not " * 1 + "not " * 4_000 + "code }}",
        "{{ code" + " ~ code" * 2_500 + " }}",
        "x" * 20_001,
    ],
)
def test_words_that_are_too_much(body: str) -> None:
    """Endless nesting ends in a refusal or, where it is harmless, in a letter; never in a fault."""
    began = time.perf_counter()
    saved = "refused"
    with suppress(InvalidInput):
        saved = checked(body).letter_body or ""
    assert saved in ("refused", body)
    assert len(letter_template.render(saved, VALUES)) < 100_000
    assert time.perf_counter() - began < 5


def test_a_subject_has_its_own_path() -> None:
    """Whichever of the two is wrong is named; what was not said stays."""
    with pytest.raises(InvalidInput) as no:
        checked("fine", "{{")
    assert no.value.path == ("letter", "subject")
    present = ValidLetter("kept", "changed")
    assert letter_template.letter(params.Letter(body="{{ code }}"), present) == ValidLetter("kept", "{{ code }}")
    assert letter_template.letter(params.Letter(), present) == present
    assert letter_template.letter(params.Letter(None, None), present) == ValidLetter()
