"""Makes a few codes for each of many who ask at once: one transaction and few statements a round, as claims do.

Nothing is locked but what is written. Texts are drawn blindly, and a second time for those that were codes already;
whoever is out of luck twice hears that the space is crowded, and comes again with texts that were found free meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from db import batching, statements
from db import errors as db_errors
from db.models import Code, Customer, Organization, Promotion
from db.queries import codes as rows
from db.queries import customers, idempotency_keys, organizations, promotions
from db.queries.customers import Acting, Known
from db.queries.idempotency_keys import Answer
from resolvers import activate, idempotency, random_codes
from resolvers.domain import params
from resolvers.domain.code_format import Format, Text
from resolvers.domain.params import value_or
from resolvers.domain.refusals import Disabled, Ended, IdempotencyMismatch, PromotionSpent, Refusal, UnknownPromotion
from resolvers.domain.validate import ValidPerson
from resolvers.idempotency import KeyedCall

CANDIDATES_PER_CODE = 64
"""Texts that are looked up where a first one was taken."""

Key = tuple[int, str]


class TextsTaken(Exception):
    """Raised when too few of the texts that were drawn are free; what was written is rolled back."""


class CodeActivation(NamedTuple):
    """Whom new codes are given to, and for where and what: they are activated at once."""

    person: ValidPerson
    location_id: int | None
    product_id: int | None
    off_peak: bool


class GenerateRequest(NamedTuple):
    """A few codes that are asked for, made sense of; `numbers` are of texts found free, None is drawn blindly."""

    organization: Organization
    promotion: params.PromotionRef
    amount: int
    format: Format
    now: datetime
    call: KeyedCall | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    allowed_claims: params.Maybe[int | None] = params.ABSENT
    needs_activation: bool = False
    metadata: dict[str, Any] = {}  # noqa: RUF012 (nobody writes to it)
    activation: CodeActivation | None = None
    numbers: Sequence[int] | None = None

    @property
    def key(self) -> Key | None:
        """Whose idempotency key it has, and which."""
        return None if self.call is None else (self.organization.id, self.call.value)

    @property
    def customer(self) -> Key | None:
        """Whom the codes are given to."""
        given = self.activation
        return None if given is None else (self.organization.id, given.person.email_key)


class BatchResult(NamedTuple):
    """New codes, each with its promotion; or those of the same call before."""

    codes: list[Code]
    replayed: bool


async def codes(request: GenerateRequest) -> BatchResult:
    """Make a few codes, with what others ask for at the same moment.

    Raises UnknownPromotion, CodeSpaceTooSmall, IdempotencyMismatch; and Disabled, Ended, PromotionSpent where they
    are activated.
    """
    while True:
        try:
            return await batching.submit(process, request)
        except TextsTaken:  # ends when the space does: whoever finds these taken again was beaten to each of them
            numbers = await random_codes.candidates(request.organization.id, request.amount, request.format)
            request = request._replace(numbers=numbers)


async def process(round: Sequence[GenerateRequest]) -> list[BatchResult | Exception]:
    """What each is answered; a refusal is a value here and changes nothing."""
    crowded: set[int] = set()
    while True:
        unlucky = await _answers(round, crowded)
        if not isinstance(unlucky, set):
            return unlucky
        crowded |= unlucky


@db_errors.retry_on_conflict
async def _answers(round: Sequence[GenerateRequest], crowded: set[int]) -> "list[BatchResult | Exception] | set[int]":
    """Answers in the order asked; or, with nothing written, the places of those whose texts are taken."""
    try:
        async with statements.planned_transaction():
            batching.admit_late(round)
            return await _GenerateBatch(round, crowded).settled()
    except _SomeTextsTaken as no:
        return no.places


class _SomeTextsTaken(Exception):
    def __init__(self, places: set[int]) -> None:
        self.places = places


class _GenerateBatch:
    """One round's work, in the present transaction."""

    def __init__(self, round: Sequence[GenerateRequest], crowded: set[int]) -> None:
        self.round = round
        self.answers: dict[int, BatchResult | Exception] = {place: TextsTaken() for place in crowded}
        self.promotions: dict[int, Promotion] = {}
        self.people: dict[Key, ValidPerson] = {}
        self.known: dict[Key, Known] = {}
        self.new_customers: dict[Key, int] = {}
        self.new_codes: Iterator[int] = iter(())
        self.made: dict[int, list[Code]] = {place: [] for place in range(len(round))}

    async def settled(self) -> list[BatchResult | Exception]:
        round, answers = self.round, self.answers
        taken = await idempotency.take_keys(round)
        await self._replay(taken)
        open = [place for place in range(len(round)) if place not in answers]
        await self._read(open)
        open = [place for place in open if place not in answers]
        await self._write(open)
        for place in open:
            answers[place] = BatchResult(self.made[place], replayed=False)
        await self._keep_answers(taken)
        return [answers[place] for place in range(len(round))]

    # ------------------------------------------------------------------ idempotency keys

    async def _replay(self, taken: set[Key]) -> None:
        """Answer those whose keys were used before; of two with one key here, the second rides in the next round."""
        seen: set[Key] = set()
        again: dict[Key, list[int]] = {}
        for place, request in enumerate(self.round):
            key = request.key
            if key is None or place in self.answers:
                continue
            if key not in taken:
                again.setdefault(key, []).append(place)
            elif key in seen:
                self.answers[place] = batching.Deferred()
            seen.add(key)
        if not again:
            return
        earlier = {(kept.organization_id, kept.value): kept for kept in await idempotency_keys.answers(again)}
        numbers = {key: _ids(kept.answer) for key, kept in earlier.items()}
        found = await rows.by_ids({number for ids in numbers.values() for number in ids})
        for key, places in again.items():
            for place in places:
                self.answers[place] = _again(self.round[place], earlier.get(key), numbers.get(key, ()), found)

    async def _keep_answers(self, taken: set[Key]) -> None:
        """Keep what is answered from now on; a refused call's key is free again."""
        answered: dict[Key, Answer] = {}
        for place, answer in self.answers.items():
            request = self.round[place]
            if request.call is not None and isinstance(answer, BatchResult) and not answer.replayed:
                ids = [code.id for code in answer.codes]
                told: Any = ids[0] if request.activation else [request.amount, ids]
                key = (request.organization.id, request.call.value)
                answered[key] = Answer(*key, request.call.fingerprint, told)
        if answered:
            await idempotency_keys.keep_answers(answered.values())
        if unused := taken - answered.keys():
            await idempotency_keys.drop(unused)

    # ------------------------------------------------------------------ reading

    async def _read(self, open: Sequence[int]) -> None:
        """Promotions, the customers that are known, and ids for what is to be written; refuse what they forbid."""
        asked = [self.round[place] for place in open]
        ids = {(one.organization.id, one.promotion.id) for one in asked if one.promotion.id is not None}
        names = {(one.organization.id, one.promotion.reference or "") for one in asked if one.promotion.id is None}
        self.people = {one.customer: one.activation.person for one in asked if one.customer and one.activation}
        by_id, by_name, self.known, new_customers, new_codes = await statements.run_together(
            promotions.by_each_id(ids),
            promotions.by_each_reference(names),
            customers.known(self.people, hold=True),
            statements.new_ids(Customer, len(self.people)),
            statements.new_ids(Code, sum(one.amount for one in asked)),
        )
        self.new_customers = dict(zip(self.people, new_customers, strict=True))
        self.new_codes = iter(new_codes)
        for place, one in zip(open, asked, strict=True):
            key = one.organization.id
            found = (
                by_name.get((key, one.promotion.reference or ""))
                if one.promotion.id is None
                else by_id.get((key, one.promotion.id))
            )
            try:
                self.promotions[place] = _fit(found, one)
            except Refusal as refusal:
                self.answers[place] = refusal

    # ------------------------------------------------------------------ writing

    async def _write(self, open: Sequence[int]) -> None:
        """Write customers and codes. Raises _Unlucky where texts are taken that were drawn twice, or looked up."""
        for owner in sorted({self.round[place].organization.id for place in open if self.round[place].numbers}):
            await organizations.hold(owner)  # where it is crowded, others want the same texts
        drafts = [
            (place, self._draft(place, text))
            for place in open
            if self.round[place].numbers is None
            for text in self.round[place].format.texts(
                random_codes.draw(self.round[place].amount, self.round[place].format)
            )
        ]
        _, written = await statements.run_together(
            customers.ensure_all(self._acting(open)), rows.add_each([code for _, code in drafts])
        )
        self._keep(drafts, written)
        if short := [place for place in open if self._missing(place)]:
            await self._write_looked_up(short)

    async def _write_looked_up(self, short: Sequence[int]) -> None:
        """The rest, of texts that are looked up first."""
        texts = {place: self.round[place].format.texts(self._candidates(place)) for place in short}
        asked = {(self.round[place].organization.id, key) for place in short for _, key in texts[place]}
        taken = set(await rows.by_texts(asked, ("organization_id", "text_key")))
        self.new_codes = iter(await statements.new_ids(Code, sum(map(self._missing, short))))
        drafts: list[tuple[int, Code]] = []
        for place in short:
            owner = self.round[place].organization.id
            free = [text for text in texts[place] if (owner, text[1]) not in taken][: self._missing(place)]
            taken.update((owner, key) for _, key in free)
            drafts += [(place, self._draft(place, text)) for text in free]
        self._keep(drafts, await rows.add_each([code for _, code in drafts]))
        if unlucky := {place for place in short if self._missing(place)}:
            raise _SomeTextsTaken(unlucky)

    def _missing(self, place: int) -> int:
        return self.round[place].amount - len(self.made[place])

    def _keep(self, drafts: Sequence[tuple[int, Code]], written: set[int]) -> None:
        for place, code in drafts:
            if code.id in written:
                self.made[place].append(code)

    def _draft(self, place: int, text: Text) -> Code:
        request, promotion = self.round[place], self.promotions[place]
        code = rows.draft(
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

    def _candidates(self, place: int) -> Sequence[int]:
        request = self.round[place]
        if request.numbers is not None:
            return request.numbers
        return random_codes.draw(request.amount * CANDIDATES_PER_CODE, request.format)

    def _acting(self, open: Sequence[int]) -> list[Acting]:
        acting: dict[Key, Acting] = {}
        for place in open:
            request = self.round[place]
            if request.customer is None or request.activation is None:
                continue
            person, before = request.activation.person, acting.get(request.customer)
            if before is not None:
                acting[request.customer] = before.with_names(person.first_name, person.last_name, person.folded)
                continue
            new = self.new_customers[request.customer]
            acting[request.customer] = Acting(new, request.organization.id, *person[:-1], *person.folded, request.now)
        return list(acting.values())


def _fit(promotion: Promotion | None, request: GenerateRequest) -> Promotion:
    """Raises what keeps a promotion from giving out codes; of those that are activated one that starts later may."""
    if promotion is None:
        raise UnknownPromotion
    if request.activation is None:
        return promotion
    if not promotion.is_enabled:
        raise Disabled
    if promotion.ends_at is not None and promotion.ends_at <= request.now:
        raise Ended(promotion.ends_at)
    if promotion.per_promotion is not None and promotion.claim_count >= promotion.per_promotion:
        raise PromotionSpent(promotion.per_promotion)
    return promotion


def _ids(answer: Any) -> list[int]:
    """The codes that a key was answered with: one that was issued, or an amount and some that were generated."""
    return [answer] if isinstance(answer, int) else answer[1] if isinstance(answer, list) else []


def _again(
    request: GenerateRequest, kept: Answer | None, ids: Sequence[int], found: Mapping[int, Code]
) -> BatchResult | Exception:
    if kept is None or request.call is None:
        return batching.Deferred()  # whoever had the key was refused meanwhile, and has given it back
    try:
        idempotency.check_fingerprint(kept.fingerprint, request.call.fingerprint)
    except IdempotencyMismatch as no:
        return no
    if not ids or any(id not in found for id in ids):
        return IdempotencyMismatch("Of the codes that this key was used for not all are there any more.")
    return BatchResult([found[id] for id in ids], replayed=True)
