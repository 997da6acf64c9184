"""What is documented is there, and what is there is documented: settings, commands, paths, examples, names."""

import importlib
import inspect
import json
import pkgutil
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import httpx
import pytest
import typer.main
import uvicorn
from fastapi.routing import iter_route_contexts
from graphql import GraphQLSchema, build_schema, parse, validate

import db
import main
import resolvers
import schema
from db import batching
from db.enums import KeyKind
from db.models import Organization
from resolvers import generate, idempotency, listing, send
from resolvers.domain import code_format, refusals
from resolvers.domain import validate as validate_values
from schema import app as http_app
from schema import cli, limits, streams
from schema.context import Services
from schema.graphql import app as graphql_app
from schema.graphql import connections, document_limits, error_format, http_request
from schema.graphql.engine import documents, text_limits
from schema.server import connection_limit, protocol
from tests import derived, make

ROOT = Path(main.__file__).resolve().parent


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


README, FIRST_STEPS, LIFE = read("README.md"), read("docs/first-steps.md"), read("docs/life-of-a-claim.md")
SETTINGS, COMMAND_LINE = read("docs/reference/settings.md"), read("docs/reference/commands.md")
DOORS, REFUSALS = read("docs/reference/doors.md"), read("docs/reference/refusals.md")
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "schema" / "graphql" / "engine" / "README.md",
]
"""Every page we write; what lies in .venv and node_modules is written by others."""

BY_PATH = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def undocumented(names: set[str], *pages: str) -> list[str]:
    """Those of the names that stand in none of the pages, as words of their own."""
    text = "\n".join(pages)
    return sorted(name for name in names if not re.search(rf"(?<![\w/{{-]){re.escape(name)}(?![\w/{{-])", text))


# ------------------------------------------------------------------ settings, commands, paths


def rows(page: str) -> dict[str, list[str]]:
    """The rows of a page's tables, each by the text of its first cell; a `|` behind a backslash is a letter of its cell."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0]: row for row in cells}


@pytest.mark.parametrize(
    "name", ["LICENSE", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/glossary.md", "constraints.txt"]
)
def test_what_a_newcomer_looks_for_is_there(name: str) -> None:
    """These files are where people look for them."""
    assert (ROOT / name).read_text(encoding="utf-8").strip()


def test_the_readme_is_read_in_five_minutes() -> None:
    """The README has less than 1,500 words, and leads to every page that stands directly below docs/."""
    assert len(README.split()) < 1_500
    pages = [
        path
        for path in PAGES
        if path.parent == ROOT / "docs" or (path.parent.parent == ROOT / "docs" and path.name == "README.md")
    ]
    linked = {(ROOT / link).resolve() for link in LINK.findall(README) if "://" not in link}
    assert [page for page in pages if page != ROOT / "README.md" and page not in linked] == []


def test_every_setting_is_documented() -> None:
    """The reference has a row for each setting of main.Settings."""
    assert {f"`TESSERA_{name.upper()}`" for name in main.Settings.model_fields} <= rows(SETTINGS).keys()


def test_no_missing_setting_is_documented() -> None:
    """Each TESSERA_ name in a page is a setting, but for the tests' own."""
    documented = {
        name for page in PAGES for name in re.findall(r"\bTESSERA_[A-Z_]+\b", page.read_text(encoding="utf-8"))
    }
    assert documented - {"TESSERA_TEST_DATABASE_URL"} == {
        f"TESSERA_{name.upper()}" for name in main.Settings.model_fields
    }


