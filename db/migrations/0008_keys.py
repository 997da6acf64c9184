"""The keys of codes and addresses are folded anew.

A code's key leaves out all that shows nothing, and has İ, I, ı and i as one letter; an address is compared by the ASCII
form of its domain and the lower case of its local part. Only texts beyond ASCII can have another key than before. Of two
codes whose keys have become one the older keeps it; the younger's is its own text behind a space, which no key has.

The rows are gone through by id, some thousands at a time and each time in a transaction of its own: memory stays small,
and after a kill the next run goes on. A row whose new key another has gets a passing one first: that may change as well.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

import idna
from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.transactions import in_transaction

BATCH = 5_000
PROGRESS_ROWS = 100_000
MAX_CLASHES_SHOWN = 20

# ------------------------------------------------------------------ the keys, as they were folded when this was written

IGNORED = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
DASHES = (
    "\\-\u02d7\u2043\u2212\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0"
    "\ufe31\ufe32\ufe58\ufe63\uff0d\U00010ead"
)
UNSEEN = re.compile(rf"[\s{DASHES}{IGNORED}]+")
DOTTED_I = re.compile(
    "(i[\u0316-\u0319\u031b-\u033c\u0347-\u0349\u034d\u034e\u0353-\u0356\u0359\u035a]*)\u0307"
)


def code_key(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).casefold().replace("ı", "i")
    if "\u0307" in (apart := unicodedata.normalize("NFD", folded)):
        folded = DOTTED_I.sub(r"\1", apart)
    key = UNSEEN.sub("", unicodedata.normalize("NFKC", folded))
    return key if key == text else code_key(key)


def email_key(address: str) -> str:
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode()
    except UnicodeError:  # of a rule that is not ours: then the domain is compared as it was
        ascii_domain = unicodedata.normalize("NFC", domain.casefold())
    return f"{unicodedata.normalize('NFC', local.lower())}@{ascii_domain}"


# ------------------------------------------------------------------ going through a table


class Keys(NamedTuple):
    """A table's column of texts, the one of their keys, and how one becomes the other; `are_unique` in an organization."""

    table: str
    text: str
    key: str
    fold: Callable[[str], str]
    are_unique: bool = True


CODES = Keys("code", "text", "text_key", code_key)
CUSTOMERS = Keys("customer", "email", "email_key", email_key)
DELIVERIES = Keys("delivery", "recipient", "recipient_key", email_key, are_unique=False)
PASSING = "  "
"""What a key that waits for its new one begins with; its row's id follows."""

# Only texts beyond ASCII: their bytes are more than their letters.
BEYOND_ASCII = {
    "sqlite": "length(CAST({text} AS BLOB)) <> length({text})",
    "postgres": "octet_length({text}) <> char_length({text})",
}
INPUT_ROWS = {
    "sqlite": "SELECT json_extract(value, '$[0]') AS organization_id, json_extract(value, '$[1]') AS key FROM json_each(?1)",
    "postgres": """SELECT (value ->> 0)::bigint AS organization_id, value ->> 1 AS key
        FROM json_array_elements($1::json) AS given (value)""",
}


