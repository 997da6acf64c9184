"""Generating: all or none, each text once, uniformly over what is free, in bounded memory."""

import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from db.models import Code, Customer, Organization
from resolvers import delete, find, generate, random_codes
from resolvers.domain import params
from resolvers.domain.code_format import Format, Style
from resolvers.domain.folding import code_key
from resolvers.domain.refusals import CodeSpaceTooSmall, IdempotencyMismatch, InvalidInput, UnknownPromotion
from resolvers.generate import CodeOptions, GenerateResult
from tests import make
from tests.make import NOW
from tests.resolvers.refused import everything, refused

ROOT = Path(__file__).parents[2]
SMALL = Format(Style.PATTERN, "X-9")
LARGE = Format(Style.PATTERN, "X-999999")


async def generated(
    organization: Organization,
    amount: int,
    format: Format = SMALL,
    options: CodeOptions = CodeOptions(),  # noqa: B008 (it is frozen)
    promotion: params.PromotionRef | None = None,
    dry_run: bool = False,
    idempotency_key: str | None = None,
    now: Any = NOW,
) -> GenerateResult:
    return await generate.codes(organization, promotion, amount, format, options, dry_run, idempotency_key, now)


async def test_generated_codes_are_the_promotions_and_the_default_ones_without(organization: Organization) -> None:
    """Codes belong to the promotion that was named, else to the organization's own, as that says."""
    promotion = await make.promotion(organization, reference="spring", limits=params.Limits(per_code=3))
    answer = await generated(organization, 2, promotion=params.PromotionRef(reference="spring"))
    assert (answer.count, answer.replayed, answer.dry_run) == (2, False, False)
    assert [(code.promotion_id, code.allowed_claims) for code in answer.codes] == [(promotion.id, 3)] * 2
    default = await find.promotion(organization.id, None)
    answer = await generated(organization, 1)
    assert [(code.promotion_id, code.allowed_claims) for code in answer.codes] == [(default.id, 1)]


async def test_generated_codes_are_as_they_were_asked_for(organization: Organization) -> None:
    """Window, limit, reservation, activation and metadata are each code's own."""
    options = CodeOptions(
        params.Window(starts_at=NOW, ends_at=NOW + timedelta(days=1)),
        None,
        params.Person("ada@example.com", "Ada"),
        False,
        {"batch": "é"},
    )
    [shown] = (await generated(organization, 1, options=options)).codes
    code = await Code.get(id=shown.id).select_related("reserved_for")
    assert (code.starts_at, code.ends_at) == (NOW, NOW + timedelta(days=1))
    assert (code.allowed_claims, code.needs_activation, code.metadata) == (None, True, {"batch": "é"})
    assert code.reserved_for is not None
    assert (code.reserved_for.email, code.reserved_for.first_name) == ("ada@example.com", "Ada")
    assert code.reserved_for.joined_at is None
    assert (code.text_key, code.is_enabled, code.claim_count) == (code_key(code.text), True, 0)


@pytest.mark.parametrize(
    "format", [Format(), Format(Style.ALPHANUMERIC), Format(Style.NUMERIC), Format(prefix="vip-")], ids=str
)
async def test_no_text_is_made_twice(organization: Organization, format: Format) -> None:
    """Each style gives as many different codes as were asked for, over several calls."""
    for _ in range(3):
        assert len({code.text_key for code in (await generated(organization, 700, format)).codes}) == 700
    assert await Code.all().count() == 2_100
    assert len(set(await Code.all().values_list("text_key", flat=True))) == 2_100


async def test_a_small_space_is_filled_to_its_last_text(organization: Organization) -> None:
    """Asking one at a time, or for all that is left, takes every text of the space."""
    for _ in range(7):
        await generated(organization, 1)
    await generated(organization, 3)
    assert sorted(await Code.all().values_list("text", flat=True)) == [f"X-{digit}" for digit in range(10)]


async def test_a_numeric_like_space_of_a_thousand_is_filled(organization: Organization) -> None:
    """A whole space in one call, with some of it taken before under another spelling."""
    await make.promotion(organization, "x 1–2-3", "X000")
    answer = await generated(organization, 998, Format(Style.PATTERN, "X-999"))
    assert answer.count == 998
    assert len(set(await Code.all().values_list("text_key", flat=True))) == 1_000


