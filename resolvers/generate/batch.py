"""Generates a few codes for each of many concurrent calls: one transaction and few statements a batch, as claims do.

Only rows that are written are locked. Texts are drawn blindly, and once more, looked up first, for those that were
taken. A request whose texts are taken twice gets TextsTaken, and is made again with numbers of texts found free.
"""

from collections.abc import Iterator, Mapping, Sequence

from db import batching, statements
from db import errors as db_errors
from db.models import Code, Customer, Promotion
from db.queries import codes as code_rows
from db.queries import customers, idempotency_keys, organizations, promotions, rows
from db.queries.customers import ActingCustomer, KnownCustomer
from db.queries.idempotency_keys import KeyAnswer
from resolvers import activate, idempotency, random_codes
from resolvers.domain import rules
from resolvers.domain.code_format import Text
from resolvers.domain.params import value_or
from resolvers.domain.refusals import IdempotencyMismatch, Refusal, UnknownPromotion
from resolvers.domain.validate import ValidPerson
from resolvers.generate.request import BatchResult, GenerateRequest, OrganizationKey, TextsTaken

CANDIDATES_PER_CODE = 64
"""Texts that are looked up for a code whose first text was taken."""


async def codes(request: GenerateRequest) -> BatchResult:
    """Make a few codes, in a batch with other concurrent calls.

    Raises UnknownPromotion, CodeSpaceTooSmall, IdempotencyMismatch; and Disabled, Ended, PromotionSpent where they
    are activated.
    """
    while True:
        try:
            return await batching.submit(process, request)
        except TextsTaken:  # by other calls that were quicker, so this ends when the space is used up
            numbers = await random_codes.candidates(request.organization.id, request.amount, request.format)
            request = request._replace(numbers=numbers)


async def process(requests: Sequence[GenerateRequest]) -> list[BatchResult | Exception]:
    """The results of a batch, in its order; a refusal is an element, and changes nothing."""
    crowded: set[int] = set()
    while True:
        try:
            return await _process(requests, crowded)
        except _TextsOfSomeTaken as taken:
            crowded |= taken.indexes


@db_errors.retry_on_conflict
async def _process(requests: Sequence[GenerateRequest], crowded: set[int]) -> list[BatchResult | Exception]:
    """Process a batch in one transaction, all but the `crowded` requests. Raises _TextsOfSomeTaken."""
    async with statements.planned_transaction():
        batching.admit_late(requests)
        return await _GenerateBatch(requests, crowded).process()


class _TextsOfSomeTaken(Exception):
    """Raised, and everything rolled back, where texts are taken that were drawn a second time or found free."""

    def __init__(self, indexes: set[int]) -> None:
        self.indexes = indexes


