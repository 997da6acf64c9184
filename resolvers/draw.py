"""Draws numbers at random: as good as `secrets`, many at a time, and the same again of the same seed.

A number is a text of a format. Most texts of most formats are free, so numbers are drawn blindly, and the insert
skips those that are codes already. When that has gone on for half as many numbers as the format has, what is still
wanted is drawn of the texts that are free, which costs a walk through all.
"""

import asyncio
import hashlib
import random
import secrets
from array import array
from collections.abc import Iterable

from db.queries import codes
from resolvers.refusals import CodeSpaceTooSmall
from resolvers.wording import Format

SURPLUS = 16
"""Numbers that are drawn beyond those that should do."""

STRIDE = 10_000
"""Texts that a walk asks for at a time."""


def seed() -> str:
    """256 bits that nobody can guess."""
    return secrets.token_hex(32)


def numbers(amount: int, below: int, seed: str) -> list[int]:
    """Different numbers, 0 <= number < below, in the order drawn: each choice of them is as likely as any other.

    `amount` is at most half of `below`, or 1. SHAKE-256 makes as many bits of the seed as it takes; what they
    say is taken as a number if it is in range, and never folded into it, which would favour some.
    """
    bits = (below - 1).bit_length()
    mask = 2**bits - 1
    drawn: dict[int, None] = {}
    turn = 0
    while len(drawn) < amount:
        wanted = (amount - len(drawn)) * 2**bits // below + SURPLUS
        read = _read(f"{seed} {turn}", wanted, bits)
        drawn.update(dict.fromkeys(number for said in read if (number := said & mask) < below))
        turn += 1
    return list(drawn)[:amount]


def _read(seed: str, amount: int, bits: int) -> Iterable[int]:
    """Numbers of at least so many random bits each."""
    width = 8 if bits <= 64 else bits // 8 + 1
    stream = hashlib.shake_256(seed.encode()).digest(width * amount)
    if width == 8:
        return array("Q", stream)
    return (int.from_bytes(stream[at : at + width]) for at in range(0, len(stream), width))


def is_blind(drawn: int, format: Format) -> bool:
    """Whether drawing blindly is still likely to be cheaper than a walk through all, after so many numbers."""
    return drawn < format.capacity // 2


async def free(organization_id: int, amount: int, format: Format) -> list[int]:
    """The numbers of `amount` free texts, or of all that there are, each choice and order as likely as any other."""
    found = await _free(organization_id, format)
    return await asyncio.to_thread(random.SystemRandom().sample, found, min(amount, len(found)))


async def lack(organization_id: int, amount: int, format: Format) -> CodeSpaceTooSmall | None:
    """Why there are not that many free texts now, or None where there are."""
    if await codes.count(organization_id) + amount <= format.capacity:
        return None
    found = len(await _free(organization_id, format))
    if found >= amount:
        return None
    return CodeSpaceTooSmall(format.capacity, taken=format.capacity - found, requested=amount)


async def _free(organization_id: int, format: Format) -> "array[int]":
    found = array("Q")
    for start in range(0, format.capacity, STRIDE):
        numbers = range(start, min(start + STRIDE, format.capacity))
        keys = [key for _, key in format.texts(numbers)]
        taken = await codes.taken(organization_id, keys)
        found.extend(number for number, key in zip(numbers, keys, strict=True) if key not in taken)
    return found
