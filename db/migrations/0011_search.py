"""What is searched for is folded as well, where it is beyond ASCII; the databases' own case agrees in nothing else."""

import re
import sys
import unicodedata
from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

BATCH = 5_000
PROGRESS_ROWS = 100_000
IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
DOTTED_I = re.compile(
    "(i[\u0316-\u0319\u031b-\u033c\u0347-\u0349\u034d\u034e\u0353-\u0356\u0359\u035a]*)\u0307"
)
BEYOND_ASCII = {
    "sqlite": "length(CAST({0} AS BLOB)) <> length({0})",
    "postgres": "octet_length({0}) <> char_length({0})",
}
FOLDED = {
    "promotion": {"search_key": ("name", "reference")},
    "customer": {"email_folded": ("email",), "first_name_folded": ("first_name",), "last_name_folded": ("last_name",)},
}
"""By table, the column of what is folded and the columns that it is of."""


def search_key(text: str) -> str:
    """As it was folded when this was written."""
    folded = unicodedata.normalize("NFKD", text).casefold().replace("ı", "i")
    if "\u0307" in (apart := unicodedata.normalize("NFD", folded)):
        folded = DOTTED_I.sub(r"\1", apart)
    key = " ".join(IGNORED.sub("", unicodedata.normalize("NFKC", folded)).split())
    return key if key == text else search_key(key)


async def fold(client: Any, table: str, columns: dict[str, tuple[str, ...]]) -> None:
    dialect, after, seen = client.capabilities.dialect, 0, 0
    sign = "$" if dialect == "postgres" else "?"
    source_columns = [column for of in columns.values() for column in of]
    beyond = " OR ".join(BEYOND_ASCII[dialect].format(column) for column in source_columns)
    while True:
        rows = await client.execute_query_dict(
            f"SELECT id, {', '.join(source_columns)} FROM {table} WHERE id > {sign}1 AND ({beyond}) ORDER BY id LIMIT {BATCH}",  # noqa: S608
            [after],
        )
        for column, of in columns.items():
            texts = [(" ".join(row[name] or "" for name in of), row["id"]) for row in rows]
            folded = [(search_key(text), row_id) for text, row_id in texts if not text.isascii()]
            if folded:
                await client.execute_many(f"UPDATE {table} SET {column} = {sign}1 WHERE id = {sign}2", folded)  # noqa: S608
        seen += len(rows)
        if seen // PROGRESS_ROWS > (seen - len(rows)) // PROGRESS_ROWS:
            print(f"folding what is searched for: {seen:,} rows of the table {table} so far", file=sys.stderr, flush=True)
        if len(rows) < BATCH:
            return
        after = rows[-1]["id"]


async def fold_all(apps: Any, editor: Any) -> None:
    for table, columns in FOLDED.items():
        await fold(editor.client, table, columns)


class Migration(migrations.Migration):
    dependencies = [('models', '0010_rowless_claims')]

    initial = False

    operations = [
        ops.AddField(model_name='Customer', name='email_folded', field=fields.TextField(null=True, unique=False)),
        ops.AddField(model_name='Customer', name='first_name_folded', field=fields.TextField(null=True, unique=False)),
        ops.AddField(model_name='Customer', name='last_name_folded', field=fields.TextField(null=True, unique=False)),
        ops.AddField(model_name='Promotion', name='search_key', field=fields.TextField(null=True, unique=False)),
        ops.RunPython(fold_all, ops.RunPython.noop),
    ]
