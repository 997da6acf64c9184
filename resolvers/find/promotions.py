"""Finds promotions."""

from collections.abc import Sequence

from db import batching
from db.models import DEFAULT_REFERENCE, Promotion
from db.queries import promotions
from resolvers.domain import params, validate
from resolvers.domain.refusals import UnknownPromotion
from resolvers.find.organizations import MAX_IDENTIFIER_LENGTH

MAX_REFERENCE_LENGTH = 200
"""Tortoise raises an error for a look-up by a longer one."""


async def promotion(organization_id: int, ref: params.PromotionRef | None) -> Promotion:
    """A promotion by its id or reference; without either the organization's default one.

    Raises UnknownPromotion, InvalidInput.
    """
    if ref is None:
        return await promotions.default(organization_id)
    if ref.id is not None:
        row = await promotions.by_id(organization_id, ref.id)
    else:
        reference = validate.storable(ref.reference or "", "promotion", "reference")
        fits = len(reference) <= MAX_REFERENCE_LENGTH
        row = await promotions.by_reference(organization_id, reference) if fits else None
    if row is None:
        raise UnknownPromotion
    return row


async def locked_promotion(organization_id: int, ref: params.PromotionRef) -> Promotion:
    """A promotion by its id or reference, with its row locked. Raises UnknownPromotion, InvalidInput."""
    valid = valid_ref(ref)
    row = await promotions.lock(organization_id, id=valid.id, reference=valid.reference)
    if row is None:
        raise UnknownPromotion
    return row


def valid_ref(ref: params.PromotionRef | None) -> params.PromotionRef:
    """A reference to a promotion that can be looked up; without one, that of the default promotion.

    Raises UnknownPromotion, InvalidInput.
    """
    if ref is None:
        return params.PromotionRef(reference=DEFAULT_REFERENCE)
    if ref.id is None and len(validate.storable(ref.reference or "", "promotion", "reference")) > MAX_REFERENCE_LENGTH:
        raise UnknownPromotion
    return ref


async def promotion_by_name(organization_id: int, name: str) -> Promotion:
    """A promotion by its reference or, where none has that, its identifier. Raises UnknownPromotion, InvalidInput.

    Look-ups that are made at the same time are one batch.
    """
    row = await batching.submit(_by_names, (organization_id, validate.storable(name, "promotion")))
    if row is None:
        raise UnknownPromotion
    return row


async def _by_names(pairs: Sequence[tuple[int, str]]) -> list[Promotion | None]:
    """Promotions by pairs of organization id and name, in their order."""
    rows = await promotions.by_each_reference({pair for pair in pairs if len(pair[1]) <= MAX_REFERENCE_LENGTH})
    missing = {pair for pair in pairs if pair not in rows and len(pair[1]) <= MAX_IDENTIFIER_LENGTH}
    rows |= await promotions.by_each_identifier(missing)
    return [rows.get(pair) for pair in pairs]
