"""Brings codes that another system has made: all of them, or none unless the bad ones may be left out.

Claims that were made there have no rows here, and no facts to count in usage. They count where places are
counted: a code from another system is made with the places it has left (none left is FullyClaimed); one from another
store of ours keeps its limit and its count, and remembers how many of the counted have no row. Its promotion counts
both as it counts the claims of a deleted code, so that its own limit holds and `verify.counters` balances.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from tortoise.transactions import in_transaction

from db.models import Organization, Promotion
from db.queries import codes as rows_of_codes
from db.queries import customers, organizations, promotions
from db.queries.codes import NewCode
from db.queries.customers import MentionedCustomer
from resolvers import find
from resolvers.domain import folding, params, validate
from resolvers.domain.params import value_or
from resolvers.domain.refusals import CodeTaken, InvalidInput, Refusal, UnknownPromotion


@dataclass(frozen=True)
class ImportRow:
    """A code as it is told on a line; `allowed_claims` absent is what the promotion says.

    `claims_so_far` takes places off what is allowed; `claim_count` is counted beside it, as another store of ours did.
    `promotion` is a reference, for where the caller names none for all rows.
    """

    line: int
    text: str
    allowed_claims: params.Maybe[int | None] = params.ABSENT
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    claims_so_far: int = 0
    promotion: str | None = None
    claim_count: int | None = None
    is_enabled: bool = True
    needs_activation: bool = False
    reserved_for: str | None = None
    activated_at: datetime | None = None
    created_at: datetime | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True)
class RejectedRow:
    """A line that is not brought, and why."""

    line: int
    why: Refusal


@dataclass(frozen=True)
class ImportSummary:
    """How many codes are good and how many lines are not; `written` says whether the good ones are here now."""

    codes: int
    rejected: int
    written: bool


@dataclass(frozen=True)
class ValidRow:
    """A row as it can be stored, but for whom it is reserved."""

    line: int
    code: NewCode
    brought_claims: int
    reserved_for: MentionedCustomer | None


Tell = Callable[[RejectedRow], None]


async def codes(
    organization: Organization,
    ref: params.PromotionRef | None,
    rows: Iterable[ImportRow | RejectedRow],
    dry_run: bool,
    skip_bad: bool,
    tell: Tell,
    now: datetime,
) -> ImportSummary:
    """Make codes of rows, in one transaction; `tell` hears of each line that is refused, in order.

    All are of the promotion that `ref` names or, without it, each of the one that its row names. Nothing is written
    by a dry run, nor when a line is refused unless `skip_bad`. The rows are gone through twice, first to check them
    while nobody waits; what is held meanwhile are their keys. A line that its reader could not make sense of comes as
    Refused. Raises UnknownPromotion, and CodeTaken when a text was taken in between.
    """
    parents = Parents(organization.id, None if ref is None else await find.promotion(organization.id, ref))
    good, refused = await _check(organization, parents, rows, tell)
    if dry_run or not good or (refused and not skip_bad):
        return ImportSummary(good, len(refused), written=False)
    async with in_transaction():
        await parents.hold()
        await organizations.lock(organization.id)
        unrefused = (row for row in rows if row.line not in refused)
        made, late = await _write(organization, parents, unrefused, now)
        if late and not skip_bad:
            raise late[0].why
    for no in late:
        tell(no)
    return ImportSummary(made, len(refused) + len(late), written=True)


class Parents:
    """The promotions that rows belong to: one for all of them, or those that they name."""

    def __init__(self, organization_id: int, only: Promotion | None) -> None:
        self._organization_id, self._only = organization_id, only
        self._found: dict[str, Promotion | None] = {}

    async def of(self, row: ImportRow) -> Promotion:
        """A row's promotion. Raises InvalidInput."""
        if self._only is not None:
            return self._only
        if row.promotion is None:
            raise InvalidInput("This row names no promotion.", "promotion")
        if row.promotion not in self._found:
            try:
                ref = params.PromotionRef(reference=row.promotion)
                self._found[row.promotion] = await find.promotion(self._organization_id, ref)
            except UnknownPromotion:
                self._found[row.promotion] = None
        found = self._found[row.promotion]
        if found is None:
            raise InvalidInput(f"There is no promotion {row.promotion[:50]!r}.", "promotion")
        return found

    async def hold(self) -> None:
        """Lock them all, in the order in which everybody locks several, and know them as they are now.

        Raises UnknownPromotion.
        """
        if self._only is not None:
            self._only = await _held(self._only.id)
        there = sorted((found.id, name) for name, found in self._found.items() if found is not None)
        for id, name in there:
            self._found[name] = await _held(id)


async def _held(promotion_id: int) -> Promotion:
    held = await promotions.lock(promotion_id)
    if held is None:
        raise UnknownPromotion
    return held


