"""Status: what SQL filters by is what the rules say of each row."""

from datetime import timedelta, timezone
from itertools import product
from typing import Any

import pytest

from db.models import Code, Organization, Promotion
from db.queries import codes, promotions
from resolvers import generate, update
from resolvers.domain import params, rules
from resolvers.domain.code_format import Format, Style
from tests import make
from tests.make import NOW

MOMENTS = (None, NOW - timedelta(microseconds=1), NOW, NOW + timedelta(microseconds=1))
CODE_STATUSES = ["NOT_ACTIVATED", "SCHEDULED", "CLAIMABLE", "EXHAUSTED", "EXPIRED", "DISABLED"]
PROMOTION_STATUSES = ["SCHEDULED", "ACTIVE", "ENDED", "SPENT", "DISABLED"]
COUNTS = ((None, 5), (1, 0), (1, 1), (1, 2))


def promotion_rows(organization: Organization) -> list[dict[str, Any]]:
    """Every combination of switch, window and limit."""
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
            "created_at": NOW,
            "updated_at": NOW,
        }
        for number, (is_enabled, starts_at, ends_at, (limit, count)) in enumerate(
            product((True, False), MOMENTS, MOMENTS, COUNTS)
        )
    ]


async def test_promotions_are_filtered_by_the_status_that_the_rules_say(organization: Organization) -> None:
    """Over all switches, windows and limits each promotion is found under its status, and under no other."""
    await Promotion.all().delete()
    await Promotion.bulk_create(Promotion(**row) for row in promotion_rows(organization))
    everything = promotions.all_of(organization.id, None)
    wanted: dict[str, set[int]] = {status: set() for status in PROMOTION_STATUSES}
    for promotion in await everything:
        wanted[rules.promotion_status(promotion, NOW)].add(promotion.id)
    assert sum(len(ids) for ids in wanted.values()) == 128
    for status in PROMOTION_STATUSES:
        rows = await promotions.with_status(everything, [status], NOW)
        assert {promotion.id for promotion in rows} == wanted[status] != set()


@pytest.mark.long
async def test_codes_are_filtered_by_the_status_that_the_rules_say(organization: Organization) -> None:
    """Over all switches, windows and limits of code and promotion each code is found under its status only."""
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
                created_at=NOW,
                updated_at=NOW,
            )
            for parent in parents[::2] + parents[1::4]
            for number, (is_enabled, starts_at, ends_at, (limit, count), (needs, activated_at)) in enumerate(shapes)
        ),
        batch_size=500,
    )
    everything = codes.all_of(organization.id)
    wanted: dict[str, set[int]] = {status: set() for status in CODE_STATUSES}
    for code in await everything.select_related("promotion"):
        wanted[rules.code_status(code, code.promotion, NOW)].add(code.id)
    assert sum(len(ids) for ids in wanted.values()) == 72 * len(shapes)
    for status in CODE_STATUSES:
        ids = await codes.with_status(everything, [status], NOW).values_list("id", flat=True)
        assert set(ids) == wanted[status] != set()


async def test_several_statuses_are_the_union_and_none_is_nothing(organization: Organization) -> None:
    """A filter of several statuses finds what each finds, an empty one nothing."""
    await make.promotion(organization, "A")
    await make.promotion(organization, "B", is_enabled=False)
    everything = codes.all_of(organization.id)
    either = await codes.with_status(everything, ["DISABLED", "CLAIMABLE"], NOW).order_by("id")
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
        for status in ("SCHEDULED", "EXPIRED", "CLAIMABLE")
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
        for status in ("SCHEDULED", "ENDED", "ACTIVE")
    }
    assert of_promotions == {"SCHEDULED": {"soon"}, "ENDED": {"over"}, "ACTIVE": {"open", "default"}}
