"""A promotion's own words for its letters: Jinja templates that strangers may write and that cost next to nothing.

They print the variables below, through a few filters, and choose with `{% if %}`. There is nothing in them that
repeats, multiplies or calls, so a letter is as long as its template and what it prints; what else Jinja knows, and
what is too much of it (letter_template_check.py), is refused, with its line, when the words are saved. They are
rendered in Jinja's sandbox all the same.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Template, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from resolvers.domain import letter_template_check, params, validate
from resolvers.domain.letter_template_check import FILTERS as FILTERS
from resolvers.domain.letter_template_check import MAX_MESSAGE_LENGTH, MAX_RENDERED_LENGTH
from resolvers.domain.letter_template_check import VARIABLES as VARIABLES
from resolvers.domain.params import Absent
from resolvers.domain.refusals import InvalidInput

MAX_TEMPLATE_LENGTH = {"subject": 500, "body": 20_000}
"""Characters a template may have."""

# Not optimized: that takes time with the cube of the filters on a value, and saves letters nothing.
_plain = ImmutableSandboxedEnvironment(autoescape=False, keep_trailing_newline=True, optimized=False)
_escaping = ImmutableSandboxedEnvironment(autoescape=True, keep_trailing_newline=True, optimized=False)


class Unrenderable(Exception):
    """Raised when words can't be rendered for a letter, and never will be until they are changed; its text says why."""


@dataclass(frozen=True)
class ValidLetter:
    """A promotion's own words, as its columns hold them; without any its letters are in the house's."""

    letter_subject: str | None = None
    letter_body: str | None = None


def letter(change: params.Maybe[params.Letter | None], present: ValidLetter) -> ValidLetter:
    """The words after a change, null is the house's.

    Raises InvalidInput with line and reason for those that can't be rendered.
    """
    if isinstance(change, Absent):
        return present
    if change is None:
        return ValidLetter()
    subject, body = change.subject, change.body
    return ValidLetter(
        letter_subject=present.letter_subject if isinstance(subject, Absent) else _check(subject, "subject"),
        letter_body=present.letter_body if isinstance(body, Absent) else _check(body, "body"),
    )


async def prepare(change: params.Maybe[params.Letter | None]) -> None:
    """Have the words of a change checked beside the event loop; what `letter` says of them takes no time then."""
    if isinstance(change, params.Letter):
        said = ((change.subject, "subject"), (change.body, "body"))
        for text, field in said:
            if isinstance(text, str):
                await asyncio.to_thread(_complaint, text, field)


def _check(text: str | None, field: str) -> str | None:
    """A template that can be rendered for every letter, or none. Raises InvalidInput with line and reason."""
    if text is None or not text.strip():
        return None
    complaint = _complaint(text, field)
    if complaint is not None:
        raise InvalidInput(complaint, "letter", field)
    return validate.storable(text, "letter", field)  # with its first empty lines, for they are counted


@lru_cache(maxsize=64)
def _complaint(text: str, field: str) -> str | None:
    """What is wrong with a template, with its line; None when it can be rendered, and is tried."""
    if len(text) > MAX_TEMPLATE_LENGTH[field]:
        return f"At most {MAX_TEMPLATE_LENGTH[field]} characters, please; these are {len(text)}."
    try:
        parsed = _plain.parse(text)
        letter_template_check.check(parsed)
        too_long = letter_template_check.excess(parsed, field, MAX_MESSAGE_LENGTH)
        if too_long is not None:
            return f"This is too much for a letter: {too_long}. Print less, or less often."
        for value in ("x", ""):
            _rendered(_plain.from_string(text), dict.fromkeys(VARIABLES, value), field)
    except TemplateSyntaxError as wrong:
        return f"line {wrong.lineno}: {wrong.message}"
    except Exception as wrong:  # a template may be wrong in any way
        return f"This can't be rendered: {wrong}."
    return None


def check_message(subject: str | None, body: str | None, message: str | None) -> None:
    """Raises InvalidInput when a promotion's own words, saved some time ago, come to too much with this message."""
    for text, field in ((subject, "subject"), (body, "body")):
        too_long = None if text is None or message is None else _excess(text, field, len(message))
        if too_long is not None:
            raise InvalidInput(f"The promotion's own words are too much for a letter: {too_long}.", "message")


def _excess(text: str, field: str, message: int) -> str | None:
    try:
        return letter_template_check.excess(_plain.parse(text), field, message)
    except Exception:  # what can't be read is told where it is rendered
        return None


def render(template: str, values: Mapping[str, str], field: str = "body") -> str:
    """The words with the values in them, as plain text. Raises Unrenderable."""
    return _render(template, values, field, is_html=False)


def render_escaped(template: str, values: Mapping[str, str], field: str = "body") -> str:
    """The same as HTML: what is printed is escaped, the template's own markup is not."""
    return _render(template, values, field, is_html=True)


def _render(template: str, values: Mapping[str, str], field: str, is_html: bool) -> str:
    try:
        return _rendered(_compiled(template, is_html), values, field)
    except TemplateSyntaxError as wrong:
        [line] = template.split("\n")[wrong.lineno - 1 : wrong.lineno] or [""]
        raise Unrenderable(f"{field}, line {wrong.lineno}: {wrong.message} It reads {line.strip()[:80]!r}") from None
    except Unrenderable:
        raise
    except Exception as wrong:  # whatever it is, it would be the same the next time
        raise Unrenderable(f"{field}: {wrong}") from None


def _rendered(compiled: Template, values: Mapping[str, str], field: str) -> str:
    """The words, piece by piece and no further than they may go. Raises Unrenderable."""
    pieces, number = [], 0
    for piece in compiled.generate(values):
        pieces.append(piece)
        number += len(piece)
        if number > MAX_RENDERED_LENGTH[field]:
            raise Unrenderable(
                f"the {field} comes to more than the {MAX_RENDERED_LENGTH[field]} characters it may have"
            )
    return "".join(pieces)


@lru_cache(maxsize=256)
def _compiled(template: str, is_html: bool) -> Template:
    """A template that was checked when it was saved, maybe for less than today."""
    letter_template_check.check(_plain.parse(template))
    return (_escaping if is_html else _plain).from_string(template)
