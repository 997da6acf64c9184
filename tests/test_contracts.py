"""Contracts over the whole code base: names, layers, refusals, the printed schema."""

import ast
import inspect
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest
from graphql import GraphQLEnumType, GraphQLObjectType, GraphQLUnionType

import main
import resolvers
from db.enums import KeyKind
from db.models import Organization
from resolvers.authenticate import Holder, Right
from resolvers.domain import refusals
from schema import app as http_app
from schema import vendors
from schema.context import AccessDenied, Caller, Services
from schema.graphql import app as graphql_app
from schema.graphql import enums
from schema.graphql import refusals as typed
from schema.graphql.context import Context

ROOT = Path(main.__file__).resolve().parent
SCHEMA = graphql_app.schema._schema

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(*rooms: str) -> list[Path]:
    """The hand-written Python files of these packages."""
    paths = [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]
    return [path for path in paths if not {"migrations", "node_modules"} & set(path.parts)]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def every_file(*rooms: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", files(*rooms), ids=named)


# ------------------------------------------------------------------ words

RETIRED = {
    "board", "book", "bring", "deed", "deeds", "heard", "quicken", "racers", "ride", "rider", "riders", "rides", "said",
    "sense", "settle", "told", "trials", "wish", "wishes", "worded",
}  # fmt: skip
"""Words of a dialect that this code base once had; the field has a word for each thing that they meant."""

RETIRED_PAIRS = {("found", "by"), ("given", "by")}

OF_LIBRARIES = {"settle_in_background"}
"""Names that a library has given; this one is a method of graphql-core's executor."""

ALL = [*files("schema", "resolvers", "db", "tests", "benchmarks"), ROOT / "main.py"]


def identifiers(parsed: ast.Module) -> Iterator[str]:
    """Every name that code defines, imports, takes, passes or reads; texts are no names."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.arg | ast.keyword):
            yield node.arg or ""
        elif isinstance(node, ast.alias):
            yield from (node.asname or node.name).split(".")
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            yield node.name or ""
        elif isinstance(node, ast.MatchMapping):
            yield node.rest or ""


def words(identifier: str) -> list[str]:
    """The words of a name in snake_case or CamelCase, in lower case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", identifier).lower().split("_")


def is_retired(identifier: str) -> bool:
    parts = words(identifier)
    return not RETIRED.isdisjoint(parts) or not RETIRED_PAIRS.isdisjoint(pairwise(parts))


@pytest.mark.parametrize("path", ALL, ids=named)
def test_no_name_has_a_retired_word(path: Path) -> None:
    """Neither an identifier nor a file or folder has a retired word."""
    parts = [part.removesuffix(".py") for part in path.relative_to(ROOT).parts]
    names = {*parts, *identifiers(tree(path))} - OF_LIBRARIES
    assert [name for name in sorted(names) if is_retired(name)] == []


@pytest.mark.parametrize(
    "name", ["told", "_told", "what_was_said", "ToldBy", "DEEDS", "HTTPDeed", "found_by", "is_given_by"]
)
def test_a_retired_word_is_seen_in_every_kind_of_name(name: str) -> None:
    """The words of a name are those between underscores and capitals."""
    assert is_retired(name)


@pytest.mark.parametrize("name", ["dashboard", "override", "settled_at", "booking", "found", "Brought", "", "_"])
def test_a_word_within_another_is_not_retired(name: str) -> None:
    """A name is refused for a whole word only."""
    assert not is_retired(name)


# ------------------------------------------------------------------ classes

SHOWN_IN_GRAPHQL = (
    "db/models.py",
    "resolvers/domain/money.py",
    "resolvers/domain/params.py",
    "resolvers/domain/refusals.py",
    "resolvers/listing.py",
)
"""Models, refusals and parameters: a GraphQL type may have the name of the class that it shows."""

INNER = {"Meta"}
"""Classes that a library wants inside of others, under this name."""


def is_shown_in_graphql(places: list[str]) -> bool:
    """Whether these are one class and the GraphQL type that shows it."""
    types = [place for place in places if place.startswith("schema/graphql/")]
    return len(places) == 2 and len(types) == 1 and not {*places}.isdisjoint(SHOWN_IN_GRAPHQL)


@pytest.mark.long
def test_a_class_name_is_given_once() -> None:
    """Two classes never share a name, wherever they are; a GraphQL type and the class it shows are one thing."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in ALL:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and node.name not in INNER:
                places[node.name].append(named(path))
    assert {name: where for name, where in places.items() if len(where) > 1 and not is_shown_in_graphql(where)} == {}


# ------------------------------------------------------------------ names of mutations

MUTATIONS = SCHEMA.mutation_type.fields if SCHEMA.mutation_type else {}


def verb_and_object(mutation: str) -> tuple[str, str]:
    """The verb and the object in a mutation's name: claimCode is claim and code."""
    start = next(place for place, letter in enumerate(mutation) if letter.isupper())
    return mutation[:start], mutation[start:].lower()


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_is_a_verb_and_its_object(mutation: str) -> None:
    """A mutation is named as the function that does it: claimCode is resolvers.claim.code, and can be awaited."""
    verb, noun = verb_and_object(mutation)
    module = import_module(f"{resolvers.__name__}.{verb}")
    assert inspect.iscoroutinefunction(getattr(module, noun, None)), f"resolvers/{verb}.py has no async {noun}()"


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_has_a_right_and_a_file(name: str) -> None:
    """Each mutation says which right a key needs, and stands with its input and outcome in the file of its name."""
    field: Any = MUTATIONS[name].extensions["strawberry-definition"]
    assert isinstance(field.metadata["right"], Right)
    module = f"schema.graphql.mutations.{field.python_name}"
    assert field.base_resolver.wrapped_func.__module__ == module
    assert {argument.type.__module__ for argument in field.arguments} == {module}


@pytest.mark.parametrize("kind", list(KeyKind))
async def test_a_mutation_asks_its_right(kind: KeyKind, services: Services, organization: Organization) -> None:
    """A key without a mutation's right is refused before its function is called, whatever the input."""
    holder = Holder(kind, organization.account_id, organization)
    caller = Caller(holder, organization, "", services, services.clock())
    for mutation in MUTATIONS.values():
        field: Any = mutation.extensions["strawberry-definition"]
        if not holder.may(field.metadata["right"]):
            info: Any = SimpleNamespace(context=Context(caller))
            with pytest.raises(AccessDenied):
                await field.base_resolver.wrapped_func(info, None)


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize("kind", enums.IN_GRAPHQL, ids=lambda kind: kind.__name__)
def test_a_refusal_has_a_type_of_its_name(kind: type[refusals.Refusal]) -> None:
    """Every refusal has a GraphQL type of the same name, which is an answer of Refusal's kind."""
    shown = SCHEMA.get_type(kind.__name__)
    assert isinstance(shown, GraphQLObjectType)
    assert "Refusal" in {interface.name for interface in shown.interfaces}
    assert typed.TYPES[kind].type.__name__ == kind.__name__


def test_a_refusals_type_has_its_class() -> None:
    """Every GraphQL type of a refusal is of one that can be raised."""
    interface: Any = SCHEMA.get_type("Refusal")
    types = {shown.name for shown in SCHEMA.get_possible_types(interface)}
    assert types == {kind.__name__ for kind in enums.IN_GRAPHQL}


def test_reasons_are_those_of_the_refusals() -> None:
    """The enumeration of reasons holds each refusal's, and no other."""
    reasons = SCHEMA.get_type("RefusalReason")
    assert isinstance(reasons, GraphQLEnumType)
    assert set(reasons.values) == {kind.reason for kind in enums.IN_GRAPHQL}


def test_a_claim_may_end_in_every_rule() -> None:
    """Every rule is a member of claimCode's outcomes: what is raised there is never a fault."""
    outcomes = SCHEMA.get_type("ClaimCodeResult")
    assert isinstance(outcomes, GraphQLUnionType)
    rules = {kind.__name__ for kind in refusals.RULES}
    assert rules - {member.name for member in outcomes.types} == set()


def test_refusals_of_rest_alone_have_no_type() -> None:
    """A refusal is listed as REST's alone only while GraphQL has no type for it."""
    assert [kind.__name__ for kind in enums.REST_ALONE if SCHEMA.get_type(kind.__name__)] == []


# ------------------------------------------------------------------ the printed schema


def test_the_printed_schema_is_the_committed_one() -> None:
    """A change of the schema is a visible line in schema/graphql/schema.graphql."""
    committed = (ROOT / "schema/graphql/schema.graphql").read_text(encoding="utf-8")
    hint = "The schema has changed: run `python -m tests.derived`."
    assert graphql_app.sdl() == committed, hint


# ------------------------------------------------------------------ rooms


def module_name(path: Path) -> str:
    """The dotted name of a file's module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


ENGINE = "schema.graphql.engine"
HOUSE = {module_name(path): path for path in files("schema", "resolvers", "db")}


def imported(path: Path) -> Iterator[str]:
    """The modules of the house that a file imports, inside of functions too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (member if member in HOUSE else node.module for member in members)


def test_the_engine_is_kept_from_every_other_module() -> None:
    """The import contract of GraphQL's engine names all of the house but the engine and what it is in."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    [contract] = [one for one in settings["contracts"] if one.get("source_modules") == [ENGINE]]
    kept_from = tuple(contract["forbidden_modules"])
    others = [name for name in HOUSE if not f"{ENGINE}.".startswith(f"{name}.") and not name.startswith(f"{ENGINE}.")]
    assert [name for name in others if not f"{name}.".startswith(tuple(f"{other}." for other in kept_from))] == []


def annotations(body: list[ast.stmt], within: str = "") -> Iterator[tuple[str, ast.expr | None]]:
    """The annotations that callers from elsewhere see: of public functions, methods and attributes of classes."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not re.match(r"_(?!_)", node.name):
            given = node.args
            every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            yield from ((f"{within}{node.name}", argument.annotation) for argument in every if argument)
            yield f"{within}{node.name}", node.returns
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from annotations(node.body, f"{within}{node.name}.")
        elif isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_"):
            yield f"{within}{ast.unparse(node.target)}", node.annotation


OPEN_SIGNATURES = {
    "VendorRoute.__init__": "it hands on FastAPI's own parameters",
    "absent": "a default of pydantic's, which is of every type",
}


@every_file("resolvers", "db", "schema")
def test_no_signature_between_rooms_says_any(path: Path) -> None:
    """What other modules call is typed, in the engine but for what graphql-core itself leaves open."""
    if "engine" in path.parts:
        return
    untyped = {
        name
        for name, annotation in annotations(tree(path).body)
        if annotation is not None
        and any(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(annotation))
    }
    assert sorted(untyped - OPEN_SIGNATURES.keys()) == []


def test_any_is_rare() -> None:
    """The word stands fewer than 100 times in the house."""
    texts = [path.read_text(encoding="utf-8") for path in [*HOUSE.values(), ROOT / "main.py"]]
    assert sum(len(re.findall(r"\bAny\b", text)) for text in texts) < 100


def test_no_import_goes_round_in_a_circle() -> None:
    """Modules can be read one after another: none leads back to itself by what it imports."""
    graph = {name: {*imported(path)} & HOUSE.keys() - {name} for name, path in HOUSE.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, with the circle


@every_file("db", "schema")
def test_transactions_are_begun_in_verbs_alone(path: Path) -> None:
    """`in_transaction` is named in resolvers and nowhere else, and so is `planned_transaction`."""
    names = {node.id for node in ast.walk(tree(path)) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    names |= {
        alias.name
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
    }
    assert "in_transaction" not in names
    if path.name not in ("statements.py", "postgres.py"):  # where a batch's transaction is made
        assert "planned_transaction" not in names


def test_main_begins_no_transaction() -> None:
    """`main.py` opens the database and leaves transactions to the verbs."""
    assert "in_transaction" not in (ROOT / "main.py").read_text(encoding="utf-8")


CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "monotonic"),
    ("time", "localtime"),
    ("time", "gmtime"),
    ("timezone", "now"),
}
"""What tells the time, as it is written: the module or class, and its function."""


@every_file("resolvers", "db")
def test_no_clock_below_the_door(path: Path) -> None:
    """Time is an argument: nothing in resolvers or db asks what time it is."""
    read = [
        ast.unparse(node)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and (ast.unparse(node.value).rpartition(".")[2], node.attr) in CLOCKS
    ]
    taken = [
        f"from {node.module} import {alias.name}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        for alias in node.names
        if ("time", alias.name) in CLOCKS
    ]
    assert read + taken == []


@every_file("resolvers", "db")
def test_no_row_stamps_itself(path: Path) -> None:
    """No column takes the time by itself, and no statement asks the database for it."""
    text = path.read_text(encoding="utf-8")
    assert [word for word in ("auto_now", "CURRENT_TIMESTAMP", "now()") if word in text] == []


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@every_file("resolvers")
def test_a_signature_lists_all_a_function_needs(path: Path) -> None:
    """No public function of a verb takes `**` anything."""
    assert [one.name for one in functions(path) if not one.name.startswith("_") and one.args.kwarg is not None] == []


DRAWERS = {"utils", "util", "helpers", "helper", "common", "core", "base", "manager", "managers", "misc"}


def test_there_is_no_drawer() -> None:
    """No module or folder is named for nothing in particular."""
    paths = [*files("db", "resolvers", "schema", "tests"), *ROOT.glob("*.py")]
    parts = {part.removesuffix(".py") for path in paths for part in path.relative_to(ROOT).parts}
    assert parts & DRAWERS == set()


# ------------------------------------------------------------------ a claim stands

NAMES_RELEASED_AT = {
    "db/models.py": "the column",
    "db/statuses.py": "decides by it whether a claim stands",
    "db/queries/claims.py": "a new claim has none",
    "resolvers/release.py": "writes it",
    "schema/graphql/nouns.py": "shows it",
    "schema/csv/records.py": "shows it",
}
"""The files in which the column `released_at` is named."""

CONDITION = re.compile(r"released_at(?:__\w+|\s+(?:is|IS|==|!=)\b|\s*=\s*(?:None|True|False))")


def test_a_claim_stands_by_one_condition() -> None:
    """The time of a release is named where it is stored or shown, and asked for in db/statuses.py alone."""
    texts = {named(path): path.read_text(encoding="utf-8") for path in OURS}
    assert {name for name, text in texts.items() if "released_at" in text} == set(NAMES_RELEASED_AT)
    assert {name for name, text in texts.items() if CONDITION.search(text)} == {"db/statuses.py"}


# ------------------------------------------------------------------ what nobody uses

CALLED_BY_LIBRARIES = {"_in_transaction"}
"""Private names of a library's classes that ours override."""

OURS = [ROOT / "main.py", *files("schema", "resolvers", "db", "benchmarks")]


def privates(parent: ast.Module | ast.ClassDef) -> Iterator[tuple[str, ast.stmt]]:
    """The private functions, methods, classes and constants of a module, with what defines each."""
    for node in parent.body:
        names: list[str] = []
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
        yield from ((name, node) for name in names if name.startswith("_") and not name.endswith("__") and name != "_")
        if isinstance(node, ast.ClassDef):
            yield from privates(node)


def uses(node: ast.AST) -> Counter[str]:
    """The names that are read in a piece of code, on their own or of something."""
    read = (one for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute))
    return Counter(one.id if isinstance(one, ast.Name) else one.attr for one in read if isinstance(one.ctx, ast.Load))