class _GenerateBatch:
    """The unit of work of one batch, in the current transaction; requests are named by their index in it."""

    def __init__(self, requests: Sequence[GenerateRequest], crowded: set[int]) -> None:
        self.requests = requests
        self.answers: dict[int, BatchResult | Exception] = {index: TextsTaken() for index in crowded}
        self.promotions: dict[int, Promotion] = {}
        self.people: dict[OrganizationKey, ValidPerson] = {}
        self.known: dict[OrganizationKey, KnownCustomer] = {}
        self.new_customers: dict[OrganizationKey, int] = {}
        self.new_codes: Iterator[int] = iter(())
        self.codes: dict[int, list[Code]] = {index: [] for index in range(len(requests))}

    async def process(self) -> list[BatchResult | Exception]:
        requests, answers = self.requests, self.answers
        taken = await idempotency.take_keys(requests)
        await self._replay(taken)
        pending = [index for index in range(len(requests)) if index not in answers]
        await self._read(pending)
        pending = [index for index in pending if index not in answers]
        await self._write(pending)
        for index in pending:
            answers[index] = BatchResult(self.codes[index], replayed=False)
        await self._keep_answers(taken)
        return [answers[index] for index in range(len(requests))]

    # ------------------------------------------------------------------ idempotency keys

    async def _replay(self, taken: set[OrganizationKey]) -> None:
        """Answer requests whose keys were used before; of two with one key the second is deferred."""
        seen: set[OrganizationKey] = set()
        again: dict[OrganizationKey, list[int]] = {}
        for index, request in enumerate(self.requests):
            key = request.key
            if key is None or index in self.answers:
                continue
            if key not in taken:
                again.setdefault(key, []).append(index)
            elif key in seen:
                self.answers[index] = batching.Deferred()
            seen.add(key)
        if not again:
            return
        stored = {(answer.organization_id, answer.value): answer for answer in await idempotency_keys.answers(again)}
        ids = {key: _code_ids(answer.answer) for key, answer in stored.items()}
        codes = await rows.by_each_id(Code, {(owner, id) for (owner, _), some in ids.items() for id in some})
        for key, indexes in again.items():
            for index in indexes:
                self.answers[index] = _replayed(self.requests[index], stored.get(key), ids.get(key, ()), codes)

    async def _keep_answers(self, taken: set[OrganizationKey]) -> None:
        """Store the answers of new keys; the key of a refused request is free again."""
        answered: dict[OrganizationKey, KeyAnswer] = {}
        for index, answer in self.answers.items():
            request = self.requests[index]
            if request.call is not None and isinstance(answer, BatchResult) and not answer.replayed:
                ids = [code.id for code in answer.codes]
                stored: object = ids[0] if request.activation else [request.amount, ids]
                key = (request.organization.id, request.call.value)
                answered[key] = KeyAnswer(*key, request.call.fingerprint, stored)
        if answered:
            await idempotency_keys.save_answers(answered.values())
        if unused := taken - answered.keys():
            await idempotency_keys.release(unused)

    # ------------------------------------------------------------------ reading

    async def _read(self, pending: Sequence[int]) -> None:
        """Read promotions and known customers, take ids for new rows; refuse what the promotions forbid."""
        requests = [self.requests[index] for index in pending]
        ids = {
            (request.organization.id, request.promotion.id) for request in requests if request.promotion.id is not None
        }
        names = {
            (request.organization.id, request.promotion.reference or "")
            for request in requests
            if request.promotion.id is None
        }
        self.people = {
            request.customer: request.activation.person
            for request in requests
            if request.customer and request.activation
        }
        by_id, by_name, self.known, (new_customers, new_codes) = await statements.run_together(
            promotions.by_each_id(ids),
            promotions.by_each_reference(names),
            customers.by_emails(self.people, lock=True),
            statements.new_ids((Customer, len(self.people)), (Code, sum(request.amount for request in requests))),
        )
        self.new_customers = dict(zip(self.people, new_customers, strict=True))
        self.new_codes = iter(new_codes)
        for index, request in zip(pending, requests, strict=True):
            owner, ref = request.organization.id, request.promotion
            promotion = by_name.get((owner, ref.reference or "")) if ref.id is None else by_id.get((owner, ref.id))
            try:
                self.promotions[index] = _usable(promotion, request)
            except Refusal as refusal:
                self.answers[index] = refusal

    # ------------------------------------------------------------------ writing

    async def _write(self, pending: Sequence[int]) -> None:
        """Write customers and codes. Raises _TextsOfSomeTaken."""
        for owner in sorted(
            {self.requests[index].organization.id for index in pending if self.requests[index].numbers}
        ):
            await organizations.lock(owner)  # two that insert the same texts in any order deadlock
        drafts = [
            (index, self._draft(index, text))
            for index in pending
            if self.requests[index].numbers is None
            for text in self.requests[index].format.texts(
                random_codes.draw(self.requests[index].amount, self.requests[index].format)
            )
        ]
        _, written = await statements.run_together(
            customers.ensure_all(self._acting(pending)), code_rows.add_all([code for _, code in drafts])
        )
        self._keep(drafts, written)
        if short := [index for index in pending if self._missing(index)]:
            await self._write_looked_up(short)

    async def _write_looked_up(self, short: Sequence[int]) -> None:
        """Write the missing codes, of texts that are looked up first. Raises _TextsOfSomeTaken."""
        texts = {index: self.requests[index].format.texts(self._candidates(index)) for index in short}
        keys = {(self.requests[index].organization.id, key) for index in short for _, key in texts[index]}
        taken = set(await code_rows.by_texts(keys, ("organization_id", "text_key")))
        [new_codes] = await statements.new_ids((Code, sum(map(self._missing, short))))
        self.new_codes = iter(new_codes)
        drafts: list[tuple[int, Code]] = []
        for index in short:
            owner = self.requests[index].organization.id
            free = [text for text in texts[index] if (owner, text[1]) not in taken][: self._missing(index)]
            taken.update((owner, key) for _, key in free)
            drafts += [(index, self._draft(index, text)) for text in free]
        self._keep(drafts, await code_rows.add_all([code for _, code in drafts]))
        if crowded := {index for index in short if self._missing(index)}:
            raise _TextsOfSomeTaken(crowded)

    def _missing(self, index: int) -> int:
        return self.requests[index].amount - len(self.codes[index])

    def _keep(self, drafts: Sequence[tuple[int, Code]], written: set[int]) -> None:
        for index, code in drafts:
            if code.id in written:
                self.codes[index].append(code)

    def _draft(self, index: int, text: Text) -> Code:
        request, promotion = self.requests[index], self.promotions[index]
        code = code_rows.draft(
            {
                "id": next(self.new_codes),
                "organization_id": request.organization.id,
                "promotion_id": promotion.id,
                "text": text[0],
                "text_key": text[1],
                "starts_at": request.starts_at,
                "ends_at": request.ends_at,
                "allowed_claims": value_or(request.allowed_claims, promotion.per_code),
                "needs_activation": request.needs_activation,
                "off_peak": False,
                "metadata": request.metadata,
                "created_at": request.now,
            }
        )
        code.promotion = promotion
        if request.activation is not None and request.customer is not None:
            known = self.known.get(request.customer)
            customer_id = known.id if known else self.new_customers[request.customer]
            zone = request.organization.time_zone
            code.activated_at, code.ends_at = request.now, activate.lifetime_end(code, promotion, zone, request.now)
            code.activated_by_id = code.reserved_for_id = customer_id
            code.activated_location_id = request.activation.location_id
            code.activated_product_id = request.activation.product_id
            code.off_peak = request.activation.off_peak
        return code

    def _candidates(self, index: int) -> Sequence[int]:
        request = self.requests[index]
        if request.numbers is not None:
            return request.numbers
        return random_codes.draw(request.amount * CANDIDATES_PER_CODE, request.format)

    def _acting(self, pending: Sequence[int]) -> list[ActingCustomer]:
        acting: dict[OrganizationKey, ActingCustomer] = {}
        for index in pending:
            request = self.requests[index]
            if request.customer is None or request.activation is None:
                continue
            person, before = request.activation.person, acting.get(request.customer)
            if before is not None:
                acting[request.customer] = before.with_names(person.first_name, person.last_name, person.folded)
                continue
            new = self.new_customers[request.customer]
            acting[request.customer] = ActingCustomer(
                new, request.organization.id, *person[:-1], *person.folded, request.now
            )
        return list(acting.values())


