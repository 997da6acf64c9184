"""A3: a promotion's own words are bounded when they are saved, and what fails all the same has failed for good."""

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.enums import DeliveryStatus
from db.models import Delivery, Organization, Promotion
from resolvers import send, update
from resolvers.domain import letter_template, letter_template_check, params
from resolvers.domain.letter_template import ValidLetter
from resolvers.domain.refusals import InvalidInput
from schema.outgoing.letters import compose
from schema.outgoing.letters.sender import Sender
from tests import make, post_office
from tests.conftest import Clock
from tests.make import NOW
from tests.resolvers.refused import refused
from tests.schema.outgoing.letters.test_sender import connections, sender_of, states

pytestmark = pytest.mark.case("A3")

FAILS_LATER = "{% if code == 'x' %}ok{% else %}{{ 1 < code }}{% endif %}"
SPRING = params.PromotionRef(reference="spring")

REFUSED = {
    "a chain of filters": ("{{code" + "|e" * 190 + "}}", "at most 5 filters on one value"),
    "nothing but filters": ("{{code" + "|e" * 9_900 + "}}", "at most 5 filters on one value"),
    "filters of arguments": (
        "{{ code|d(code|d(code|d(code|d(code|d(code|d(code)))))) }}",
        "filters on one",
    ),
    "many filters": ("{{code|e}}" * 101, "at most 100 filters"),
    "a message again and again": ("{{message}}" * 1_800, "at most 1000 parts"),
    "a message ten times": ("{{message}}" * 10, "comes to 100000 characters, and 100000 are"),
    "a message eleven times": ("{{message}}" * 11, "comes to 110000 characters, and 100000 are"),
    "a message on one branch": ("{% if code %}x{% else %}" + "{{message ~ message}}" * 6 + "{% endif %}", "120000"),
    "a message if there is one": ("{{ message ~ message if message else code }}" * 6, "comes to 120600"),
    "parts within parts": ("{{ " + "not " * 40 + "code }}", "at most 30 parts within each other"),
    "choices within choices": ("{% if code %}" * 40 + "{% endif %}" * 40, "parts within each other"),
    "choices after each other": ("{% if code %}{% endif %}" * 600, "at most 1000 parts"),
    "a row of choices": ("{% if code %}" + "{% elif code %}x" * 600 + "{% endif %}", "at most 1000 parts"),
    "one long text": ("{{ code" + " ~ code" * 1_000 + " }}", "at most 1000 parts"),
    "brackets": ("{{ " + "(" * 9_000, "recursion"),
    "lists": ("{{ " + "[" * 9_000, "recursion"),
    "a fault for others": (FAILS_LATER, "line 1: only texts with texts"),
    "a fault for who has a last name": ("{{ (lastName and 1) < code }}", "only texts with texts"),
    "a fault for who has none": ("{{ (lastName or none) >= code }}", "only texts with texts"),
    "a fault in a choice": ("{{ ('a' if lastName) < code }}", "only texts with texts"),
    "a fault in an argument": ("{{ code|d(1 < code) }}", "only texts with texts"),
    "a number in a text": ("a\n{{ 1 in code }}", "line 2: only a text can be in a text"),
    "a text in a number": ("{{ code not in 1 }}", "only a text can be in a text"),
    "a default that is a number": ("{{ lastName|d(7, true) < code }}", "only texts with texts"),
    "an argument too many": ("{{ code|upper('x') }}", "the filter upper doesn't take that"),
    "an argument of another type": ("{{ code|trim(5) }}", "the filter trim doesn't take that"),
    "an argument of no name": ("{{ code|default(nope=1) }}", "the filter default doesn't take that"),
    "arguments of a list": ("{{ code|default(*code) }}", "the filter default doesn't take that"),
    "a number that is too long": ("{{ " + "9" * 15_000 + " }}", "can't be rendered"),
    "repetition": ("{% for x in code %}{% endfor %}", "for is not for it"),
    "a large number of spaces": ("{{ code|center(1000000000) }}", "no filter center"),
    "a format": ("{{ '%1000000000d' % 1 }}", "mod is not for it"),
    "doubling": ("{% set x = message ~ message %}", "assign is not for it"),
    "a block": ("{% filter upper %}x{% endfilter %}", "filterblock is not for it"),
    "a tests": ("{{ code is defined }}", "test is not for it"),
    "half a character": ("\ud800", "can't be stored|surrogates|half"),
}


