"""Statuses: the rows that SQL finds under a status are those of which Python says so."""

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from itertools import combinations, product
from typing import Any, TypeVar

import pytest

from db import sql, statuses
from db.enums import ClaimStatus, CodeStatus, PromotionStatus
from db.models import Claim, Code, Organization, Promotion
from db.queries import claims, codes, promotions
from resolvers import generate, update
from resolvers.domain import params, rules
from resolvers.domain.code_format import Format, Style
from tests import make
from tests.make import NOW

S = TypeVar("S", bound=StrEnum)

TICK = timedelta(microseconds=1)
MOMENTS = (None, NOW - TICK, NOW, NOW + TICK)
INSTANTS = (NOW - TICK, NOW, NOW + TICK)
COUNTS = ((None, 5), (1, 0), (1, 1), (1, 2))
UNFINISHED_JOB = 7
CODE_ORDER = (
    CodeStatus.DISABLED, CodeStatus.NOT_ACTIVATED, CodeStatus.SCHEDULED, CodeStatus.EXPIRED, CodeStatus.EXHAUSTED,
    CodeStatus.CLAIMABLE,
)  # fmt: skip
"""The documented order, of which the first that holds is a code's status."""


def promotion_rows(organization: Organization) -> list[dict[str, Any]]:
    """Every combination of switch, window and limit; a job that makes codes of each third is unfinished."""
    return [
        {
            "organization_id": organization.id,
            "number": 100 + number,
            "reference": f"p{number}",
            "identifier": f"p{number}",
            "name": f"p{number}",
            "is_enabled": is_enabled,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "per_promotion": limit,
            "claim_count": count,
            "unfinished_job_id": UNFINISHED_JOB if number % 3 == 0 else None,
            "created_at": NOW,
            "updated_at": NOW,
        }
        for number, (is_enabled, starts_at, ends_at, (limit, count)) in enumerate(
            product((True, False), MOMENTS, MOMENTS, COUNTS)
        )
    ]


def ids_by_status(kind: type[S], found: Iterable[tuple[S, int]]) -> dict[S, set[int]]:
    """Row ids under each status of an enumeration."""
    ids: dict[S, set[int]] = {status: set() for status in kind}
    for status, id in found:
        ids[status].add(id)
    return ids


@pytest.mark.parametrize("now", INSTANTS)
async def test_promotions_are_filtered_by_their_status(organization: Organization, now: datetime) -> None:
    """Over all switches, windows and limits each promotion is found under its status, and under no other."""
    await Promotion.all().delete()
    await Promotion.bulk_create(Promotion(**row) for row in promotion_rows(organization))
    everything = promotions.all_of(organization.id, None)
    wanted = ids_by_status(
        PromotionStatus, [(statuses.of_promotion(promotion, now), promotion.id) for promotion in await everything]
    )
    assert sum(len(ids) for ids in wanted.values()) == 128
    assert all(wanted.values()) or now != NOW
    for status in PromotionStatus:
        rows = await promotions.with_status(everything, [status], now)
        assert {promotion.id for promotion in rows} == wanted[status]


@pytest.mark.long
async def test_codes_are_filtered_by_their_status(organization: Organization) -> None:
    """Over all switches, windows, limits and jobs of code and promotion each code is found under its status only."""
    await Promotion.bulk_create(
        Promotion(**row) for row in promotion_rows(organization) if row["starts_at"] != MOMENTS[1]
    )
    parents = await Promotion.filter(reference__startswith="p")
    shapes = list(
        product(
            (True, False),
            MOMENTS[::2],
            (None, NOW, MOMENTS[3]),
            COUNTS[::2],
            ((False, None), (True, None), (True, NOW)),
        )
    )
    await Code.bulk_create(
        (
            Code(
                organization_id=organization.id,
                promotion_id=parent.id,
                text=f"{parent.id}x{number}",
                text_key=f"{parent.id}x{number}",
                is_enabled=is_enabled,
                starts_at=starts_at,
                ends_at=ends_at,
                allowed_claims=limit,
                claim_count=count,
                needs_activation=needs,
                activated_at=activated_at,
                job_id=(None, UNFINISHED_JOB, UNFINISHED_JOB + 1)[number % 5 % 3],
                created_at=NOW,
                updated_at=NOW,
            )
            for parent in parents[::2] + parents[1::4]
            for number, (is_enabled, starts_at, ends_at, (limit, count), (needs, activated_at)) in enumerate(shapes)
        ),
        batch_size=500,
    )
    everything = codes.all_of(organization.id)
    rows = await everything.select_related("promotion")
    for now in INSTANTS:
        wanted = ids_by_status(CodeStatus, [(statuses.of_code(code, code.promotion, now), code.id) for code in rows])
        assert sum(len(ids) for ids in wanted.values()) == 72 * len(shapes)
        assert all(wanted.values()) or now != NOW
        for status in CodeStatus:
            ids = await codes.with_status(everything, [status], now).values_list("id", flat=True)
            assert set(ids) == wanted[status]


