"""What is remembered of documents, and of whom."""

import pytest
from graphql import OperationType

from schema.graphql.app import schema
from schema.graphql.engine import documents as reading
from schema.graphql.engine.documents import Documents, NotGood


@pytest.fixture
def documents() -> Documents:
    return Documents(schema)


def test_a_good_document_is_read_once(documents: Documents) -> None:
    """The same text is the same document."""
    text = "query One { organization { id } }"
    assert documents.read(text, in_public=False) is documents.read("".join(list(text)), in_public=False)


def test_a_public_key_is_not_given_what_a_secret_one_had_read(documents: Documents) -> None:
    """Remembering goes by who asks; what is not good is refused again each time."""
    text = "{ organization { id } }"
    documents.read(text, in_public=False)
    for _ in range(2):
        with pytest.raises(NotGood, match="A public key may not ask for"):
            documents.read(text, in_public=True)
    documents.read(text, in_public=False)


@pytest.mark.case("A7")
def test_what_is_remembered_is_bounded(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text is read each time, and short ones are kept up to so many bytes, strangers' apart from all others'."""
    long = "{ organization { id } } #" + "x" * reading.LONGEST_REMEMBERED
    assert documents.read(long, in_public=False) is not documents.read(long, in_public=False)
    one = documents.read("{ z: __typename }", in_public=False).bytes
    monkeypatch.setattr(reading, "REMEMBERED", {True: 2 * one, False: 2 * one})
    few = Documents(schema)
    first = few.read("{ a: __typename }", in_public=False)
    for name in "bc":
        few.read(f"{{ {name}: __typename }}", in_public=True)
    assert few.read("{ a: __typename }", in_public=False) is first
    for name in "bc":
        few.read(f"{{ {name}: __typename }}", in_public=False)
    assert few.read("{ a: __typename }", in_public=False) is not first


def test_which_operation_is_meant(documents: Documents) -> None:
    """By its name; without one, the only one there is."""
    several = documents.read("query A { __typename } mutation B { __typename }", in_public=False)
    known = {name: several.operation(name) for name in ("A", "B", "C", None)}
    kinds = {name: found.operation for name, found in known.items() if found is not None}
    assert kinds == {"A": OperationType.QUERY, "B": OperationType.MUTATION}
    assert documents.read("query A { __typename }", in_public=False).operation(None) is not None


def test_what_differs_from_run_to_run_has_no_plan(documents: Documents) -> None:
    """Directives may ask variables, and what is asked about the schema is graphql-core's to tell."""
    plans = documents.read("query A { __typename } query B { __schema { __typename } }", in_public=False).plans
    assert {name: found is not None for name, found in plans.items()} == {"A": True, "B": False}
    assert not documents.read("query($a: Boolean!) { __typename @skip(if: $a) }", in_public=False).plans
