"""Claims a code: one customer uses it once more, if every rule agrees.

Claims that arrive at the same time are processed in batches and committed together (resolvers/claim/batch.py).
"""

from datetime import datetime

from db import batching
from db.models import Organization
from resolvers import find, idempotency
from resolvers import guard as guards
from resolvers.claim import batch
from resolvers.claim.state import Claimed, ClaimRequest
from resolvers.domain import params, refusals, validate
from resolvers.domain.refusals import IdempotencyMismatch
from resolvers.guard import Attempt
from resolvers.refusal_counter import RefusalCounter


async def code(
    organization: Organization,
    text: str,
    customer: params.Person,
    order: params.Order | None,
    location_number: int | None,
    idempotency_key: str | None,
    guard: guards.Guard | None,
    refusal_counter: RefusalCounter,
    now: datetime,
    proof: str | None = None,
) -> Claimed:
    """Claim a code for a customer, once per order reference however often it is repeated.

    `proof` solves the challenge of a TooManyAttempts.

    Raises InvalidInput, TooManyAttempts, IdempotencyMismatch, or the first Rule of `rules.objections`.
    The exchange token is good for `exchange.token`, once, within TOKEN_LIFETIME.
    """
    in_public = guard is not None
    args = ("claim.code", text, customer, order, location_number)
    key = await find.code_key(organization.id, text)
    person = validate.person(customer, "customer")
    valid_order = validate.order(order, "order")
    call = idempotency.keyed_call(idempotency_key, args, in_public)
    location = None if location_number is None else await find.location(organization.id, location_number)
    request = ClaimRequest(organization, text, key, person, valid_order, location, call, now, in_public)
    try:
        if guard is None:
            return await batching.submit(batch.process, request)
        attempt = Attempt(key, person, valid_order.reference, proof, now)
        return await guards.attempt(guard, attempt, lambda: batching.submit(batch.process, request))
    except (refusals.Rule, IdempotencyMismatch) as refusal:
        promotion_id = getattr(refusal, "promotion_id", None)
        refusal_counter.add(organization, refusal, promotion_id or 0, valid_order.currency, now)
        raise
