"""Canaries: private members of others' packages that are leaned on are there, and each is named here with who uses it.

A package whose private members are used has an upper bound in pyproject.toml. When a bound is raised and one of these
fails, the modules that it names are to be looked at. What is leaned on of uvicorn's protocol is in
tests/schema/server/test_uvicorn.py.
"""

import ast
import inspect
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosqlite
import asyncpg
import pytest
from fastapi import FastAPI
from graphql import GraphQLInputObjectType, GraphQLResolveInfo, GraphQLSchema, parse
from graphql.execution import Executor as GraphqlExecutor
from graphql.validation.rules import overlapping_fields_can_be_merged as overlapping
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from strawberry.types import Info
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.asyncpg.client import TransactionWrapper as PostgresTransaction
from tortoise.backends.base.client import PoolConnectionWrapper, TransactionContextPooled
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

import db.clients.postgres
import db.clients.sqlite
from db.models import Code
from schema.graphql import app as graphql_app
from schema.graphql.engine import execute, graphql_core

ROOT = Path(__file__).resolve().parents[1]
OURS = ("schema", "resolvers", "db")
ROOMS = [ROOT / "main.py", *(path for room in OURS for path in (ROOT / room).rglob("*.py"))]
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in ROOMS
    if "migrations" not in path.parts and "node_modules" not in path.parts
}

DOCUMENTED = {"_replace", "_asdict", "_fields"}
"""A named tuple's own, which are as public as the others but can't be spelt like fields."""


@dataclass(frozen=True)
class Canary:
    """A private member, the package it is of, the modules that lean on it, and whether it is as they think."""

    member: str
    package: str
    users: tuple[str, ...]
    sings: Callable[[], bool]


def sets(kind: type[Any], *members: str) -> bool:
    """Whether a class's instances have these members from the beginning."""
    source = "".join(
        inspect.getsource(one.__init__) for one in kind.__mro__ if "__init__" in vars(one) and one is not object
    )
    return all(f"self.{member}" in source for member in members)


def writes_the_query() -> bool:
    queryset = Code.filter(id=1)
    queryset._make_query()
    text, values = queryset.query.get_parameterized_sql()
    return text.startswith("SELECT") and values == [1]


CANARIES = [
    Canary(
        "_meta",
        "tortoise-orm",
        (
            "db/leases.py",
            "db/statements.py",
            "db/queries/rows.py",
            "db/sql.py",
            "db/transfer/tables.py",
        ),
        lambda: (
            Code._meta.db_table == "code"
            and Code._meta.fields_map["promotion"].related_model.__name__ == "Promotion"
            and {"promotion_id", "text_key"} <= set(Code._meta.fields_db_projection) & Code._meta.db_fields
            and "promotion" in Code._meta.fk_fields
        ),
    ),
    Canary(
        "_in_transaction",
        "tortoise-orm",
        ("db/statements.py",),
        lambda: all("_in_transaction" in vars(kind) for kind in (SqliteClient, AsyncpgDBClient)),
    ),
    Canary("_make_query", "tortoise-orm", ("db/paging.py",), writes_the_query),
    Canary(
        "_connection",
        "tortoise-orm",
        ("db/clients/postgres.py", "db/clients/sqlite.py"),
        lambda: sets(PostgresTransaction, "_connection") and sets(SqliteTransactionWrapper, "_connection"),
    ),
    Canary(
        "_parent",
        "tortoise-orm",
        ("db/clients/postgres.py", "db/clients/sqlite.py"),
        lambda: sets(PostgresTransaction, "_parent") and sets(SqliteTransactionWrapper, "_parent"),
    ),
    Canary("_pool", "tortoise-orm", ("db/clients/postgres.py",), lambda: sets(AsyncpgDBClient, "_pool")),
    Canary(
        "_pool_init_lock", "tortoise-orm", ("db/clients/postgres.py",), lambda: sets(AsyncpgDBClient, "_pool_init_lock")
    ),
    Canary("_trxlock", "tortoise-orm", ("db/clients/sqlite.py",), lambda: sets(SqliteTransactionContext, "_trxlock")),
    Canary(
        "_transport",
        "asyncpg",
        ("db/clients/postgres.py",),
        lambda: "_transport" in asyncpg.Connection.__slots__,
    ),
    Canary(
        "_conn",
        "aiosqlite",
        ("db/clients/sqlite.py",),
        lambda: isinstance(vars(aiosqlite.Connection)["_conn"], property),
    ),
    Canary(
        "_execute",
        "aiosqlite",
        ("db/clients/sqlite.py",),
        lambda: inspect.iscoroutinefunction(aiosqlite.Connection._execute),
    ),
    Canary(
        "_schema",
        "strawberry-graphql",
        (
            "schema/graphql/app.py",
            "schema/graphql/engine/engine.py",
            "schema/graphql/engine/field_resolvers.py",
            "schema/graphql/engine/plan.py",
        ),
        lambda: isinstance(graphql_app.schema._schema, GraphQLSchema),
    ),
    Canary(
        "_raw_info",
        "strawberry-graphql",
        ("schema/graphql/connections.py",),
        lambda: (
            "_raw_info" in Info.__dataclass_fields__ and {"field_nodes", "fragments"} <= set(GraphQLResolveInfo._fields)
        ),
    ),
    Canary(
        "_native_telemetry",
        "fastapi",
        ("schema/app.py",),
        lambda: FastAPI()._native_telemetry.enabled() is False,
    ),
    Canary(
        "_unset_keepalive_if_required",
        "uvicorn",
        ("schema/server/protocol.py",),
        lambda: callable(HttpToolsProtocol._unset_keepalive_if_required),
    ),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: f"{canary.package} {canary.member}")