async def test_claims_are_filtered_by_their_status(organization: Organization) -> None:
    """A claim released at any instant is RELEASED, another CLAIMED: of a row, as a filter and as a condition."""
    promotion = await make.promotion(organization, "A")
    code = await Code.get(promotion_id=promotion.id)
    customer = await make.customer(organization, "ada@example.com")
    await Claim.bulk_create(
        Claim(
            organization_id=organization.id,
            promotion_id=promotion.id,
            code_id=code.id,
            customer_id=customer.id,
            order_reference=reference,
            discount_kind=promotion.discount_kind,
            discount_value=0,
            released_at=released_at,
            created_at=NOW,
        )
        for released_at, reference in product(MOMENTS, (None, "R-1"))
    )
    everything = claims.all_of(organization.id)
    wanted = ids_by_status(ClaimStatus, [(statuses.of_claim(claim), claim.id) for claim in await everything])
    assert {status: len(ids) for status, ids in wanted.items()} == {"CLAIMED": 2, "RELEASED": 6}
    assert {claim.id for claim in await everything if statuses.stands(claim)} == wanted[ClaimStatus.CLAIMED]
    for number in range(3):
        for chosen in combinations(ClaimStatus, number):
            rows = await claims.with_status(everything, chosen)
            assert {claim.id for claim in rows} == set[int]().union(*(wanted[status] for status in chosen))
    assert {claim.id for claim in await claims.all_standing(organization.id)} == wanted[ClaimStatus.CLAIMED]
    standing = await sql.rows(f"SELECT id FROM claim WHERE {statuses.STANDING_SQL}")  # noqa: S608 (a constant)
    assert {row["id"] for row in standing} == wanted[ClaimStatus.CLAIMED]


def test_each_status_of_a_code_has_its_refusals() -> None:
    """A code is refused for each of its statuses but CLAIMABLE, in the statuses' order, and for no other reason."""
    promotion = Promotion(is_enabled=False, starts_at=NOW + TICK, per_promotion=1, claim_count=1)
    code = Code(needs_activation=True, ends_at=NOW, allowed_claims=0, claim_count=0)
    every = list(statuses.all_of_code(code, promotion, NOW))
    assert every == [status for status in CODE_ORDER if status is not CodeStatus.CLAIMABLE]
    assert {*every, CodeStatus.CLAIMABLE} == {*CodeStatus}
    assert [type(refusal).__name__ for refusal in rules.switches(code, promotion, NOW)] == [
        "Disabled", "NotActivated", "NotStarted", "Ended",
    ]  # fmt: skip
    assert [type(refusal).__name__ for refusal in rules.final_objections(code, promotion, NOW)] == [
        "Disabled", "Ended", "FullyClaimed", "PromotionSpent",
    ]  # fmt: skip


async def test_several_statuses_are_the_union_and_none_is_nothing(organization: Organization) -> None:
    """A filter of several statuses finds what each finds, an empty one nothing."""
    await make.promotion(organization, "A")
    await make.promotion(organization, "B", is_enabled=False)
    everything = codes.all_of(organization.id)
    either = await codes.with_status(everything, [CodeStatus.DISABLED, CodeStatus.CLAIMABLE], NOW).order_by("id")
    assert [code.text for code in either] == ["A", "B"]
    assert await codes.with_status(everything, [], NOW) == []
    assert await promotions.with_status(promotions.all_of(organization.id, None), [], NOW) == []


@pytest.mark.parametrize("hours", [-12, -2, 2, 14])
async def test_a_window_in_another_offset_filters_by_its_instant(organization: Organization, hours: int) -> None:
    """A bound with an offset is compared as the instant it is, for promotions and codes."""
    zone = timezone(timedelta(hours=hours))
    soon = params.Window(starts_at=(NOW + timedelta(hours=1)).astimezone(zone))
    over = params.Window(ends_at=(NOW - timedelta(hours=1)).astimezone(zone))
    await make.promotion(organization, "SOON", reference="soon", window=soon)
    await make.promotion(organization, "OVER", reference="over", window=over)
    await make.promotion(organization, "C-SOON", "C-OVER", reference="open")
    await update.code(organization, "C-SOON", update.CodeChange(window=soon), NOW)
    await update.code(organization, "C-OVER", update.CodeChange(window=over), NOW)
    for prefix, window in (("G-SOON", soon), ("G-OVER", over)):
        options = generate.CodeOptions(window)
        await generate.codes(organization, None, 1, Format(Style.PATTERN, "9", prefix), options, False, None, NOW)
    everything = codes.all_of(organization.id)
    of_codes = {
        status: {text.rstrip("0123456789") for text in texts}
        for status in (CodeStatus.SCHEDULED, CodeStatus.EXPIRED, CodeStatus.CLAIMABLE)
        for texts in [await codes.with_status(everything, [status], NOW).values_list("text", flat=True)]
    }
    assert of_codes == {
        "SCHEDULED": {"SOON", "C-SOON", "G-SOON"},
        "EXPIRED": {"OVER", "C-OVER", "G-OVER"},
        "CLAIMABLE": set(),
    }
    rows = promotions.all_of(organization.id, None)
    of_promotions = {
        status: set(await promotions.with_status(rows, [status], NOW).values_list("reference", flat=True))
        for status in (PromotionStatus.SCHEDULED, PromotionStatus.ENDED, PromotionStatus.ACTIVE)
    }
    assert of_promotions == {"SCHEDULED": {"soon"}, "ENDED": {"over"}, "ACTIVE": {"open", "default"}}
