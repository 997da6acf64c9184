"""Settles claims a round at a time: one transaction and few statements, however many there are.

The promotions' rows are locked before the first question, so what the state says still holds when it is written,
however many processes and hosts do the same. (On SQLite the transaction itself holds the whole database.)
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from db import batching, statements
from db import errors as db_errors
from db.models import Claim, Customer, Promotion
from db.queries import claims, codes, customers, idempotency_keys, locations, promotions, usage
from db.queries.customers import Acting, Known
from db.queries.idempotency_keys import Answer
from db.values import NOTHING, Bucket, Share
from resolvers import idempotency
from resolvers.claim.state import Claimed, ClaimRequest, ClaimState, Key, StoredAnswer, usage_share
from resolvers.domain import usage_buckets
from resolvers.domain.refusals import Refusal
from resolvers.domain.validate import ValidPerson


async def process(round: Sequence[ClaimRequest]) -> list[Claimed | Exception]:
    """What each is answered, decided in the order they came; a refusal is a value here and changes nothing.

    A promotion that another transaction has locked is waited for, for some seconds; after that it is passed over, so
    that claims of others don't wait for one that hangs. Who wished for its codes is answered Locked.
    """
    try:
        return await _settle(round)
    except Exception as fault:
        if not db_errors.is_locked(fault):
            raise
    return await _settle(round, passing_over=True)


@db_errors.retry_on_conflict
async def _settle(round: Sequence[ClaimRequest], passing_over: bool = False) -> list[Claimed | Exception]:
    """Settle them in a transaction.

    Who comes while the locks are waited for boards, unless they have a key: keys are taken before promotions, so
    that nobody waits in a circle. Whose promotion isn't locked by then rides in the next round.
    """
    async with statements.planned_transaction():
        batching.admit_late(round)
        taken = await idempotency.take_keys(round)
        locked = await promotions.of_codes({request.code for request in round}, hold=True, passing_over=passing_over)
        early = len(round)
        batching.admit_late(round, lambda request: request.call is None)
        state = await read(round, locked)
        state.kept = await _kept(round, taken)
        answers = [_answer(state, request, place >= early, passing_over) for place, request in enumerate(round)]
        await _write(state)
        await _keep_answers(state, taken)
        return answers


def _answer(state: ClaimState, request: ClaimRequest, is_late: bool, passing_over: bool) -> Claimed | Exception:
    code = state.codes.get(request.code)
    if code is not None and code.promotion_id not in state.promotions:
        if is_late:
            return batching.Deferred()
        if passing_over:
            return db_errors.RowLocked("The promotion is locked by a transaction that does not end.")
    try:
        return state.claim(request)
    except Refusal as refusal:
        return refusal


# ------------------------------------------------------------------ reading


async def read(round: Sequence[ClaimRequest], locked: dict[int, Promotion] | None = None) -> ClaimState:
    """All that the store knows of what is wished; where promotions are locked, those alone, to be written to."""
    hold = locked is not None
    texts = {request.code for request in round}
    emails = {request.customer for request in round if request.customer is not None}
    orders = {(*request.code, request.order.reference) for request in round if request.order.reference is not None}
    state = ClaimState()
    state.promotions = await promotions.of_codes(texts, hold=False) if locked is None else locked
    to_write = (statements.new_ids(Customer, len(emails)), statements.new_ids(Claim, len(round))) if hold else ()
    state.codes, state.customers, on_orders, *drawn = await statements.run_together(
        codes.by_texts(texts, codes.FOR_CLAIMS if hold else ()),
        customers.known(emails, hold=hold),
        claims.standing_on_orders(orders),
        *to_write,
    )
    if drawn:
        state.new_customers, state.new_claims = dict(zip(emails, drawn[0], strict=True)), drawn[1]
    for claim, email_key in on_orders:
        owner = None if email_key is None else (claim.organization_id, email_key)
        state.on_order[claim.code_id, claim.order_key or ""] = claim, owner
    await _read_held(state, round)
    if any(request.location for request in round):
        state.linked = await locations.ids_of_promotions(list(state.promotions) or [0])
    return state


NOBODYS = (0, 0, 0)
"""What is asked of a public key's request that needs nothing asked: as much as of one that does."""


async def _read_held(state: ClaimState, round: Sequence[ClaimRequest]) -> None:
    """What is held by those who are known, where that is limited; others hold nothing."""
    names = {known.id: name for name, known in state.customers.items()}
    known = {name: id for id, name in names.items()}
    asked, wants_first = set(), set()
    for request in round:
        holding = _holding(state, request, known) or (NOBODYS if request.in_public else None)
        if holding is not None:
            asked.add(holding)
            if not request.in_public:
                wants_first.add(holding[:2])
    held = [row for row in await claims.held(asked) if row.customer_id]
    # A public key is not told which claim it is that stands in its way: an id is enough.
    first = {id: claims.draft({"id": id}) for row in held if (id := row.first_of_code) is not None}
    ids = [id for row in held if (id := row.first_of_code) and (row.customer_id, row.code_id) in wants_first]
    first |= {claim.id: claim for claim in await claims.of_ids(ids)} if ids else {}
    for row in held:
        who = names[row.customer_id]
        state.of_code[who, row.code_id] = row.of_code
        if row.promotion_id is not None:
            state.of_promotion[who, row.promotion_id] = row.of_promotion
        if row.first_of_code in first:
            state.first_of_code[who, row.code_id] = first[row.first_of_code]


