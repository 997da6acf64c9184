"""Claims a code: one customer uses it once more, if every rule agrees.

Claims that are asked for at the same time are settled together, a round at a time (resolvers/settle.py).
"""

from datetime import datetime

from db.models import Location, Organization
from resolvers import find, gather, refusals, remember, sense, settle, terms
from resolvers import guard as guards
from resolvers.book import Claimed, Wish
from resolvers.guard import Guess
from resolvers.refusals import IdempotencyMismatch, InvalidInput
from resolvers.tally import Refusals


async def code(
    organization: Organization,
    text: str,
    customer: terms.Person,
    order: terms.Order | None,
    location_number: int | None,
    idempotency_key: str | None,
    guard: guards.Guard | None,
    tally: Refusals,
    now: datetime,
    proof: str | None = None,
) -> Claimed:
    """Claim a code for a customer, once per order reference however often it is asked.

    `proof` is what a TooManyAttempts has asked for.

    Raises InvalidInput, TooManyAttempts, IdempotencyMismatch, or the first Rule of `rules.objections` that
    says no. The exchange token is good for `exchange.token`, once, within TOKEN_GOOD_FOR.
    """
    said = ("claim.code", text, customer, order, location_number)
    key = await find.code_key(organization.id, text)
    person = sense.person(customer, "customer")
    checked = sense.order(order, "order")
    call = remember.heard(idempotency_key, said, in_public=guard is not None)
    location = await place(organization, location_number)
    wish = Wish(organization, text, key, person, checked, location, call, now, in_public=guard is not None)
    guess = Guess(key, person, checked.reference, proof, now)
    try:
        return await guards.attempt(guard, guess, lambda: gather.answer(settle.wishes, wish))
    except (refusals.Rule, IdempotencyMismatch) as refusal:
        promotion_id = getattr(refusal, "promotion_id", None)
        tally.note(organization, refusal, promotion_id or 0, checked.currency, now)
        raise


async def place(organization: Organization, number: int | None) -> Location | None:
    """The location that a caller named by its number, if any."""
    if number is None:
        return None
    found = await find.location(organization.id, sense.whole(number, "location_number"))
    if found is None:
        raise InvalidInput(f"There is no location {number}.", "location_number")
    return found
