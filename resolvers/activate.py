"""Activates a code: gives it to a named person and starts its life. It happens once."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.models import Code, Location, Organization, Product, Promotion
from db.queries import codes, customers, promotions
from resolvers import claim, find, update
from resolvers.domain import params, rules, usage_buckets, validate
from resolvers.domain.refusals import AlreadyActivated, Disabled, Ended, InvalidInput, UnknownCode, UnknownPromotion
from resolvers.domain.validate import ValidPerson


@db_errors.retry_on_conflict
async def code(
    organization: Organization,
    text: str,
    promotion: params.PromotionRef | None,
    customer: params.Person,
    location_number: int | None,
    product_number: int | None,
    off_peak: bool,
    now: datetime,
) -> Code:
    """Activate a code that was made non-activated, and reserve it for that person.

    A promotion, if named, must be the code's. Raises UnknownCode, UnknownPromotion, AlreadyActivated, Ended,
    Disabled, InvalidInput.
    """
    person = validate.person(customer, "customer")
    location = await claim.location_by_number(organization, location_number)
    product = await product_by_number(organization, product_number)
    async with in_transaction():
        if promotion is not None:
            named = await find.promotion(organization.id, promotion)
            found = await update.hold_code(organization.id, text)
            if found.promotion_id != named.id:
                raise UnknownCode(text)
        else:
            found = await update.hold_code(organization.id, text)
        return await start(organization, found, person, location, product, off_peak, now)


async def product_by_number(organization: Organization, number: int | None) -> Product | None:
    """The product that a caller named by its number, if any."""
    if number is None:
        return None
    found = await find.product(organization.id, validate.integer(number, "product_number"))
    if found is None:
        raise InvalidInput(f"There is no product {number}.", "product_number")
    return found


async def start(
    organization: Organization,
    found: Code,
    person: ValidPerson,
    location: Location | None,
    product: Product | None,
    off_peak: bool,
    now: datetime,
) -> Code:
    """Start a code's life in the present transaction, which holds its promotion."""
    promotion = await promotions.by_id(organization.id, found.promotion_id)
    if promotion is None:
        raise UnknownPromotion
    if not found.needs_activation or found.activated_at is not None:
        raise AlreadyActivated(found.activated_at or found.created_at)
    for refusal in rules.switches(found, promotion, now):
        if isinstance(refusal, Disabled | Ended):
            raise refusal
    customer = await customers.ensure(
        organization.id, person.email, person.email_key, person.first_name, person.last_name, person.folded, now, now
    )
    if found.reserved_for_id not in (None, customer.id):
        raise InvalidInput("This code is reserved for somebody else.", "customer", "email")
    columns = {
        "activated_at": now,
        "activated_by_id": customer.id,
        "activated_location_id": location.id if location else None,
        "activated_product_id": product.id if product else None,
        "off_peak": off_peak,
        "reserved_for_id": customer.id,
        "ends_at": lifetime_end(found, promotion, organization.time_zone, now),
        "updated_at": now,
    }
    found.update_from_dict(columns)
    await codes.save(found, list(columns))
    return found


def lifetime_end(found: Code, promotion: Promotion, zone: str, now: datetime) -> datetime | None:
    """When a code that is activated now ends: with its windows or its lifetime, whichever is earlier.

    A life of so many days is through the last instant of the local day that is so many days after this one.
    """
    _, ends_at = rules.window(found, promotion)
    if promotion.code_lifetime_days is None:
        return ends_at
    last_day = now.astimezone(ZoneInfo(zone)).date() + timedelta(days=promotion.code_lifetime_days)
    over = usage_buckets.start_of_day(last_day + timedelta(days=1), zone)
    return over if ends_at is None else min(over, ends_at)
