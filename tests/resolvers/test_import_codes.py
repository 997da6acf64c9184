"""Bringing codes of another system: all or none, each bad line with its reason, and counters that balance."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from db.models import Code, Organization, Promotion
from db.queries import codes as rows_of_codes
from resolvers import delete, import_codes, listing, update, verify
from resolvers.domain import params
from resolvers.domain.refusals import CodeTaken, FullyClaimed, InvalidInput, PromotionSpent, UnknownPromotion
from resolvers.import_codes import ImportRow, ImportSummary, RejectedRow
from tests import make
from tests.make import NOW, claimed
from tests.resolvers.refused import everything, refused

DEFAULT = params.PromotionRef(reference="default")
DAY = timedelta(days=1)


async def imported(
    organization: Organization,
    *rows: ImportRow | RejectedRow,
    ref: params.PromotionRef = DEFAULT,
    dry_run: bool = False,
    skip_bad: bool = False,
) -> tuple[ImportSummary, list[tuple[int, str]]]:
    """What came of bringing these rows, and the lines refused with their reasons."""
    rejected: list[tuple[int, str]] = []

    def on_rejected(row: RejectedRow) -> None:
        rejected.append((row.line, ": ".join([*getattr(row.refusal, "path", ())[-1:], str(row.refusal)])))

    return await import_codes.codes(organization, ref, rows, dry_run, skip_bad, on_rejected, NOW), rejected


async def test_good_rows_are_codes(organization: Organization) -> None:
    """A row becomes a code with its own window and limit; what it does not say is as the promotion says."""
    parent = await make.promotion(organization, reference="spring", limits=params.Limits(per_code=3))
    outcome, rejected = await imported(
        organization,
        ImportRow(2, " Hello-15 "),
        ImportRow(3, "b", allowed_claims=None, starts_at=NOW, ends_at=NOW + DAY),
        ImportRow(4, "c", allowed_claims=9),
        ref=params.PromotionRef(reference="spring"),
    )
    assert (outcome, rejected) == (ImportSummary(3, 0, written=True), [])
    rows = await Code.all().order_by("id")
    assert [(row.text, row.text_key, row.allowed_claims, row.starts_at, row.ends_at) for row in rows] == [
        ("Hello-15", "hello15", 3, None, None),
        ("b", "b", None, NOW, NOW + DAY),
        ("c", "c", 9, None, None),
    ]
    assert {(row.promotion_id, row.created_at, row.updated_at, row.claim_count) for row in rows} == {
        (parent.id, NOW, NOW, 0)
    }
    assert [(row.is_enabled, row.needs_activation, row.off_peak, row.metadata) for row in rows] == [
        (True, False, False, {})
    ] * 3
    assert (await claimed(organization, "hello 15")).claim.code_id == rows[0].id
    assert await verify.counters(organization) == []


BAD = [
    (ImportRow(2, " - "), "text: A code needs more than spaces and dashes."),
    (ImportRow(2, ""), "text: This may not be empty."),
    (ImportRow(2, "x" * 101), "text: At most 100 characters, please; these are 101."),
    (ImportRow(2, "a\x00"), "text: A NUL or half a character can't be stored."),
    (ImportRow(2, "a", allowed_claims=0), "allowed_claims: A whole number from 1 to 2147483647, please."),
    (ImportRow(2, "a", claims_so_far=-1), "claims_so_far: A whole number from 0 to 2147483647, please."),
    (ImportRow(2, "a", claims_so_far=2), "claims_so_far: 2 claims are more than the 1 allowed."),
    (ImportRow(2, "a", starts_at=NOW, ends_at=NOW), "ends_at: A window must end after it starts."),
    (ImportRow(2, "taken"), "The code 'taken' exists already."),
    (ImportRow(2, "Ta–Ken"), "The code 'Ta–Ken' exists already."),
    (RejectedRow(2, InvalidInput("What is this?", "text")), "text: What is this?"),
]


@pytest.mark.parametrize(("row", "why"), BAD, ids=[why for _, why in BAD])
async def test_a_bad_row_is_refused_with_its_reason(
    organization: Organization, row: ImportRow | RejectedRow, why: str
) -> None:
    """A row that makes no sense is told with its line, and nothing is written, not even the good row beside it."""
    await make.code(organization, "TAKEN")
    before = await everything()
    outcome, rejected = await imported(organization, row, ImportRow(3, "good"))
    assert (outcome, rejected) == (ImportSummary(1, 1, written=False), [(2, why)])
    assert await everything() == before


async def test_texts_that_are_one_code_clash(organization: Organization) -> None:
    """Of texts that differ by case or dashes the first line has the code; the others name that line."""
    outcome, rejected = await imported(
        organization, ImportRow(2, "HELLO-15"), ImportRow(3, "b"), ImportRow(4, "hello 15"), ImportRow(9, "Hello–15")
    )
    assert outcome == ImportSummary(2, 2, written=False)
    assert rejected == [
        (4, "text: 'hello 15' and the text of line 2 are one code."),
        (9, "text: 'Hello–15' and the text of line 2 are one code."),
    ]
    assert await Code.all().count() == 0


async def test_bad_rows_may_be_left_out(organization: Organization) -> None:
    """With `skip_bad` the good rows are brought, and the bad ones are told all the same."""
    outcome, rejected = await imported(
        organization, ImportRow(2, "a"), ImportRow(3, "A"), ImportRow(4, ""), ImportRow(5, "b"), skip_bad=True
    )
    assert outcome == ImportSummary(2, 2, written=True)
    assert [line for line, _ in rejected] == [3, 4]
    assert await Code.all().order_by("id").values_list("text", flat=True) == ["a", "b"]


async def test_a_dry_run_writes_nothing(organization: Organization) -> None:
    """A dry run tells what would be refused and how many are good, and changes nothing."""
    before = await everything()
    assert await imported(organization, ImportRow(2, "a", claims_so_far=1), dry_run=True) == (
        ImportSummary(1, 0, written=False),
        [],
    )
    outcome, rejected = await imported(organization, ImportRow(2, "a"), ImportRow(3, "a"), dry_run=True, skip_bad=True)
    assert (outcome, [line for line, _ in rejected]) == (ImportSummary(1, 1, written=False), [3])
    assert await everything() == before


async def test_a_promotion_must_be_there(organization: Organization) -> None:
    """Codes of a promotion that is not there are refused before a row is looked at."""
    async with refused(UnknownPromotion):
        await imported(organization, ImportRow(2, "a"), ref=params.PromotionRef(reference="nowhere"))


# ------------------------------------------------------------------ claims so far


async def test_claims_so_far_take_places(organization: Organization) -> None:
    """A code has the places left that it had elsewhere; one without any is fully claimed, and verify balances."""
    await imported(
        organization,
        ImportRow(2, "two-left", allowed_claims=10, claims_so_far=8),
        ImportRow(3, "none-left", allowed_claims=3, claims_so_far=3),
        ImportRow(4, "unlimited", allowed_claims=None, claims_so_far=70),
    )
    rows = {row.text: row for row in await Code.all()}
    assert {text: (row.allowed_claims, row.claim_count) for text, row in rows.items()} == {
        "two-left": (2, 0),
        "none-left": (0, 0),
        "unlimited": (None, 0),
    }
    async with refused(FullyClaimed):
        await claimed(organization, "none-left")
    exhausted = listing.codes(organization.id, listing.CodeFilter(status=("EXHAUSTED",)), NOW)
    assert [row.text for row in (await exhausted.page(make.ALL_ROWS)).rows] == ["none-left"]
    for email in ("ada@example.com", "ben@example.com"):
        await claimed(organization, "two-left", email)
    async with refused(FullyClaimed):
        await claimed(organization, "two-left", "cleo@example.com")
    parent = await Promotion.get(organization_id=organization.id)
    assert (parent.claim_count, parent.rowless_claim_count) == (83, 81)
    assert await verify.counters(organization) == []


async def test_a_promotions_limit_holds_for_claims_so_far_too(organization: Organization) -> None:
    """Claims so far fill the promotion's places, also when their codes are deleted."""
    limits = params.Limits(per_promotion=5, per_code=None)
    await make.promotion(organization, "HERE", reference="spring", limits=limits)
    await imported(organization, ImportRow(2, "there", claims_so_far=4), ref=params.PromotionRef(reference="spring"))
    await claimed(organization, "HERE")
    async with refused(PromotionSpent):
        await claimed(organization, "HERE", "ben@example.com")
    await delete.code(organization, "there", dry_run=False)
    async with refused(PromotionSpent):
        await claimed(organization, "HERE", "ben@example.com")
    assert await verify.counters(organization) == []