def is_hung(node: ast.stmt) -> bool:
    """Whether a decorator gives a function to a router, which calls it."""
    return any(ast.unparse(one).startswith("router.") for one in getattr(node, "decorator_list", ()))


@pytest.mark.long
@pytest.mark.case("A11")
def test_nothing_private_is_unused() -> None:
    """Each private function, method, class and constant is used outside of itself: a heartbeat, say, is called."""
    trees = {path: tree(path) for path in OURS}
    anywhere = sum(map(uses, trees.values()), Counter[str]())
    unused = []
    for path, parsed in trees.items():
        here = uses(parsed)
        for name, node in privates(parsed):
            used = here if node in parsed.body else anywhere  # what a class has may be used by those below it
            if name not in CALLED_BY_LIBRARIES and not is_hung(node) and used[name] <= uses(node)[name]:
                unused.append(f"{named(path)}: {name}")
    assert unused == []


# ------------------------------------------------------------------ docstrings

PLAIN_QUESTIONS = {
    "add", "all_of", "by_email", "by_id", "by_identifier", "by_ids", "by_number", "by_numbers", "by_reference", "by_text",
    "count", "delete", "highest_number", "of_account", "of_organization", "save", "with_code_and_customer",
}  # fmt: skip
"""In db/queries: what a noun is asked in these words needs no other."""

