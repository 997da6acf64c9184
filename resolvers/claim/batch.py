"""Group commit of claims: a batch is one transaction with few statements, however many claims are in it.

The promotions' rows are locked before anything else is read, so the state that was read still holds when it is
written, however many processes and hosts do the same. (On SQLite the transaction itself locks the whole database.)
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from db import batching, statements, statuses
from db import errors as db_errors
from db.models import Claim, Customer, Promotion
from db.queries import claims, codes, customers, idempotency_keys, locations, promotions, usage
from db.queries.customers import ActingCustomer, KnownCustomer
from db.queries.idempotency_keys import KeyAnswer
from db.values import EMPTY_SHARE, Bucket, Share
from resolvers import idempotency
from resolvers.claim.state import Claimed, ClaimRequest, ClaimState, Key, StoredAnswer, usage_share
from resolvers.domain import usage_buckets
from resolvers.domain.refusals import Refusal
from resolvers.domain.validate import ValidPerson


async def process(batch: Sequence[ClaimRequest]) -> list[Claimed | Exception]:
    """The results of the requests, decided in their order; a refusal is a value here and changes nothing.

    A promotion that another transaction has locked is waited for, for some seconds. After that the batch is run again
    without it, so that other claims don't wait for one that hangs, and requests for its codes are answered RowLocked.
    """
    try:
        return await _process(batch)
    except Exception as fault:
        if not db_errors.is_locked(fault):
            raise
    return await _process(batch, skip_locked=True)


@db_errors.retry_on_conflict
async def _process(batch: Sequence[ClaimRequest], skip_locked: bool = False) -> list[Claimed | Exception]:
    """Process the batch in a transaction.

    Requests that arrive while it waits for the locks are admitted late, unless they have an idempotency key: keys are
    taken before promotions, so that transactions can't wait for each other in a circle. A late request whose
    promotion isn't locked by then is deferred to the next batch.
    """
    async with statements.planned_transaction():
        batching.admit_late(batch)
        taken = await idempotency.take_keys(batch)
        texts = {request.code for request in batch}
        locked = await promotions.of_codes(texts, promotions.CLAIM_COLUMNS, lock=True, skip_locked=skip_locked)
        early = len(batch)
        batching.admit_late(batch, lambda request: request.call is None)
        state = await read(batch, locked)
        state.stored_answers = await _stored_answers(batch, taken)
        results = [_result(state, request, place >= early, skip_locked) for place, request in enumerate(batch)]
        await _write(state)
        await _store_answers(state, taken)
        return results


def _result(state: ClaimState, request: ClaimRequest, is_late: bool, skip_locked: bool) -> Claimed | Exception:
    code = state.codes.get(request.code)
    if code is not None and code.promotion_id not in state.promotions:
        if is_late:
            return batching.Deferred()
        if skip_locked:
            return db_errors.RowLocked("The promotion is locked by a transaction that does not end.")
    try:
        return state.claim(request)
    except Refusal as refusal:
        return refusal


# ------------------------------------------------------------------ reading


async def read(batch: Sequence[ClaimRequest], locked: dict[int, Promotion] | None = None) -> ClaimState:
    """The state of everything that the requests name.

    With `locked`, the locked promotions by id, it holds those alone and can be written to; without, it is read-only.
    """
    hold = locked is not None
    texts = {request.code for request in batch}
    emails = {request.customer for request in batch if request.customer is not None}
    orders = {(*request.code, request.order.reference) for request in batch if request.order.reference is not None}
    state = ClaimState()
    state.promotions = await promotions.of_codes(texts, lock=False) if locked is None else locked
    state.codes, state.customers, on_orders, new_ids = await statements.run_together(
        codes.by_texts(texts, codes.CLAIM_COLUMNS if hold else ()),
        customers.by_emails(emails, lock=hold),
        claims.standing_on_orders(orders),
        statements.new_ids((Customer, len(emails) if hold else 0), (Claim, len(batch) if hold else 0)),
    )
    if hold:
        state.new_customers, state.new_claims = dict(zip(emails, new_ids[0], strict=True)), new_ids[1]
    for claim, email_key in on_orders:
        owner = None if email_key is None else (claim.organization_id, email_key)
        state.on_order[claim.code_id, claim.order_key or ""] = claim, owner
    await _read_customer_usage(state, batch)
    if any(request.location for request in batch):
        state.linked = await locations.ids_of_promotions(list(state.promotions) or [0])
    return state


NO_ROWS = (0, 0, 0)
"""Ids that no rows have: a public key's request that needs no query makes the same query as one that does."""


async def _read_customer_usage(state: ClaimState, batch: Sequence[ClaimRequest]) -> None:
    """Read how many standing claims known customers have, where that is limited; new customers have none."""
    keys = {customer.id: key for key, customer in state.customers.items()}
    ids = {key: id for id, key in keys.items()}
    lookups, needs_first = set(), set()
    for request in batch:
        lookup = _usage_lookup(state, request, ids) or (NO_ROWS if request.in_public else None)
        if lookup is not None:
            lookups.add(lookup)
            if not request.in_public:
                needs_first.add(lookup[:2])
    rows = [row for row in await claims.standing_of_customers(lookups) if row.customer_id]
    # A public key's refusal doesn't show the claim that stands in its way: an id is enough.
    first = {id: claims.reference(id) for row in rows if (id := row.first_of_code) is not None}
    shown = [id for row in rows if (id := row.first_of_code) and (row.customer_id, row.code_id) in needs_first]
    first |= {claim.id: claim for claim in await claims.list_by_ids(shown)} if shown else {}
    for row in rows:
        customer = keys[row.customer_id]
        state.of_code[customer, row.code_id] = row.of_code
        if row.promotion_id is not None:
            state.of_promotion[customer, row.promotion_id] = row.of_promotion
        if row.first_of_code in first:
            state.first_of_code[customer, row.code_id] = first[row.first_of_code]