async def test_a_space_that_is_too_small_says_so_in_numbers(organization: Organization) -> None:
    """The refusal tells what the format holds, what of it is taken and what was asked; nothing was made."""
    await make.promotion(organization, "x0", "X–1", "OTHER")
    async with refused(CodeSpaceTooSmall) as no:
        await generated(organization, 9, options=CodeOptions(reserved_for=params.Person("ada@example.com")))
    assert (no.value.capacity, no.value.taken, no.value.requested) == (10, 2, 9)
    assert await Customer.all().count() == 0
    assert (await generated(organization, 8)).count == 8
    async with refused(CodeSpaceTooSmall) as full:
        await generated(organization, 1, dry_run=True)
    assert (full.value.capacity, full.value.taken, full.value.requested) == (10, 10, 1)


async def test_a_space_far_too_small_is_refused_at_once(organization: Organization) -> None:
    """A format of one text can't give a hundred thousand."""
    async with refused(CodeSpaceTooSmall) as no:
        await generated(organization, 100_000, Format(Style.PATTERN, "SELL"))
    assert (no.value.capacity, no.value.taken, no.value.requested) == (1, 0, 100_000)


async def test_another_organizations_codes_take_nothing(organization: Organization) -> None:
    """Two organizations may each fill the same space."""
    other = await make.organization("other", account=2)
    assert (await generated(other, 10)).count == (await generated(organization, 10)).count == 10


async def test_a_dry_run_changes_nothing(organization: Organization) -> None:
    """A dry run says what would be made, and no row differs; nor does it take its idempotency key."""
    before = await everything()
    answer = await generated(organization, 10, dry_run=True, idempotency_key="K")
    assert (answer.codes, answer.count, answer.dry_run) == ([], 10, True)
    assert await generate.guesses_per_hit(organization, answer) == 1
    assert await everything() == before
    assert (await generated(organization, 10, idempotency_key="K")).replayed is False


@pytest.mark.parametrize("amount", [0, -1, 10_000_001])
async def test_an_amount_out_of_bounds_is_refused(organization: Organization, amount: int) -> None:
    """From 1 to 10,000,000 codes a call."""
    async with refused(InvalidInput) as no:
        await generated(organization, amount, LARGE)
    assert no.value.path == ("amount",)


@pytest.mark.parametrize("dry_run", [False, True])
async def test_an_unknown_promotion_gets_no_codes(organization: Organization, dry_run: bool) -> None:
    """A reference or id of nothing is UnknownPromotion."""
    for ref in (params.PromotionRef(reference="nope"), params.PromotionRef(id=99)):
        async with refused(UnknownPromotion):
            await generated(organization, 1, promotion=ref, dry_run=dry_run)


@pytest.mark.parametrize(
    ("path", "options"),
    [
        (("window", "ends_at"), CodeOptions(params.Window(starts_at=NOW, ends_at=NOW))),
        (("allowed_claims",), CodeOptions(allowed_claims=0)),
        (("reserved_for", "email"), CodeOptions(reserved_for=params.Person("ada"))),
        (("metadata",), CodeOptions(metadata={"long": "x" * 20_001})),
    ],
)
async def test_invalid_input_generates_nothing(
    organization: Organization, path: tuple[str, ...], options: CodeOptions
) -> None:
    """InvalidInput leads to the field, in a dry run as well."""
    for dry_run in (False, True):
        async with refused(InvalidInput) as no:
            await generated(organization, 1, options=options, dry_run=dry_run)
        assert no.value.path == path


async def test_a_key_gives_back_the_same_codes(organization: Organization) -> None:
    """The same call with the same key is answered with the same codes, and makes no more."""
    first = await generated(organization, 4, idempotency_key="K")
    before = await everything()
    again = await generated(organization, 4, idempotency_key="K", now=NOW + timedelta(hours=24))
    assert [code.id for code in again.codes] == [code.id for code in first.codes]
    assert (again.count, again.replayed) == (4, True)
    assert await everything() == before


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 3},
        {"format": LARGE},
        {"options": CodeOptions(activated=False)},
        {"promotion": params.PromotionRef(id=1)},
    ],
)
async def test_a_key_is_for_one_call(organization: Organization, change: dict[str, Any]) -> None:
    """A key that was used with other words is a mismatch."""
    await generated(organization, 4, idempotency_key="K")
    async with refused(IdempotencyMismatch):
        await generated(organization, **{"amount": 4, "idempotency_key": "K", **change})


async def test_a_key_whose_codes_are_gone_is_a_mismatch(organization: Organization) -> None:
    """A retry is not answered with codes that were deleted since."""
    first = await generated(organization, 4, idempotency_key="K")
    await delete.code(organization, first.codes[0].text, dry_run=False)
    async with refused(IdempotencyMismatch):
        await generated(organization, 4, idempotency_key="K")


