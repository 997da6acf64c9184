"""Paging: pages stand still while rows are added, and many parents' pages are each parent's page."""

from datetime import timedelta

import pytest

from db import paging
from db.models import Claim, Code, Organization, Promotion
from db.paging import Cursor
from db.queries import codes
from resolvers import generate
from resolvers.domain import params
from resolvers.domain.code_format import Format, Style
from tests import make
from tests.make import NOW, claimed

SPACE = Format(Style.PATTERN, "X-9999")


async def more(organization: Organization, amount: int, seconds: int = 0) -> None:
    now = NOW + timedelta(seconds=seconds)
    await generate.codes(organization, None, amount, SPACE, generate.CodeOptions(), False, None, now)


async def test_every_row_is_on_one_page(organization: Organization) -> None:
    """Walking the pages meets every row once, oldest first, though many were made at one instant."""
    await more(organization, 7, seconds=5)
    await more(organization, 10)
    await more(organization, 6, seconds=5)
    queryset = codes.all_of(organization.id)
    seen: list[Code] = []
    while page := await paging.page(queryset, Cursor.of(seen[-1]) if seen else None, 4):
        seen += page
        assert len(page) == 4 or len(seen) == 23
    assert seen == sorted(seen, key=lambda code: (code.created_at, code.id))
    assert len({code.id for code in seen}) == 23


async def test_a_page_stays_while_rows_are_added_and_deleted(organization: Organization) -> None:
    """What comes after a place does not shift when rows come later, or the row of the place itself goes."""
    await more(organization, 10)
    queryset = codes.all_of(organization.id)
    first = await paging.page(queryset, None, 4)
    second = await paging.page(queryset, Cursor.of(first[-1]), 4)
    await more(organization, 5, seconds=1)
    assert [code.id for code in await paging.page(queryset, Cursor.of(first[-1]), 4)] == [code.id for code in second]
    await Code.filter(id=first[-1].id).delete()
    assert [code.id for code in await paging.page(queryset, Cursor.of(first[-1]), 4)] == [code.id for code in second]


async def test_rows_a_microsecond_apart_are_distinct(organization: Organization) -> None:
    """A whole second comes before its first microsecond, though one is written with fewer digits."""
    await make.promotion(organization, "FIRST")
    code = await Code.get()
    for text, later in (("THIRD", 2), ("SECOND", 1)):
        shared = codes.SharedColumns(organization.id, code.promotion_id, None, None, None, None, False, {})
        await codes.insert([(text, text.lower())], shared, NOW + timedelta(microseconds=later))
    queryset = codes.all_of(organization.id)
    page = await paging.page(queryset, Cursor.of(code), 9)
    assert [row.text for row in page] == ["SECOND", "THIRD"]


@pytest.mark.long
@pytest.mark.parametrize("max_parents", [2, 100])
async def test_pages_of_many_parents_are_each_parents_page(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, max_parents: int
) -> None:
    """Pages of several parents at once are the pages of each, whatever the cursor, size and number of parents."""
    monkeypatch.setattr(paging, "MAX_PARENTS", max_parents)
    texts = ["A", "B", "C", "EMPTY"]
    limits = params.Limits(per_code=None, per_customer_and_code=None)
    promotion = await make.promotion(organization, *texts, limits=limits)
    for number in range(12):
        await claimed(organization, texts[number % 3], now=NOW + timedelta(seconds=number // 4))
    ids = await Code.filter(promotion_id=promotion.id).order_by("id").values_list("id", flat=True)
    queryset = Claim.filter(organization_id=organization.id)
    everything = await paging.page(queryset, None, 99)
    for after in [None, *(Cursor.of(claim) for claim in everything)]:
        for size in (1, 2, 5):
            for parents in (ids, ids[:2], ids[:1], ids[3:]):
                many = await paging.pages(queryset, Code, parents, after, size)
                for parent in parents:
                    one = await paging.page(queryset.filter(code_id=parent), after, size)
                    assert [claim.id for claim in many.get(parent, [])] == [claim.id for claim in one]
                    assert [claim.created_at for claim in many.get(parent, [])] == [c.created_at for c in one]


async def test_counts_of_many_parents_are_each_parents_count(organization: Organization) -> None:
    """A parent without rows is not counted, the others are exactly."""
    limits = params.Limits(per_code=None, per_customer_and_code=None)
    promotion = await make.promotion(organization, "A", "B", "C", limits=limits)
    for text in ("A", "A", "B"):
        await claimed(organization, text)
    a, b, c = await Code.filter(promotion_id=promotion.id).order_by("id").values_list("id", flat=True)
    assert await paging.counts(Claim.filter(organization_id=organization.id), Code, [a, b, c]) == {a: 2, b: 1}


async def test_a_filter_by_status_pages_too(organization: Organization) -> None:
    """A queryset with a computed status is paged for one parent and for many alike."""
    first = await make.promotion(organization, "A", "B")
    second = await make.promotion(organization, "C")
    await claimed(organization, "A")
    queryset = codes.with_status(codes.all_of(organization.id), ["CLAIMABLE"], NOW)
    assert [code.text for code in await paging.page(queryset, None, 9)] == ["B", "C"]
    many = await paging.pages(queryset, Promotion, [first.id, second.id], None, 9)
    assert {parent: [code.text for code in page] for parent, page in many.items()} == {
        first.id: ["B"],
        second.id: ["C"],
    }
    assert await paging.counts(queryset, Promotion, [first.id, second.id]) == {first.id: 1, second.id: 1}
