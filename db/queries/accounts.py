"""Accounts: who owns organizations."""

from datetime import datetime

from db.models import Account


async def by_number(number: int) -> Account | None:
    return await Account.get_or_none(number=number)


async def hold(account_id: int) -> Account:
    """The account with its row locked: promotion numbers are given out one after another."""
    return await Account.select_for_update(no_key=True).get(id=account_id)


async def add(number: int, now: datetime) -> Account:
    return await Account.create(number=number, created_at=now)


async def delete(account_id: int) -> None:
    """Delete it; its keys and organizations go with it."""
    await Account.filter(id=account_id).delete()


async def highest_number() -> int:
    """The highest number given out so far; 0 when there is none."""
    last = await Account.all().order_by("-number").first()
    return last.number if last else 0


async def keep_last_promotion_number(account: Account, number: int) -> None:
    """Numbers up to this one are not looked at again."""
    account.last_promotion_number = number
    await account.save(update_fields=["last_promotion_number"])
