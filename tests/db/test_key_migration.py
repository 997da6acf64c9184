"""Keys are folded anew: rows of an older store are found as they are typed now, and what clashes is told and reachable."""

# ruff: noqa: S608 (statements of its own names)

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.migrations.api.migrate import migrate

import db
from db.models import Code, Customer, Delivery, Suppression
from db.queries import codes
from resolvers import find, listing, update, verify
from resolvers.domain import folding, validate
from resolvers.update import CodeChange
from tests import make, stores
from tests.installation import Installation
from tests.make import NOW, claimed

pytestmark = [
    pytest.mark.case("W4"),
    pytest.mark.case("W5"),
    pytest.mark.case("W6"),
    pytest.mark.long,
    pytest.mark.one_database,
]
AT = "2026-01-01 00:00:00+00:00"
BEFORE = "models.0007_rate_limits"

OLD_CODES = [
    (1, "YILBAŞI", "yilbaşi"),
    (2, "yılbaşı", "yılbaşı"),  # one with 1, and younger
    (3, "ıx", "ıx"),  # one with 4, which is plain, and older
    (4, "IX", "ix"),
    (5, "HEL\u200eLO", "hel\u200elo"),
    (6, "ÖSTERREICH", "österreich"),
    (7, "PLAIN-7", "plain7"),
    (8, "İĞ", "i\u0307ğ"),
    (9, "ığ", "ığ"),  # three at once
    (10, "iğ", "iğ"),
]
NEW_KEYS = {
    1: "yilbaşi", 2: " yılbaşı", 3: "ix", 4: " IX", 5: "hello", 6: "österreich", 7: "plain7", 8: "iğ", 9: " ığ", 10: " iğ",
}  # fmt: skip


async def before_keys(url: str) -> None:
    """A store's tables as they were before."""
    try:
        await migrate(config=db.address.config(url), target=BEFORE)
    finally:
        await Tortoise.close_connections()


async def folded_store(url: str) -> None:
    """A store that was brought up to date."""
    await older_store(url, OLD_CODES)
    await db.migrate(url)


async def older_store(url: str, code_rows: list[tuple[int, str, str]]) -> None:
    """A store as it was before, with these codes and with customers, letters and suppressions."""
    await stores.once(url, "before_keys", before_keys)
    try:
        await Tortoise.init(config=db.address.config(url))
        connection = get_connection("default")
        for statement in (
            f"INSERT INTO account (id, number, last_promotion_number, created_at) VALUES (1, 1, 1, '{AT}')",
            f"""INSERT INTO organization (id, account_id, number, identifier, name, time_zone, currency, page_secret, created_at)
                VALUES (1, 1, 1, 'o', 'o', 'UTC', 'EUR', 's', '{AT}')""",
            f"""INSERT INTO promotion (id, organization_id, number, reference, identifier, name, discount_kind, discount_value,
                is_enabled, position, claim_count, deleted_claim_count, version, metadata, particulars, created_at, updated_at)
                VALUES (1, 1, 1, 'default', 'i', 'n', 'NONE', 0, true, 0, 0, 0, 1, '{{}}', '{{}}', '{AT}', '{AT}')""",
        ):
            await connection.execute_script(statement)
        dollar = "$" if connection.capabilities.dialect == "postgres" else "?"
        columns = "organization_id, promotion_id, metadata, created_at, updated_at, is_enabled, off_peak, needs_activation, claim_count"
        values = f"1, 1, '{{}}', '{AT}', '{AT}', true, false, false, 0"
        await connection.execute_many(
            f"INSERT INTO code (id, text, text_key, {columns}) VALUES ({dollar}1, {dollar}2, {dollar}3, {values})",
            code_rows,
        )
        await connection.execute_many(
            f"""INSERT INTO customer (id, organization_id, email, email_key, particulars, created_at, updated_at)
                VALUES ({dollar}1, 1, {dollar}2, {dollar}3, '{{}}', '{AT}', '{AT}')""",
            [
                (1, "info@straße.de", "info@strasse.de"),
                (2, "groß@example.com", "gross@example.com"),
                (3, "ada@example.com", "ada@example.com"),
                (4, "x@österreich.at", "x@österreich.at"),
                (5, None, None),
            ],
        )
        await connection.execute_many(
            f"""INSERT INTO delivery (id, organization_id, code_id, recipient, recipient_key, status, attempts, created_at)
                VALUES ({dollar}1, 1, 1, {dollar}2, {dollar}3, 'SENT', 1, '{AT}')""",
            [(1, "σοφός@example.gr", "σοφόσ@example.gr")],
        )
        await connection.execute_many(
            f"INSERT INTO suppression (organization_id, email_key, created_at) VALUES (1, {dollar}1, '{AT}')",
            [("info@strasse.de",), ("x@österreich.at",), ("σοφόσ@example.gr",), ("ada@example.com",)],
        )
    finally:
        await Tortoise.close_connections()


async def keys() -> dict[int, str]:
    return {code.id: code.text_key for code in await Code.all()}


