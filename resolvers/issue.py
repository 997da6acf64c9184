"""Issues a code: generates one and activates it, in one transaction."""

from datetime import datetime

from db.models import Code, Location, Organization, Product
from resolvers import find, idempotency
from resolvers.domain import params, validate
from resolvers.domain.code_format import Format
from resolvers.generate import batch
from resolvers.generate.request import CodeActivation, GenerateRequest


async def code(
    organization: Organization,
    ref: params.PromotionRef,
    customer: params.Person,
    location: Location | None,
    product: Product | None,
    off_peak: bool,
    idempotency_key: str | None,
    now: datetime,
) -> Code:
    """Make one code for a named person, activated; with its promotion. Codes that are issued at once share a batch.

    Raises UnknownPromotion, Disabled, Ended, PromotionSpent, CodeSpaceTooSmall, InvalidInput,
    IdempotencyMismatch.
    """
    place = (location.number if location else None, product.number if product else None)
    args = ("issue.code", ref, customer, *place, off_peak)
    person = validate.person(customer, "customer")
    generated = await batch.codes(
        GenerateRequest(
            organization,
            find.valid_ref(ref),
            1,
            Format(),
            now,
            call=idempotency.keyed_call(idempotency_key, args),
            needs_activation=True,
            activation=CodeActivation(
                person, location.id if location else None, product.id if product else None, off_peak
            ),
        )
    )
    return generated.codes[0]