class KeyStore:
    """One database, as a migration speaks to it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.dialect = client.capabilities.dialect

    def _text(self, statement: str) -> str:
        return re.sub(r"\$(?=\d)", "?", statement) if self.dialect == "sqlite" else statement

    async def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.client.execute_query_dict(self._text(statement), list(values))]

    async def change(self, statement: str, values: list[tuple[Any, ...]]) -> None:
        if values:
            await self.client.execute_many(self._text(statement), values)

    async def set_keys(self, keys: Keys, new: list[tuple[str, int]]) -> None:
        """Give rows, by id, these keys, which nobody has."""
        if self.dialect == "sqlite":
            await self.change(f"UPDATE {keys.table} SET {keys.key} = $1 WHERE id = $2", new)  # noqa: S608
        elif new:
            await self.client.execute_query(
                f"""UPDATE {keys.table} SET {keys.key} = given.value ->> 0 FROM json_array_elements($1::json) AS given
                    WHERE {keys.table}.id = (given.value ->> 1)::bigint""",  # noqa: S608
                [json.dumps(new, ensure_ascii=False)],
            )

    async def batch(self, keys: Keys, after: int, only: str = "1 = 1") -> list[dict[str, Any]]:
        """The next rows, by id, whose keys may be others."""
        beyond = BEYOND_ASCII[self.dialect].format(text=keys.text)
        return await self.rows(
            f"""SELECT id, organization_id, {keys.text} AS text, {keys.key} AS key FROM {keys.table}
                WHERE id > $1 AND {beyond} AND {only} ORDER BY id LIMIT {BATCH}""",  # noqa: S608 (our own names)
            after,
        )

    async def holders(self, keys: Keys, wanted: list[tuple[int, str]]) -> dict[tuple[int, str], tuple[int, str]]:
        """Which rows, by id and text, have these keys of organizations now."""
        rows = await self.rows(
            f"""SELECT held.id, held.organization_id, held.{keys.key} AS key, held.{keys.text} AS text
                FROM ({INPUT_ROWS[self.dialect]}) AS given JOIN {keys.table} AS held
                ON held.organization_id = given.organization_id AND held.{keys.key} = given.key""",  # noqa: S608
            json.dumps(wanted, ensure_ascii=False),
        )
        return {(row["organization_id"], row["key"]): (row["id"], row["text"]) for row in rows}


class KeyProgress:
    """What is told on standard error: how far it is, where that takes a while, and what has clashed."""

    def __init__(self, keys: Keys) -> None:
        self.keys, self.seen, self.clashes = keys, 0, 0

    def step(self, rows: int) -> None:
        before, self.seen = self.seen, self.seen + rows
        if self.seen // PROGRESS_ROWS > before // PROGRESS_ROWS:
            _report(f"folding keys anew: {self.seen:,} rows of the table {self.keys.table} so far")

    def clash(self, organization_id: int, older: tuple[int, str], younger: tuple[int, str]) -> None:
        self.clashes += 1
        if self.clashes <= MAX_CLASHES_SHOWN:
            _report(
                f"{self.keys.table} {older[0]} {older[1]!r} and {self.keys.table} {younger[0]} {younger[1]!r} of organization"
                f" {organization_id} are one now: {older[0]} keeps the key, {younger[0]} is found by its exact text only"
            )
        elif self.clashes == MAX_CLASHES_SHOWN + 1:
            _report("There are more of them: `python main.py verify` tells all.")


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def fold_anew(client: Any, keys: Keys) -> None:
    progress = KeyProgress(keys)
    after = 0
    while True:
        async with in_transaction(client.connection_name) as transaction:
            store = KeyStore(transaction)
            rows = await store.batch(keys, after)
            changed = [(row, keys.fold(row["text"])) for row in rows]
            changed = [(row, key) for row, key in changed if key != row["key"]]
            if keys.key != "text_key":
                await keep_suppressed(store, changed)
            places = [(row["organization_id"], key) for row, key in changed]
            held = set(await store.holders(keys, places)) if keys.are_unique else set()
            new: list[tuple[str, int]] = []
            for (row, key), place in zip(changed, places, strict=True):
                new.append((f"{PASSING}{row['id']}" if place in held else key, row["id"]))
                if keys.are_unique:
                    held.add(place)
            await store.set_keys(keys, new)
        progress.step(len(rows))
        if len(rows) < BATCH:
            break
        after = rows[-1]["id"]
    if keys.are_unique:
        await _give_keys(client, keys, progress)


async def _give_keys(client: Any, keys: Keys, progress: KeyProgress) -> None:
    """Give each row with a passing key its new one, or its own if an older row has that."""
    after = 0
    while True:
        async with in_transaction(client.connection_name) as transaction:
            store = KeyStore(transaction)
            rows = await store.batch(keys, after, f"substr({keys.key}, 1, 2) = '{PASSING}'")
            new = [(row, (row["organization_id"], keys.fold(row["text"]))) for row in rows]
            held = await store.holders(keys, [place for _, place in new])
            own: list[tuple[str, int]] = []
            shared: list[tuple[str, int]] = []
            for row, place in new:
                mine, holder = (row["id"], row["text"]), held.get(place)
                if holder is not None:
                    older, younger = sorted((mine, holder))
                    progress.clash(row["organization_id"], older, younger)
                    own.append((f" {younger[1]}", younger[0]))
                if holder is None or mine < holder:
                    shared.append((place[1], row["id"]))
                    held[place] = mine
            await store.set_keys(keys, own)  # first: of these some give up what others get
            await store.set_keys(keys, shared)
        if len(rows) < BATCH:
            return
        after = rows[-1]["id"]


async def keep_suppressed(store: KeyStore, changed: list[tuple[dict[str, Any], str]]) -> None:
    """Whoever was written no letters under the former key of an address is written none under its new one."""
    former = {(row["organization_id"], row["key"], key) for row, key in changed if row["key"]}
    suppressed = await store.rows(
        f"""SELECT suppression.organization_id, email_key FROM ({INPUT_ROWS[store.dialect]}) AS given JOIN suppression
            ON suppression.organization_id = given.organization_id AND email_key = given.key""",  # noqa: S608
        json.dumps([(organization_id, key) for organization_id, key, _ in former], ensure_ascii=False),
    )
    suppressed_keys = {(row["organization_id"], row["email_key"]) for row in suppressed}
    await store.change(SUPPRESS, [(new, *of, old) for *of, old, new in former if (*of, old) in suppressed_keys])


SUPPRESS = """
    INSERT INTO suppression (organization_id, email_key, created_at)
    SELECT organization_id, $1, created_at FROM suppression WHERE organization_id = $2 AND email_key = $3
    ON CONFLICT (organization_id, email_key) DO NOTHING
    """


async def fold_suppressions(client: Any) -> None:
    """Addresses that are kept by their keys alone, which are folded once more."""
    after = 0
    while True:
        async with in_transaction(client.connection_name) as transaction:
            store = KeyStore(transaction)
            rows = await store.batch(Keys("suppression", "email_key", "email_key", email_key), after)
            changed = [(row, key) for row in rows if (key := email_key(row["text"])) != row["key"]]
            await keep_suppressed(store, changed)
            await store.change("DELETE FROM suppression WHERE id = $1", [(row["id"],) for row, _ in changed])
        if len(rows) < BATCH:
            return
        after = rows[-1]["id"]


async def fold_all(apps: Any, editor: Any) -> None:
    await fold_anew(editor.client, DELIVERIES)
    await fold_anew(editor.client, CUSTOMERS)
    await fold_suppressions(editor.client)
    await fold_anew(editor.client, CODES)


class Migration(migrations.Migration):
    dependencies = [('models', '0007_rate_limits')]

    initial = False
    atomic = False

    operations = [
        # Of the few codes whose key is their own text, so that a process that begins finds them at once.
        ops.RunSQL(
            "CREATE INDEX IF NOT EXISTS code_clash ON code (organization_id, text) WHERE substr(text_key, 1, 1) = ' '",
            'DROP INDEX code_clash',
        ),
        ops.RunPython(fold_all, ops.RunPython.noop),
    ]
