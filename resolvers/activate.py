"""Activates a code: reserves it for a named person and starts its lifetime. It happens once."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import Code, Location, Organization, Product, Promotion
from db.queries import codes, customers
from resolvers import find
from resolvers.domain import params, rules, usage_buckets, validate
from resolvers.domain.refusals import AlreadyActivated, Disabled, Ended, InvalidInput
from resolvers.domain.validate import ValidPerson


@db_errors.retry_on_conflict
async def code(
    organization: Organization,
    text: str,
    promotion: params.PromotionRef | None,
    customer: params.Person,
    location: Location | None,
    product: Product | None,
    off_peak: bool,
    now: datetime,
) -> Code:
    """Activate a code that was made non-activated, and reserve it for that person.

    A promotion, if named, must be the code's. Raises UnknownCode, UnknownPromotion, AlreadyActivated, Ended,
    Disabled, InvalidInput.
    """
    person = validate.person(customer, "customer")
    async with in_transaction():
        row = await find.locked_code(organization.id, text, promotion)
        await _start(organization, row, person, location, product, off_peak, now)
        return row


async def _start(
    organization: Organization,
    row: Code,
    person: ValidPerson,
    location: Location | None,
    product: Product | None,
    off_peak: bool,
    now: datetime,
) -> None:
    """Start the lifetime of a code whose promotion is locked.

    Raises AlreadyActivated, Ended, Disabled, InvalidInput.
    """
    if not row.needs_activation or row.activated_at is not None:
        raise AlreadyActivated(row.activated_at or row.created_at)
    for refusal in rules.switches(row, row.promotion, now):
        if isinstance(refusal, Disabled | Ended):
            raise refusal
    customer = await customers.ensure(
        organization.id, person.email, person.email_key, person.first_name, person.last_name, person.folded, now, now
    )
    if row.reserved_for_id not in (None, customer.id):
        raise InvalidInput("This code is reserved for somebody else.", "customer", "email")
    columns = {
        "activated_at": now,
        "activated_by_id": customer.id,
        "activated_location_id": location.id if location else None,
        "activated_product_id": product.id if product else None,
        "off_peak": off_peak,
        "reserved_for_id": customer.id,
        "ends_at": lifetime_end(row, row.promotion, organization.time_zone, now),
        "updated_at": now,
    }
    row.update_from_dict(columns)
    await codes.save(row, list(columns))


def lifetime_end(row: Code, promotion: Promotion, zone: str, now: datetime) -> datetime | None:
    """The end of a code that is activated now: of its windows or its lifetime, whichever is earlier.

    A lifetime of so many days ends with the local day that is so many days after this one.
    """
    _, ends_at = rules.window(row, promotion)
    if promotion.code_lifetime_days is None:
        return ends_at
    last_day = now.astimezone(ZoneInfo(zone)).date() + timedelta(days=promotion.code_lifetime_days)
    end = usage_buckets.start_of_day(last_day + timedelta(days=1), zone)
    return end if ends_at is None else min(end, ends_at)