async def _check(
    organization: Organization, parents: Parents, rows: Iterable[ImportRow | RejectedRow], tell: Tell
) -> tuple[int, set[int]]:
    """How many rows are good, and the lines of those that are not."""
    lines: dict[str, int] = {}
    refused: set[int] = set()
    seen = 0
    async for batch in _batches(rows, parents, None):
        seen += len(batch)
        taken = await rows_of_codes.existing_keys(organization.id, [one.code.text_key for one in _good(batch)])
        for one in batch:
            no = one if isinstance(one, RejectedRow) else _clash(one, lines, taken)
            if no is not None:
                refused.add(no.line)
                tell(no)
    return seen - len(refused), refused


def _clash(one: ValidRow, lines: dict[str, int], taken: set[str]) -> RejectedRow | None:
    """Why a row's text can't be had, if it can't; `lines` are those where the texts before it stand first."""
    first = lines.setdefault(one.code.text_key, one.line)
    if first != one.line:
        return RejectedRow(
            one.line, InvalidInput(f"{one.code.text!r} and the text of line {first} are one code.", "text")
        )
    return RejectedRow(one.line, CodeTaken(one.code.text)) if one.code.text_key in taken else None


async def _write(
    organization: Organization, parents: Parents, rows: Iterable[ImportRow | RejectedRow], now: datetime
) -> tuple[int, list[RejectedRow]]:
    """Insert the rows and count their claims so far; how many, and those that have become bad since the check."""
    made = 0
    brought_claims: Counter[int] = Counter()
    late: list[RejectedRow] = []
    async for batch in _batches(rows, parents, now):
        good = _good(batch)
        named = {one.reserved_for for one in good if one.reserved_for}
        holders = await customers.ensure_mentioned(organization.id, named, now)
        new = await rows_of_codes.insert_different(organization.id, [_reserved(one, holders) for one in good], now)
        made += len(new)
        for one in good:
            if one.code.text_key in new:
                brought_claims[one.code.promotion_id] += one.brought_claims
        late += [one for one in batch if isinstance(one, RejectedRow)]
        late += [RejectedRow(one.line, CodeTaken(one.code.text)) for one in good if one.code.text_key not in new]
    for promotion_id, claims in sorted(brought_claims.items()):
        await promotions.count_claim(promotion_id, claims)
        await promotions.add_deleted_claims(promotion_id, claims)
    return made, late


def _reserved(one: ValidRow, holders: dict[str, int]) -> NewCode:
    return one.code._replace(reserved_for_id=holders[one.reserved_for.email_key]) if one.reserved_for else one.code


def _good(batch: list[ValidRow | RejectedRow]) -> list[ValidRow]:
    return [one for one in batch if isinstance(one, ValidRow)]


def _checked(row: ImportRow, promotion: Promotion, now: datetime | None) -> ValidRow:
    text, key = validate.new_code_text(row.text, "text")
    is_ours = row.claim_count is not None
    allowed = validate.optional_integer(
        value_or(row.allowed_claims, promotion.per_code), "allowed_claims", minimum=0 if is_ours else 1
    )
    so_far = validate.integer(row.claims_so_far, "claims_so_far", minimum=0)
    if allowed is not None and so_far > allowed:
        raise InvalidInput(f"{so_far} claims are more than the {allowed} allowed.", "claims_so_far")
    counted = validate.integer(row.claim_count or 0, "claim_count", minimum=0)
    window = params.Window(starts_at=row.starts_at, ends_at=row.ends_at)
    starts_at, ends_at = validate.window(window, None, None, "UTC")
    code = NewCode(
        text=text,
        text_key=key,
        promotion_id=promotion.id,
        allowed_claims=None if allowed is None else allowed - so_far,
        starts_at=starts_at,
        ends_at=ends_at,
        claim_count=counted,
        rowless_claim_count=counted or None,
        is_enabled=row.is_enabled,
        needs_activation=row.needs_activation,
        reserved_for_id=None,
        activated_at=_in_range(row.activated_at, "activated_at"),
        created_at=_in_range(row.created_at, "created_at") or now,
        metadata=validate.metadata(row.metadata or {}, "metadata"),
    )
    return ValidRow(row.line, code, so_far + counted, _holder(row.reserved_for))


def _holder(email: str | None) -> MentionedCustomer | None:
    if email is None:
        return None
    address, key = validate.email(email, "reserved_for")
    return MentionedCustomer(address, key, folding.beyond_ascii(address))


def _in_range(instant: datetime | None, column: str) -> datetime | None:
    return None if instant is None else validate.storable_instant(instant, column)


async def _batches(
    rows: Iterable[ImportRow | RejectedRow], parents: Parents, now: datetime | None
) -> AsyncIterator[list[ValidRow | RejectedRow]]:
    """Each row as it can be stored, or why it can't be, many at a time."""
    coming = iter(rows)
    while batch := list(islice(coming, rows_of_codes.BATCH_SIZE)):
        yield [await _sensible(row, parents, now) for row in batch]


async def _sensible(row: ImportRow | RejectedRow, parents: Parents, now: datetime | None) -> ValidRow | RejectedRow:
    if isinstance(row, RejectedRow):
        return row
    try:
        return _checked(row, await parents.of(row), now)
    except InvalidInput as why:
        return RejectedRow(row.line, why)
