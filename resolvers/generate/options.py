"""The settings that all codes of one call share, and codes inserted with them."""

from dataclasses import dataclass
from datetime import datetime

from db.models import Customer, Organization, Promotion
from db.queries import codes as rows
from db.queries import customers
from db.queries.codes import SharedColumns
from resolvers.domain import params, validate
from resolvers.domain.code_format import Text
from resolvers.domain.params import value_or


@dataclass(frozen=True)
class CodeOptions:
    """What all codes of one call have in common; `allowed_claims` absent is the promotion's `per_code`."""

    window: params.Maybe[params.Window | None] = params.ABSENT
    allowed_claims: params.Maybe[int | None] = params.ABSENT
    reserved_for: params.Person | None = None
    activated: bool = True
    metadata: dict[str, object] | None = None


def check(options: CodeOptions, organization: Organization) -> None:
    """Raises InvalidInput for options that make no sense."""
    validate.window(options.window, None, None, organization.time_zone)
    validate.optional_integer(value_or(options.allowed_claims, None), "allowed_claims")
    validate.metadata(options.metadata or {}, "metadata")
    if options.reserved_for is not None:
        validate.person(options.reserved_for, "reserved_for")


def shared_columns(
    organization: Organization, promotion: Promotion, options: CodeOptions, customer: Customer | None
) -> SharedColumns:
    """The columns that have one value in all codes of a call; `customer` is whom they are reserved for."""
    starts_at, ends_at = validate.window(options.window, None, None, organization.time_zone)
    return SharedColumns(
        organization.id,
        promotion.id,
        starts_at=starts_at,
        ends_at=ends_at,
        allowed_claims=value_or(options.allowed_claims, promotion.per_code),
        reserved_for_id=customer.id if customer else None,
        needs_activation=not options.activated,
        metadata=options.metadata or {},
    )


async def insert(
    organization: Organization,
    promotion: Promotion,
    texts: list[Text],
    options: CodeOptions,
    customer: Customer | None,
    now: datetime,
) -> list[int]:
    """Insert texts as codes, skipping those that exist; returns the ids of the new codes."""
    return await rows.insert(texts, shared_columns(organization, promotion, options, customer), now)


async def reserve(organization: Organization, person: params.Person | None, now: datetime) -> Customer | None:
    """The customer whom codes are reserved for, inserted if new; a new one has not joined until they act themselves."""
    if person is None:
        return None
    valid = validate.person(person, "reserved_for")
    return await customers.ensure(
        organization.id,
        valid.email,
        valid.email_key,
        valid.first_name,
        valid.last_name,
        valid.folded,
        None,
        now,
    )
