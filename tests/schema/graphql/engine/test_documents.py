"""The cache of documents, and which operations have a plan."""

import dataclasses

import pytest
from graphql import OperationType

from schema.graphql import app as graphql_app
from schema.graphql.engine import DocumentLoader, InvalidDocument
from schema.graphql.engine import documents as loading


def loader(is_public: bool, cache_bytes: int = 10**6) -> DocumentLoader:
    policy = dataclasses.replace(graphql_app.document_policy(is_public), cache_bytes=cache_bytes)
    return graphql_app.engine("plans").loader(policy)


@pytest.fixture
def documents() -> DocumentLoader:
    return loader(is_public=False)


def test_a_valid_document_is_loaded_once(documents: DocumentLoader) -> None:
    """The same text is the same document."""
    text = "query One { organization { id } }"
    assert documents.load(text) is documents.load("".join(list(text)))


def test_a_public_key_does_not_get_a_document_that_a_secret_key_loaded(documents: DocumentLoader) -> None:
    """Each kind of key has its own cache; an invalid document is refused again each time."""
    text = "{ organization { id } }"
    documents.load(text)
    public = loader(is_public=True)
    for _ in range(2):
        with pytest.raises(InvalidDocument, match="A public key may not ask for"):
            public.load(text)
    documents.load(text)


@pytest.mark.case("A7")
def test_the_cache_is_bounded(documents: DocumentLoader) -> None:
    """A long text is parsed each time, and short ones are cached up to so many bytes, public keys' apart from all others'."""
    long = "{ organization { id } } #" + "x" * loading.MAX_CACHED_CHARACTERS
    assert documents.load(long) is not documents.load(long)
    one = documents.load("{ z: __typename }").size_bytes
    few, public = loader(False, 2 * one), loader(True, 2 * one)
    first = few.load("{ a: __typename }")
    for name in "bc":
        public.load(f"{{ {name}: __typename }}")
    assert few.load("{ a: __typename }") is first
    for name in "bc":
        few.load(f"{{ {name}: __typename }}")
    assert few.load("{ a: __typename }") is not first


def test_an_operation_is_selected_by_its_name(documents: DocumentLoader) -> None:
    """By its name; without one, the only one there is."""
    several = documents.load("query A { __typename } mutation B { __typename }")
    operations = {name: several.operation(name) for name in ("A", "B", "C", None)}
    kinds = {name: operation.operation for name, operation in operations.items() if operation is not None}
    assert kinds == {"A": OperationType.QUERY, "B": OperationType.MUTATION}
    assert documents.load("query A { __typename }").operation(None) is not None


def test_what_selects_something_else_each_time_and_introspection_have_no_plan(documents: DocumentLoader) -> None:
    """A directive with a variable, and questions about the schema, are left to graphql-core."""
    plans = documents.load("query A { __typename } query B { __schema { __typename } }").plans
    assert {name: plan is not None for name, plan in plans.items()} == {"A": True, "B": False}
    assert not documents.load("query($a: Boolean!) { __typename @skip(if: $a) }").plans


@pytest.mark.parametrize(
    "document",
    [
        'mutation { suppressRecipient(input: {email: "a@b.example"}) { __typename } }',
        "{ __typename # @skip(if: $a)\n }",
        "{ a: __typename @skip(if: true) b: __typename @include(if: true) }",
    ],
)
def test_directives_are_found_in_the_syntax_tree(documents: DocumentLoader, document: str) -> None:
    """An address in a string and a comment are none, and one without a variable selects the same in each run."""
    assert all(documents.load(document).plans.values())
    assert documents.load(document).plans
