"""Suppressions: addresses that an organization writes no letters to."""

from collections.abc import Collection
from datetime import datetime

from db import sql, statements
from db.models import Suppression

_KEYS = statements.ValuesTable(key="text")


async def add(organization_id: int, email_key: str, now: datetime) -> None:
    """Add an address; one that is there already stays as it is."""
    await sql.rows(
        """
        INSERT INTO suppression (organization_id, email_key, created_at) VALUES ($1, $2, $3)
        ON CONFLICT (organization_id, email_key) DO NOTHING
        """,
        organization_id,
        email_key,
        now,
    )


async def suppressed_among(organization_id: int, email_keys: Collection[str]) -> set[str]:
    """The suppressed ones among these addresses."""
    rows = await _KEYS.fetch(
        """
        SELECT email_key FROM suppression
        WHERE organization_id = $1 AND email_key IN (SELECT key FROM {values} AS input)
        """,
        ((key,) for key in email_keys),
        organization_id,
    )
    return {row["email_key"] for row in rows}


async def suppressed_pairs(organization_ids: Collection[int], email_keys: Collection[str]) -> set[tuple[int, str]]:
    """The suppressed addresses of several organizations at once, each with its organization's id."""
    suppressions = Suppression.filter(organization_id__in=organization_ids, email_key__in=email_keys)
    return set(await suppressions.values_list("organization_id", "email_key"))
