"""The cache of documents, and which operations have a plan."""

import pytest
from graphql import OperationType

from schema.graphql.app import schema
from schema.graphql.engine import documents as loading
from schema.graphql.engine.documents import DocumentLoader, InvalidDocument


@pytest.fixture
def documents() -> DocumentLoader:
    return DocumentLoader(schema)


def test_a_valid_document_is_loaded_once(documents: DocumentLoader) -> None:
    """The same text is the same document."""
    text = "query One { organization { id } }"
    assert documents.load(text, is_public=False) is documents.load("".join(list(text)), is_public=False)


def test_a_public_key_does_not_get_a_document_that_a_secret_key_loaded(documents: DocumentLoader) -> None:
    """Each kind of key has its own cache; an invalid document is refused again each time."""
    text = "{ organization { id } }"
    documents.load(text, is_public=False)
    for _ in range(2):
        with pytest.raises(InvalidDocument, match="A public key may not ask for"):
            documents.load(text, is_public=True)
    documents.load(text, is_public=False)


@pytest.mark.case("A7")
def test_the_cache_is_bounded(documents: DocumentLoader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text is parsed each time, and short ones are cached up to so many bytes, public keys' apart from all others'."""
    long = "{ organization { id } } #" + "x" * loading.MAX_CACHED_CHARACTERS
    assert documents.load(long, is_public=False) is not documents.load(long, is_public=False)
    one = documents.load("{ z: __typename }", is_public=False).size_bytes
    monkeypatch.setattr(loading, "MAX_CACHE_BYTES", {True: 2 * one, False: 2 * one})
    few = DocumentLoader(schema)
    first = few.load("{ a: __typename }", is_public=False)
    for name in "bc":
        few.load(f"{{ {name}: __typename }}", is_public=True)
    assert few.load("{ a: __typename }", is_public=False) is first
    for name in "bc":
        few.load(f"{{ {name}: __typename }}", is_public=False)
    assert few.load("{ a: __typename }", is_public=False) is not first


def test_an_operation_is_selected_by_its_name(documents: DocumentLoader) -> None:
    """By its name; without one, the only one there is."""
    several = documents.load("query A { __typename } mutation B { __typename }", is_public=False)
    operations = {name: several.operation(name) for name in ("A", "B", "C", None)}
    kinds = {name: operation.operation for name, operation in operations.items() if operation is not None}
    assert kinds == {"A": OperationType.QUERY, "B": OperationType.MUTATION}
    assert documents.load("query A { __typename }", is_public=False).operation(None) is not None


def test_directives_and_introspection_have_no_plan(documents: DocumentLoader) -> None:
    """Directives may depend on variables, and introspection is left to graphql-core."""
    plans = documents.load("query A { __typename } query B { __schema { __typename } }", is_public=False).plans
    assert {name: plan is not None for name, plan in plans.items()} == {"A": True, "B": False}
    assert not documents.load("query($a: Boolean!) { __typename @skip(if: $a) }", is_public=False).plans