def _holding(state: ClaimState, request: ClaimRequest, known: dict[Key, int]) -> tuple[int, int, int | None] | None:
    """The ids of customer, code and, where it is limited, promotion, of which is asked what is held."""
    code = state.codes.get(request.code)
    promotion = state.promotions.get(code.promotion_id) if code else None
    if code is None or promotion is None or request.customer not in known:
        return None
    if promotion.per_customer is None and promotion.per_customer_and_code is None:
        return None
    of_promotion = promotion.id if promotion.per_customer is not None or request.in_public else None
    return known[request.customer], code.id, of_promotion


# ------------------------------------------------------------------ writing


async def _write(state: ClaimState) -> None:
    made = [claim for _, claim in state.granted]
    await statements.run_together(
        customers.ensure_all(_acting(state)),
        claims.add_all(made),
        claims.keep_tokens(state.renewed.values()),
        codes.count_claims(Counter(claim.code_id for claim in made)),
        promotions.count_claims(Counter(claim.promotion_id for claim in made)),
        usage.add_each(_shares(state)),
    )


def _acting(state: ClaimState) -> Collection[Acting]:
    """Those granted who are new, and those of whom more is told now than was known."""
    acting: dict[Key, Acting] = {}
    for request, _ in state.granted:
        if request.person is None or request.customer is None:
            continue
        told, before = request.person, acting.get(request.customer)
        if before is not None:
            acting[request.customer] = before.with_names(told.first_name, told.last_name, told.folded)
        elif _tells_more(state.customers.get(request.customer), told):
            new = state.new_customers[request.customer]
            acting[request.customer] = Acting(
                new,
                request.organization.id,
                told.email,
                told.email_key,
                told.first_name,
                told.last_name,
                *told.folded,
                request.now,
            )
    return acting.values()


def _tells_more(known: Known | None, person: ValidPerson) -> bool:
    return (
        known is None
        or not known.has_joined
        or (known.first_name is None and person.first_name is not None)
        or (known.last_name is None and person.last_name is not None)
    )


def _shares(state: ClaimState) -> dict[Bucket, Share]:
    alike: dict[tuple[object, ...], list[Claim]] = defaultdict(list)
    zones = {request.organization.id: request.organization.time_zone for request, _ in state.granted}
    for _, claim in state.granted:
        second = claim.created_at.replace(microsecond=0)
        alike[claim.organization_id, claim.promotion_id, claim.currency, second].append(claim)
    shares: dict[Bucket, Share] = defaultdict(lambda: NOTHING)
    for made in alike.values():
        one, whole = made[0], usage_share(*made)
        zone = zones[one.organization_id]
        for bucket in usage_buckets.hour_and_day(
            one.organization_id, one.promotion_id, one.currency, one.created_at, zone
        ):
            shares[bucket] += whole
    return shares


# ------------------------------------------------------------------ idempotency keys


async def _kept(round: Sequence[ClaimRequest], taken: set[Key]) -> dict[Key, StoredAnswer]:
    """What the other keys were used for."""
    calls = {
        (request.organization.id, request.call.value): request.call for request in round if request.call is not None
    }
    if not calls.keys() - taken:
        return {}
    earlier = await idempotency_keys.answers(calls.keys() - taken)
    ids = [kept.answer for kept in earlier if isinstance(kept.answer, int)]
    found = {claim.id: claim for claim in await claims.of_ids(ids)} if ids else {}
    return {(kept.organization_id, kept.value): _as_kept(kept, found) for kept in earlier}


def _as_kept(kept: Answer, found: dict[int, Claim]) -> StoredAnswer:
    if not isinstance(kept.answer, int):
        return StoredAnswer(kept.fingerprint, None)
    claim = found.get(kept.answer)
    is_gone = claim is None or claim.organization_id != kept.organization_id
    stands = claim is not None and claim.released_at is None
    return StoredAnswer(kept.fingerprint, claim if stands and not is_gone else None, is_gone)


async def _keep_answers(state: ClaimState, taken: set[Key]) -> None:
    """Keep what the granted calls are answered from now on; a refused call's key is free again."""
    if state.answered:
        await idempotency_keys.keep_answers(
            Answer(*key, kept.fingerprint, kept.claim.id if kept.claim else None)
            for key, kept in state.answered.items()
        )
    if unused := taken - state.answered.keys():
        await idempotency_keys.drop(unused)
