"""Settles claims a round at a time: one transaction and few statements, however many there are.

The promotions' rows are locked before the first question, so what the book says still holds when it is written,
however many processes and hosts do the same. (On SQLite the transaction itself holds the whole database.)
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

from tortoise.transactions import in_transaction

from db import trouble
from db.models import Claim, Customer
from db.queries import claims, codes, customers, idempotency, locations, promotions, usage
from db.queries.customers import Acting
from db.queries.idempotency import Answer, Taking
from db.queries.usage import Bucket, Share
from resolvers import buckets, remember
from resolvers.book import Book, Claimed, Kept, Key, Wish, share
from resolvers.refusals import Refusal
from resolvers.sense import CheckedPerson


@trouble.retried
async def wishes(round: Sequence[Wish]) -> list[Claimed | Exception]:
    """What each is answered, decided in the order they came; a refusal is a value here and changes nothing."""
    async with in_transaction():
        taken = await _take_keys(round)
        book = await read(round, hold=True)
        book.kept = await _kept(round, taken)
        answers = [_answer(book, wish) for wish in round]
        await _write(book)
        await _keep_answers(book, taken)
        return answers


def _answer(book: Book, wish: Wish) -> Claimed | Exception:
    try:
        return book.claim(wish)
    except Refusal as refusal:
        return refusal


# ------------------------------------------------------------------ reading


async def read(round: Sequence[Wish], *, hold: bool) -> Book:
    """All that the store knows of what is wished; with `hold` the promotions stay as they are read."""
    texts = {wish.code for wish in round}
    found = await promotions.of_codes(texts, hold=hold)
    book = Book(found, await codes.by_texts(texts), {})
    emails = {wish.customer for wish in round if wish.customer is not None}
    if emails and book.codes:
        known = await customers.by_emails(emails)
        book.customers = {(customer.organization_id, customer.email_key or ""): customer for customer in known}
    await _read_orders(book, round)
    await _read_held(book, round)
    if any(wish.location for wish in round):
        book.linked = await locations.ids_of_promotions(list(book.promotions))
    return book


async def _read_orders(book: Book, round: Sequence[Wish]) -> None:
    orders = {
        (wish.organization.id, book.codes[wish.code].id, wish.order.reference)
        for wish in round
        if wish.order.reference is not None and wish.code in book.codes
    }
    if orders:
        who = {customer.id: key for key, customer in book.customers.items()}
        for claim in await claims.standing_on_orders(orders):
            book.on_order[claim.code_id, claim.order_key or ""] = claim, who.get(claim.customer_id)


async def _read_held(book: Book, round: Sequence[Wish]) -> None:
    pairs: dict[tuple[int, int, int | None], Key] = {}
    for wish in round:
        code = book.codes.get(wish.code)
        promotion = book.promotions.get(code.promotion_id) if code else None
        if wish.customer in book.customers and code is not None and promotion is not None:
            counted = None if promotion.per_customer is None else promotion.id
            if counted is not None or promotion.per_customer_and_code is not None:
                pairs[book.customers[wish.customer].id, code.id, counted] = wish.customer
    if not pairs:
        return
    who = {customer_id: key for (customer_id, _, _), key in pairs.items()}
    of = {code.id: code.promotion_id for code in book.codes.values()}
    held = await claims.held(pairs)
    first = {
        claim.id: claim
        for claim in await claims.of_ids(row.first_of_code for row in held if row.first_of_code is not None)
    }
    for row in held:
        customer = who[row.customer_id]
        book.of_code[customer, row.code_id] = row.of_code
        book.of_promotion[customer, of[row.code_id]] = row.of_promotion
        if row.first_of_code in first:
            book.first_of_code[customer, row.code_id] = first[row.first_of_code]


# ------------------------------------------------------------------ writing


async def _write(book: Book) -> None:
    if book.granted:
        await _write_customers(book)
        made = [claim for _, claim in book.granted]
        await claims.add_all(made)
        await codes.count_claims(Counter(claim.code_id for claim in made))
        await promotions.count_claims(Counter(claim.promotion_id for claim in made))
        await usage.add_each(_shares(book))
    if book.renewed:
        await claims.keep_tokens(book.renewed.values())


async def _write_customers(book: Book) -> None:
    """Make those who are new, fill in what was missing of the others, and tell the claims whose they are."""
    acting: dict[Key, Acting] = {}
    for wish, _ in book.granted:
        if (
            wish.person is not None
            and wish.customer is not None
            and _tells_more(book.customers.get(wish.customer), wish.person)
        ):
            before = acting.get(wish.customer)
            acting[wish.customer] = Acting(
                wish.organization.id,
                before.email if before else wish.person.email,
                wish.person.email_key,
                (before.first_name if before else None) or wish.person.first_name,
                (before.last_name if before else None) or wish.person.last_name,
                before.now if before else wish.now,
            )
    ids = {key: customer.id for key, customer in book.customers.items()}
    if acting:
        ids |= await customers.ensure_all(acting.values())
    for wish, claim in book.granted:
        if wish.customer is not None:
            claim.customer_id = ids[wish.customer]


def _tells_more(known: Customer | None, person: CheckedPerson) -> bool:
    return (
        known is None
        or known.joined_at is None
        or (known.first_name is None and person.first_name is not None)
        or (known.last_name is None and person.last_name is not None)
    )


def _shares(book: Book) -> dict[Bucket, Share]:
    shares: dict[Bucket, Share] = defaultdict(lambda: usage.NOTHING)
    for wish, claim in book.granted:
        zone = wish.organization.time_zone
        for bucket in buckets.of(wish.organization.id, claim.promotion_id, claim.currency, claim.created_at, zone):
            shares[bucket] += share(claim)
    return shares


# ------------------------------------------------------------------ idempotency keys


async def _take_keys(round: Sequence[Wish]) -> set[Key]:
    """Take the keys that are free; another process's round with one of them waits here for this one."""
    wanted: dict[Key, Taking] = {}
    for wish in round:
        if wish.call is not None:
            taking = Taking(
                wish.organization.id, wish.call.value, wish.call.fingerprint, wish.now, wish.now - remember.KEPT
            )
            wanted.setdefault((wish.organization.id, wish.call.value), taking)
    return await idempotency.take_each(wanted.values()) if wanted else set()