def commands(group: click.Command, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command of the command line, with the words that lead to it."""
    for name, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name, command


COMMANDS = dict(commands(typer.main.get_command(cli.app)))


def test_every_command_is_documented() -> None:
    """The reference has a line for each command and sub-command, and for what `main.py` does without one."""
    assert undocumented({f"python main.py {name}" for name in COMMANDS}, COMMAND_LINE) == []
    group = typer.main.get_command(cli.app)
    documented = rows(COMMAND_LINE).keys()
    assert {"`python main.py`", *(f"`python main.py {one.opts[0]}`" for one in group.params)} <= documented


def test_no_missing_command_is_documented() -> None:
    """Each command that a page names is one: the words behind `python main.py` in code."""
    words = re.compile(r"python main\.py((?: [a-z]+)+)")
    known = {"", *COMMANDS}
    documented = {found.strip() for page in PAGES for found in words.findall(page.read_text(encoding="utf-8"))}
    assert [
        name
        for name in sorted(documented)
        if not any(name == one or name.startswith(f"{one} ") for one in known if one)
    ] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_beside_its_command(name: str) -> None:
    """The line for a command names each of its options."""
    [line] = [line for line in COMMAND_LINE.splitlines() if line.startswith(f"| `python main.py {name}")]
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("--")}
    assert [option for option in sorted(options - {"--help"}) if option not in line] == []


UNTOLD_PATHS = {
    "/graphql/": "`/graphql` with a slash behind it, which the reference says makes no difference",
    "/graphql/assets/{name}": "the playground's own files, which only its page asks for",
}
"""Paths that nobody needs to know."""

UNTOLD_ENDPOINTS = {
    "unknown_route": "answers what is asked below a vendor's paths and is none of them, in the vendor's words",
    "_options": "answers OPTIONS below a vendor's paths, which is asked before a question",
}
"""Endpoints whose paths are not there, though something answers."""


def paths(services: Services) -> set[str]:
    """Every path of the application, vendors' included, as a page would write it: `{code:path}` is `{code}`."""
    return {
        re.sub(r"{(\w+):\w+}", r"{\1}", route.path or "")
        for route in iter_route_contexts(http_app.create_app(services).routes)
        if getattr(route.endpoint, "__name__", "") not in UNTOLD_ENDPOINTS
    }


def test_every_path_is_documented(services: Services) -> None:
    """Each path of the application stands in the reference or on a vendor's page."""
    vendors = [page.read_text(encoding="utf-8") for page in PAGES if page.parent.name == "vendors"]
    found = paths(services)
    assert found >= {"/graphql", "/healthz", "/codes/claim"}
    assert undocumented(found - UNTOLD_PATHS.keys(), DOORS, *vendors) == []


def test_nothing_is_left_untold_that_is_not_there(services: Services) -> None:
    """The list of untold paths names paths only that exist."""
    assert set(UNTOLD_PATHS) <= paths(services)


LIMITS = {
    "characters": text_limits.MAX_CHARACTERS,
    "tokens": text_limits.MAX_TOKENS,
    "depth": document_limits.MAX_DEPTH,
    "brackets of any kind within each other": text_limits.MAX_OPEN_BRACKETS,
    "aliases": document_limits.MAX_ALIASES,
    "fragments and spreads of them": text_limits.MAX_SPREADS,
    "directives": text_limits.MAX_DIRECTIVES,
    "operations and fragments together": text_limits.MAX_DEFINITIONS,
    "characters of a name": text_limits.MAX_NAME_CHARACTERS,
    "digits of a number": text_limits.MAX_NUMBER_DIGITS,
    "values in one place": text_limits.MAX_MEMBERS,
    "fields, once fragments are written out": document_limits.MAX_FIELDS,
    "rows that pages within pages may come to": document_limits.MAX_ROWS,
    "values of an answer": document_limits.MAX_VALUES,
    "root fields of a query that are run at once": graphql_app.MAX_CONCURRENT_FIELDS,
    "documents of more than 1,000 characters that wait to be parsed": documents.MAX_WAITING,
    "errors of a refused document": error_format.MAX_ERRORS,
    "documents that a process remembers": graphql_app.MAX_CACHE_BYTES[True] // 1_000_000,
    "rows of one page (`first`)": connections.MAX_PAGE_SIZE,
    "body, at any door": limits.MAX_BODY_BYTES // 2**20,
    "body with a public key": limits.MAX_PUBLIC_BODY_BYTES // 1_000,
    "members of all objects and lists in a body": http_request.MAX_MEMBERS[False],
    "time": limits.REQUEST_SECONDS,
    "head": protocol.MAX_HEAD_BYTES // 2**10,
    "time for the head": protocol.HEAD_SECONDS,
    "chunks of a body": protocol.MAX_CHUNKS,
    "requests sent ahead of their answers": protocol.MAX_PIPELINED,
    "time between requests": inspect.signature(uvicorn.Config).parameters["timeout_keep_alive"].default,
    "time for an answer to be taken": protocol.SEND_SECONDS,
    "connections of a process": connection_limit.MAX_CONNECTIONS,
    "long answers at once": streams.MAX_STREAMS,
    "claims of one batch": batching.MAX_REQUESTS,
    "codes of one `generateCodes`": generate.MAX_CODES,
    "recipients of one `sendCode`": send.MAX_RECIPIENTS,
    "characters of a code": code_format.MAX_CODE_LENGTH,
    "quantities, limits and numbers": validate_values.MAX_INT,
    "words of a search": listing.MAX_SEARCH_WORDS,
    "characters of `metadata`": validate_values.MAX_METADATA_LENGTH,
    "time that an `idempotencyKey` is remembered": idempotency.ANSWER_LIFETIME // timedelta(hours=1),
}
"""The names of limits in the reference, and what they are."""

UNCHECKED_LIMITS = {
    "time for a batch of claims or of look-ups on PostgreSQL": "several constants of the pool, which its tests hold",
    "time for a statement or transaction on PostgreSQL outside of requests": "as above",
    "an amount of money": "a power of ten, which tests of money hold",
    "an instant": "ends of calendars, which tests of instants hold",
    "failed attempts with a public key": "a setting",
    "guesses at an organization's codes": "told by docs/guessing.md",
    "a promotion's own words for its letters": "told by docs/sending.md",
    "what": "a table's head",
}
"""Rows of the reference's tables of limits that no constant is compared with, and why."""


@pytest.mark.parametrize("limit", LIMITS)
def test_limits_are_as_documented(limit: str) -> None:
    """The reference tells each limit as it is."""
    row = rows(read("docs/reference/limits.md"))[limit]
    assert re.match(rf"(?:{LIMITS[limit]:,}|{LIMITS[limit]})\b", row[1]), row


def test_no_limit_is_documented_unchecked() -> None:
    """Each row of the reference's limits is held to a constant, or listed with the reason why it is not."""
    documented = set(rows(read("docs/reference/limits.md")))
    assert documented == LIMITS.keys() | UNCHECKED_LIMITS.keys()


# ------------------------------------------------------------------ refusals


def test_the_tables_of_refusals_are_derived() -> None:
    """The reference shows each refusal, the rules in the order in which they are asked, as the code has them."""
    assert derived.with_tables(REFUSALS) == REFUSALS, "Run `python -m tests.derived`."
    documented = [name.strip("`") for name in rows(REFUSALS)]
    assert {kind.__name__ for kind in refusals.REFUSALS} <= set(documented)


def test_lines_of_the_log_are_as_documented() -> None:
    """docs/operations.md has a row for each notice of a connection that is closed, in its words."""
    limit = connection_limit.ConnectionLimit(100)
    notices = (
        protocol.slow_requests,
        protocol.slow_responses,
        protocol.bad_requests,
        limit._closing_warning,
        limit._rejecting_warning,
    )
    written = {f"`{notice._message}`".replace("100", "…") for notice in notices}
    documented = {row for row in rows(read("docs/operations.md")) if "connection" in row and row.startswith("`")}
    assert documented == written


# ------------------------------------------------------------------ what is deprecated


def deprecated(schema: GraphQLSchema) -> list[str]:
    """What a schema marks as deprecated: `Type.field`, `Type.field(argument:)`, `Enum.VALUE`."""
    found = []
    for name, kind in schema.type_map.items():
        parts = {**getattr(kind, "fields", {}), **getattr(kind, "values", {})}
        for part, definition in parts.items():
            arguments = {f"({argument}:)": value for argument, value in getattr(definition, "args", {}).items()}
            both = {"": definition, **arguments}
            found += [f"{name}.{part}{of}" for of, one in both.items() if one.deprecation_reason is not None]
    return found


def test_what_is_deprecated_is_found() -> None:
    """Fields, arguments, input fields and values of enums are looked at, which docs/reference/deprecation.md promises."""
    mark = '@deprecated(reason: "x")'
    texts = f"type Query {{ a(b: C {mark}, e: E): Int {mark} }} input C {{ d: Int {mark} }} enum E {{ F {mark} G }}"
    assert sorted(deprecated(build_schema(texts))) == ["C.d", "E.F", "Query.a", "Query.a(b:)"]


def test_a_deprecation_stands_in_the_changelog() -> None:
    """The changelog names each deprecated part of the schema, as a client finds it there."""
    changelog = read("CHANGELOG.md")
    assert [part for part in deprecated(graphql_app.schema._schema) if f"`{part}`" not in changelog] == []


# ------------------------------------------------------------------ examples

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


@dataclass(frozen=True)
class Call:
    """A `curl` of a page, with the answer that stands below it, or the variable that keeps the answer's token."""

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
            assert word.startswith("http://127.0.0.1:8000/"), f"what is {word!r} in a curl of a page?"
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


CALLS = [*calls(README), *calls(FIRST_STEPS)]
DOCUMENTS = [
    *(text for page in PAGES for kind, text in FENCE.findall(page.read_text(encoding="utf-8")) if kind == "graphql"),
    *(json.loads(call.body)["query"] for call in CALLS if call.path == "/graphql"),
    *(json.loads(text)["query"] for kind, text in FENCE.findall(LIFE) if kind == "json" and '"query"' in text),
]


def test_the_first_steps_go_through_both_doors() -> None:
    """The README calls GraphQL and Lancero's door, and the page that goes on exchanges a token."""
    assert {call.path for call in calls(README)} == {"/graphql", "/codes/claim"}
    assert {call.path for call in CALLS} == {"/graphql", "/codes/claim", "/claims/exchange"}
    assert len(CALLS) >= 9


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_are_of_the_schema(document: str) -> None:
    """Every GraphQL document in a page is valid."""
    assert validate(graphql_app.schema._schema, parse(document)) == []


CHANGING = {"text", "code", "id", "exchangeToken", "token", "referralCode", "createdAt", "updatedAt"}
"""Members whose values are drawn, or tell the time: another run has others."""


def compare(documented: Any, answered: Any, where: str, changed: dict[str, str]) -> None:
    """An answer is what the page tells but for CHANGING; `changed` learns what stands for what the page tells."""
    if isinstance(documented, dict):
        assert isinstance(answered, dict), where
        assert documented.keys() == answered.keys(), where
        for name, value in documented.items():
            if name in CHANGING and isinstance(value, str):
                assert isinstance(answered[name], str), f"{where}.{name}"
                changed[value] = answered[name]
            else:
                compare(value, answered[name], f"{where}.{name}", changed)
    elif isinstance(documented, list):
        assert isinstance(answered, list), where
        assert len(documented) == len(answered), where
        for place, value in enumerate(documented):
            compare(value, answered[place], f"{where}[{place}]", changed)
    else:
        assert documented == answered, where


async def test_the_examples_are_answered_as_the_pages_tell(services: Services, organization: Organization) -> None:
    """The calls of the README and of docs/first-steps.md, made one after another, are answered as they tell."""
    standing_for = {
        "$SECRET": await make.key(organization, KeyKind.SECRET),
        "$PUBLIC": await make.key(organization, KeyKind.PUBLIC),
    }

    def as_it_is_here(text: str) -> str:
        for printed, here in standing_for.items():
            text = text.replace(printed, here)
        return text

    transport = httpx.ASGITransport(http_app.create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        for number, call in enumerate(CALLS, 1):
            await services.refusal_counter.write()  # as the process does each second
            headers = {name: as_it_is_here(value) for name, value in call.headers.items()}
            response = await client.post(call.path, content=as_it_is_here(call.body), headers=headers)
            where = f"call {number}, {call.path}"
            assert response.status_code == 200, f"{where}: {response.text}"
            if call.kept:
                standing_for[f"${call.kept}"] = response.json()["data"]["token"]
            else:
                compare(call.answer, response.json(), where, standing_for)


# ------------------------------------------------------------------ links and names


LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@BY_PATH
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link leads to a file or folder that exists, and behind its `#` to a heading of that page."""
    lost = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors(target))):
            lost.append(link)
    assert lost == []


@BY_PATH
def test_tables_render(page: Path) -> None:
    """Each row of a table has as many cells as its head, and a table begins after an empty line and is at the margin."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    broken = []
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.M):
        lines = block.splitlines()
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
        if len(widths) != 1 or len(lines) < 3 or not re.fullmatch(r"[|:\- ]+", lines[1]):
            broken.append(lines[0])
    assert broken == []
    assert re.findall(r"^(?![|#<\s-]).*\S.*\n\|", text, re.M) == []


@BY_PATH
def test_headings_are_nested(page: Path) -> None:
    """A page has one heading of the first level, and skips none below it."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.M)]
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_pictures_are_legible_by_themselves() -> None:
    """A picture says what it shows in words, and loads nothing."""
    for picture in (ROOT / "docs").rglob("*.svg"):
        text = picture.read_text(encoding="utf-8")
        assert re.search(r"<title[^>]*>\S.*</title>", text)
        assert re.search(r"<desc[^>]*>\S.*</desc>", text)
        assert set(re.findall(r"https?://[^\s\"]+", text)) == {"http://www.w3.org/2000/svg"}


@BY_PATH
def test_named_files_exist(page: Path) -> None:
    """A file that a page names with its folder exists."""
    names = re.findall(r"`((?:[a-z_.]+/)*[a-z_\d.-]+\.(?:py|md|graphql|json|toml))`", page.read_text(encoding="utf-8"))
    mentioned = {name for name in names if "/" in name or name == "main.py"}
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


@BY_PATH
def test_printed_code_is_ours(page: Path) -> None:
    """The lines of a Python block in a page stand in one of our files, one after another."""
    blocks = re.findall(r"^ *```python\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.M | re.S)
    files = [
        path.read_text(encoding="utf-8")
        for room in ("schema", "resolvers", "db")
        for path in (ROOT / room).rglob("*.py")
    ]
    code = ["\n".join(line.strip() for line in text.splitlines()) for text in files]
    printed = ["\n".join(line.strip() for line in block.splitlines()) for block in blocks]
    assert [block for block in printed if not any(block in text for text in code)] == []


RETOLD_ELSEWHERE = {
    "pause.promotion": "the verb that CONTRIBUTING.md makes up to show how one is added",
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
