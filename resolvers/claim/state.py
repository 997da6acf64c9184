"""The state of a round: what the store knew of everything that is asked, and what was granted since.

Claims are decided in it one after another, in the order they came, and each grant counts for those after it. It
asks nothing of the store, and what is to be written stands in it at the end.
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from db.models import Claim, Code, Location, Organization, Promotion
from db.queries import claims, codes, promotions
from db.queries.customers import Known
from db.values import Share
from resolvers import idempotency
from resolvers.domain import money, refusals, rules
from resolvers.domain.refusals import IdempotencyMismatch
from resolvers.domain.validate import ValidOrder, ValidPerson
from resolvers.idempotency import KeyedCall

TOKEN_LIFETIME = timedelta(seconds=60)
"""Lancero's documented life of a claim's token, "not extendable"."""

Key = tuple[int, str]
"""An organization's id, and a text that is unique in it."""


class ClaimRequest(NamedTuple):
    """A claim that is asked for, made sense of; without a person, by anybody (who can only check).

    Who asks `in_public` hears one no for everything, and no time may tell the one from the other: an unknown code is
    as much work as a known one.
    """

    organization: Organization
    text: str
    text_key: str
    person: ValidPerson | None
    order: ValidOrder
    location: Location | None
    call: KeyedCall | None
    now: datetime
    in_public: bool = False

    @property
    def code(self) -> Key:
        """Which code is wished for."""
        return self.organization.id, self.text_key

    @property
    def customer(self) -> Key | None:
        """Who wishes."""
        return None if self.person is None else (self.organization.id, self.person.email_key)


