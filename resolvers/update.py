"""Updates promotions and codes by one rule: absent stays, null clears what can be empty, and is refused elsewhere.

A discount, window, limits or letter that is null as a whole is what a promotion made without it has.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import DEFAULT_REFERENCE, Code, Organization, Promotion
from db.queries import codes, organizations, promotions
from resolvers import create, find, generate
from resolvers.domain import letter_template, params, validate
from resolvers.domain.letter_template import ValidLetter
from resolvers.domain.params import ABSENT, Absent, Maybe, value_or
from resolvers.domain.refusals import (
    CodeTaken,
    InvalidInput,
    ReferenceTaken,
    UnknownPromotion,
    VersionConflict,
)
from resolvers.domain.validate import ValidDiscount, ValidLimits


@dataclass(frozen=True)
class PromotionChange:
    reference: Maybe[str | None] = ABSENT
    name: Maybe[str | None] = ABSENT
    is_enabled: Maybe[bool | None] = ABSENT
    position: Maybe[int | None] = ABSENT
    discount: Maybe[params.Discount | None] = ABSENT
    window: Maybe[params.Window | None] = ABSENT
    limits: Maybe[params.Limits | None] = ABSENT
    location_numbers: Maybe[tuple[int, ...] | None] = ABSENT
    letter: Maybe[params.Letter | None] = ABSENT
    metadata: Maybe[dict[str, object] | None] = ABSENT
    particulars: Maybe[dict[str, object]] = ABSENT  # of the vendors that are named in it; those of others stay


@db_errors.retry_on_conflict
async def promotion(
    organization: Organization,
    ref: params.PromotionRef,
    expected_version: int | None,
    change: PromotionChange,
    now: datetime,
) -> Promotion:
    """Change a promotion, if it is still at the expected version.

    Raises UnknownPromotion, VersionConflict, ReferenceTaken, UnknownLocation, InvalidInput.
    """
    await letter_template.prepare(change.letter)
    async with in_transaction():
        row = await _hold(organization.id, ref, expected_version)
        await _change_promotion(organization, row, change, now)
        return row


@db_errors.retry_on_conflict
async def promotion_with_code(
    organization: Organization,
    ref: params.PromotionRef,
    expected_version: int | None,
    change: PromotionChange,
    change_of_code: "CodeChange",
    now: datetime,
) -> Code:
    """Change a promotion and its one code together, if it is still at the expected version; the code, with it.

    Raises UnknownPromotion, also for one with no or several codes, VersionConflict, ReferenceTaken, CodeTaken,
    UnknownLocation, InvalidInput.
    """
    await letter_template.prepare(change.letter)
    async with in_transaction():
        row = await _hold(organization.id, ref, expected_version)
        its_code = await codes.single_of_promotion(organization.id, row.id)
        if its_code is None:
            raise UnknownPromotion
        await _change_promotion(organization, row, change, now)
        await _change_code(organization, its_code, change_of_code, now)
        its_code.promotion = row
        return its_code


async def _hold(organization_id: int, ref: params.PromotionRef, expected_version: int | None) -> Promotion:
    row = await find.locked_promotion(organization_id, ref)
    if expected_version is not None and expected_version != row.version:
        raise VersionConflict(row.version)
    return row


async def _change_promotion(organization: Organization, row: Promotion, change: PromotionChange, now: datetime) -> None:
    reference = row.reference
    columns = _promotion_columns(organization, row, change)
    row.update_from_dict({**columns, "version": row.version + 1, "updated_at": now})
    row.update_from_dict({"search_key": create.search_key(row.name, row.reference)})
    if row.reference != reference:
        await _check_reference(organization.id, reference, row.reference)
    if not isinstance(change.location_numbers, Absent):
        await create.link(organization.id, row.id, change.location_numbers or ())
    await promotions.save(row, [*columns, "search_key", "version", "updated_at"])


def _promotion_columns(organization: Organization, row: Promotion, change: PromotionChange) -> dict[str, object]:
    current_discount = ValidDiscount(
        row.discount_kind, row.discount_value, row.currency, row.minimum_order, row.maximum_discount
    )
    current_limits = ValidLimits(**{name: getattr(row, name) for name in asdict(ValidLimits())})
    starts_at, ends_at = validate.window(change.window, row.starts_at, row.ends_at, organization.time_zone)
    return {
        "reference": _text(change.reference, row.reference, "reference"),
        "name": _text(change.name, row.name, "name"),
        "is_enabled": validate.not_null(change.is_enabled, row.is_enabled, "is_enabled"),
        "position": validate.integer(
            validate.not_null(change.position, row.position, "position"), "position", minimum=-validate.MAX_INT
        ),
        **asdict(validate.discount(change.discount, current_discount, organization.currency)),
        "starts_at": starts_at,
        "ends_at": ends_at,
        **asdict(validate.limits(change.limits, current_limits)),
        **asdict(letter_template.letter(change.letter, ValidLetter(row.letter_subject, row.letter_body))),
        "metadata": validate.metadata(value_or(change.metadata, row.metadata) or {}, "metadata"),
        "particulars": {**row.particulars, **value_or(change.particulars, {})},
    }


def _text(change: Maybe[str | None], current: str, field: str) -> str:
    """A text that can be changed and not cleared."""
    return current if isinstance(change, Absent) else validate.text(validate.not_null(change, current, field), field)


async def _check_reference(organization_id: int, current: str, reference: str) -> None:
    if current == DEFAULT_REFERENCE:
        raise InvalidInput("The organization's own promotion keeps its reference.", "reference")
    if await promotions.by_reference(organization_id, reference):
        raise ReferenceTaken(reference)


@dataclass(frozen=True)
class CodeChange:
    new_text: Maybe[str | None] = ABSENT
    is_enabled: Maybe[bool | None] = ABSENT
    window: Maybe[params.Window | None] = ABSENT
    allowed_claims: Maybe[int | None] = ABSENT
    reserved_for: Maybe[params.Person | None] = ABSENT
    metadata: Maybe[dict[str, object] | None] = ABSENT


@db_errors.retry_on_conflict
async def code(organization: Organization, text: str, change: CodeChange, now: datetime) -> Code:
    """Change a code in place; renamed, it keeps its claims. Raises UnknownCode, CodeTaken, InvalidInput."""
    async with in_transaction():
        row = await find.locked_code(organization.id, text)
        await _change_code(organization, row, change, now)
        return row


async def _change_code(organization: Organization, row: Code, change: CodeChange, now: datetime) -> None:
    columns = await _code_columns(organization, row, change, now)
    row.update_from_dict({**columns, "updated_at": now})
    await codes.save(row, [*columns, "updated_at"])


async def _code_columns(organization: Organization, row: Code, change: CodeChange, now: datetime) -> dict[str, object]:
    starts_at, ends_at = validate.window(change.window, row.starts_at, row.ends_at, organization.time_zone)
    columns: dict[str, object] = {
        "is_enabled": validate.not_null(change.is_enabled, row.is_enabled, "is_enabled"),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "allowed_claims": _allowed_claims(change.allowed_claims, row.allowed_claims),
        "metadata": validate.metadata(value_or(change.metadata, row.metadata) or {}, "metadata"),
    }
    if not isinstance(change.reserved_for, Absent):
        customer = await generate.reserve(organization, change.reserved_for, now)
        columns["reserved_for_id"] = customer.id if customer else None
    if not isinstance(change.new_text, Absent):
        await organizations.lock(organization.id)  # of two that choose one text, the second is refused
        text, text_key = validate.new_code_text(validate.not_null(change.new_text, row.text, "new_text"), "new_text")
        if text_key != row.text_key and await codes.by_text(organization.id, text_key):
            raise CodeTaken(text)
        columns |= {"text": text, "text_key": text_key}
    return columns


def _allowed_claims(change: Maybe[int | None], current: int | None) -> int | None:
    """A new value is validated; a code that was imported without places has 0, which stays until it is changed."""
    return current if isinstance(change, Absent) else validate.optional_integer(change, "allowed_claims")