async def _kept(round: Sequence[Wish], taken: set[Key]) -> dict[Key, Kept]:
    """What the other keys were used for."""
    calls = {(wish.organization.id, wish.call.value): wish.call for wish in round if wish.call is not None}
    if not calls.keys() - taken:
        return {}
    earlier = await idempotency.answers(calls.keys() - taken)
    ids = [kept.answer for kept in earlier if isinstance(kept.answer, int)]
    found = {claim.id: claim for claim in await claims.of_ids(ids)} if ids else {}
    return {(kept.organization_id, kept.value): _as_kept(kept, found) for kept in earlier}


def _as_kept(kept: Answer, found: dict[int, Claim]) -> Kept:
    if not isinstance(kept.answer, int):
        return Kept(kept.fingerprint, None)
    claim = found.get(kept.answer)
    is_gone = claim is None or claim.organization_id != kept.organization_id
    stands = claim is not None and claim.released_at is None
    return Kept(kept.fingerprint, claim if stands and not is_gone else None, is_gone)


async def _keep_answers(book: Book, taken: set[Key]) -> None:
    """Keep what the granted calls are answered from now on; a refused call's key is free again."""
    if book.answered:
        await idempotency.keep_answers(
            Answer(*key, kept.fingerprint, kept.claim.id if kept.claim else None) for key, kept in book.answered.items()
        )
    if unused := taken - book.answered.keys():
        await idempotency.drop(unused)
