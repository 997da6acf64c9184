"""Random sequences of every verb, answered as a plain model of the rules says, with nothing miscounted at the end."""

import asyncio
import shutil
from collections.abc import Awaitable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import db
from db.enums import DiscountKind
from db.models import Code, Promotion
from resolvers import (
    activate,
    check,
    claim,
    create,
    delete,
    generate,
    issue,
    release,
    send,
    update,
    usage_report,
    verify,
)
from resolvers.domain import params, usage_buckets
from resolvers.domain.code_format import Format, Style
from resolvers.domain.money import Money
from resolvers.domain.refusals import Refusal
from resolvers.refusal_counter import RefusalCounter
from tests import make

HOUR = timedelta(hours=1)
TEXTS = ["HELLO-1", "hello 1", "WORLD", "w–o–r–l–d", "THIRD", "G-0", "G-1", "G-2", "G-3"]
EMAILS = ["ada@example.com", "ADA@example.com", "ben@example.com", "cleo@example.com"]
REFERENCES = ["default", "spring", "autumn"]
ORDERS = ["R-1", "R-2"]
SPACE = Format(Style.PATTERN, "G-9")

texts = st.sampled_from(TEXTS)
emails = st.sampled_from(EMAILS)
references = st.sampled_from(REFERENCES)
limits = st.sampled_from([None, 1, 2, 3])
offsets = st.sampled_from([None, -2, 0, 2])


def key(text: str) -> str:
    return text.lower().replace(" ", "").replace("-", "").replace("–", "")


# ------------------------------------------------------------------ the model: rules of the domain, and no more


@dataclass(eq=False)
class PromotionModel:
    """A promotion."""

    reference: str
    enabled: bool = True
    starts: datetime | None = None
    ends: datetime | None = None
    per_promotion: int | None = None
    per_code: int | None = 1
    per_customer: int | None = None
    per_customer_and_code: int | None = 1
    minimum: int | None = None
    linked: bool = False
    version: int = 1
    count: int = 0

    def is_spent(self) -> bool:
        return self.per_promotion is not None and self.count >= self.per_promotion


@dataclass(eq=False)
class CodeModel:
    """A code."""

    rule: PromotionModel
    allowed: int | None
    enabled: bool = True
    starts: datetime | None = None
    ends: datetime | None = None
    reserved: int | None = None
    needs_activation: bool = False
    activated: bool = False
    count: int = 0
    sent: set[str] = field(default_factory=set)


@dataclass(eq=False)
class ClaimModel:
    """A claim."""

    code: CodeModel
    customer: int
    order: str | None
    released: bool = False
    deleted: bool = False