@dataclass(frozen=True)
class Claimed:
    """A claim, granted now or, `replayed`, before; the token is good for `exchange.token`, once."""

    claim: Claim
    exchange_token: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What an idempotency key was used for; `claim` is None once it is released, `is_gone` once it is deleted."""

    fingerprint: str
    claim: Claim | None
    is_gone: bool = False


@dataclass
class ClaimState:
    """The first fields are what was read, by organization and text or by id; the last, what is to be written.

    Between them are the ids that customers get who are new, and those of the claims to be granted.
    """

    promotions: dict[int, Promotion] = field(default_factory=dict)
    codes: dict[Key, Code] = field(default_factory=dict)
    customers: dict[Key, Known] = field(default_factory=dict)
    linked: dict[int, set[int]] = field(default_factory=dict)
    of_code: Counter[tuple[Key, int]] = field(default_factory=Counter)
    of_promotion: Counter[tuple[Key, int]] = field(default_factory=Counter)
    first_of_code: dict[tuple[Key, int], Claim] = field(default_factory=dict)
    on_order: dict[tuple[int, str], tuple[Claim, Key | None]] = field(default_factory=dict)
    kept: dict[Key, StoredAnswer] = field(default_factory=dict)

    new_customers: dict[Key, int] = field(default_factory=dict)
    new_claims: Sequence[int] = ()

    granted: list[tuple[ClaimRequest, Claim]] = field(default_factory=list)
    renewed: dict[int, Claim] = field(default_factory=dict)
    answered: dict[Key, StoredAnswer] = field(default_factory=dict)

    def claim(self, request: ClaimRequest) -> Claimed:
        """Grant a request, or give back what it was granted before. Raises IdempotencyMismatch or the first Rule."""
        earlier = self._remembered(request)
        if earlier is not None:
            return self._again(earlier, request.now)
        code, promotion = self.found(request)
        standing = self.standing(request, code)
        if standing is not None:
            claimed = self._again(standing, request.now)
        else:
            for refusal in self.objections(request, code, promotion):
                raise refusal
            claimed = self._grant(request, code, promotion)
        if request.call is not None:
            key = (request.organization.id, request.call.value)
            self.kept[key] = self.answered[key] = StoredAnswer(request.call.fingerprint, claimed.claim)
        return claimed

    def found(self, request: ClaimRequest) -> tuple[Code, Promotion]:
        """The code that is wished for, and its promotion. Raises UnknownCode."""
        code = self.codes.get(request.code)
        promotion = self.promotions.get(code.promotion_id) if code else None
        if code is None or promotion is None:  # deleted, maybe made again, while the promotion was waited for
            if request.in_public:
                self._look_at_decoy(request)
            raise refusals.UnknownCode(request.text)
        return code, promotion

    def standing(self, request: ClaimRequest, code: Code) -> Claim | None:
        """The claim that stands on this order already. Raises IdempotencyMismatch when it is another customer's."""
        if request.order.reference is None or request.customer is None:
            return None
        claim, customer = self.on_order.get((code.id, request.order.reference), (None, None))
        if claim is not None and customer != request.customer:
            raise IdempotencyMismatch(
                "Another customer has claimed this code with this order.", by_order_reference=True
            )
        return claim

    def objections(self, request: ClaimRequest, code: Code, promotion: Promotion) -> Iterator[refusals.Rule]:
        """Every rule that says no, in the documented order."""
        return rules.objections(
            code, promotion, self.linked.get(promotion.id, set()), self._asked(request, code), request.now
        )

    def _look_at_decoy(self, request: ClaimRequest) -> None:
        """Do what is done of a code that can't be claimed: read it and its promotion, and ask every rule."""
        code, promotion = codes.decoy(), promotions.decoy()
        self.standing(request, code)
        list(self.objections(request, code, promotion))

    def _asked(self, request: ClaimRequest, code: Code) -> rules.ClaimFacts:
        who = request.customer
        customer = None if who is None else self.customers.get(who)
        return rules.ClaimFacts(
            is_anonymous=who is None,
            customer_id=customer.id if customer else None,
            order=request.order,
            location_id=request.location.id if request.location else None,
            claims_of_code=0 if who is None else self.of_code[who, code.id],
            claims_of_promotion=0 if who is None else self.of_promotion[who, code.promotion_id],
            standing=None if who is None else self.first_of_code.get((who, code.id)),
        )

    def _remembered(self, request: ClaimRequest) -> Claim | None:
        """The standing claim that the request's idempotency key was used for; a released one is not given back."""
        if request.call is None:
            return None
        kept = self.kept.get((request.organization.id, request.call.value))
        if kept is None:
            return None
        idempotency.check_fingerprint(kept.fingerprint, request.call.fingerprint)
        if kept.is_gone:
            raise IdempotencyMismatch("The claim that this key was used for has been deleted.")
        return kept.claim

    def _again(self, claim: Claim, now: datetime) -> Claimed:
        token = secrets.token_hex(12)
        claim.exchange_key, claim.exchange_until = token_hash(token), now + TOKEN_LIFETIME
        if claim.id not in self.new_claims:  # those are written in this round anyway
            self.renewed[claim.id] = claim
        return Claimed(claim, token, replayed=True)

    def _grant(self, request: ClaimRequest, code: Code, promotion: Promotion) -> Claimed:
        who, token = request.customer, secrets.token_hex(12)
        ids = {"id": self.new_claims[len(self.granted)], "customer_id": self._customer_id(who)}
        claim = claims.draft(ids | _row(request, code, promotion, token))
        if who is not None:
            self.of_code[who, code.id] += 1
            self.of_promotion[who, promotion.id] += 1
            self.first_of_code.setdefault((who, code.id), claim)
        if request.order.reference is not None:
            self.on_order[code.id, request.order.reference] = claim, who
        code.claim_count += 1
        promotion.claim_count += 1
        self.granted.append((request, claim))
        return Claimed(claim, token, replayed=False)

    def _customer_id(self, who: Key | None) -> int | None:
        if who is None:
            return None
        known = self.customers.get(who)
        return known.id if known else self.new_customers[who]


def _row(request: ClaimRequest, code: Code, promotion: Promotion, token: str) -> dict[str, Any]:
    """A claim's columns, but for its id and its customer's."""
    order = request.order
    return {
        "organization_id": request.organization.id,
        "promotion_id": promotion.id,
        "code_id": code.id,
        "location_id": request.location.id if request.location else None,
        "order_reference": order.reference,
        "order_key": order.reference,
        "order_total": order.total,
        "order_quantity": order.quantity,
        "currency": order.currency,
        "discount": order_discount(promotion, order),
        "discount_kind": promotion.discount_kind,
        "discount_value": promotion.discount_value,
        "exchange_key": token_hash(token),
        "exchange_until": request.now + TOKEN_LIFETIME,
        "created_at": request.now,
    }


def order_discount(promotion: Promotion, order: ValidOrder) -> int | None:
    """What the promotion takes off an order, in minor units; None when its total was not told."""
    if order.total is None:
        return None
    return money.discount(promotion.discount_kind, promotion.discount_value, order.total, promotion.maximum_discount)


def usage_share(*claims: Claim) -> Share:
    """What claims put into the sums of their buckets."""
    return Share(
        len(claims),
        sum([claim.order_total or 0 for claim in claims]),
        sum([claim.order_quantity or 0 for claim in claims]),
        sum([claim.discount or 0 for claim in claims]),
    )


def token_hash(token: str) -> str:
    """What is kept of an exchange token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
