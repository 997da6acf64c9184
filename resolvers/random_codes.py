"""Draws random numbers: as good as `secrets`, many at a time, and the same again of the same seed.

A number stands for a text of a format. Most texts of most formats are free, so numbers are drawn blindly, and the
insert skips those that are codes already. Where too many are taken, numbers are looked up before anything is locked; in
a space that is nearly full all numbers are looked up: a scan. Nothing is counted or scanned in a transaction.
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
"""Numbers that are drawn beyond those that should be enough."""

NUMBERS_PER_LOOKUP = 10_000
"""Numbers whose texts are looked up in one statement."""

SAMPLE_SIZE = 200
"""Numbers that are looked up to see whether most of a space is free."""

MAX_SPARE_NUMBERS = 1_000
"""Free numbers, at most, that are found beyond those needed: other calls may take some meanwhile."""

INEXHAUSTIBLE_CAPACITY = 10**12
"""No organization has that many codes, so a format with as many texts always has a free one."""


def new_seed() -> str:
    """256 bits that nobody can guess."""
    return secrets.token_hex(32)


def numbers(amount: int, below: int, seed: str) -> list[int]:
    """Different numbers, 0 <= number < below, in the order drawn: each choice of them is as likely as any other.

    `amount` is at most half of `below`, or 1. SHAKE-256 makes as many bits of the seed as it takes; a number out of
    range is skipped and never reduced into it, which would favour some.
    """
    bits = (below - 1).bit_length()
    mask = 2**bits - 1
    drawn: dict[int, None] = {}
    turn = 0
    while len(drawn) < amount:
        wanted = (amount - len(drawn)) * 2**bits // below + EXTRA_NUMBERS
        values = _random_values(f"{seed} {turn}", wanted, bits)
        drawn.update(dict.fromkeys(number for value in values if (number := value & mask) < below))
        turn += 1
    return list(drawn)[:amount]


def _random_values(seed: str, amount: int, bits: int) -> Iterable[int]:
    """Integers of at least `bits` random bits each."""
    width = 8 if bits <= 64 else bits // 8 + 1
    stream = hashlib.shake_256(seed.encode()).digest(width * amount)
    if width == 8:
        return array("Q", stream)
    return (int.from_bytes(stream[at : at + width]) for at in range(0, len(stream), width))


def draw(amount: int, format: Format) -> list[int]:
    """`amount` numbers of a format, drawn blindly, but at most half of all there are."""
    return numbers(min(amount, max(1, format.capacity // 2)), format.capacity, new_seed())


def should_draw_blindly(drawn: int, format: Format) -> bool:
    """Whether, after `drawn` numbers, drawing blindly is still likely to be cheaper than scanning the space."""
    return drawn < format.capacity // 2


def shuffled(ids: list[int], first: int) -> list[int]:
    """The ids in random order; of very many only the `first` are a random choice. So they tell nothing of others."""
    chance = random.SystemRandom()
    if len(ids) <= NUMBERS_PER_LOOKUP:
        return chance.sample(ids, len(ids))
    chosen = dict.fromkeys(chance.sample(ids, first))
    return [*chosen, *(id for id in ids if id not in chosen)]


async def likely_free(organization_id: int, amount: int, format: Format) -> list[int]:
    """Numbers of which `amount` are very likely free: drawn blindly where most of the space is free, else `candidates`.

    Raises CodeSpaceTooSmall.
    """
    wanted = amount + amount // 16 + EXTRA_NUMBERS
    if wanted <= format.capacity // 2:
        sample = draw(SAMPLE_SIZE, format)
        if len(await _free_among(organization_id, sample, format)) >= len(sample) * 0.99:
            return await asyncio.to_thread(draw, wanted, format)
    return await candidates(organization_id, amount, format)


async def candidates(organization_id: int, amount: int, format: Format) -> list[int]:
    """Numbers of texts that are free now: `amount` and, where there are more, up to MAX_SPARE_NUMBERS besides.

    Each choice and order of them is as likely as any other. Raises CodeSpaceTooSmall.
    """
    wanted, looked_up = amount + MAX_SPARE_NUMBERS, 0
    numbers: dict[int, None] = {}
    # Random numbers are looked up as long as that is likely to cost less than a scan, at the rate of hits so far.
    while len(numbers) < wanted and format.capacity > 2 * NUMBERS_PER_LOOKUP:
        if looked_up and wanted * looked_up >= (len(numbers) + 1) * (format.capacity // 2):
            break
        drawn = await asyncio.to_thread(draw, NUMBERS_PER_LOOKUP, format)
        numbers.update(dict.fromkeys(await _free_among(organization_id, drawn, format)))
        looked_up += NUMBERS_PER_LOOKUP
    if len(numbers) >= amount:
        return list(numbers)[:wanted]
    every = await _scan(organization_id, format)
    if len(every) < amount:
        raise CodeSpaceTooSmall(format.capacity, taken=format.capacity - len(every), requested=amount)
    return await _sample(every, wanted)


async def free(organization_id: int, amount: int, format: Format) -> list[int]:
    """The numbers of `amount` free texts, or of all that there are, each choice and order as likely as any other."""
    return await _sample(await _scan(organization_id, format), amount)


async def shortage(organization_id: int, amount: int, format: Format) -> CodeSpaceTooSmall | None:
    """The refusal for a format with fewer than `amount` free texts now, or None if it has as many."""
    room = format.capacity - amount
    if room >= INEXHAUSTIBLE_CAPACITY or (room >= 0 and await codes.count(organization_id, room + 1) <= room):
        return None
    free_count = len(await _scan(organization_id, format))
    if free_count >= amount:
        return None
    return CodeSpaceTooSmall(format.capacity, taken=format.capacity - free_count, requested=amount)


async def _scan(organization_id: int, format: Format) -> "array[int]":
    """The numbers of all free texts, looked up in steps, between which others are served."""
    every = array("Q")
    for start in range(0, format.capacity, NUMBERS_PER_LOOKUP):
        numbers = range(start, min(start + NUMBERS_PER_LOOKUP, format.capacity))
        every.extend(await _free_among(organization_id, numbers, format))
    return every


async def _free_among(organization_id: int, numbers: Iterable[int], format: Format) -> list[int]:
    """The numbers, of at most NUMBERS_PER_LOOKUP, whose texts are no codes."""
    listed = list(numbers)
    keys = [key for _, key in format.texts(listed)]
    taken = await codes.existing_keys(organization_id, keys)
    return [number for number, key in zip(listed, keys, strict=True) if key not in taken]


async def _sample(numbers: "array[int]", amount: int) -> list[int]:
    return await asyncio.to_thread(random.SystemRandom().sample, numbers, min(amount, len(numbers)))