@pytest.mark.parametrize("what", [name for name in REFUSED if name != "a message ten times"])
def test_what_would_be_too_much_or_fail_is_refused_when_it_is_saved(what: str) -> None:
    """With what is wrong, and with the bound."""
    body, reason = REFUSED[what]
    with pytest.raises(InvalidInput, match=reason) as no:
        letter_template.letter(params.Letter(None, body), ValidLetter())
    assert no.value.path == ("letter", "body")
    assert len(str(no.value)) < 500


def test_what_just_fits_is_saved_and_rendered() -> None:
    """The bounds leave room for a message in several places, and the longest letter comes out whole."""
    body = REFUSED["a message ten times"][0]
    valid_body = letter_template.letter(params.Letter(None, body), ValidLetter()).letter_body
    values = dict.fromkeys(letter_template.VARIABLES, "y") | {"message": "z" * 10_000}
    assert letter_template.render(valid_body or "", values) == "z" * 100_000
    some = "{{ code }} {{ firstName|trim|upper|d('you', true) }} " * 33
    assert letter_template.letter(params.Letter(None, some), ValidLetter()).letter_body == some


def test_a_subject_is_shorter() -> None:
    """A subject tells a message once."""
    assert letter_template.letter(params.Letter("{{ message }}", None), ValidLetter()).letter_subject == "{{ message }}"
    with pytest.raises(InvalidInput, match="the subject comes to 20000 characters, and 12000 are allowed"):
        letter_template.letter(params.Letter("{{ message }}{{ message }}", None), ValidLetter())


# ------------------------------------------------------------------ whatever passes can be rendered

values = st.text(st.characters(codec="utf-8"), max_size=20)
leaves = st.sampled_from(["code", "lastName", "message", "'a'", "''", "1", "0", "2.5", "true", "none"])
expressions = st.recursive(
    leaves,
    lambda below: st.one_of(
        st.tuples(below, st.sampled_from(["<", ">=", "==", "!=", "in", "not in", "and", "or", "~"]), below).map(
            lambda three: f"({' '.join(three)})"
        ),
        st.tuples(below, st.sampled_from(["upper", "e", "trim", "title", "d('x', true)", "d(1)", "trim('x')"])).map(
            "|".join
        ),
        below.map(lambda one: f"(not {one})"),
        st.tuples(below, below, below).map(lambda three: f"({three[0]} if {three[1]} else {three[2]})"),
        st.tuples(below, below).map(lambda two: f"({two[0]} if {two[1]})"),
    ),
    max_leaves=6,
)
bodies = st.tuples(expressions, expressions, expressions).map(
    lambda three: "{% if " + three[0] + " %}{{ " + three[1] + " }}{% else %}{{ " + three[2] + " }}{% endif %}"
)


@pytest.mark.long
@settings(max_examples=300, deadline=None)
@given(bodies, st.fixed_dictionaries(dict.fromkeys(letter_template.VARIABLES, values)))
def test_what_is_saved_can_be_rendered_for_everybody(body: str, variables: dict[str, str]) -> None:
    """No template passes for one recipient and fails for another, and none comes to more than was reckoned."""
    try:
        letter_template.letter(params.Letter(None, body), ValidLetter())
    except InvalidInput:
        return
    assert len(letter_template.render(body, variables)) <= 1_000


# ------------------------------------------------------------------ saved before there were bounds


async def with_words(organization: Organization, subject: str | None, body: str | None) -> None:
    """A promotion with a code, and words as an earlier build has let them be saved."""
    await make.promotion(organization, "HELLO-15", reference="spring")
    await Promotion.filter(reference="spring").update(letter_subject=subject, letter_body=body)


