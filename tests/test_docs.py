"""What is documented is there, and what is there is documented: settings, commands, paths, examples, names."""

import importlib
import json
import pkgutil
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import httpx
import pytest
import typer.main
from fastapi.routing import iter_route_contexts
from graphql import parse, validate

import db
import main
import resolvers
import schema
from db.models import KeyKind, Organization
from resolvers import generate, send
from schema import app as http_app
from schema import cli, limits
from schema.context import Services
from schema.graphql import app as graphql_app
from schema.graphql import connections, document_limits, error_format, http_request, text_limits
from schema.graphql.engine import documents
from tests import make

ROOT = Path(main.__file__).resolve().parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LIFE = (ROOT / "docs/life-of-a-claim.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
"""Every page we write; what lies in .venv and node_modules is written by others."""

BY_PATH = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def undocumented(names: set[str], *pages: str) -> list[str]:
    """Those of the names that stand in none of the pages, as words of their own."""
    told = "\n".join(pages)
    return sorted(name for name in names if not re.search(rf"(?<![\w/{{-]){re.escape(name)}(?![\w/{{-])", told))


# ------------------------------------------------------------------ settings, commands, paths


def test_every_setting_is_told_in_the_readme() -> None:
    """The README names each setting of main.Settings."""
    assert undocumented({f"TESSERA_{name.upper()}" for name in main.Settings.model_fields}, README) == []


def test_the_readme_tells_of_no_setting_that_is_not_there() -> None:
    """Each TESSERA_ name in a page is a setting, but for the tests' own."""
    told = {name for page in PAGES for name in re.findall(r"\bTESSERA_[A-Z_]+\b", page.read_text(encoding="utf-8"))}
    assert told - {"TESSERA_TEST_DATABASE_URL"} == {f"TESSERA_{name.upper()}" for name in main.Settings.model_fields}


def commands(group: click.Command, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command of the command line, with the words that lead to it."""
    for name, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name, command


COMMANDS = dict(commands(typer.main.get_command(cli.app)))


def test_every_command_is_told_in_the_readme() -> None:
    """The README has a line for each command and sub-command."""
    assert undocumented({f"python main.py {name}" for name in COMMANDS}, README) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_told_beside_its_command(name: str) -> None:
    """The README's line for a command names each of its options."""
    [line] = [line for line in README.splitlines() if line.startswith(f"| `python main.py {name}")]
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("--")}
    assert [option for option in sorted(options - {"--help"}) if option not in line] == []


UNTOLD_PATHS = {
    "/graphql/": "`/graphql` with a slash behind it, which the README says makes no difference",
    "/graphql/assets/{name}": "the playground's own files, which only its page asks for",
}
"""Paths that nobody needs to know."""

UNTOLD_ENDPOINTS = {
    "_unknown_route": "answers what is asked below a vendor's paths and is none of them, in the vendor's words",
    "_allowed": "answers OPTIONS below a vendor's paths, which is asked before a question",
}
"""Endpoints whose paths are not there, though something answers."""


def paths(services: Services) -> set[str]:
    """Every path of the application, vendors' included, as a page would write it: `{code:path}` is `{code}`."""
    return {
        re.sub(r"{(\w+):\w+}", r"{\1}", route.path or "")
        for route in iter_route_contexts(http_app.hang(services).routes)
        if getattr(route.endpoint, "__name__", "") not in UNTOLD_ENDPOINTS
    }


def test_every_path_is_told(services: Services) -> None:
    """Each path of the application stands in the README or on a vendor's page."""
    vendors = [page.read_text(encoding="utf-8") for page in PAGES if page.parent.name == "vendors"]
    found = paths(services)
    assert found >= {"/graphql", "/healthz", "/codes/claim"}
    assert undocumented(found - UNTOLD_PATHS.keys(), README, *vendors) == []


def test_nothing_is_left_untold_that_is_not_there(services: Services) -> None:
    """The list of untold paths names paths only that exist."""
    assert set(UNTOLD_PATHS) <= paths(services)


LIMITS = {
    "a document's depth": document_limits.DEPTH,
    "its aliases": document_limits.ALIASES,
    "a document's letters": text_limits.LETTERS,
    "its tokens": text_limits.TOKENS,
    "its brackets of any kind within each other": text_limits.BRACKETS,
    "its fragments and spreads of them": text_limits.SPREADS,
    "its directives": text_limits.DIRECTIVES,
    "its operations and fragments together": text_limits.DEFINITIONS,
    "a name in it": text_limits.NAME,
    "a number in it": text_limits.NUMBER,
    "what is given values in one place of it": text_limits.MEMBERS,
    "its fields, once its fragments are written out": document_limits.FIELDS,
    "rows that its pages within pages may come to": document_limits.ROWS,
    "values that it may answer": document_limits.CELLS,
    "errors that it is refused with": error_format.ERRORS,
    "documents that a process remembers": documents.REMEMBERED[True] // 1_000_000,
    "one page (`first`)": connections.LARGEST,
    "the body of a request with a public key": limits.LARGEST_PUBLIC_BODY // 1_000,
    "members of all objects and lists in a request's body, at any door": http_request.MEMBERS[False],
    "the body of a request, at any door": limits.LARGEST_BODY // 2**20,
    "the time for it": limits.SECONDS,
    "codes of one `generateCodes`": generate.MOST,
    "recipients of one `sendCode`": send.MOST_RECIPIENTS,
}
"""The README's names of limits, and what they are."""


@pytest.mark.parametrize("limit", LIMITS)
def test_limits_are_as_the_readme_tells(limit: str) -> None:
    """The README's table of limits tells each as it is."""
    [row] = [line for line in README.splitlines() if line.startswith(f"| {limit} |")]
    assert re.match(rf"{LIMITS[limit]:,}\b", row.split("|")[2].strip()), row


# ------------------------------------------------------------------ examples

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


@dataclass(frozen=True)
class Call:
    """A `curl` of the README, with the answer that stands below it, or the variable that keeps the answer's token."""

    path: str
    headers: dict[str, str]
    body: str
    answer: Any
    kept: str | None = None


def read_curl(words: list[str]) -> tuple[str, dict[str, str], str]:
    """Path, headers and body of a curl command line; it must be one of the kind we write."""
    url, headers, body = "", {}, ""
    rest = iter(words[1:])
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(rest)
        elif word == "|":
            break
        elif word != "-s":
            assert word.startswith("http://127.0.0.1:8000/"), f"what is {word!r} in a curl of the README?"
            url = word.removeprefix("http://127.0.0.1:8000")
    return url, headers, body


def calls(page: str) -> list[Call]:
    """Every curl of a page in its order; each is followed by its answer, but where a variable keeps its token."""
    found = []
    blocks = FENCE.findall(page)
    for (kind, text), (next_kind, next_text) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == "sh" and text.startswith("curl "):
            assert next_kind == "json", f"no answer stands below this curl:\n{text}"
            found.append(Call(*read_curl(shlex.split(text.replace("\\\n", " "))), json.loads(next_text)))
        elif kind == "sh" and (kept := re.match(r"(\w+)=\$\((curl .*)\)$", text.strip(), re.S)):
            found.append(Call(*read_curl(shlex.split(kept[2].replace("\\\n", " "))), None, kept[1]))
    return found


CALLS = calls(README)
DOCUMENTS = [
    *(text for page in PAGES for kind, text in FENCE.findall(page.read_text(encoding="utf-8")) if kind == "graphql"),
    *(json.loads(call.body)["query"] for call in CALLS if call.path == "/graphql"),
    *(json.loads(text)["query"] for kind, text in FENCE.findall(LIFE) if kind == "json" and '"query"' in text),
]


def test_the_readme_has_examples_of_both_doors() -> None:
    """The README calls GraphQL and Lancero's door, so that the tests below have something to hold."""
    assert {call.path for call in CALLS} == {"/graphql", "/codes/claim", "/claims/exchange"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_are_of_the_schema(document: str) -> None:
    """Every GraphQL document in a page is valid."""
    assert validate(graphql_app.schema._schema, parse(document)) == []


CHANGING = {"text", "code", "id", "exchangeToken", "token", "referralCode", "createdAt", "updatedAt"}
"""Members whose values are drawn, or tell the time: another run has others."""


def compare(told: Any, answered: Any, where: str, changed: dict[str, str]) -> None:
    """An answer is what the page tells but for CHANGING; `changed` learns what stands for what the page tells."""
    if isinstance(told, dict):
        assert isinstance(answered, dict), where
        assert told.keys() == answered.keys(), where
        for name, value in told.items():
            if name in CHANGING and isinstance(value, str):
                assert isinstance(answered[name], str), f"{where}.{name}"
                changed[value] = answered[name]
            else:
                compare(value, answered[name], f"{where}.{name}", changed)
    elif isinstance(told, list):
        assert isinstance(answered, list), where
        assert len(told) == len(answered), where
        for place, value in enumerate(told):
            compare(value, answered[place], f"{where}[{place}]", changed)
    else:
        assert told == answered, where


async def test_the_examples_are_answered_as_the_readme_tells(services: Services, organization: Organization) -> None:
    """The README's calls, made one after another, are answered as it tells."""
    standing_for = {
        "$SECRET": await make.key(organization, KeyKind.SECRET),
        "$PUBLIC": await make.key(organization, KeyKind.PUBLIC),
    }

    def as_it_is_here(text: str) -> str:
        for told, here in standing_for.items():
            text = text.replace(told, here)
        return text

    transport = httpx.ASGITransport(http_app.hang(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        for number, call in enumerate(CALLS, 1):
            await services.tally.write()  # as the process does each second
            headers = {name: as_it_is_here(value) for name, value in call.headers.items()}
            response = await client.post(call.path, content=as_it_is_here(call.body), headers=headers)
            where = f"call {number}, {call.path}"
            assert response.status_code == 200, f"{where}: {response.text}"
            if call.kept:
                standing_for[f"${call.kept}"] = response.json()["data"]["token"]
            else:
                compare(call.answer, response.json(), where, standing_for)


# ------------------------------------------------------------------ links and names


@BY_PATH
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link leads to a file or folder that exists."""
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@BY_PATH
def test_named_files_exist(page: Path) -> None:
    """A file that a page names with its folder exists."""
    told = re.findall(r"`((?:[a-z_.]+/)*[a-z_\d.-]+\.(?:py|md|graphql|json|toml))`", page.read_text(encoding="utf-8"))
    mentioned = {name for name in told if "/" in name or name == "main.py"}
    assert [name for name in sorted(mentioned) if not (ROOT / name).exists()] == []


@BY_PATH
def test_named_folders_exist(page: Path) -> None:
    """A folder that a page names exists."""
    folders = re.findall(r"`([a-z_/]+/)`", page.read_text(encoding="utf-8"))
    assert [name for name in folders if not (ROOT / name).is_dir()] == []


def modules() -> dict[str, list[ModuleType]]:
    """Our modules by their last name; a verb and a door's file may share one."""
    found: dict[str, list[ModuleType]] = {"main": [main], "db": [db], "resolvers": [resolvers], "schema": [schema]}
    for room in (db, resolvers, schema):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if "migrations" not in module.name and "node_modules" not in module.name:
                found.setdefault(module.name.rpartition(".")[2], []).append(importlib.import_module(module.name))
    return found


MODULES = modules()
CLASSES: dict[str, list[type]] = {}
for module in (module for named in MODULES.values() for module in named):
    for name, kind in vars(module).items():
        if isinstance(kind, type):
            CLASSES.setdefault(name, []).append(kind)
NAME = re.compile(r"`([A-Za-z_]+\.[A-Za-z_.]+?)(?:\(.*?\))?`")
FILE = re.compile(r".*\.(?:py|md|db|json|toml|graphql|txt)")


def exists(name: str) -> bool:
    """Whether a module or class of ours has what is named behind it."""
    first, *rest = name.split(".")
    found: list[Any] = [*MODULES.get(first, []), *CLASSES.get(first, [])]
    for part in rest:
        found = [getattr(one, part) for one in found if hasattr(one, part)]
    return bool(found)


def test_the_life_of_a_claim_names_what_there_is() -> None:
    """Every `module.function` in docs/life-of-a-claim.md exists."""
    named = {name for name in NAME.findall(LIFE) if not FILE.fullmatch(name)}
    assert len(named) > 40
    assert [name for name in sorted(named) if not exists(name)] == []


RETOLD_ELSEWHERE = {
    "pause.promotion": "the verb that the README makes up to show how one is added",
    "CodeService.claim": "what a decision is against",
    "limits.perCustomerAndCode": "a field of GraphQL's",
    "data.token": "a member of Lancero's answer",
    "lancero.client.defaults.baseURL": "of Lancero's client",
}
"""Names with a dot in other pages that are not functions of ours."""


@BY_PATH
def test_named_functions_exist(page: Path) -> None:
    """Every `module.function` in any other page exists as well."""
    named = {name for name in NAME.findall(page.read_text(encoding="utf-8")) if not FILE.fullmatch(name)}
    assert [name for name in sorted(named) if not exists(name) and name not in RETOLD_ELSEWHERE] == []


@BY_PATH
def test_pages_name_no_machine_and_no_registry(page: Path) -> None:
    """A page holds no path of somebody's machine, and no key in full."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?<!\w)/(?:home|root|work|tmp|Users)/\S+", text) == []
    assert re.findall(r"\b[spda]k_[0-9a-f]{12,}", text) == []
