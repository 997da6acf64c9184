"""Draws numbers at random: as good as `secrets`, many at a time, and the same again of the same seed.

A number is a text of a format. Most texts of most formats are free, so numbers are drawn blindly, and the insert
skips those that are codes already. Where that misses too often, numbers are looked up before anything is locked, and
in a space that is nearly full all of them are: a walk. Nothing is counted, and no space is gone through, in a
transaction.
"""

import asyncio
import hashlib
import random
import secrets
from array import array
from collections.abc import Iterable

from db.queries import codes
from resolvers.domain.code_format import Format
from resolvers.domain.refusals import CodeSpaceTooSmall

EXTRA_NUMBERS = 16
"""Numbers that are drawn beyond those that should do."""

NUMBERS_PER_LOOKUP = 10_000
"""Texts that are looked up at a time."""

SAMPLE_SIZE = 200
"""Texts that tell whether a space is roomy."""

MAX_SPARE_NUMBERS = 1_000
"""Free texts, at most, that are found beyond those asked for: somebody else may take some meanwhile."""

INEXHAUSTIBLE_CAPACITY = 10**12
"""No organization has that many codes, so a format with as many texts always has a free one."""


def new_seed() -> str:
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
        wanted = (amount - len(drawn)) * 2**bits // below + EXTRA_NUMBERS
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


def draw(amount: int, format: Format) -> list[int]:
    """Numbers of a format, drawn blindly: so many, or half of all that there are."""
    return numbers(min(amount, max(1, format.capacity // 2)), format.capacity, new_seed())


def should_draw_blindly(drawn: int, format: Format) -> bool:
    """Whether drawing blindly is still likely to be cheaper than a walk through all, after so many numbers."""
    return drawn < format.capacity // 2


def shuffled(ids: list[int], first: int) -> list[int]:
    """The same in no order, or at least the first of them where there are very many: who reads them learns no other."""
    chance = random.SystemRandom()
    if len(ids) <= NUMBERS_PER_LOOKUP:
        return chance.sample(ids, len(ids))
    chosen = dict.fromkeys(chance.sample(ids, first))
    return [*chosen, *(id for id in ids if id not in chosen)]


async def likely_free(organization_id: int, amount: int, format: Format) -> list[int]:
    """Numbers of which `amount` are very likely free: drawn blindly where the space is roomy, else `candidates`.

    Raises CodeSpaceTooSmall.
    """
    wanted = amount + amount // 16 + EXTRA_NUMBERS
    if wanted <= format.capacity // 2:
        sample = draw(SAMPLE_SIZE, format)
        if len(await _free_among(organization_id, sample, format)) >= len(sample) * 0.99:
            return await asyncio.to_thread(draw, wanted, format)
    return await candidates(organization_id, amount, format)


async def candidates(organization_id: int, amount: int, format: Format) -> list[int]:
    """Numbers of texts that are free now: `amount` and, where there are more, up to SPARE besides.

    Each choice and order of them is as likely as any other. Raises CodeSpaceTooSmall.
    """
    wanted, asked = amount + MAX_SPARE_NUMBERS, 0
    found: dict[int, None] = {}
    # Looked up by chance as long as that is likely to cost less than a walk, at the rate at which it finds any.
    while len(found) < wanted and format.capacity > 2 * NUMBERS_PER_LOOKUP:
        if asked and wanted * asked >= (len(found) + 1) * (format.capacity // 2):
            break
        drawn = await asyncio.to_thread(draw, NUMBERS_PER_LOOKUP, format)
        found.update(dict.fromkeys(await _free_among(organization_id, drawn, format)))
        asked += NUMBERS_PER_LOOKUP
    if len(found) >= amount:
        return list(found)[:wanted]
    left = await _free(organization_id, format)
    if len(left) < amount:
        raise CodeSpaceTooSmall(format.capacity, taken=format.capacity - len(left), requested=amount)
    return await _sample(left, wanted)


async def free(organization_id: int, amount: int, format: Format) -> list[int]:
    """The numbers of `amount` free texts, or of all that there are, each choice and order as likely as any other."""
    return await _sample(await _free(organization_id, format), amount)


async def shortage(organization_id: int, amount: int, format: Format) -> CodeSpaceTooSmall | None:
    """Why there are not that many free texts now, or None where there are."""
    room = format.capacity - amount
    if room >= INEXHAUSTIBLE_CAPACITY or (room >= 0 and await codes.count(organization_id, room + 1) <= room):
        return None
    found = len(await _free(organization_id, format))
    if found >= amount:
        return None
    return CodeSpaceTooSmall(format.capacity, taken=format.capacity - found, requested=amount)


async def _free(organization_id: int, format: Format) -> "array[int]":
    """The numbers of all free texts: a walk in steps, between which others are served."""
    found = array("Q")
    for start in range(0, format.capacity, NUMBERS_PER_LOOKUP):
        numbers = range(start, min(start + NUMBERS_PER_LOOKUP, format.capacity))
        found.extend(await _free_among(organization_id, numbers, format))
    return found


async def _free_among(organization_id: int, numbers: Iterable[int], format: Format) -> list[int]:
    """Those of at most STRIDE numbers whose texts are no codes."""
    asked = list(numbers)
    keys = [key for _, key in format.texts(asked)]
    taken = await codes.existing_keys(organization_id, keys)
    return [number for number, key in zip(asked, keys, strict=True) if key not in taken]


async def _sample(found: "array[int]", amount: int) -> list[int]:
    return await asyncio.to_thread(random.SystemRandom().sample, found, min(amount, len(found)))
