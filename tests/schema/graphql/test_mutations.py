"""The folder of mutations: a file is found because it is there, and is refused where it forgets its right."""

import sys
from pathlib import Path

import pytest
import strawberry
from strawberry.types.field import StrawberryField

from resolvers.authenticate import Right
from resolvers.domain.refusals import CodeTaken, InvalidInput
from schema.graphql import mutations
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.public import Public

FORGETFUL = """
import strawberry

@strawberry.mutation
async def pause_code() -> int:
    return 1
"""


@strawberry.input
class RenameShelfInput:
    text: str


@strawberry.type
class ShelfRenamed:
    text: str


@mutation(right=Right.MANAGE, refusals=(CodeTaken, InvalidInput), is_public=True)
async def rename_shelf(info: Info, input: RenameShelfInput) -> ShelfRenamed:
    """Another name."""
    return ShelfRenamed(text=input.text)


@strawberry.type(name="Query")
class SmallQuery:
    one: int = 1


def test_a_function_becomes_a_field() -> None:
    """Its result is the nullable union of outcome and refusals, its docstring the description; it has its right."""
    field: StrawberryField = rename_shelf
    root = strawberry.tools.create_type("Mutation", [field])
    sdl = strawberry.Schema(query=SmallQuery, mutation=root).as_str()
    assert '"""Another name."""\n  renameShelf(input: RenameShelfInput!): RenameShelfResult @public\n' in sdl
    assert "union RenameShelfResult = ShelfRenamed | CodeTaken | InvalidInput" in sdl
    assert field.metadata == {"right": Right.MANAGE}
    assert field.directives == [Public()]


@pytest.mark.parametrize("text", ["", FORGETFUL])
def test_a_file_without_its_mutation_ends_the_start(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has a mutation of its name, made with a right: a plain strawberry.mutation is refused as none is."""
    (tmp_path / "pause_code.py").write_text(text)
    monkeypatch.setattr(mutations, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "schema.graphql.mutations.pause_code", raising=False)
    with pytest.raises(TypeError, match=r"pause_code\.py has no function pause_code with @mutation\(right=…\)\.$"):
        mutations.discover()
