"""The unit of work of a batch of claims: the rows that were read, and the changes to be written.

Claims are decided in it one after another, in the order they came, and each grant counts for those after it. It
runs no queries: batch.py reads the rows beforehand and writes the changes afterwards.
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from db.models import Claim, Code, Location, Organization, Promotion
from db.queries import claims, codes, promotions
from db.queries.claims import ClaimColumns
from db.queries.customers import KnownCustomer
from db.values import Share
from resolvers import idempotency
from resolvers.domain import money, refusals, rules
from resolvers.domain.refusals import IdempotencyMismatch
from resolvers.domain.validate import ValidOrder, ValidPerson
from resolvers.idempotency import KeyedCall

TOKEN_LIFETIME = timedelta(seconds=60)
"""Lancero's documented lifetime of a claim's token, "not extendable"."""

Key = tuple[int, str]
"""An organization's id, and a text that is unique in it."""


class ClaimRequest(NamedTuple):
    """A validated request to claim a code, or to check it; only a check may be without a person.

    A request `in_public` gets the same refusal for everything, and its time may not tell the reasons apart: an unknown
    code is as much work as a known one.
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
        """The key of the code."""
        return self.organization.id, self.text_key

    @property
    def customer(self) -> Key | None:
        """The key of the customer; None without a person."""
        return None if self.person is None else (self.organization.id, self.person.email_key)


@dataclass(frozen=True)
class Claimed:
    """A claim, granted now or, `replayed`, before; the token is good for `exchange.token`, once."""

    claim: Claim
    exchange_token: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer under an idempotency key; `claim` is None once it is released, `is_gone` true once it is deleted."""

    fingerprint: str
    claim: Claim | None
    is_gone: bool = False