# ------------------------------------------------------------------ batches and races


async def test_rows_of_many_batches(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clashes are found over the bounds of statements, and lines are told in their order."""
    monkeypatch.setattr(rows_of_codes, "BATCH_SIZE", 3)
    await make.code(organization, "T-8")
    rows = [ImportRow(line, f"T-{line}") for line in range(2, 12)] + [ImportRow(12, "t2"), ImportRow(13, "")]
    outcome, rejected = await imported(organization, *rows, skip_bad=True)
    assert outcome == ImportSummary(9, 3, written=True)
    assert rejected == [
        (8, "The code 'T-8' exists already."),
        (12, "text: 't2' and the text of line 2 are one code."),
        (13, "text: This may not be empty."),
    ]
    assert await Code.all().count() == 10


async def test_a_full_statement_fits_the_database(organization: Organization) -> None:
    """A batch of the largest size, and one row more, is brought."""
    rows = [ImportRow(line, f"code-{line}") for line in range(rows_of_codes.BATCH_SIZE + 1)]
    assert await imported(organization, *rows) == (ImportSummary(rows_of_codes.BATCH_SIZE + 1, 0, written=True), [])


class Meanwhile(Sequence[ImportRow]):
    """Rows of which one is made by somebody else between the two times that they are gone through."""

    def __init__(self, *rows: ImportRow) -> None:
        self.rows, self.times = rows, 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Any) -> Any:
        return self.rows[place]

    def __iter__(self) -> Iterator[ImportRow]:
        self.times += 1
        yield from self.rows if self.times == 1 else (ImportRow(2, "HERE", claims_so_far=1), *self.rows[1:])


@pytest.mark.parametrize("skip_bad", [False, True])
async def test_a_text_that_is_taken_meanwhile(organization: Organization, skip_bad: bool) -> None:
    """A text that somebody took since the check is refused: all of the rows with it, unless it may be left out."""
    await make.code(organization, "HERE")
    rows, rejected = Meanwhile(ImportRow(2, "a"), ImportRow(3, "b", claims_so_far=1)), list[RejectedRow]()
    if not skip_bad:
        async with refused(CodeTaken) as info:
            await import_codes.codes(organization, DEFAULT, rows, False, False, rejected.append, NOW)
        assert (info.value.text, rejected) == ("HERE", [])
        return
    outcome = await import_codes.codes(organization, DEFAULT, rows, False, True, rejected.append, NOW)
    assert outcome == ImportSummary(1, 1, written=True)
    assert [(row.line, str(row.refusal)) for row in rejected] == [(2, "The code 'HERE' exists already.")]
    parent = await Promotion.get(organization_id=organization.id, reference="default")
    assert (parent.claim_count, parent.rowless_claim_count) == (1, 1)
    assert await verify.counters(organization) == []


async def test_a_code_imported_used_up_can_be_changed(organization: Organization) -> None:
    """Switching it off leaves its limit as it is; saying a limit anew frees places."""
    await imported(organization, ImportRow(2, "USED", allowed_claims=1, claims_so_far=1))
    off = await update.code(organization, "USED", update.CodeChange(is_enabled=False), NOW)
    assert (off.is_enabled, off.allowed_claims) == (False, 0)
    anew = await update.code(organization, "USED", update.CodeChange(is_enabled=True, allowed_claims=2), NOW)
    assert anew.allowed_claims == 2
    assert (await claimed(organization, "USED")).replayed is False
