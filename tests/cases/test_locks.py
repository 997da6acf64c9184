"""A13: no verb counts a table, nor waits for another's, while it makes, changes or deletes a few rows."""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from db.models import Code, Customer, IdempotencyKey, Organization
from resolvers import activate, create, delete, generate, import_codes, issue, random_codes, update
from resolvers.domain import params
from resolvers.domain.code_format import Format, Style
from resolvers.domain.refusals import CodeSpaceTooSmall, IdempotencyMismatch, PromotionSpent, UnknownPromotion
from resolvers.generate import CodeOptions, batch
from resolvers.generate.request import CodeActivation, GenerateRequest
from tests import make
from tests.make import NOW
from tests.resolvers.refused import everything, refused

pytestmark = [pytest.mark.case("A13"), pytest.mark.both_databases]

SPRING = params.PromotionRef(reference="spring")
ADA = params.Person("ada@example.com", "Ada")
HUNDRED = Format(Style.PATTERN, "X-99")

Verb = Callable[[Organization], Awaitable[Any]]


def generated(amount: int, format: Format = Format(), **options: Any) -> Verb:  # noqa: B008 (it is frozen)
    return lambda of: generate.codes(of, SPRING, amount, format, CodeOptions(**options), False, None, NOW)


def issued(of: Organization, email: str = "ada@example.com", key: str | None = None) -> Awaitable[Code]:
    return issue.code(of, SPRING, params.Person(email), None, None, False, key, NOW)


VERBS: dict[str, Verb] = {
    "generate one": generated(1),
    "generate a few": generated(10, activated=False),
    "generate many": generated(300),
    "generate one for somebody": generated(1, reserved_for=ADA),
    "issue": issued,
    "create a promotion": lambda of: make.promotion(of, "NEW-1", "NEW-2"),
    "import": lambda of: import_codes.codes(of, SPRING, [import_codes.ImportRow(2, "NEW-3")], False, False, print, NOW),
    "activate": lambda of: activate.code(of, "ASLEEP", None, ADA, None, None, False, NOW),
    "rename": lambda of: update.code(of, "HELLO-15", update.CodeChange(new_text="OTHER"), NOW),
    "delete a promotion": lambda of: delete.promotion(of, SPRING, dry_run=False),
}


@pytest.fixture
async def spring(organization: Organization) -> Organization:
    """An organization with a promotion that has a code, and another that sleeps."""
    await make.promotion(organization, "HELLO-15", reference="spring")
    options = CodeOptions(activated=False)
    result = await generate.codes(organization, SPRING, 1, HUNDRED, options, False, None, NOW)
    await Code.filter(id=result.codes[0].id).update(text="ASLEEP", text_key="asleep")
    return organization


@pytest.mark.parametrize("verb", VERBS)
async def test_no_verb_counts(spring: Organization, verb: str, caplog: pytest.LogCaptureFixture) -> None:
    """None of its statements counts rows, or asks for all of an organization's."""
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        await VERBS[verb](spring)
    statements = [record.getMessage() for record in caplog.records]
    assert len(statements) > 1
    assert [text for text in statements if re.search(r"\bCOUNT\(|\bMAX\((?!seq)", text, re.IGNORECASE)] == []


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)  # on SQLite the transaction itself is the lock
@pytest.mark.parametrize("verb", ["generate one", "issue", "create a promotion"])
async def test_new_codes_wait_for_nobody_who_has_the_organization(spring: Organization, store: str, verb: str) -> None:
    """On PostgreSQL neither the organization's row nor its promotion's is locked for them."""
    other = await asyncpg.connect(store)
    try:
        async with other.transaction():
            await other.execute("SELECT 1 FROM organization FOR NO KEY UPDATE")
            await other.execute("SELECT 1 FROM promotion FOR NO KEY UPDATE")
            async with asyncio.timeout(10):
                await VERBS[verb](spring)
    finally:
        await other.close()


# ------------------------------------------------------------------ many at once


async def at_once(*verbs: Awaitable[Any]) -> Counter[str]:
    """How those end who ask at the same moment."""
    ended = await asyncio.gather(*verbs, return_exceptions=True)
    return Counter("done" if not isinstance(one, Exception) else type(one).__name__ for one in ended)


async def test_who_asks_at_once_shares_a_transaction(spring: Organization, caplog: pytest.LogCaptureFixture) -> None:
    """Fifty codes for fifty callers are a statement or two, and each gets one of their own."""
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        codes = await asyncio.gather(*(issued(spring, f"c{number}@example.com") for number in range(50)))
    written = [record for record in caplog.records if "INSERT INTO code" in record.getMessage()]
    assert len(written) <= 3  # the first is a round by itself
    assert len({code.id for code in codes}) == len({code.text_key for code in codes}) == 50
    for number, code in enumerate(codes):
        row = await Code.get(id=code.id).select_related("reserved_for")
        assert row.reserved_for is not None
        assert (row.reserved_for.email, row.text, row.activated_at) == (f"c{number}@example.com", code.text, NOW)
        assert {name: value for name, value in vars(code).items() if name in Code._meta.db_fields} == {
            name: value for name, value in vars(row).items() if name in Code._meta.db_fields
        }


