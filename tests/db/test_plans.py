"""Plans: a look-up in an organization reads the rows that it names, not all of the organization's."""

import logging
from collections.abc import Awaitable, Callable

import pytest
from tortoise.connection import get_connection

from db.models import Claim, Organization
from db.queries import claims, codes, customers, locations, rows

LOOK_UPS: dict[str, tuple[str, Callable[[int], Awaitable[object]]]] = {
    "customers_with_claims": ("claim_page_of_customer", lambda owner: claims.customers_with_claims(owner, range(50))),
    "standing_of_promotion": (
        "claim_page_of_promotion",
        lambda owner: claims.standing_of_promotion(owner, 1, None, 50),
    ),
    "delete_of_promotion": ("claim_page_of_promotion", lambda owner: claims.delete_of_promotion(owner, 1)),
    "single_of_promotion": ("code_page_of_promotion", lambda owner: codes.single_of_promotion(owner, 1)),
    "referred_by": ("customer_brought_by", lambda owner: customers.referred_by(owner, list(range(50)))),
    "by_ids": ("claim USING INTEGER PRIMARY KEY", lambda owner: rows.by_ids(Claim, owner, range(50))),
    "locations.of_promotions": (
        "(organization_id=? AND promotion_id=?)",
        lambda owner: locations.of_promotions(owner, list(range(50))),
    ),
}
"""The index that each look-up begins with."""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", LOOK_UPS)
async def test_sqlite_enters_the_index_of_what_is_named(
    organization: Organization, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the organization's id stands beside it, which has an index of its own."""
    index, look_up = LOOK_UPS[name]
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        await look_up(organization.id)
    sent = [record.args for record in caplog.records if record.name == "tortoise.db_client" and record.args]
    assert sent
    steps = [
        row["detail"]
        for query, values in sent
        for row in await get_connection("default").execute_query_dict(f"EXPLAIN QUERY PLAN {query}", values)
    ]
    assert any(index in step for step in steps)
    assert [step for step in steps if "_page (organization_id=?" in step] == []