@dataclass
class ClaimState:
    """Unit of work: first the rows that were read, then ids for new rows, last the changes to be written.

    Customers are keyed by organization and e-mail key, codes by organization and text key, promotions by id.
    `linked` are location ids by promotion; `of_code` and `of_promotion` count a customer's standing claims by the
    id of code or promotion; `on_order` has the standing claim and its customer by code id and order reference.
    """

    promotions: dict[int, Promotion] = field(default_factory=dict)
    codes: dict[Key, Code] = field(default_factory=dict)
    customers: dict[Key, KnownCustomer] = field(default_factory=dict)
    linked: dict[int, set[int]] = field(default_factory=dict)
    of_code: Counter[tuple[Key, int]] = field(default_factory=Counter)
    of_promotion: Counter[tuple[Key, int]] = field(default_factory=Counter)
    first_of_code: dict[tuple[Key, int], Claim] = field(default_factory=dict)
    on_order: dict[tuple[int, str], tuple[Claim, Key | None]] = field(default_factory=dict)
    stored_answers: dict[Key, StoredAnswer] = field(default_factory=dict)

    new_customers: dict[Key, int] = field(default_factory=dict)
    new_claims: Sequence[int] = ()

    granted: list[tuple[ClaimRequest, Claim]] = field(default_factory=list)
    renewed: dict[int, Claim] = field(default_factory=dict)
    new_answers: dict[Key, StoredAnswer] = field(default_factory=dict)

    def claim(self, request: ClaimRequest) -> Claimed:
        """Grant a request, or replay its earlier claim. Raises IdempotencyMismatch or the first Rule that objects."""
        earlier = self._claim_of_key(request)
        if earlier is not None:
            return self._replay(earlier, request.now)
        code, promotion = self.code_and_promotion(request)
        standing = self.standing(request, code)
        if standing is not None:
            claimed = self._replay(standing, request.now)
        else:
            for refusal in self.objections(request, code, promotion):
                raise refusal
            claimed = self._grant(request, code, promotion)
        if request.call is not None:
            key = (request.organization.id, request.call.value)
            self.stored_answers[key] = self.new_answers[key] = StoredAnswer(request.call.fingerprint, claimed.claim)
        return claimed

    def code_and_promotion(self, request: ClaimRequest) -> tuple[Code, Promotion]:
        """The code that a request names, and its promotion. Raises UnknownCode."""
        code = self.codes.get(request.code)
        promotion = self.promotions.get(code.promotion_id) if code else None
        if code is None or promotion is None:  # deleted, maybe made again, while the promotion was waited for
            if request.in_public:
                self._look_at_decoy(request)
            raise refusals.UnknownCode(request.text)
        return code, promotion

    def standing(self, request: ClaimRequest, code: Code) -> Claim | None:
        """The standing claim of the same code and order. Raises IdempotencyMismatch when it is another customer's."""
        if request.order.reference is None or request.customer is None:
            return None
        claim, customer = self.on_order.get((code.id, request.order.reference), (None, None))
        if claim is not None and customer != request.customer:
            raise IdempotencyMismatch(
                "Another customer has claimed this code with this order.", by_order_reference=True
            )
        return claim

    def objections(self, request: ClaimRequest, code: Code, promotion: Promotion) -> Iterator[refusals.Rule]:
        """Every rule that refuses the claim, in the documented order."""
        return rules.objections(
            code, promotion, self.linked.get(promotion.id, set()), self._facts(request, code), request.now
        )

    def _look_at_decoy(self, request: ClaimRequest) -> None:
        """Do the work of a code that can't be claimed: read it and its promotion, and evaluate every rule."""
        code, promotion = codes.decoy(), promotions.decoy()
        self.standing(request, code)
        list(self.objections(request, code, promotion))

    def _facts(self, request: ClaimRequest, code: Code) -> rules.ClaimFacts:
        key = request.customer
        customer = None if key is None else self.customers.get(key)
        return rules.ClaimFacts(
            is_anonymous=key is None,
            customer_id=customer.id if customer else None,
            order=request.order,
            location_id=request.location.id if request.location else None,
            claims_of_code=0 if key is None else self.of_code[key, code.id],
            claims_of_promotion=0 if key is None else self.of_promotion[key, code.promotion_id],
            standing=None if key is None else self.first_of_code.get((key, code.id)),
        )

    def _claim_of_key(self, request: ClaimRequest) -> Claim | None:
        """The standing claim under the request's idempotency key; a released one is not replayed."""
        if request.call is None:
            return None
        stored = self.stored_answers.get((request.organization.id, request.call.value))
        if stored is None:
            return None
        idempotency.check_fingerprint(stored.fingerprint, request.call.fingerprint)
        if stored.is_gone:
            raise IdempotencyMismatch("The claim that this key was used for has been deleted.")
        return stored.claim

    def _replay(self, claim: Claim, now: datetime) -> Claimed:
        token = secrets.token_hex(12)
        claim.exchange_key, claim.exchange_until = token_hash(token), now + TOKEN_LIFETIME
        if claim.id not in self.new_claims:  # claims of this batch are written anyway
            self.renewed[claim.id] = claim
        return Claimed(claim, token, replayed=True)

    def _grant(self, request: ClaimRequest, code: Code, promotion: Promotion) -> Claimed:
        customer, token = request.customer, secrets.token_hex(12)
        claim_id, customer_id = self.new_claims[len(self.granted)], self._customer_id(customer)
        claim = claims.draft(_columns(request, code, promotion, claim_id, customer_id, token))
        if customer is not None:
            self.of_code[customer, code.id] += 1
            self.of_promotion[customer, promotion.id] += 1
            self.first_of_code.setdefault((customer, code.id), claim)
        if request.order.reference is not None:
            self.on_order[code.id, request.order.reference] = claim, customer
        code.claim_count += 1
        promotion.claim_count += 1
        self.granted.append((request, claim))
        return Claimed(claim, token, replayed=False)

    def _customer_id(self, customer: Key | None) -> int | None:
        if customer is None:
            return None
        row = self.customers.get(customer)
        return row.id if row else self.new_customers[customer]


def _columns(
    request: ClaimRequest, code: Code, promotion: Promotion, claim_id: int, customer_id: int | None, token: str
) -> ClaimColumns:
    order = request.order
    return {
        "id": claim_id,
        "customer_id": customer_id,
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
    """The promotion's discount on an order, in minor units of its currency; None for an order without a total."""
    if order.total is None:
        return None
    return money.discount(promotion.discount_kind, promotion.discount_value, order.total, promotion.maximum_discount)


def usage_share(*claims: Claim) -> Share:
    """What claims add to the usage of their buckets."""
    return Share(
        len(claims),
        sum([claim.order_total or 0 for claim in claims]),
        sum([claim.order_quantity or 0 for claim in claims]),
        sum([claim.discount or 0 for claim in claims]),
    )


def token_hash(token: str) -> str:
    """The SHA-256 of an exchange token, in hex: a token itself is not stored."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
