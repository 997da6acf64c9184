"""Updates promotions and codes by one rule: absent stays, null clears what can be empty, and is refused elsewhere.

A discount, window, limits or letter that is null as a whole is what a promotion made without it has.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

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
    UnknownCode,
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
    metadata: Maybe[dict[str, Any] | None] = ABSENT
    particulars: Maybe[dict[str, Any]] = ABSENT  # of the vendors that are named in it; what others told stays


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
        found = await _hold(organization.id, ref, expected_version)
        await _change(organization, found, change, now)
        return found


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
        found = await _hold(organization.id, ref, expected_version)
        its_code = await codes.single_of_promotion(found.id)
        if its_code is None:
            raise UnknownPromotion
        await _change(organization, found, change, now)
        await _change_code(organization, its_code, change_of_code, now)
        its_code.promotion = found
        return its_code


async def _hold(organization_id: int, ref: params.PromotionRef, expected_version: int | None) -> Promotion:
    found = await promotions.lock((await find.promotion(organization_id, ref)).id)
    if found is None:
        raise UnknownPromotion
    if expected_version is not None and expected_version != found.version:
        raise VersionConflict(found.version)
    return found


async def _change(organization: Organization, found: Promotion, change: PromotionChange, now: datetime) -> None:
    columns = _changed(organization, found, change)
    columns["search_key"] = create.search_key(columns)
    if columns["reference"] != found.reference:
        await _check_reference(organization.id, found, columns["reference"])
    if not isinstance(change.location_numbers, Absent):
        await create.link(organization.id, found.id, change.location_numbers or ())
    found.update_from_dict({**columns, "version": found.version + 1, "updated_at": now})
    await promotions.save(found, [*columns, "version", "updated_at"])


def _changed(organization: Organization, found: Promotion, change: PromotionChange) -> dict[str, Any]:
    present_discount = ValidDiscount(
        found.discount_kind, found.discount_value, found.currency, found.minimum_order, found.maximum_discount
    )
    present_limits = ValidLimits(**{name: getattr(found, name) for name in asdict(ValidLimits())})
    starts_at, ends_at = validate.window(change.window, found.starts_at, found.ends_at, organization.time_zone)
    present_particulars: Any = found.particulars
    return {
        "reference": _text(change.reference, found.reference, "reference"),
        "name": _text(change.name, found.name, "name"),
        "is_enabled": validate.not_null(change.is_enabled, found.is_enabled, "is_enabled"),
        "position": validate.integer(
            validate.not_null(change.position, found.position, "position"), "position", minimum=-validate.MAX_INT
        ),
        **asdict(validate.discount(change.discount, present_discount, organization.currency)),
        "starts_at": starts_at,
        "ends_at": ends_at,
        **asdict(validate.limits(change.limits, present_limits)),
        **asdict(letter_template.letter(change.letter, ValidLetter(found.letter_subject, found.letter_body))),
        "metadata": validate.metadata(value_or(change.metadata, found.metadata) or {}, "metadata"),
        "particulars": {**present_particulars, **value_or(change.particulars, {})},
    }


def _text(change: Maybe[str | None], present: str, field: str) -> str:
    """A text that can be changed and not cleared."""
    return present if isinstance(change, Absent) else validate.text(validate.not_null(change, present, field), field)


async def _check_reference(organization_id: int, found: Promotion, reference: str) -> None:
    if found.reference == DEFAULT_REFERENCE:
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
    metadata: Maybe[dict[str, Any] | None] = ABSENT


@db_errors.retry_on_conflict
async def code(organization: Organization, text: str, change: CodeChange, now: datetime) -> Code:
    """Change a code in place; renamed, it keeps its claims. Raises UnknownCode, CodeTaken, InvalidInput."""
    async with in_transaction():
        found = await hold_code(organization.id, text)
        await _change_code(organization, found, change, now)
        return found


async def _change_code(organization: Organization, found: Code, change: CodeChange, now: datetime) -> None:
    columns = await _code_columns(organization, found, change, now)
    found.update_from_dict({**columns, "updated_at": now})
    await codes.save(found, [*columns, "updated_at"])


async def hold_code(organization_id: int, text: str) -> Code:
    """The code, with its promotion's row locked. Raises UnknownCode."""
    found = await find.code(organization_id, text)
    await promotions.lock(found.promotion_id)
    still = await find.code(organization_id, text)
    if still.promotion_id != found.promotion_id:  # deleted, and made again elsewhere, while we waited
        raise UnknownCode(text)
    return still


async def _code_columns(organization: Organization, found: Code, change: CodeChange, now: datetime) -> dict[str, Any]:
    starts_at, ends_at = validate.window(change.window, found.starts_at, found.ends_at, organization.time_zone)
    columns: dict[str, Any] = {
        "is_enabled": validate.not_null(change.is_enabled, found.is_enabled, "is_enabled"),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "allowed_claims": _allowed_claims(change.allowed_claims, found.allowed_claims),
        "metadata": validate.metadata(value_or(change.metadata, found.metadata) or {}, "metadata"),
    }
    if not isinstance(change.reserved_for, Absent):
        customer = await generate.reserve(organization, change.reserved_for, now)
        columns["reserved_for_id"] = customer.id if customer else None
    if not isinstance(change.new_text, Absent):
        await organizations.lock(organization.id)  # of two that want one text, the second hears that it is taken
        columns["text"], columns["text_key"] = validate.new_code_text(
            validate.not_null(change.new_text, found.text, "new_text"), "new_text"
        )
        if columns["text_key"] != found.text_key and await codes.by_text(organization.id, columns["text_key"]):
            raise CodeTaken(columns["text"])
    return columns


def _allowed_claims(change: Maybe[int | None], present: int | None) -> int | None:
    """What is said is checked; a code that was brought along used up has 0, which stays until it is said anew."""
    return present if isinstance(change, Absent) else validate.optional_integer(change, "allowed_claims")