class Model:
    """What has happened so far, and what would be answered now."""

    def __init__(self) -> None:
        self.now = make.NOW
        self.rules = {"default": PromotionModel("default")}
        self.codes: dict[str, CodeModel] = {}
        self.uses: dict[int, ClaimModel] = {}
        self.customers: dict[str, int] = {}
        self.joined: set[int] = set()
        self.people = 0
        self.counted = 0

    def person(self, email: str, joins: bool) -> int:
        customer = self.customers.get(email.lower())
        if customer is None:
            self.people += 1
            customer = self.customers[email.lower()] = self.people
        if joins:
            self.joined.add(customer)
        return customer

    def standing(self, **values: Any) -> list[ClaimModel]:
        return [
            use
            for use in self.uses.values()
            if not (use.released or use.deleted) and all(getattr(use, name) == value for name, value in values.items())
        ]

    def objections(self, code: CodeModel, email: str, total: str | None, currency: str, place: int | None) -> list[str]:
        """Every rule that says no, in the documented order."""
        rule, customer = code.rule, self.customers.get(email.lower())
        starts = [at for at in (code.starts, rule.starts) if at]
        ends = [at for at in (code.ends, rule.ends) if at]
        mine = [] if customer is None else [use for use in self.standing(customer=customer) if use.code.rule is rule]
        of_code = len([use for use in mine if use.code is code])
        once = rule.per_customer_and_code
        wrong_currency = rule.minimum is not None and total is not None and currency != "EUR"
        too_small = rule.minimum is not None and (total is None or Decimal(total) < rule.minimum)
        rules_that_object = {
            "Disabled": not (code.enabled and rule.enabled),
            "NotActivated": code.needs_activation and not code.activated,
            "NotStarted": any(self.now < at for at in starts),
            "Ended": any(at <= self.now for at in ends),
            "ReservedForAnother": code.reserved not in (None, customer),
            "WrongLocation": rule.linked and place == 2,
            "WrongCurrency": wrong_currency,
            "OrderTooSmall": too_small and not wrong_currency,
            "AlreadyClaimed": once == 1 and of_code >= 1,
            "CustomerLimitReached": once is not None and once > 1 and of_code >= once,
            "CustomerLimitReached of the promotion": rule.per_customer is not None and len(mine) >= rule.per_customer,
            "FullyClaimed": code.allowed is not None and code.count >= code.allowed,
            "PromotionSpent": rule.is_spent(),
        }
        return [name.split()[0] for name, holds in rules_that_object.items() if holds]

    def claim(
        self, text: str, email: str, order: str | None, total: str | None, currency: str, place: int | None
    ) -> list[str]:
        """What claiming is answered: `["claimed"]`, `["replayed"]`, or every no."""
        code = self.codes.get(key(text))
        if code is None:
            return ["UnknownCode"]
        held = self.standing(code=code, order=order) if order else []
        if held:
            mine = self.customers.get(email.lower()) == held[0].customer
            return ["replayed"] if mine else ["IdempotencyMismatch"]
        return self.objections(code, email, total, currency, place) or ["claimed"]

    def forget(self, code_key: str) -> int:
        """Delete a code; how many claims went with it."""
        code = self.codes.pop(code_key)
        gone = [use for use in self.uses.values() if use.code is code and not use.deleted]
        for use in gone:
            use.deleted = True
        return len(gone)


# ------------------------------------------------------------------ the machine: both are asked, and must agree


