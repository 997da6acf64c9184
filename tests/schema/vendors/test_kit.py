"""What REST doors share: JSON with a forgiven comma, in time that a hostile body can't stretch."""

import time

import pytest

from schema.vendors.kit import parse_lenient_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"code": "fantastic-apple",}', {"code": "fantastic-apple"}),
        ('{"a": [1, 2, ] , }', {"a": [1, 2]}),
        ('{"a": ",}", "b": "\\",}",}', {"a": ",}", "b": '",}'}),
        ("{}", {}),
    ],
)
def test_a_comma_after_the_last_member_is_forgiven(text: str, value: object) -> None:
    """Trailing commas are dropped, and never inside a string."""
    assert parse_lenient_json(text) == value


@pytest.mark.parametrize("text", ['{"a" 1}', '{"a": 1,, }', "{'a': 1}", '"', "{"])
def test_other_mistakes_are_not(text: str) -> None:
    """What else is no JSON stays none."""
    with pytest.raises(ValueError, match="line"):
        parse_lenient_json(text)


@pytest.mark.parametrize(
    "hostile", ['{"a": "' + '\\"' * 500_000, '"' * 1_000_000, '{"a": ' + ", " * 500_000, "[" + "," * 1_000_000]
)
def test_a_hostile_body_costs_no_more_than_its_length(hostile: str) -> None:
    """A megabyte that never ends is refused within a second: reading it is linear."""
    began = time.perf_counter()
    with pytest.raises(ValueError, match="line"):
        parse_lenient_json(hostile)
    assert time.perf_counter() - began < 1
