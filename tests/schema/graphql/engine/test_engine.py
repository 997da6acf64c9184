"""The engine as a package of its own: what it imports, what others import of it, and its two modes."""

import ast
from pathlib import Path

import pytest
import strawberry

import main
from schema.graphql import engine as package
from schema.graphql.engine import MODES, Engine, Unsupported
from tests.schema.graphql.engine.test_field_resolvers import Alone, guarded

ROOT = Path(main.__file__).resolve().parent
ENGINE = ROOT / "schema" / "graphql" / "engine"
OTHERS = [path for path in sorted((ROOT / "schema").rglob("*.py")) if ENGINE not in path.parents]


def imported(path: Path) -> set[str]:
    """The modules that a file imports."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules


def test_the_engine_imports_nothing_of_ours() -> None:
    """Strawberry, graphql-core and the standard library, and itself; an import contract knows of indirect ones."""
    modules = set().union(*(imported(path) for path in ENGINE.glob("*.py")))
    assert {module for module in modules if module.partition(".")[0] in {"schema", "resolvers", "db", "main"}} == {
        module for module in modules if module.startswith("schema.graphql.engine")
    }
    assert {module.partition(".")[0] for module in modules} - {"schema", "graphql", "strawberry"} <= set(
        __import__("sys").stdlib_module_names
    )


@pytest.mark.parametrize("path", [path for path in OTHERS if "engine" in path.read_text(encoding="utf-8")], ids=str)
def test_others_import_its_face(path: Path) -> None:
    """No module below it, save the limits of a text, which those of a document add up with."""
    inner = {module for module in imported(path) if module.startswith("schema.graphql.engine.")}
    assert inner <= ({"schema.graphql.engine.text_limits"} if path.name == "document_limits.py" else set())


def test_all_of_its_face_is_there() -> None:
    assert [name for name in package.__all__ if not hasattr(package, name)] == []


async def test_graphql_core_calls_strawberrys_own_resolvers() -> None:
    """With permissions and extensions, so that a schema which plans refuse is run without them."""
    schema = strawberry.Schema(guarded())
    with pytest.raises(Unsupported, match="permission classes"):
        Engine(schema)
    result = await Engine(schema, "core").execute("{ word }")
    assert (result.data, [error.message for error in result.errors or ()]) == (None, ["Nobody may."])


async def test_a_mode_decides_whether_operations_have_plans() -> None:
    """And nothing else: the schema itself is left as it was, so that both may run it."""
    schema = strawberry.Schema(Alone)
    before = dict(schema._schema.type_map["Alone"].fields)  # type: ignore[attr-defined]
    for mode in MODES:
        engine = Engine(schema, mode)
        document = engine.loader().load("{ word }")
        assert any(document.plans.values()) is (mode == "plans")
        assert (await engine.execute("{ word }", root_value=Alone())).data == {"word": "a"}
    assert schema._schema.type_map["Alone"].fields == before  # type: ignore[attr-defined]


def test_an_engine_that_there_is_not_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sentence that tells which there are."""
    monkeypatch.setenv("TESSERA_GRAPHQL_ENGINE", "turbo")
    with pytest.raises(SystemExit) as ended:
        main.settings()
    assert str(ended.value) == "error: TESSERA_GRAPHQL_ENGINE: Input should be 'plans' or 'core'"
    for mode in MODES:
        monkeypatch.setenv("TESSERA_GRAPHQL_ENGINE", mode)
        assert main.settings().graphql_engine == mode
