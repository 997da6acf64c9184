"""A promotion's own templates for its letters: a safe subset of Jinja, validated when saved and rendered when sent.

Templates print the variables of letter_template_check.py through a few filters, and choose with `{% if %}`. Nothing
in them repeats, multiplies or calls, so a letter is as long as its template and its values. The rest of Jinja, and
too much of anything, is refused with its line when a template is saved. Rendering uses Jinja's sandbox all the same.
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
"""The maximum number of characters of a template."""

# Not optimized: that takes time with the cube of the filters on a value, and makes rendering no faster.
_plain = ImmutableSandboxedEnvironment(autoescape=False, keep_trailing_newline=True, optimized=False)
_escaping = ImmutableSandboxedEnvironment(autoescape=True, keep_trailing_newline=True, optimized=False)


class Unrenderable(Exception):
    """Raised when a template can't be rendered, and can't be until it is changed; the message says why."""


@dataclass(frozen=True)
class ValidLetter:
    """A promotion's own templates, as its columns hold them; None is the built-in one."""

    letter_subject: str | None = None
    letter_body: str | None = None


def letter(change: params.Maybe[params.Letter | None], present: ValidLetter) -> ValidLetter:
    """The templates after a change; None resets them to the built-in ones.

    Raises InvalidInput with line and reason for one that can't be rendered.
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
    """Check the templates of a change in a thread and cache the result, so that `letter` blocks no event loop."""
    if isinstance(change, params.Letter):
        for text, field in ((change.subject, "subject"), (change.body, "body")):
            if isinstance(text, str):
                await asyncio.to_thread(_error, text, field)


def _check(text: str | None, field: str) -> str | None:
    """A template that renders for every letter; None for an empty one. Raises InvalidInput with line and reason."""
    if text is None or not text.strip():
        return None
    error = _error(text, field)
    if error is not None:
        raise InvalidInput(error, "letter", field)
    return validate.storable(text, "letter", field)  # with its leading empty lines, because errors name lines by number


@lru_cache(maxsize=64)
def _error(text: str, field: str) -> str | None:
    """A sentence on the error in a template, with its line; None when it renders with trial values."""
    if len(text) > MAX_TEMPLATE_LENGTH[field]:
        return f"At most {MAX_TEMPLATE_LENGTH[field]} characters, please; these are {len(text)}."
    try:
        parsed = _plain.parse(text)
        letter_template_check.check(parsed)
        excess = letter_template_check.excess(parsed, field, MAX_MESSAGE_LENGTH)
        if excess is not None:
            return f"This is too much for a letter: {excess}. Print less, or less often."
        for value in ("x", ""):
            _rendered(_plain.from_string(text), dict.fromkeys(VARIABLES, value), field)
    except TemplateSyntaxError as error:
        return f"line {error.lineno}: {error.message}"
    except Exception as error:  # a template may be wrong in any way
        return f"This can't be rendered: {error}."
    return None


def check_message(subject: str | None, body: str | None, message: str | None) -> None:
    """Raises InvalidInput when a promotion's saved templates render too long with this message."""
    for text, field in ((subject, "subject"), (body, "body")):
        excess = None if text is None or message is None else _excess(text, field, len(message))
        if excess is not None:
            raise InvalidInput(f"The promotion's own words are too much for a letter: {excess}.", "message")


def _excess(text: str, field: str, message: int) -> str | None:
    try:
        return letter_template_check.excess(_plain.parse(text), field, message)
    except Exception:  # a template that can't be parsed raises Unrenderable where it is rendered
        return None


def render(template: str, values: Mapping[str, str], field: str = "body") -> str:
    """A template rendered as plain text with the values of its variables. Raises Unrenderable."""
    return _render(template, values, field, is_html=False)


def render_escaped(template: str, values: Mapping[str, str], field: str = "body") -> str:
    """The same as HTML: values are escaped, the template's own markup is not."""
    return _render(template, values, field, is_html=True)


def _render(template: str, values: Mapping[str, str], field: str, is_html: bool) -> str:
    try:
        return _rendered(_compiled(template, is_html), values, field)
    except TemplateSyntaxError as error:
        [line] = template.split("\n")[error.lineno - 1 : error.lineno] or [""]
        raise Unrenderable(f"{field}, line {error.lineno}: {error.message} It reads {line.strip()[:80]!r}") from None
    except Unrenderable:
        raise
    except Exception as error:  # any error would be the same the next time
        raise Unrenderable(f"{field}: {error}") from None


def _rendered(compiled: Template, values: Mapping[str, str], field: str) -> str:
    """The rendered text, up to its maximum length. Raises Unrenderable."""
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
    """A compiled template; it is checked again, because an older release may have checked less when it was saved."""
    letter_template_check.check(_plain.parse(template))
    return (_escaping if is_html else _plain).from_string(template)