def _usable(promotion: Promotion | None, request: GenerateRequest) -> Promotion:
    """The promotion, if it may give out codes; one that starts later may.

    Raises UnknownPromotion; and Disabled, Ended, PromotionSpent where the codes are activated.
    """
    if promotion is None:
        raise UnknownPromotion
    if request.activation is not None:
        for refusal in rules.promotion_objections(promotion, request.now):
            raise refusal
    return promotion


def _code_ids(answer: object) -> list[int]:
    """The ids in a stored answer: of one code that was issued, or an amount and the ids of generated ones."""
    match answer:
        case int(id):
            return [id]
        case [_, part]:
            return idempotency.stored_ids(part)
    return []


def _replayed(
    request: GenerateRequest, stored: KeyAnswer | None, ids: Sequence[int], codes: Mapping[int, Code]
) -> BatchResult | Exception:
    if stored is None or request.call is None:
        return batching.Deferred()  # the call that had the key was refused meanwhile, and has released it
    try:
        idempotency.check_fingerprint(stored.fingerprint, request.call.fingerprint)
    except IdempotencyMismatch as mismatch:
        return mismatch
    if not ids or any(id not in codes for id in ids):
        return IdempotencyMismatch("Of the codes that this key was used for not all are there any more.")
    return BatchResult([codes[id] for id in ids], replayed=True)