async def test_an_older_stores_keys_are_folded_anew(bare_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The older of two keeps the key; the younger is reachable by its exact text, told, and listed by verify."""
    await older_store(bare_url, OLD_CODES)
    await db.migrate(bare_url)
    errors = capsys.readouterr().err
    assert "code 1 'YILBAŞI' and code 2 'yılbaşı' of organization 1 are one now" in errors
    assert "code 3 'ıx' and code 4 'IX'" in errors
    async with db.opened(bare_url):
        assert await keys() == NEW_KEYS
        assert {text: (await find.code(1, text)).id for _, text, _ in OLD_CODES} == {
            text: number for number, text, _ in OLD_CODES
        }
        for typed, number in {
            "YILBASI".replace("S", "Ş"): 1,
            "Yılbaşi": 1,
            "i-x": 3,
            " IX ": 4,
            "hello": 5,
            "Iğ": 8,
        }.items():
            assert (await find.code(1, typed)).id == number, typed
        assert {customer.id: customer.email_key for customer in await Customer.all()} == {
            1: "info@xn--strae-oqa.de",
            2: "groß@example.com",
            3: "ada@example.com",
            4: "x@xn--sterreich-z7a.at",
            5: None,
        }
        for customer in await Customer.filter(id__lte=4):
            assert customer.email is not None
            assert validate.email(customer.email)[1] == customer.email_key
        assert (await Delivery.get(id=1)).recipient_key == "σοφός@example.gr"
        assert {row.email_key for row in await Suppression.all()} == {
            "info@strasse.de",
            "info@xn--strae-oqa.de",
            "x@xn--sterreich-z7a.at",
            "σοφόσ@example.gr",
            "σοφός@example.gr",
            "ada@example.com",
        }


async def test_the_younger_of_two_is_used_and_renamed(bare_url: str) -> None:
    """It is claimed by its exact text, alone; renamed, it is a code as any other, and its text is the older one's."""
    await stores.once(bare_url, "folded", folded_store)
    async with db.opened(bare_url):
        organization = await make.Organization.get(id=1)
        assert [clash.split(" is one with ")[0] for clash in await verify.clashes(organization)] == [
            "code 2 'yılbaşı'", "code 4 'IX'", "code 9 'ığ'", "code 10 'iğ'",
        ]  # fmt: skip
        assert (await claimed(organization, "IX")).claim.code_id == 4
        assert (await claimed(organization, "ix")).claim.code_id == 3
        await update.code(organization, "IX", CodeChange(new_text="NINE"), NOW)
        assert ((await find.code(1, "nine")).id, (await find.code(1, "IX")).id) == (4, 3)
        assert len(await verify.clashes(organization)) == 3
        assert await verify.counters(organization) == []


async def test_it_goes_on_after_a_kill(bare_url: str) -> None:
    """Begun again at any point, it comes to the same: rows with passing, new and own keys are looked at anew."""
    halfway = [
        (number, text, {1: "  1", 2: " yılbaşı", 5: "hello"}.get(number, key)) for number, text, key in OLD_CODES
    ]
    await older_store(bare_url, halfway)
    await db.migrate(bare_url)
    async with db.opened(bare_url):
        assert await keys() == NEW_KEYS


async def test_keys_change_hands(bare_url: str) -> None:
    """A key that one gives up is another's new one, in whatever order they stand, over many batches."""
    texts = [f"{number}ı\u200e" if number % 2 else f"{number}İ{number}" for number in range(1, 12_001)]
    await older_store(bare_url, [(number, text, text) for number, text in enumerate(texts, 1)])
    await db.migrate(bare_url)
    async with db.opened(bare_url):
        folded = {number: folding.code_key(text) for number, text in enumerate(texts, 1)}
        assert await keys() == folded
        assert await codes.clashing_texts() == frozenset()


def test_no_two_customers_become_one() -> None:
    """Two addresses that were apart by their former key, the full folding, are apart by lower case: it folds less."""

    def former(text: str) -> str:
        return text.casefold()

    by_key: dict[str, set[str]] = {}
    for number in range(0x80, 0x110000):
        letter = chr(number)
        if 0xD800 <= number <= 0xDFFF:
            continue
        for text in (letter, f"a{letter}", f"{letter}a"):
            by_key.setdefault(folding.local_key(text), set()).add(former(text))
    import unicodedata

    clashes = {
        key: olds for key, olds in by_key.items() if len({unicodedata.normalize("NFC", old) for old in olds}) > 1
    }
    assert clashes == {}


def test_the_migrations_folding_is_the_houses() -> None:
    """As long as no key has changed since, the frozen copy folds as the house does."""
    import importlib

    frozen: Any = importlib.import_module("db.migrations.0008_keys")
    letters = [chr(number) for number in range(0x80, 0x30000) if not 0xD800 <= number <= 0xDFFF]
    assert [text for letter in letters if frozen.code_key(text := f"a{letter}i\u0307") != folding.code_key(text)] == []
    for address in ("Info@Straße.DE", "ZOË@exämple.com", "x@österreich.at", "σοφός@βόλος.gr"):
        assert frozen.email_key(validate.email(address)[0]) == validate.email(address)[1]
    assert json.dumps(frozen.IGNORED).count("-") >= 8


@pytest.mark.processes
def test_an_operator_is_warned(tmp_path: Path, bare_url: str) -> None:
    """`migrate` tells on standard error what has clashed, and `verify` lists it without finding fault."""
    asyncio.run(older_store(bare_url, OLD_CODES))
    installation = Installation(tmp_path, bare_url)
    _, errors = installation.start("migrate").communicate(timeout=120)
    assert "code 1 'YILBAŞI' and code 2 'yılbaşı' of organization 1 are one now" in errors
    listed = installation.run("verify")
    assert "o: code 2 'yılbaşı' is one with code 1 'YILBAŞI' as people type them" in listed
    assert "Every counter equals its claims." in listed


async def test_a_code_is_listed_by_the_folded_beginning_of_its_text(bare_url: str) -> None:
    """`textPrefix` is folded as texts are."""
    await stores.once(bare_url, "folded", folded_store)
    async with db.opened(bare_url):
        for prefix, ids in (("YILB", [1]), ("yılb", [1]), ("h\u200ee-L", [5]), ("ÖSTER", [6]), ("o\u0308ster", [6])):
            condition = listing.CodeFilter(text_prefix=prefix)
            assert [code.id for code in (await listing.codes(1, condition, NOW).page(make.ALL_ROWS)).rows] == ids