def _usage_lookup(state: ClaimState, request: ClaimRequest, ids: dict[Key, int]) -> tuple[int, int, int | None] | None:
    """The ids of customer, code and, where it is limited, promotion, whose standing claims are to be counted."""
    code = state.codes.get(request.code)
    promotion = state.promotions.get(code.promotion_id) if code else None
    if code is None or promotion is None or request.customer not in ids:
        return None
    if promotion.per_customer is None and promotion.per_customer_and_code is None:
        return None
    counts_promotion = promotion.per_customer is not None or request.in_public
    return ids[request.customer], code.id, promotion.id if counts_promotion else None


# ------------------------------------------------------------------ writing


async def _write(state: ClaimState) -> None:
    new = [claim for _, claim in state.granted]
    await statements.run_together(
        customers.ensure_all(_customers_to_write(state)),
        claims.add_all(new),
        claims.save_exchange_keys(state.renewed.values()),
        codes.count_claims(Counter(claim.code_id for claim in new)),
        promotions.count_claims(Counter(claim.promotion_id for claim in new)),
        usage.add_each(_usage_by_bucket(state)),
    )


def _customers_to_write(state: ClaimState) -> Collection[ActingCustomer]:
    """The customers of granted claims that are new, or whose row lacks a name that a request has."""
    to_write: dict[Key, ActingCustomer] = {}
    for request, _ in state.granted:
        if request.person is None or request.customer is None:
            continue
        person, earlier = request.person, to_write.get(request.customer)
        if earlier is not None:
            to_write[request.customer] = earlier.with_names(person.first_name, person.last_name, person.folded)
        elif _completes(person, state.customers.get(request.customer)):
            to_write[request.customer] = ActingCustomer(
                state.new_customers[request.customer],
                request.organization.id,
                person.email,
                person.email_key,
                person.first_name,
                person.last_name,
                *person.folded,
                request.now,
            )
    return to_write.values()


def _completes(person: ValidPerson, customer: KnownCustomer | None) -> bool:
    """Whether a customer's row is to be made, or to be filled in."""
    return (
        customer is None
        or not customer.has_joined
        or (customer.first_name is None and person.first_name is not None)
        or (customer.last_name is None and person.last_name is not None)
    )


def _usage_by_bucket(state: ClaimState) -> dict[Bucket, Share]:
    """The granted claims' shares of the hours and days they were made in."""
    alike: dict[tuple[object, ...], list[Claim]] = defaultdict(list)
    zones = {request.organization.id: request.organization.time_zone for request, _ in state.granted}
    for _, claim in state.granted:
        second = claim.created_at.replace(microsecond=0)
        alike[claim.organization_id, claim.promotion_id, claim.currency, second].append(claim)
    shares: dict[Bucket, Share] = defaultdict(lambda: EMPTY_SHARE)
    for group in alike.values():
        claim, share = group[0], usage_share(*group)
        zone = zones[claim.organization_id]
        for bucket in usage_buckets.hour_and_day(
            claim.organization_id, claim.promotion_id, claim.currency, claim.created_at, zone
        ):
            shares[bucket] += share
    return shares


# ------------------------------------------------------------------ idempotency keys


async def _stored_answers(batch: Sequence[ClaimRequest], taken: set[Key]) -> dict[Key, StoredAnswer]:
    """The answers of the keys that were used before."""
    used = {(request.organization.id, request.call.value) for request in batch if request.call is not None} - taken
    if not used:
        return {}
    rows = await idempotency_keys.answers(used)
    ids = [row.answer for row in rows if isinstance(row.answer, int)]
    by_id = {claim.id: claim for claim in await claims.list_by_ids(ids)} if ids else {}
    return {(row.organization_id, row.value): _stored_answer(row, by_id) for row in rows}


def _stored_answer(row: KeyAnswer, by_id: dict[int, Claim]) -> StoredAnswer:
    if not isinstance(row.answer, int):
        return StoredAnswer(row.fingerprint, None)
    claim = by_id.get(row.answer)
    is_gone = claim is None or claim.organization_id != row.organization_id
    stands = claim is not None and statuses.stands(claim)
    return StoredAnswer(row.fingerprint, claim if stands and not is_gone else None, is_gone)


async def _store_answers(state: ClaimState, taken: set[Key]) -> None:
    """Store the answers of the granted requests under their keys; a refused request's key is free again."""
    if state.new_answers:
        await idempotency_keys.save_answers(
            KeyAnswer(*key, stored.fingerprint, stored.claim.id if stored.claim else None)
            for key, stored in state.new_answers.items()
        )
    if unused := taken - state.new_answers.keys():
        await idempotency_keys.release(unused)
