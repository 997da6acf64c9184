"""Imports codes that another system has made: all rows, or none unless bad rows may be skipped.

Claims that were made there have no rows here, and no facts to count in usage. They count where places are
counted: a code from another system is made with the places it has left (none left is FullyClaimed); one from another
store of ours keeps its limit and its count, and stores how many of the counted claims have no row. Its promotion counts
both as it counts the claims of a deleted code, so that its own limit holds and `verify.counters` balances.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

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
    """A code as a line gives it; `allowed_claims` absent is the promotion's `per_code`.

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
    metadata: dict[str, object] | None = None


@dataclass(frozen=True)
class RejectedRow:
    """A line that is not imported, and the refusal."""

    line: int
    refusal: Refusal


@dataclass(frozen=True)
class ImportSummary:
    """How many codes are valid and how many lines are rejected; `written` says whether the valid ones are stored."""

    codes: int
    rejected: int
    written: bool


@dataclass(frozen=True)
class ValidRow:
    """A row as it can be stored, but for the id of the customer it is reserved for."""

    line: int
    code: NewCode
    earlier_claims: int
    reserved_for: MentionedCustomer | None


OnRejected = Callable[[RejectedRow], None]


async def codes(
    organization: Organization,
    ref: params.PromotionRef | None,
    rows: Iterable[ImportRow | RejectedRow],
    dry_run: bool,
    skip_bad: bool,
    on_rejected: OnRejected,
    now: datetime,
) -> ImportSummary:
    """Make codes of rows, in one transaction; `on_rejected` is called with each rejected line, in order.

    All belong to the promotion of `ref` or, without it, each to the promotion that its row names. Nothing is written
    by a dry run, nor when a line is rejected unless `skip_bad`. The rows are read twice, first to check them without
    a lock; only their keys stay in memory meanwhile. A line that could not be parsed comes as a RejectedRow.
    Raises UnknownPromotion, and CodeTaken when a text was taken in between.
    """
    parents = RowPromotions(organization.id, None if ref is None else await find.promotion(organization.id, ref))
    valid, rejected = await _check(organization, parents, rows, on_rejected)
    if dry_run or not valid or (rejected and not skip_bad):
        return ImportSummary(valid, len(rejected), written=False)
    async with in_transaction():
        await parents.hold()
        await organizations.lock(organization.id)
        accepted = (row for row in rows if row.line not in rejected)
        inserted, late = await _write(organization, parents, accepted, now)
        if late and not skip_bad:
            raise late[0].refusal
    for row in late:
        on_rejected(row)
    return ImportSummary(inserted, len(rejected) + len(late), written=True)


class RowPromotions:
    """The promotions that rows belong to: one for all of them, or those that they name."""

    def __init__(self, organization_id: int, only: Promotion | None) -> None:
        self._organization_id, self._only = organization_id, only
        self._by_reference: dict[str, Promotion | None] = {}

    async def of(self, row: ImportRow) -> Promotion:
        """A row's promotion. Raises InvalidInput."""
        if self._only is not None:
            return self._only
        if row.promotion is None:
            raise InvalidInput("This row names no promotion.", "promotion")
        if row.promotion not in self._by_reference:
            try:
                ref = params.PromotionRef(reference=row.promotion)
                self._by_reference[row.promotion] = await find.promotion(self._organization_id, ref)
            except UnknownPromotion:
                self._by_reference[row.promotion] = None
        promotion = self._by_reference[row.promotion]
        if promotion is None:
            raise InvalidInput(f"There is no promotion {row.promotion[:50]!r}.", "promotion")
        return promotion

    async def hold(self) -> None:
        """Lock their rows, in the order in which everybody locks several, and read them again.

        Raises UnknownPromotion.
        """
        if self._only is not None:
            self._only = await _lock(self._organization_id, self._only.id)
        ids = sorted((promotion.id, name) for name, promotion in self._by_reference.items() if promotion is not None)
        for id, name in ids:
            self._by_reference[name] = await _lock(self._organization_id, id)


async def _lock(organization_id: int, promotion_id: int) -> Promotion:
    promotion = await promotions.lock(organization_id, id=promotion_id)
    if promotion is None:
        raise UnknownPromotion
    return promotion