TRANSLATIONS = {"of", "to_params"}
"""In schema/graphql: a row's words, or the house's; the module tells which."""

LENT = {
    "begin", "decode_json", "enter_field", "enter_operation_definition", "get_context", "handle", "on_operation", "process_errors",
    "render_graphql_ide", "to_db_value", "to_python_value",
}  # fmt: skip
"""Methods that a library calls by this name and tells of in its own pages."""

PLAIN_METHODS = {"may", "check", "fail"}
"""In resolvers: methods of one line whose class tells what they do."""


def needs_no_docstring(node: Any, path: Path) -> bool:
    """Whether what is public needs no docstring, for one of the reasons above."""
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    if isinstance(node, ast.ClassDef):
        bases = {ast.unparse(base) for base in node.bases}
        is_of_values = any(decorator.startswith("dataclass") for decorator in decorators) or {"StrEnum", "Enum"} & bases
        return (
            bool(is_of_values) or node.name == "Meta" or "schema/graphql" in named(path)
        )  # these are described in the SDL
    if any(decorator.startswith("strawberry.") for decorator in decorators):
        return True
    if "overload" in decorators:  # its implementation has the docstring
        return True
    plain = {"db/queries": PLAIN_QUESTIONS, "schema/graphql": TRANSLATIONS}
    fitting = [words for place, words in plain.items() if named(path).startswith(place)]
    if named(path).startswith("resolvers"):
        fitting.append(PLAIN_METHODS)
    return node.name in LENT.union(*fitting)


