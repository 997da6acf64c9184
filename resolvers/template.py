"""A promotion's own words for its letters: Jinja templates that strangers may write and that cost next to nothing.

They print the variables below, through a few filters, and choose with `{% if %}`. There is nothing in them that
repeats, multiplies or calls, so a letter is as long as its template and what it prints; what else Jinja knows is
refused, with its line, when the words are saved. They are rendered in Jinja's sandbox all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from resolvers import sense, terms
from resolvers.refusals import InvalidInput
from resolvers.terms import Absent

VARIABLES = {
    "code": "the code",
    "url": "the address of the code's page",
    "firstName": "the recipient's first name, or nothing",
    "lastName": "the recipient's last name, or nothing",
    "email": "the recipient's address",
    "organization": "your organization's name",
    "promotion": "the promotion's name",
    "gives": "what it gives, such as `15 % off`, or nothing",
    "until": "until when, in words, or nothing",
    "message": "the message of `sendCode`, or nothing",
    "unsubscribeUrl": "where the recipient says that they want no more letters",
}
"""What a template may print, and what that is."""

FILTERS = {"capitalize", "default", "d", "e", "escape", "lower", "title", "trim", "upper"}

LONGEST = {"subject": 500, "body": 20_000}
"""Characters a template may have."""

_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Filter,
    nodes.Keyword,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
)

_plain = ImmutableSandboxedEnvironment(autoescape=False, keep_trailing_newline=True)
_escaping = ImmutableSandboxedEnvironment(autoescape=True, keep_trailing_newline=True)


@dataclass(frozen=True)
class CheckedLetter:
    """A promotion's own words, as its columns hold them; without any its letters are in the house's."""

    letter_subject: str | None = None
    letter_body: str | None = None


def letter(change: terms.Maybe[terms.Letter | None], present: CheckedLetter) -> CheckedLetter:
    """The words after a change, null is the house's.

    Raises InvalidInput with line and reason for those that can't be rendered.
    """
    if isinstance(change, Absent):
        return present
    if change is None:
        return CheckedLetter()
    subject, body = change.subject, change.body
    return CheckedLetter(
        letter_subject=present.letter_subject if isinstance(subject, Absent) else _check(subject, "subject"),
        letter_body=present.letter_body if isinstance(body, Absent) else _check(body, "body"),
    )


def _check(text: str | None, field: str) -> str | None:
    """A template that can be rendered for every letter, or none. Raises InvalidInput with line and reason."""
    path = ("letter", field)
    if text is None or not text.strip():
        return None
    if len(text) > LONGEST[field]:
        raise InvalidInput(f"At most {LONGEST[field]} characters, please; these are {len(text)}.", *path)
    checked = sense.storable(text, *path)  # with its first empty lines, for they are counted
    try:
        parsed = _plain.parse(checked)
        for node in parsed.find_all(nodes.Node):
            _check_node(node)
        render(checked, dict.fromkeys(VARIABLES, "x"))
    except TemplateSyntaxError as wrong:
        raise InvalidInput(f"line {wrong.lineno}: {wrong.message}", *path) from None
    except (TemplateError, ArithmeticError, RecursionError, SyntaxError, TypeError, ValueError, MemoryError) as wrong:
        raise InvalidInput(f"This can't be rendered: {wrong}.", *path) from None
    return checked


def _check_node(node: nodes.Node) -> None:
    """Raises TemplateSyntaxError for what a letter may not hold."""
    if not isinstance(node, _ALLOWED):
        named, inside = type(node).__name__.lower(), node.find_all(nodes.Node)
        line = node.lineno or next((one.lineno for one in inside if one.lineno), 1)
        raise TemplateSyntaxError(f"a letter prints variables and chooses with if; {named} is not for it.", line)
    if isinstance(node, nodes.Name) and node.name not in VARIABLES:
        known = ", ".join(VARIABLES)
        raise TemplateSyntaxError(f"there is no {node.name}; there are {known}.", node.lineno)
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        known = ", ".join(sorted(FILTERS))
        raise TemplateSyntaxError(f"there is no filter {node.name} for letters; there are {known}.", node.lineno)


def render(template: str, values: Mapping[str, str]) -> str:
    """The words with the values in them, as plain text."""
    return _compiled(template, False).render(values)


def render_escaped(template: str, values: Mapping[str, str]) -> str:
    """The same as HTML: what is printed is escaped, the template's own markup is not."""
    return _compiled(template, True).render(values)


@lru_cache(maxsize=256)
def _compiled(template: str, is_html: bool) -> Template:
    return (_escaping if is_html else _plain).from_string(template)