class Machine(RuleBasedStateMachine):
    """The verbs on a real database, beside the model."""

    def __init__(self, database: AbstractContextManager[str]) -> None:
        super().__init__()
        self.model = Model()
        self.runner = asyncio.Runner()
        self.database = database
        self.opened = db.opened(database.__enter__())
        self.run(self.opened.__aenter__())
        self.organization = self.run(make.organization())
        for number in (1, 2):
            self.run(create.location(self.organization, number, f"Shop {number}", False, make.NOW))

    def run(self, call: Awaitable[Any]) -> Any:
        async def done() -> Any:
            return await call

        return self.runner.run(done())

    def outcome(self, call: Awaitable[Any]) -> tuple[str, Any]:
        """What a verb answers: the name of its no, or `done` and the answer."""
        try:
            return "done", self.run(call)
        except Refusal as refusal:
            return type(refusal).__name__, refusal

    def window(self, starts: int | None, ends: int | None) -> tuple[params.Window, datetime | None, datetime | None]:
        starts_at = None if starts is None else self.model.now + starts * HOUR
        ends_at = None if ends is None else self.model.now + ends * HOUR
        return params.Window(starts_at=starts_at, ends_at=ends_at), starts_at, ends_at

    def teardown(self) -> None:
        try:
            assert self.run(verify.counters(self.organization)) == []
            rows = self.run(
                usage_report.organization_usage(
                    self.organization, usage_report.UsageQuery(), False, self.model.now + HOUR / 60
                )
            )
            assert sum(row.share.claims for row in rows) == self.model.counted
        finally:
            self.run(self.opened.__aexit__(None, None, None))
            self.runner.close()
            self.database.__exit__(None, None, None)

    @invariant()
    def counters_are_the_models(self) -> None:
        codes = self.run(Code.all().values_list("text_key", "claim_count"))
        assert dict(codes) == {text: code.count for text, code in self.model.codes.items()}
        promotions = self.run(Promotion.all().values_list("reference", "claim_count"))
        assert dict(promotions) == {rule.reference: rule.count for rule in self.model.rules.values()}

    @initialize(per_code=limits, per_customer=limits, once=limits, per_promotion=limits)
    def begin(
        self, per_code: int | None, per_customer: int | None, once: int | None, per_promotion: int | None
    ) -> None:
        """A promotion with two codes, so that there is something to claim."""
        self.create(
            "spring", ["HELLO-1", "WORLD"], (per_promotion, per_code, per_customer, once), None, False, None, None
        )

    @rule(
        reference=references,
        code_texts=st.lists(texts, max_size=2),
        limit=st.tuples(limits, limits, limits, limits),
        minimum=st.sampled_from([None, 10]),
        linked=st.booleans(),
        starts=offsets,
        ends=offsets,
    )
    def create(
        self,
        reference: str,
        code_texts: list[str],
        limit: tuple[int | None, int | None, int | None, int | None],
        minimum: int | None,
        linked: bool,
        starts: int | None,
        ends: int | None,
    ) -> None:
        names = ("per_promotion", "per_code", "per_customer", "per_customer_and_code")
        window, starts_at, ends_at = self.window(starts, ends)
        new = create.NewPromotion(
            "A promotion",
            reference,
            discount=params.Discount(
                DiscountKind.PERCENTAGE,
                Decimal(15),
                minimum_order=None if minimum is None else Money(Decimal(minimum), "EUR"),
            ),
            window=window,
            limits=params.Limits(**dict(zip(names, limit, strict=True))),
            location_numbers=(1,) if linked else (),
            codes=tuple(code_texts),
        )
        keys = [key(text) for text in code_texts]
        if (starts_at and ends_at and ends_at <= starts_at) or len(set(keys)) < len(keys):
            expected = "InvalidInput"
        elif reference in self.model.rules:
            expected = "ReferenceTaken"
        elif self.model.codes.keys() & set(keys):
            expected = "CodeTaken"
        else:
            expected = "done"
            promotion = PromotionModel(reference, True, starts_at, ends_at, *limit, minimum=minimum, linked=linked)
            self.model.rules[reference] = promotion
            self.model.codes |= {text: CodeModel(promotion, promotion.per_code) for text in keys}
        assert self.outcome(create.promotion(self.organization, new, None, self.model.now))[0] == expected

    @rule(
        reference=references,
        amount=st.integers(1, 6),
        activated=st.booleans(),
        allowed=st.sampled_from(["as the promotion says", None, 1, 2]),
        email=st.none() | emails,
        dry_run=st.booleans(),
    )
    def generate(
        self, reference: str, amount: int, activated: bool, allowed: Any, email: str | None, dry_run: bool
    ) -> None:
        options = generate.CodeOptions(
            allowed_claims=params.ABSENT if isinstance(allowed, str) else allowed,
            reserved_for=params.Person(email) if email else None,
            activated=activated,
        )
        what, result = self.outcome(
            generate.codes(
                self.organization,
                params.PromotionRef(reference=reference),
                amount,
                SPACE,
                options,
                dry_run,
                None,
                self.model.now,
            )
        )
        free = {f"g{digit}" for digit in range(10)} - self.model.codes.keys()
        if reference not in self.model.rules:
            assert what == "UnknownPromotion"
        elif len(free) < amount:
            assert (what, result.taken, result.requested) == ("CodeSpaceTooSmall", 10 - len(free), amount)
        else:
            drawn = {key(code.text) for code in result.codes}
            assert (what, result.count, len(drawn)) == ("done", amount, 0 if dry_run else amount)
            assert drawn <= free
            parent = self.model.rules[reference]
            customer = self.model.person(email, joins=False) if email and not dry_run else None
            for text in drawn:
                self.model.codes[text] = CodeModel(
                    parent,
                    parent.per_code if isinstance(allowed, str) else allowed,
                    reserved=customer,
                    needs_activation=not activated,
                )

    def claim(
        self,
        text: str,
        email: str,
        order: str | None,
        total: str | None,
        currency: str,
        place: int | None,
    ) -> None:
        money = Money(Decimal(total), currency) if total else None
        person, its_order = params.Person(email), params.Order(order, money)
        expected = self.model.claim(text, email, order, total, currency, place)
        checked = self.run(check.code(self.organization, text, person, its_order, place, None, self.model.now))
        noes = [type(refusal).__name__ for refusal in checked.refusals]
        assert noes == ([] if expected in (["claimed"], ["replayed"]) else expected)
        what, answer = self.outcome(
            claim.code(self.organization, text, person, its_order, place, None, None, RefusalCounter(), self.model.now)
        )
        self.check_answer(text, email, order, expected, what, answer)

    def check_answer(
        self, text: str, email: str, order: str | None, expected: list[str], what: str, answer: Any
    ) -> None:
        """A claim's answer is the expected one, and the model has it."""
        if what != "done":
            assert what == expected[0]
            return
        assert ["replayed" if answer.replayed else "claimed"] == expected
        if not answer.replayed:
            code, customer = self.model.codes[key(text)], self.model.person(email, joins=True)
            self.model.uses[answer.claim.id] = ClaimModel(code, customer, order)
            code.count += 1
            code.rule.count += 1
            self.model.counted += 1

    @rule(wanted=st.lists(st.tuples(texts, emails, st.none() | st.sampled_from(ORDERS)), min_size=2, max_size=8))
    def claim_together(self, wanted: list[tuple[str, str, str | None]]) -> None:
        """Claims of one moment ride in one round, and are answered as one after another."""

        async def together() -> list[Any]:
            claims = [
                claim.code(
                    self.organization,
                    text,
                    params.Person(email),
                    params.Order(order, Money(Decimal(20), "EUR")),
                    None,
                    None,
                    None,
                    RefusalCounter(),
                    self.model.now,
                )
                for text, email, order in wanted
            ]
            return await asyncio.gather(*claims, return_exceptions=True)

        for (text, email, order), answer in zip(wanted, self.run(together()), strict=True):
            expected = self.model.claim(text, email, order, "20.00", "EUR", None)
            what = type(answer).__name__ if isinstance(answer, Exception) else "done"
            self.check_answer(text, email, order, expected, what, answer)

    @rule(
        text=texts,
        email=emails,
        order=st.none() | st.sampled_from(ORDERS),
        total=st.sampled_from([None, "5.00", "20.00"]),
        currency=st.sampled_from(["EUR", "EUR", "USD"]),
        place=st.sampled_from([None, 1, 2]),
    )
    def claim_anything(self, **args: Any) -> None:
        self.claim(**args)

    @rule(email=emails, order=st.none() | st.sampled_from(ORDERS), which=st.integers(0, 20))
    def claim_what_there_is(self, email: str, order: str | None, which: int) -> None:
        if self.model.codes:
            text = sorted(self.model.codes)[which % len(self.model.codes)]
            self.claim(text, email, order, "20.00", "EUR", None)

    @rule(which=st.integers(0, 20))
    def release(self, which: int) -> None:
        ids = sorted(self.model.uses) or [99]
        claim_id = ids[which % len(ids)]
        use = self.model.uses.get(claim_id)
        gone = use is None or use.deleted
        what, _ = self.outcome(release.claim(self.organization, claim_id, "cancelled", self.model.now))
        assert what == ("InvalidInput" if gone else "done")
        if use is not None and not gone and not use.released:
            use.released = True
            use.code.count -= 1
            use.code.rule.count -= 1
            self.model.counted -= 1

    @rule(
        text=texts,
        new_text=st.none() | texts,
        enabled=st.sampled_from([params.ABSENT, True, True, False]),
        allowed=st.sampled_from([params.ABSENT, None, 1, 3]),
        email=st.sampled_from([params.ABSENT, None, *EMAILS]),
        window=st.none() | st.tuples(offsets, offsets),
    )
    def update_code(
        self, text: str, new_text: str | None, enabled: Any, allowed: Any, email: Any, window: tuple[Any, Any] | None
    ) -> None:
        change_of_window, starts_at, ends_at = self.window(*window) if window else (params.Window(), None, None)
        change = update.CodeChange(
            new_text=new_text or params.ABSENT,
            is_enabled=enabled,
            window=change_of_window,
            allowed_claims=allowed,
            reserved_for=params.Person(email) if isinstance(email, str) else email,
        )
        what, _ = self.outcome(update.code(self.organization, text, change, self.model.now))
        code = self.model.codes.get(key(text))
        if code is None:
            assert what == "UnknownCode"
        elif starts_at and ends_at and ends_at <= starts_at:
            assert what == "InvalidInput"
        elif new_text and key(new_text) != key(text) and key(new_text) in self.model.codes:
            assert what == "CodeTaken"
        else:
            assert what == "done"
            code.enabled = params.value_or(enabled, code.enabled)
            code.allowed = params.value_or(allowed, code.allowed)
            if window:
                code.starts, code.ends = starts_at, ends_at
            if not isinstance(email, params.Absent):
                code.reserved = self.model.person(email, joins=False) if email else None
            if new_text:
                self.model.codes[key(new_text)] = self.model.codes.pop(key(text))

    @rule(
        reference=references,
        enabled=st.sampled_from([params.ABSENT, True, True, False]),
        changed=st.dictionaries(
            st.sampled_from(["per_promotion", "per_code", "per_customer", "per_customer_and_code"]), limits
        ),
        window=st.none() | st.tuples(offsets, offsets),
        stale=st.sampled_from([None, 0, 0, 1]),
    )
    def update_promotion(
        self, reference: str, enabled: Any, changed: dict[str, Any], window: tuple[Any, Any] | None, stale: int | None
    ) -> None:
        change_of_window, starts_at, ends_at = self.window(*window) if window else (params.Window(), None, None)
        change = update.PromotionChange(is_enabled=enabled, window=change_of_window, limits=params.Limits(**changed))
        promotion = self.model.rules.get(reference)
        version = None if stale is None or promotion is None else promotion.version - stale
        ref = params.PromotionRef(reference=reference)
        what, _ = self.outcome(update.promotion(self.organization, ref, version, change, self.model.now))
        if promotion is None:
            assert what == "UnknownPromotion"
        elif stale == 1:
            assert what == "VersionConflict"
        elif starts_at and ends_at and ends_at <= starts_at:
            assert what == "InvalidInput"
        else:
            assert what == "done"
            promotion.version += 1
            promotion.enabled = params.value_or(enabled, promotion.enabled)
            for name, value in changed.items():
                setattr(promotion, name, value)
            if window:
                promotion.starts, promotion.ends = starts_at, ends_at

    def start(self, code: CodeModel, email: str) -> None:
        code.activated = True
        code.reserved = self.model.person(email, joins=True)
        zone = self.organization.time_zone
        last_day = self.model.now.astimezone(ZoneInfo(zone)).date() + timedelta(days=91)
        over = usage_buckets.start_of_day(last_day + timedelta(days=1), zone)
        code.ends = over if code.ends is None else min(over, code.ends)

    @rule(text=texts, email=emails)
    def activate(self, text: str, email: str) -> None:
        what, _ = self.outcome(
            activate.code(self.organization, text, None, params.Person(email), None, None, False, self.model.now)
        )
        code = self.model.codes.get(key(text))
        if code is None:
            assert what == "UnknownCode"
            return
        ends = [at for at in (code.ends, code.rule.ends) if at]
        if not code.needs_activation or code.activated:
            assert what == "AlreadyActivated"
        elif not (code.enabled and code.rule.enabled):
            assert what == "Disabled"
        elif any(at <= self.model.now for at in ends):
            assert what == "Ended"
        elif code.reserved not in (None, self.model.customers.get(email.lower())):
            assert what == "InvalidInput"
        else:
            assert what == "done"
            self.start(code, email)

    @rule(reference=references, email=emails)
    def issue(self, reference: str, email: str) -> None:
        ref = params.PromotionRef(reference=reference)
        promotion = self.model.rules.get(reference)
        what, issued = self.outcome(
            issue.code(self.organization, ref, params.Person(email), None, None, False, None, self.model.now)
        )
        if promotion is None:
            assert what == "UnknownPromotion"
        elif not promotion.enabled:
            assert what == "Disabled"
        elif promotion.ends and promotion.ends <= self.model.now:
            assert what == "Ended"
        elif promotion.is_spent():
            assert what == "PromotionSpent"
        else:
            assert what == "done"
            code = self.model.codes[key(issued.text)] = CodeModel(promotion, promotion.per_code, needs_activation=True)
            self.start(code, email)

    @rule(text=texts, recipients=st.lists(emails, min_size=1, max_size=3))
    def send(self, text: str, recipients: list[str]) -> None:
        people = [params.Person(email) for email in recipients]
        what, sent = self.outcome(
            send.code(self.organization, text, people, None, False, False, None, self.model.now, True)
        )
        code = self.model.codes.get(key(text))
        if code is None:
            assert what == "UnknownCode"
            return
        different = {email.lower() for email in recipients}
        already = different & code.sent
        assert (what, sent.received) == ("done", len(different))
        assert (sent.queued, sent.already_sent) == (len(different) - len(already), len(already))
        code.sent |= different

    @rule(text=texts, dry_run=st.booleans())
    def delete_code(self, text: str, dry_run: bool) -> None:
        what, deleted = self.outcome(delete.code(self.organization, text, dry_run))
        code = self.model.codes.get(key(text))
        if code is None:
            assert what == "UnknownCode"
            return
        would = len([use for use in self.model.uses.values() if use.code is code and not use.deleted])
        assert (what, deleted.claims) == ("done", would)
        if not dry_run:
            assert self.model.forget(key(text)) == would

    @rule(reference=references, dry_run=st.booleans())
    def delete_promotion(self, reference: str, dry_run: bool) -> None:
        ref = params.PromotionRef(reference=reference)
        what, deleted = self.outcome(delete.promotion(self.organization, ref, dry_run))
        promotion = self.model.rules.get(reference)
        if promotion is None:
            assert what == "UnknownPromotion"
        elif reference == "default":
            assert what == "InvalidInput"
        else:
            its_codes = [text for text, code in self.model.codes.items() if code.rule is promotion]
            assert (what, deleted.codes) == ("done", len(its_codes))
            if not dry_run:
                assert deleted.claims == sum(self.model.forget(text) for text in its_codes)
                del self.model.rules[reference]

    @rule(email=emails)
    def delete_customer(self, email: str) -> None:
        what, _ = self.outcome(delete.customer(self.organization, email, self.model.now))
        if self.model.customers.get(email.lower()) in self.model.joined:
            assert what == "done"
            del self.model.customers[email.lower()]
        else:
            assert what == "UnknownCustomer"

    @rule(hours=st.sampled_from([1, 1, 2, 24, 24 * 92]))
    def wait(self, hours: int) -> None:
        self.model.now += hours * HOUR


@pytest.mark.long
@pytest.mark.one_database
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_every_sequence_of_verbs_is_answered_as_the_model_says(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is done in whatever order, each answer is the model's and every counter balances at the end."""

    def database() -> AbstractContextManager[str]:
        if kind == "postgres":
            return request.getfixturevalue("postgres").database()
        path = tmp_path_factory.mktemp("model") / "model.db"
        return nullcontext(f"sqlite://{shutil.copy(request.getfixturevalue('migrated'), path)}")

    run_state_machine_as_test(
        lambda: Machine(database()),
        settings=settings(
            max_examples={"sqlite": 60, "postgres": 25}[kind],
            stateful_step_count=30,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # add Phase.shrink to see the shortest failing sequence; it takes minutes
        ),
    )