def publics(body: list[ast.stmt]) -> Iterator[Any]:
    """The public functions and classes of a module, and those in its classes."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from publics(node.body)


@every_file("resolvers", "db", "schema")
def test_what_is_public_says_what_it_promises(path: Path) -> None:
    """Every module, and every public function and class, has a docstring, unless a list above says why not."""
    parsed = tree(path)
    assert ast.get_docstring(parsed)
    silent = [node for node in publics(parsed.body) if not ast.get_docstring(node)]
    assert [node.name for node in silent if not needs_no_docstring(node, path)] == []


# ------------------------------------------------------------------ vendors

FOURTH = '''
"""A fourth vendor."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from schema.vendors import kit


class Fourth(kit.VendorRoute):
    """A route that answers errors so."""

    @staticmethod
    def error_response(error: Exception) -> JSONResponse:
        return JSONResponse(str(error), 400)


router = APIRouter(route_class=Fourth)


@router.get("/fourth/hello")
async def hello(request: Request) -> JSONResponse:
    """Hello."""
    return JSONResponse("hello")
'''


@pytest.fixture
def fourth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module beside the vendors' own, there for one test."""
    (tmp_path / "fourth.py").write_text(FOURTH, encoding="utf-8")
    monkeypatch.setattr(vendors, "__path__", [*vendors.__path__, str(tmp_path)])
    yield "schema.vendors.fourth"
    sys.modules.pop("schema.vendors.fourth", None)
    vars(vendors).pop("fourth", None)


async def test_a_vendors_module_needs_no_registration(
    fourth: str, services: Services, organization: Organization
) -> None:
    """A module that is put into schema/vendors has its door hung, and nothing else is edited."""
    assert fourth in {vendor.__name__ for vendor in vendors.discover()}
    transport = httpx.ASGITransport(http_app.create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://tessera") as client:
        assert (await client.get("/fourth/hello")).json() == "hello"
        assert (await client.get("/codes/x")).status_code == 401


@pytest.mark.parametrize("vendor", vendors.discover(), ids=lambda vendor: vendor.__name__)
def test_a_vendor_has_a_page_and_a_test(vendor: ModuleType) -> None:
    """A vendor's module has a router, a page in docs/vendors, and a test of its own."""
    name = vendor.__name__.rpartition(".")[2]
    assert vendor.router.routes
    assert (ROOT / "docs/vendors" / f"{name}.md").is_file()
    assert list((ROOT / "tests/schema/vendors").glob(f"test_{name}*.py"))


# ------------------------------------------------------------------ what was found from outside

FOUND = {*(f"A{number}" for number in range(1, 15)), *(f"W{number}" for number in range(1, 26))}
FOUND |= {f"F{number}" for number in range(1, 18)}
"""The faults that use from outside has found: of availability, wrong answers, files and the command line."""


@pytest.mark.long
def test_each_fault_that_was_found_from_outside_has_a_test() -> None:
    """A test is marked with the number of each, so that a reader finds why it is there, and none is lost."""
    marks = {
        argument.value
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.case"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    assert FOUND - marks == set()
