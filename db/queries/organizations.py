"""Organizations: the owners of codes."""

from datetime import datetime

from db import sql
from db.models import Account, Customer, Organization, Promotion, RateLimit


async def by_id(organization_id: int) -> Organization | None:
    return await Organization.get_or_none(id=organization_id)


async def by_identifier(identifier: str) -> Organization | None:
    return await Organization.get_or_none(identifier=identifier)


async def of_account(account_id: int) -> list[Organization]:
    return await Organization.filter(account_id=account_id).order_by("number")


async def every() -> list[Organization]:
    """All of them, each with its account."""
    return await Organization.all().select_related("account").order_by("number")


async def exists() -> bool:
    """Whether there is any organization: an empty database is a first start."""
    return await Organization.exists()


async def conflicting(number: int, identifier: str) -> Organization | None:
    """An organization with this number or identifier, if there is one."""
    return await Organization.filter(number=number).first() or await by_identifier(identifier)


async def highest_number() -> int:
    """The highest assigned number; 0 when there is none."""
    last = await Organization.all().order_by("-number").first()
    return last.number if last else 0


async def lock_all() -> None:
    """Lock the table against inserts by others: numbers are assigned one after another."""
    await sql.lock_table_for_writing("organization")


async def lock(organization_id: int) -> None:
    """Lock the organization's row: texts and numbers are assigned one after another."""
    await Organization.select_for_update(no_key=True).get(id=organization_id)


async def add(
    account: Account,
    number: int,
    identifier: str,
    name: str,
    time_zone: str,
    currency: str,
    page_secret: str,
    now: datetime,
) -> Organization:
    return await Organization.create(
        account=account,
        number=number,
        identifier=identifier,
        name=name,
        time_zone=time_zone,
        currency=currency,
        page_secret=page_secret,
        created_at=now,
    )


async def delete(organization_id: int) -> None:
    """Delete it with every row of it; those without a foreign key in PostgreSQL first (0006_ties)."""
    await Promotion.filter(organization_id=organization_id).delete()
    await Customer.filter(organization_id=organization_id).delete()
    await RateLimit.filter(organization_id=organization_id).delete()
    await Organization.filter(id=organization_id).delete()


async def by_number(number: int) -> Organization | None:
    return await Organization.get_or_none(number=number)
