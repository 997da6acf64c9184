"""Accounts: the owners of organizations."""

from datetime import datetime

from db.models import Account


async def by_number(number: int) -> Account | None:
    return await Account.get_or_none(number=number)


async def lock(account_id: int) -> Account:
    """The account with its row locked: promotion numbers are assigned one after another."""
    return await Account.select_for_update(no_key=True).get(id=account_id)


async def add(number: int, now: datetime) -> Account:
    return await Account.create(number=number, created_at=now)


async def delete(account_id: int) -> None:
    """Delete it; its keys and organizations go with it."""
    await Account.filter(id=account_id).delete()


async def highest_number() -> int:
    """The highest assigned number; 0 when there is none."""
    last = await Account.all().order_by("-number").first()
    return last.number if last else 0


async def save_last_promotion_number(account: Account, number: int) -> None:
    """Save the number up to which all are in use."""
    account.last_promotion_number = number
    await account.save(update_fields=["last_promotion_number"])