@pytest.mark.parametrize("amount", [1, 4, 20])
async def test_a_small_space_is_filled_by_many_and_no_further(organization: Organization, amount: int) -> None:
    """Whoever finds no text hears so, whole, and every text is somebody's."""
    await make.promotion(organization, *(f"X-0{digit}" for digit in range(10)), reference="spring")
    calls = 100 // amount + 5
    outcomes = await at_once(*(generated(amount, HUNDRED)(organization) for _ in range(calls)))
    assert outcomes == {"done": 90 // amount, "CodeSpaceTooSmall": calls - 90 // amount}
    assert await Code.all().count() == 10 + 90 // amount * amount


async def test_a_round_that_some_are_refused_in(spring: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is its own caller's, and leaves nothing: neither customer, nor code, nor key."""
    limits = params.Limits(per_promotion=1)
    await make.promotion(spring, "SPENT-1", reference="spent", limits=limits)
    await make.claimed(spring, "SPENT-1", "ben@example.com")
    customers = await Customer.all().count()
    spent, unknown = params.PromotionRef(reference="spent"), params.PromotionRef(id=99)
    answers = await asyncio.gather(
        issue.code(spring, spent, params.Person("no1@example.com"), None, None, False, "K1", NOW),
        issue.code(spring, unknown, params.Person("no2@example.com"), None, None, False, "K2", NOW),
        issued(spring, "yes@example.com", "K3"),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [PromotionSpent, UnknownPromotion, Code]
    assert await Customer.all().count() == customers + 1
    assert await IdempotencyKey.all().values_list("value", flat=True) == ["K3"]


async def test_of_two_calls_with_one_key_one_is_done(spring: Organization) -> None:
    """The second is answered with the first's codes; a third, of other words, is a mismatch."""
    codes = await asyncio.gather(*(issued(spring, key="K") for _ in range(5)))
    assert len({code.id for code in codes}) == 1
    generate_some = [generate.codes(spring, None, 3, HUNDRED, CodeOptions(), False, "G", NOW) for _ in range(4)]
    results = await asyncio.gather(*generate_some)
    assert len({tuple(code.id for code in one.codes) for one in results}) == 1
    assert sorted(one.replayed for one in results) == [False, True, True, True]
    async with refused(IdempotencyMismatch):
        await issued(spring, "ben@example.com", "K")


async def test_who_is_out_of_luck_is_looked_for_outside(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all texts that are drawn are taken the round writes nothing, and free ones are looked for unlocked."""
    await make.promotion(organization, "X-11", reference="spring")
    monkeypatch.setattr(batch, "CANDIDATES_PER_CODE", 1)
    drawn, candidates, looked = random_codes.draw, random_codes.candidates, []

    def unlucky(amount: int, format: Format) -> list[int]:
        return [11] if amount == 1 else drawn(amount, format)

    async def recorded_candidates(*args: Any) -> list[int]:
        looked.append(await Code.all().count())
        return await candidates(*args)

    monkeypatch.setattr(random_codes, "draw", unlucky)
    monkeypatch.setattr(random_codes, "candidates", recorded_candidates)
    result = await generated(1, HUNDRED)(organization)
    assert result.codes[0].text != "X-11"
    assert (looked, await Code.all().count()) == ([1], 2)


async def test_what_is_refused_changes_nothing(organization: Organization) -> None:
    """A code that can't be issued, for want of texts, leaves no customer."""
    await make.promotion(organization, *(f"{digit}" for digit in range(10)), reference="spring")
    before = await everything()
    request = GenerateRequest(
        organization,
        SPRING,
        1,
        Format(Style.PATTERN, "9"),
        NOW,
        activation=CodeActivation(create.validate.person(ADA), None, None, False),
    )
    async with refused(CodeSpaceTooSmall):
        await batch.codes(request)
    assert await everything() == before


async def test_a_call_that_is_repeated_in_a_full_space_is_replayed(organization: Organization) -> None:
    """What filled the space is what its key answers; only a new call hears that there is no room."""
    result = await generate.codes(organization, None, 100, HUNDRED, CodeOptions(), False, "K", NOW)
    again = await generate.codes(organization, None, 100, HUNDRED, CodeOptions(), False, "K", NOW)
    assert (again.replayed, [code.id for code in again.codes]) == (True, [code.id for code in result.codes])
    async with refused(CodeSpaceTooSmall):
        await generate.codes(organization, None, 100, HUNDRED, CodeOptions(), False, "L", NOW)