async def _check(
    organization: Organization, parents: RowPromotions, rows: Iterable[ImportRow | RejectedRow], on_rejected: OnRejected
) -> tuple[int, set[int]]:
    """How many rows are valid, and the lines of those that are not."""
    lines: dict[str, int] = {}
    rejected: set[int] = set()
    count = 0
    async for batch in _batches(rows, parents, None):
        count += len(batch)
        taken = await rows_of_codes.existing_keys(organization.id, [row.code.text_key for row in _valid_rows(batch)])
        for row in batch:
            rejection = row if isinstance(row, RejectedRow) else _clash(row, lines, taken)
            if rejection is not None:
                rejected.add(rejection.line)
                on_rejected(rejection)
    return count - len(rejected), rejected


def _clash(row: ValidRow, lines: dict[str, int], taken: set[str]) -> RejectedRow | None:
    """The row as rejected if its text is taken; `lines` are the first lines of the texts before it, by key."""
    first = lines.setdefault(row.code.text_key, row.line)
    if first != row.line:
        same = InvalidInput(f"{row.code.text!r} and the text of line {first} are one code.", "text")
        return RejectedRow(row.line, same)
    return RejectedRow(row.line, CodeTaken(row.code.text)) if row.code.text_key in taken else None


async def _write(
    organization: Organization, parents: RowPromotions, rows: Iterable[ImportRow | RejectedRow], now: datetime
) -> tuple[int, list[RejectedRow]]:
    """Insert the rows and count their earlier claims; how many, and the rows that became invalid since the check."""
    inserted = 0
    earlier_claims: Counter[int] = Counter()
    late: list[RejectedRow] = []
    async for batch in _batches(rows, parents, now):
        valid = _valid_rows(batch)
        reserved = {row.reserved_for for row in valid if row.reserved_for}
        holders = await customers.ensure_mentioned(organization.id, reserved, now)
        keys = await rows_of_codes.insert_different(organization.id, [_with_holder(row, holders) for row in valid], now)
        inserted += len(keys)
        for row in valid:
            if row.code.text_key in keys:
                earlier_claims[row.code.promotion_id] += row.earlier_claims
        late += [row for row in batch if isinstance(row, RejectedRow)]
        late += [RejectedRow(row.line, CodeTaken(row.code.text)) for row in valid if row.code.text_key not in keys]
    for promotion_id, claims in sorted(earlier_claims.items()):
        await promotions.count_claim(organization.id, promotion_id, claims)
        await promotions.add_rowless_claims(organization.id, promotion_id, claims)
    return inserted, late


def _with_holder(row: ValidRow, holders: dict[str, int]) -> NewCode:
    return row.code._replace(reserved_for_id=holders[row.reserved_for.email_key]) if row.reserved_for else row.code


def _valid_rows(batch: list[ValidRow | RejectedRow]) -> list[ValidRow]:
    return [row for row in batch if isinstance(row, ValidRow)]


def _valid(row: ImportRow, promotion: Promotion, now: datetime | None) -> ValidRow:
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
        activated_at=_instant(row.activated_at, "activated_at"),
        created_at=_instant(row.created_at, "created_at") or now,
        metadata=validate.metadata(row.metadata or {}, "metadata"),
    )
    return ValidRow(row.line, code, so_far + counted, _holder(row.reserved_for))


def _holder(email: str | None) -> MentionedCustomer | None:
    if email is None:
        return None
    address, key = validate.email(email, "reserved_for")
    return MentionedCustomer(address, key, folding.beyond_ascii(address))


def _instant(instant: datetime | None, column: str) -> datetime | None:
    return None if instant is None else validate.storable_instant(instant, column)


async def _batches(
    rows: Iterable[ImportRow | RejectedRow], parents: RowPromotions, now: datetime | None
) -> AsyncIterator[list[ValidRow | RejectedRow]]:
    """Each row validated, or rejected, many at a time."""
    remaining = iter(rows)
    while batch := list(islice(remaining, rows_of_codes.BATCH_SIZE)):
        yield [await _validate(row, parents, now) for row in batch]


async def _validate(
    row: ImportRow | RejectedRow, parents: RowPromotions, now: datetime | None
) -> ValidRow | RejectedRow:
    if isinstance(row, RejectedRow):
        return row
    try:
        return _valid(row, await parents.of(row), now)
    except InvalidInput as invalid:
        return RejectedRow(row.line, invalid)