async def test_it_is_as_its_users_think(canary: Canary, store: str) -> None:
    """A private member that is leaned on is there."""
    assert canary.sings(), f"look at {', '.join(canary.users)}"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def defined(tree: ast.AST) -> set[str]:
    """The private names that a module gives to something itself."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and of_itself(node):
            names.add(node.attr)
    return set(filter(is_private, names))


def of_itself(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def foreign() -> Iterator[tuple[str, str]]:
    """Module and member, wherever a private name is used that nobody here has given: an attribute, or an import."""
    ours = set().union(*map(defined, TREES.values()))
    for module, tree in TREES.items():
        here = defined(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and is_private(node.attr):
                if node.attr not in (ours if of_itself(node) else here) | DOCUMENTED:
                    yield module, node.attr
            elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] not in OURS:
                names = [*node.module.split("."), *(alias.name for alias in node.names)]
                yield from ((module, name) for name in names if is_private(name))


@pytest.mark.long
def test_each_private_member_that_is_used_is_named_here() -> None:
    """Whoever leans on another one names it in CANARIES, and a module that no longer does is taken out."""
    named = {(user, canary.member) for canary in CANARIES for user in canary.users}
    assert set(foreign()) - named == set()
    used = {
        (module, node.attr)
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    }
    assert named - used == set()


def test_packages_that_are_leaned_on_are_bounded_above() -> None:
    """Each has an upper bound in pyproject.toml, FastAPI and Starlette too: their routes are taken apart and put together."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounded = {
        canonicalize_name(need.name)
        for need in map(Requirement, project["dependencies"])
        if any(bound.operator in ("<", "==", "~=") for bound in need.specifier)
    }
    leaned_on = {canary.package for canary in CANARIES} | {"graphql-core", "fastapi", "starlette"}
    assert leaned_on - bounded == set()


# ------------------------------------------------------------------ public by name only


def test_graphql_cores_executor_has_what_ours_uses() -> None:
    """schema/graphql/engine/ (graphql_core.py, execute.py) has subclasses of its Executor, which is documented for overriding only."""
    ours: set[str] = set()
    used: set[str] = set()
    for executor in (execute.PlanExecutor, graphql_core.CoreExecutor, graphql_core.ScheduledExecutor):
        tree = ast.parse(inspect.getsource(executor))
        used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and of_itself(node)}
        ours |= {"plan", *vars(executor), *executor.__annotations__}
    inherited = used - ours
    assert inherited >= {"collected_errors", "is_awaitable", "complete_abstract_value", "variable_values"}
    made = GraphqlExecutor.build(graphql_app.schema._schema, parse("{ __typename }"))
    assert isinstance(made, GraphqlExecutor)
    assert [name for name in sorted(inherited) if not hasattr(made, name)] == []
    assert list(inspect.signature(GraphqlExecutor).parameters)[:10] == [
        "schema", "fragment_definitions", "fragments", "root_value", "context_value", "operation", "variable_values",
        "field_resolver", "type_resolver", "subscribe_field_resolver",
    ]  # fmt: skip


def test_a_parsed_document_is_held_together_as_it_is_taken_apart() -> None:
    """schema/graphql/engine/documents.py and engine.py cut what would keep a document that is forgotten in memory."""
    document = parse("{ __typename }")
    assert document.loc is not None
    first = document.loc.start_token
    assert first.next is not None
    assert first.next.prev is first
    assert document.loc.end_token is not None
    made = GraphqlExecutor.build(graphql_app.schema._schema, document)
    assert isinstance(made, GraphqlExecutor)
    assert made.async_helpers is not None


def test_attributes_that_rules_of_graphql_core_read_are_there() -> None:
    """schema/graphql/engine/documents.py bounds how long fields are compared, one_of.py marks inputs of which one field is given."""
    assert inspect.getsource(overlapping).count("MAX_COMPLEXITY_BUDGET") > 1  # set once, and read
    promotion = graphql_app.schema._schema.get_type("PromotionRef")
    assert isinstance(promotion, GraphQLInputObjectType)
    assert promotion.is_one_of


@pytest.mark.parametrize(
    ("ours", "theirs", "replaced"),
    [
        (db.clients.sqlite.SqliteClient, SqliteClient, "close execute_query execute_query_dict _in_transaction"),
        (db.clients.sqlite.ImmediateTransaction, SqliteTransactionWrapper, "begin"),
        (db.clients.sqlite.ImmediateContext, SqliteTransactionContext, "__aenter__ __aexit__"),
        (db.clients.postgres.PooledConnectionContext, TransactionContextPooled, "__aenter__ __aexit__"),
        (db.clients.postgres.TransactionConnection, PoolConnectionWrapper, "__aenter__ __aexit__"),
        (db.clients.postgres.PostgresClient, AsyncpgDBClient, "create_connection acquire_connection _in_transaction"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_replaced_of_tortoise_is_there(ours: type[Any], theirs: type[Any], replaced: str) -> None:
    """db/ replaces how Tortoise's clients connect, ask and begin by methods of the same names."""
    inherited = {name for kind in theirs.__mro__ for name in vars(kind)}
    assert set(replaced.split()) <= vars(ours).keys() & inherited


def test_tortoise_keeps_its_statements_where_they_are_emptied() -> None:
    """db/__init__.py forgets them between databases of two kinds."""
    assert isinstance(EXECUTOR_CACHE, dict)