async def test_an_answer_carries_the_first_thousand(organization: Organization) -> None:
    """Of many codes at most 1,000 are shown, the count is of all."""
    answer = await generated(organization, 1_500, LARGE, idempotency_key="K")
    assert (len(answer.codes), answer.count) == (1_000, 1_500)
    again = await generated(organization, 1_500, LARGE, idempotency_key="K")
    assert (len(again.codes), again.count) == (1_000, 1_500)
    assert await Code.all().count() == 1_500


async def test_guesses_are_those_that_hit_one_of_all_codes(organization: Organization) -> None:
    """How many guesses a hit takes counts all codes of the organization, the new ones with them."""
    await make.promotion(organization, "OTHER")
    answer = await generated(organization, 3, Format(Style.PATTERN, "99"))
    assert await generate.guesses_per_hit(organization, answer) == 100 // 4
    all_others = await generated(organization, 96, Format(Style.PATTERN, "99"), dry_run=True)
    assert await generate.guesses_per_hit(organization, all_others) == 1


@pytest.mark.long
@pytest.mark.parametrize(("taken", "amount"), [(0, 2), (6, 1), (6, 3)], ids=["empty", "full", "fuller"])
async def test_texts_are_made_uniformly(organization: Organization, taken: int, amount: int) -> None:
    """Over 300 codes each free text comes as often as any other (chi square, at one in a million)."""
    await make.promotion(organization, *(f"X-{digit}" for digit in range(taken))) if taken else None
    drawn: Counter[str] = Counter()
    for _ in range(300 // amount):
        new = (await generated(organization, amount)).codes
        drawn.update(code.text for code in new)
        await Code.filter(id__in=[code.id for code in new]).delete()
    free = 10 - taken
    expected = drawn.total() / free
    assert (drawn.total(), len(drawn)) == (300, free)
    chi_square = sum((count - expected) ** 2 / expected for count in drawn.values())
    assert chi_square < (45 if taken == 0 else 31)


@pytest.mark.long
@pytest.mark.one_database
@pytest.mark.case("A13")
@pytest.mark.parametrize("pattern", ["X-9999", "X-99999"])
async def test_what_is_found_free_is_free(organization: Organization, pattern: str) -> None:
    """Of a space as of a part of it: as many as were asked for and some to spare, until there are no more."""
    promotion = await find.promotion(organization.id, None)
    format, taken_count = Format(Style.PATTERN, pattern), 0
    for wanted in (format.capacity // 2, format.capacity // 2 - 5, 4):
        numbers = await random_codes.candidates(organization.id, wanted, format)
        assert (
            len(numbers)
            == len(set(numbers))
            == min(wanted + random_codes.MAX_SPARE_NUMBERS, format.capacity - taken_count)
        )
        ids = await generate.insert(organization, promotion, format.texts(numbers[:wanted]), CodeOptions(), None, NOW)
        assert len(ids) == wanted
        taken_count += wanted
    async with refused(CodeSpaceTooSmall) as no:
        await random_codes.candidates(organization.id, 2, format)
    assert (no.value.capacity, no.value.taken, no.value.requested) == (format.capacity, format.capacity - 1, 2)
    assert len(await random_codes.candidates(organization.id, 1, format)) == 1


ALL_AT_ONCE = """
import asyncio, resource, sys
import db
from db.models import Code
from resolvers import generate
from resolvers.domain.code_format import Format
from tests import make

async def main():
    async with db.opened(sys.argv[1]):
        organization = await make.organization()
        await generate.codes(organization, None, 1_000, Format(), generate.CodeOptions(), False, None, make.NOW)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result = await generate.codes(organization, None, 100_000, Format(), generate.CodeOptions(), False, None, make.NOW)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(result.count, len(result.codes), await Code.all().count(), (after - before) // 1024)

asyncio.run(main())
"""


@pytest.mark.processes
def test_a_hundred_thousand_are_made_in_one_call_and_little_memory(database_url: str) -> None:
    """100,000 codes in one call take less than 64 MB more than a thousand do."""
    command = [sys.executable, "-c", ALL_AT_ONCE, database_url]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (process.returncode, process.stderr) == (0, "")
    count, shown, stored, megabytes = map(int, process.stdout.split())
    assert (count, shown, stored) == (100_000, 1_000, 101_000)
    assert megabytes < 64
