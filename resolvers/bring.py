"""Brings codes that another system has made: all of them, or none unless the bad ones may be left out.

Claims that were made there have no rows here, and no facts to count in usage. They count where places are
counted: a code is made with the places it has left (none left is FullyClaimed), and its promotion counts them
as it counts the claims of a deleted code, so that its own limit holds and `verify.counters` balances.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from tortoise.transactions import in_transaction

from db.models import Organization, Promotion
from db.queries import codes as rows_of_codes
from db.queries import organizations, promotions
from db.queries.codes import NewCode
from resolvers import find, sense, terms
from resolvers.refusals import CodeTaken, InvalidInput, Refusal, UnknownPromotion
from resolvers.terms import said


@dataclass(frozen=True)
class Row:
    """A code as it is told on a line; `allowed_claims` absent is what the promotion says."""

    line: int
    text: str
    allowed_claims: terms.Maybe[int | None] = terms.ABSENT
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    claims_so_far: int = 0


@dataclass(frozen=True)
class Refused:
    """A line that is not brought, and why."""

    line: int
    why: Refusal


@dataclass(frozen=True)
class Brought:
    """How many codes are good and how many lines are not; `written` says whether the good ones are here now."""

    codes: int
    refused: int
    written: bool


@dataclass(frozen=True)
class Checked:
    line: int
    code: NewCode
    claims_so_far: int


Tell = Callable[[Refused], None]


async def codes(
    organization: Organization,
    ref: terms.PromotionRef,
    rows: Iterable[Row | Refused],
    dry_run: bool,
    skip_bad: bool,
    tell: Tell,
    now: datetime,
) -> Brought:
    """Make a promotion's codes of rows, in one transaction; `tell` hears of each line that is refused, in order.

    Nothing is written by a dry run, nor when a line is refused unless `skip_bad`. The rows are gone through twice,
    first to check them while nobody waits; what is held meanwhile are their keys. A line that its reader could
    not make sense of comes as Refused. Raises UnknownPromotion, and CodeTaken when a text was taken in between.
    """
    promotion = await find.promotion(organization.id, ref)
    good, refused = await _check(organization, promotion, rows, tell)
    if dry_run or not good or (refused and not skip_bad):
        return Brought(good, len(refused), written=False)
    async with in_transaction():
        held = await promotions.hold(promotion.id)
        if held is None:
            raise UnknownPromotion
        await organizations.hold(organization.id)
        unrefused = (row for row in rows if row.line not in refused)
        made, late = await _write(organization, held, unrefused, now)
        if late and not skip_bad:
            raise late[0].why
    for no in late:
        tell(no)
    return Brought(made, len(refused) + len(late), written=True)


async def _check(
    organization: Organization, promotion: Promotion, rows: Iterable[Row | Refused], tell: Tell
) -> tuple[int, set[int]]:
    """How many rows are good, and the lines of those that are not."""
    lines: dict[str, int] = {}
    refused: set[int] = set()
    seen = 0
    for batch in _batches(_sensible(rows, promotion)):
        seen += len(batch)
        taken = await rows_of_codes.taken(organization.id, [one.code.text_key for one in _good(batch)])
        for one in batch:
            no = one if isinstance(one, Refused) else _clash(one, lines, taken)
            if no is not None:
                refused.add(no.line)
                tell(no)
    return seen - len(refused), refused


def _clash(one: Checked, lines: dict[str, int], taken: set[str]) -> Refused | None:
    """Why a row's text can't be had, if it can't; `lines` are those where the texts before it stand first."""
    first = lines.setdefault(one.code.text_key, one.line)
    if first != one.line:
        return Refused(one.line, InvalidInput(f"{one.code.text!r} and the text of line {first} are one code.", "text"))
    return Refused(one.line, CodeTaken(one.code.text)) if one.code.text_key in taken else None


async def _write(
    organization: Organization, promotion: Promotion, rows: Iterable[Row | Refused], now: datetime
) -> tuple[int, list[Refused]]:
    """Insert the rows and count their claims so far; how many, and those that have become bad since the check."""
    made, brought_claims = 0, 0
    late: list[Refused] = []
    for batch in _batches(_sensible(rows, promotion)):
        good = _good(batch)
        new = await rows_of_codes.insert_each(organization.id, promotion.id, [one.code for one in good], now)
        made += len(new)
        brought_claims += sum(one.claims_so_far for one in good if one.code.text_key in new)
        late += [one for one in batch if isinstance(one, Refused)]
        late += [Refused(one.line, CodeTaken(one.code.text)) for one in good if one.code.text_key not in new]
    await promotions.count_claim(promotion.id, brought_claims)
    await promotions.keep_deleted_share(promotion.id, brought_claims)
    return made, late


def _good(batch: list[Checked | Refused]) -> list[Checked]:
    return [one for one in batch if isinstance(one, Checked)]


def _sensible(rows: Iterable[Row | Refused], promotion: Promotion) -> Iterator[Checked | Refused]:
    """Each row as it can be stored, or why it can't be."""
    for row in rows:
        try:
            yield row if isinstance(row, Refused) else _checked(row, promotion)
        except InvalidInput as why:
            yield Refused(row.line, why)


def _checked(row: Row, promotion: Promotion) -> Checked:
    text, key = sense.new_code_text(row.text, "text")
    allowed = sense.optional_whole(said(row.allowed_claims, promotion.per_code), "allowed_claims")
    so_far = sense.whole(row.claims_so_far, "claims_so_far", least=0)
    if allowed is not None and so_far > allowed:
        raise InvalidInput(f"{so_far} claims are more than the {allowed} allowed.", "claims_so_far")
    window = terms.Window(starts_at=row.starts_at, ends_at=row.ends_at)
    starts_at, ends_at = sense.window(window, None, None, "UTC")
    left = None if allowed is None else allowed - so_far
    return Checked(row.line, NewCode(text, key, left, starts_at, ends_at), so_far)


def _batches(rows: Iterator[Checked | Refused]) -> Iterator[list[Checked | Refused]]:
    while batch := list(islice(rows, rows_of_codes.BATCH)):
        yield batch