@pytest.mark.parametrize(
    ("subject", "body", "error"),
    [
        (None, FAILS_LATER, "body, line 1: only texts with texts and numbers with numbers have an order"),
        (None, "{{code" + "|e" * 190 + "}}", "body, line 1: a letter has at most 5 filters on one value"),
        (None, "{{ message ~ message ~ message }}" * 100, "the body comes to more than the 100000 characters"),
        ("{{ message }}" * 2, None, "the subject comes to more than the 12000 characters"),
        (None, "{{ gone", "body, line 1: unexpected end of template"),
        ("{{ " + "(" * 200, None, "subject: maximum recursion depth exceeded"),
    ],
)
async def test_a_fault_of_the_words_is_final(
    organization: Organization, clock: Clock, subject: str | None, body: str | None, error: str
) -> None:
    """The letter has failed at once, with a reason that says what to change, and is not tried again."""
    async with post_office.opened() as office:
        await with_words(organization, None, None)
        people = [params.Person("ada@example.com")]
        await send.code(organization, "HELLO-15", people, "m" * 9_999, False, False, None, NOW)
        await Promotion.filter(reference="spring").update(letter_subject=subject, letter_body=body)
        sender = sender_of(connections(office), clock)
        assert await sender.send_batch() == (1, True)
        [(_, state, attempts, last_error)] = await states()
        assert (state, attempts) == (DeliveryStatus.FAILED, 1)
        assert str(last_error).startswith(f"The promotion's own words can't be rendered: {error}"[:60])
        assert error in str(last_error)
        assert await sender.send_batch() == (0, True)
        assert (await Delivery.get()).due_at is None


async def test_a_message_that_becomes_too_much_is_refused_when_it_is_sent(organization: Organization) -> None:
    """Of words that were saved before there was a bound; a shorter message is sent."""
    await with_words(organization, None, "{{ message }}" * 20)
    people = [params.Person("ada@example.com")]
    for dry_run in (True, False):
        async with refused(InvalidInput) as no:
            await send.code(organization, "HELLO-15", people, "m" * 9_999, False, dry_run, None, NOW)
        assert no.value.path == ("message",)
    assert (await send.code(organization, "HELLO-15", people, "m" * 900, False, False, None, NOW)).queued == 1


# ------------------------------------------------------------------ beside the loop


async def test_words_are_checked_beside_the_loop(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits while a template is looked at, also when it is refused; nor while a transaction is open."""
    checks: list[tuple[str, bool]] = []
    error_of = letter_template._error.__wrapped__

    def record_check(text: str, field: str) -> str | None:
        checks.append((text, threading.current_thread() is threading.main_thread()))
        return error_of(text, field)  # type: ignore[no-any-return]

    letter_template._error.cache_clear()
    monkeypatch.setattr(letter_template, "_error", letter_template.lru_cache(64)(record_check))
    await make.promotion(organization, reference="spring", letter=params.Letter("{{ code }}", "new {{ code }}"))
    for body in ("changed {{ code }}", "wrong {{ code"):
        change = update.PromotionChange(letter=params.Letter(body=body))
        if body.endswith("}}"):
            await update.promotion(organization, SPRING, None, change, NOW)
        else:
            async with refused(InvalidInput):
                await update.promotion(organization, SPRING, None, change, NOW)
    assert checks == [
        ("{{ code }}", False),
        ("new {{ code }}", False),
        ("changed {{ code }}", False),
        ("wrong {{ code", False),
    ]


async def test_letters_are_composed_beside_the_loop(
    organization: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter of the longest words keeps no request waiting."""
    compose_letter, threads = compose.message, list[bool]()

    def composed(*args: Any) -> compose.Message:
        threads.append(threading.current_thread() is threading.main_thread())
        return compose_letter(*args)

    monkeypatch.setattr(compose, "message", composed)
    async with post_office.opened() as office:
        await make.code(organization)
        await send.code(organization, "HELLO-15", [params.Person("ada@example.com")], None, False, False, None, NOW)
        sender: Sender = sender_of(connections(office), clock)
        await sender.send_batch()
        assert office.recipients == ["ada@example.com"]
    assert threads == [False]


def test_the_longest_values_are_known() -> None:
    """Each variable has a bound of its own, so that a letter's length is known before there is a recipient."""
    assert set(letter_template_check.MAX_VALUE_LENGTHS) == set(letter_template.VARIABLES)
