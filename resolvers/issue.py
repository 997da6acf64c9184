"""Issues a code: generates one and activates it, as one deed."""

from datetime import datetime

from tortoise.transactions import in_transaction

from db import trouble
from db.models import Code, Organization, Promotion
from db.queries import codes, promotions
from resolvers import activate, claim, find, generate, remember, sense, terms
from resolvers.refusals import Disabled, Ended, IdempotencyMismatch, PromotionSpent, UnknownPromotion
from resolvers.wording import Format


@trouble.retried
async def code(
    organization: Organization,
    ref: terms.PromotionRef,
    customer: terms.Person,
    location_number: int | None,
    product_number: int | None,
    off_peak: bool,
    idempotency_key: str | None,
    now: datetime,
) -> Code:
    """Make one code for a named person, activated.

    Raises UnknownPromotion, Disabled, Ended, PromotionSpent, CodeSpaceTooSmall, InvalidInput,
    IdempotencyMismatch.
    """
    said = ("issue.code", ref, customer, location_number, product_number, off_peak)
    person = sense.person(customer, "customer")
    location = await claim.place(organization, location_number)
    product = await activate.thing(organization, product_number)
    async with in_transaction():
        earlier = await remember.call(organization.id, idempotency_key, said, now)
        if earlier is not None:
            return await _again(organization.id, earlier)
        promotion = await promotions.hold((await find.promotion(organization.id, ref)).id)
        if promotion is None:
            raise UnknownPromotion
        _check(promotion, now)
        making = generate.Making(activated=False)
        [code_id] = await generate.make(organization, promotion, 1, Format(), making, now)
        made = (await codes.by_ids([code_id]))[code_id]
        started = await activate.start(organization, made, person, location, product, off_peak, now)
        await remember.answer(organization.id, idempotency_key, code_id)
        return started


def _check(promotion: Promotion, now: datetime) -> None:
    """Raises what keeps a promotion from giving out codes; one that starts later may."""
    if not promotion.is_enabled:
        raise Disabled
    if promotion.ends_at is not None and promotion.ends_at <= now:
        raise Ended(promotion.ends_at)
    if promotion.per_promotion is not None and promotion.claim_count >= promotion.per_promotion:
        raise PromotionSpent(promotion.per_promotion)


async def _again(organization_id: int, code_id: int) -> Code:
    made = await codes.by_id(organization_id, code_id)
    if made is None:
        raise IdempotencyMismatch("The code that this key was used for has been deleted.")
    return made
