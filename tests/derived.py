"""Files that are derived from the code: the printed schema, and the tables of refusals. `python -m tests.derived`.

The tables stand in docs/reference/refusals.md between `<!-- derived: NAME -->` and `<!-- /derived -->`.
"""

import re
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_type_hints

from benchmarks.table import markdown_table
from db import models
from resolvers.domain import refusals
from resolvers.domain.money import Money
from resolvers.domain.refusals import Refusal
from schema.graphql import app as graphql_app
from schema.graphql.refusals import describe
from schema.vendors.lancero import errors as lancero_errors
from schema.vendors.lpmotor import errors as lpmotor_errors
from schema.vendors.walletapp import errors as walletapp_errors

ROOT = Path(__file__).resolve().parents[1]
SDL, PAGE = ROOT / "schema/graphql/schema.graphql", ROOT / "docs/reference/refusals.md"
VENDORS = {"Lancero": lancero_errors, "LP Motor": lpmotor_errors, "WalletApp": walletapp_errors}
SAMPLES: dict[object, Any] = {
    str: "text",
    str | None: "text",
    int: 1,
    bool: False,
    datetime: datetime(2026, 12, 24, tzinfo=UTC),
    Money: Money(Decimal("5.00"), "EUR"),
    models.Claim: None,
}
_BLOCK = re.compile(r"(<!-- derived: (\w+) -->\n).*?(<!-- /derived -->)", re.DOTALL)


def sample(kind: type[Refusal]) -> Refusal:
    """A refusal of a class, with some value for each of its fields."""
    if kind is refusals.InvalidInput:
        return refusals.InvalidInput("This is no e-mail address.", "email")
    hints = get_type_hints(kind)
    return kind(*(SAMPLES[hints[field.name]] for field in fields(kind) if field.init))  # type: ignore[arg-type]


def table(kinds: Iterable[type[Refusal]]) -> str:
    """A row for each refusal: when it is raised, its data in GraphQL, and the status of each vendor's response."""
    rows = [("refusal", "when", "data", *VENDORS)]
    for kind in kinds:
        shown: Any = graphql_app.schema._schema.type_map.get(kind.__name__)
        data = [f"`{name}`" for name in shown.fields if name not in ("reason", "message")] if shown else []
        when = describe(kind).rstrip(".")
        statuses = [str(vendor.error_response(sample(kind)).status_code) for vendor in VENDORS.values()]
        rows.append((f"`{kind.__name__}`", when[:1].lower() + when[1:], ", ".join(data), *statuses))
    return markdown_table(rows)


def with_tables(page: str) -> str:
    """The text of a page with its tables of refusals derived anew."""
    others = [kind for kind in refusals.REFUSALS if kind not in refusals.RULES]
    tables = {"rules": [*refusals.RULES, refusals.NotClaimable], "others": others}
    tables["others"].remove(refusals.NotClaimable)
    return _BLOCK.sub(lambda block: f"{block[1]}{table(tables[block[2]])}\n{block[3]}", page)


if __name__ == "__main__":
    SDL.write_text(graphql_app.sdl(), encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
