"""Exporting: every row once, oldest first, with what it refers to, in bounded memory."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from db.models import Claim, Code, Organization
from resolvers import create, delete, export, generate, release, update
from resolvers.domain import params
from resolvers.domain.code_format import Format
from resolvers.domain.refusals import UnknownPromotion
from tests import make
from tests.make import NOW, claimed, order

SPRING = params.PromotionRef(reference="spring")


async def spring(organization: Organization) -> None:
    """A promotion with two codes, of which one is claimed, and a reserved code in the default promotion."""
    await make.promotion(organization, "A1", "A2", reference="spring")
    await claimed(organization, "A1", order=order("R-1", "20"))
    options = generate.CodeOptions(reserved_for=params.Person("Ben@example.com"))
    await generate.codes(organization, None, 1, Format(prefix="ben-"), options, False, None, NOW + timedelta(seconds=1))


async def test_every_code_comes_with_its_promotion_and_status(organization: Organization) -> None:
    """Codes come oldest first, with how they stand at that moment and the address they are reserved for."""
    await spring(organization)
    exported = [
        (row.code.text[:2], row.promotion.reference, row.status, row.reserved_for)
        async for row in await export.codes(organization, None, NOW)
    ]
    assert exported == [
        ("A1", "spring", "EXHAUSTED", None),
        ("A2", "spring", "CLAIMABLE", None),
        ("be", "default", "CLAIMABLE", "Ben@example.com"),
    ]


async def test_one_promotions_rows_are_exported_alone(organization: Organization) -> None:
    """A promotion's export holds its codes and claims, and no others'."""
    await spring(organization)
    await make.promotion(organization, "B1", reference="autumn")
    await claimed(organization, "B1", "cleo@example.com")
    assert [row.code.text async for row in await export.codes(organization, SPRING, NOW)] == ["A1", "A2"]
    assert [row.code.text async for row in await export.claims(organization, SPRING)] == ["A1"]


async def test_no_export_crosses_organizations(organization: Organization) -> None:
    """An organization's export holds nothing of another's, and can't name another's promotion."""
    await spring(organization)
    other = await make.organization("other", account=2)
    assert [row async for row in await export.codes(other, None, NOW)] == []
    assert [row async for row in await export.claims(other, None)] == []
    with pytest.raises(UnknownPromotion):
        await export.codes(other, SPRING, NOW)
    with pytest.raises(UnknownPromotion):
        await export.claims(other, SPRING)


async def test_every_claim_comes_with_what_it_refers_to(organization: Organization) -> None:
    """Claims come oldest first, released ones too, with code, promotion, customer and location."""
    await make.promotion(organization, "A1", reference="spring", limits=params.Limits(per_code=None))
    await create.location(organization, 7, "Zuid", False, NOW)
    await claimed(organization, "A1", location_number=7)
    second = await claimed(organization, "A1", "ben@example.com")
    await release.claim(organization, second.claim.id, "cancelled", NOW)
    exported = [
        (
            row.claim.release_reason,
            row.code.text,
            row.promotion.reference,
            row.customer.email,
            row.location and row.location.number,
        )
        async for row in await export.claims(organization, None)
    ]
    assert exported == [
        (None, "A1", "spring", "ada@example.com", 7),
        ("cancelled", "A1", "spring", "ben@example.com", None),
    ]


async def test_a_forgotten_customers_claim_is_exported_without_an_address(organization: Organization) -> None:
    """A deleted customer's claim stays in the export, and who it was does not."""
    await make.code(organization)
    await claimed(organization)
    await delete.customer(organization, "ada@example.com", NOW)
    [row] = [row async for row in await export.claims(organization, None)]
    assert (row.code.text, row.customer.email, row.customer.first_name) == ("HELLO-15", None, None)


async def test_pages_join_without_a_gap(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small its pages, an export has each row once, though all were made in one moment."""
    monkeypatch.setattr(export, "PAGE_SIZE", 3)
    texts = [f"C-{number}" for number in range(10)]
    await make.promotion(organization, *texts, limits=params.Limits(per_code=None))
    for number in range(7):
        await claimed(organization, f"C-{number}")
    assert [row.code.text async for row in await export.codes(organization, None, NOW)] == texts
    assert [row.code.text async for row in await export.claims(organization, None)] == texts[:7]


async def test_what_goes_meanwhile_ends_no_export(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promotion deleted and a code changed while an export runs: the rows that are left come whole."""
    monkeypatch.setattr(export, "PAGE_SIZE", 1)
    await spring(organization)
    rows = await export.codes(organization, None, NOW)
    assert (await anext(rows)).code.text == "A1"
    await delete.promotion(organization, SPRING, dry_run=False)
    code = await Code.get(promotion__reference="default")
    await update.code(organization, code.text, update.CodeChange(is_enabled=False), NOW)
    assert [(row.code.text, row.status) async for row in rows] == [(code.text, "DISABLED")]
    assert await Claim.all().count() == 0


SCRIPT = """
import asyncio, sys
from pathlib import Path
import db
from resolvers import export, find
from schema.csv import records
from tests.make import NOW

def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

async def main() -> None:
    async with db.opened(sys.argv[1]):
        organization = await find.organization("demo", None)
        lines, early, most = 0, None, 0
        async for piece in records.codes(await export.codes(organization, None, NOW), organization, "https://x"):
            lines += piece.count(b"\\n")
            if early is None and lines > 10_000:
                early = resident()
            most = max(most, resident())
        print(lines, (most - early) // 2**20)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells a process's memory like this")
async def test_memory_does_not_grow_with_the_export(organization: Organization, database_url: str) -> None:
    """200,000 codes need no more memory than the first 10,000 of them, but for 16 MB of breath."""
    for _ in range(2):
        await generate.codes(
            organization,
            None,
            100_000,
            Format(prefix="x-"),
            generate.CodeOptions(),
            dry_run=False,
            idempotency_key=None,
            now=NOW,
        )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, database_url], cwd=root, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    lines, grown = map(int, done.stdout.split())
    assert lines == 200_001
    assert grown < 16
