"""Batches: many claims in one transaction are answered as if they had come one after another."""

import asyncio
import contextvars
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from db import batching, sql, statements
from db.models import Claim, Code, Customer, IdempotencyKey, Organization, Promotion, UsageStat
from db.queries import promotions
from resolvers import exchange, release, verify
from resolvers.claim import batch
from resolvers.claim.state import Claimed, ClaimRequest, ClaimState
from resolvers.domain import params
from resolvers.domain.refusals import (
    AlreadyClaimed,
    CustomerLimitReached,
    FullyClaimed,
    IdempotencyMismatch,
    ReservedForAnother,
    UnknownCode,
    UnknownToken,
)
from resolvers.refusal_counter import RefusalCounter
from tests import make
from tests.make import NOW, claim_request, claimed, order
from tests.resolvers.refused import everything, refused

ADA, BEN, CLEO = "ada@example.com", "ben@example.com", "cleo@example.com"


def outcome(answer: Claimed | Exception) -> str:
    """`claimed`, `replayed`, or the name of the no."""
    if isinstance(answer, Claimed):
        return "replayed" if answer.replayed else "claimed"
    return type(answer).__name__


async def processed(*requests: ClaimRequest) -> list[Claimed | Exception]:
    """A batch's results; afterwards every counter balances."""
    answers = await batch.process(requests)
    assert await verify.counters(requests[0].organization) == []
    return answers


def claim_of(answer: Claimed | Exception) -> Claim:
    assert isinstance(answer, Claimed), answer
    return answer.claim


# ------------------------------------------------------------------ earlier grants count


async def test_a_codes_places_are_taken_in_the_order_they_came(organization: Organization) -> None:
    """Of five claims in a batch for two places the first two are granted."""
    code = await make.code(organization, per_code=2)
    answers = await processed(*(claim_request(organization, email=f"c{number}@example.com") for number in range(5)))
    assert [outcome(answer) for answer in answers] == ["claimed"] * 2 + ["FullyClaimed"] * 3
    assert await Claim.all().order_by("id").values_list("customer__email", flat=True) == [
        "c0@example.com",
        "c1@example.com",
    ]
    assert (await Code.get(id=code.id)).claim_count == 2


async def test_a_promotions_places_are_shared_by_its_codes(organization: Organization) -> None:
    """A place that one code takes is gone for the others of the batch."""
    await make.promotion(organization, "A1", "A2", "A3", limits=params.Limits(per_promotion=2))
    answers = await processed(
        claim_request(organization, "A1", ADA),
        claim_request(organization, "A2", BEN),
        claim_request(organization, "A3", CLEO),
    )
    assert [outcome(answer) for answer in answers] == ["claimed", "claimed", "PromotionSpent"]


async def test_a_customers_places_are_counted_within_a_batch(organization: Organization) -> None:
    """A new customer has no more places in one batch than in many."""
    await make.promotion(organization, "A1", "A2", "A3", limits=params.Limits(per_customer=2))
    answers = await processed(*(claim_request(organization, text, ADA) for text in ("A1", "A2", "A3")))
    assert [outcome(answer) for answer in answers] == ["claimed", "claimed", "CustomerLimitReached"]
    assert await Customer.all().count() == 1


async def test_what_a_customer_holds_from_before_counts_too(organization: Organization) -> None:
    """Claims of earlier batches and of this one are added up, per code and over the promotion."""
    limits = params.Limits(per_customer=4, per_customer_and_code=2, per_code=None)
    await make.promotion(organization, "A1", "A2", limits=limits)
    await claimed(organization, "A1")
    answers = await processed(*(claim_request(organization, text, ADA) for text in ("A1", "A1", "A2", "A2", "A2")))
    assert [outcome(answer) for answer in answers] == [
        "claimed",
        "CustomerLimitReached",
        "claimed",
        "claimed",
        "CustomerLimitReached",
    ]
    assert isinstance(answers[1], CustomerLimitReached)
    assert answers[1].limit == 2


async def test_a_code_claimed_twice_in_a_batch_is_already_claimed(organization: Organization) -> None:
    """The refusal carries the claim that was granted a moment before, as it was written."""
    await make.code(organization, per_code=None)
    first, second = await processed(claim_request(organization), claim_request(organization, email="ADA@example.com"))
    assert isinstance(second, AlreadyClaimed)
    assert second.claim.id == claim_of(first).id == (await Claim.get()).id


async def test_the_claim_that_stands_in_the_way_is_the_first(organization: Organization) -> None:
    """AlreadyClaimed tells of the claim from before, and not of one that was released."""
    code = await make.code(organization, per_code=None)
    gone = (await claimed(organization)).claim
    await release.claim(organization, gone.id, "cancelled", NOW)
    standing = (await claimed(organization)).claim
    [answer] = await processed(claim_request(organization))
    assert isinstance(answer, AlreadyClaimed)
    assert (answer.claim.id, answer.claim.code_id) == (standing.id, code.id)


async def test_refusals_and_grants_share_a_batch(organization: Organization) -> None:
    """Each request has the result that it would have alone; a refusal leaves nothing."""
    await make.code(organization, "OPEN", per_code=None)
    await make.code(organization, "FULL")
    await claimed(organization, "FULL")
    before = await Customer.all().count()
    answers = await processed(
        claim_request(organization, "NOPE", "nobody@example.com"),
        claim_request(organization, "OPEN", BEN),
        claim_request(organization, "FULL", "late@example.com"),
        claim_request(organization, "open", CLEO),
    )
    assert [outcome(answer) for answer in answers] == ["UnknownCode", "claimed", "FullyClaimed", "claimed"]
    assert isinstance(answers[0], UnknownCode)
    assert (answers[0].text, answers[0].promotion_id) == ("NOPE", None)
    assert isinstance(answers[2], FullyClaimed)
    assert answers[2].promotion_id == (await Promotion.get(codes__text="FULL")).id
    assert await Customer.all().count() == before + 2


async def test_a_batch_of_refusals_changes_nothing(organization: Organization) -> None:
    """Nobody is remembered for having been refused."""
    await make.code(organization)
    await claimed(organization)
    before = await everything()
    answers = await processed(
        claim_request(organization),
        claim_request(organization, email=BEN),
        claim_request(organization, "NOPE", key="K"),
    )
    assert [outcome(answer) for answer in answers] == ["AlreadyClaimed", "FullyClaimed", "UnknownCode"]
    assert await everything() == before


async def test_one_batch_serves_many_organizations(organization: Organization) -> None:
    """The same text and address are another code and another customer elsewhere."""
    other = await make.organization("other", account=2, time_zone="Asia/Tokyo")
    for where in (organization, other):
        await make.code(where)
    answers = await processed(claim_request(organization), claim_request(other), claim_request(other, email=BEN))
    assert [outcome(answer) for answer in answers] == ["claimed", "claimed", "FullyClaimed"]
    assert claim_of(answers[0]).organization_id == organization.id
    assert claim_of(answers[1]).organization_id == other.id
    assert len({claim_of(answer).customer_id for answer in answers[:2]}) == 2
    assert await verify.counters(other) == []


async def test_the_results_of_a_batch_are_the_rows_it_wrote(organization: Organization) -> None:
    """Each claim that is answered is the row as it is in the store, in the order they came."""
    await make.promotion(organization, "A1", "A2", "A3")
    later = NOW + timedelta(hours=1)
    answers = await processed(
        claim_request(organization, "A1", ADA, order("R-1", "40")),
        claim_request(organization, "A2", BEN, order(None, "0.10"), now=later),
        claim_request(organization, "A3", CLEO),
    )
    rows = [claim_of(answer) for answer in answers]
    stored = await Claim.all().order_by("id")
    assert [dict(row) for row in rows] == [dict(row) for row in stored]
    assert [(row.discount, row.currency) for row in stored] == [(600, "EUR"), (2, "EUR"), (None, None)]
    assert [row.created_at for row in stored] == [NOW, later, NOW]


async def test_usage_of_a_batch_is_summed_by_bucket(organization: Organization) -> None:
    """Claims of one hour share its sums; another hour and another currency have their own."""
    await make.promotion(organization, "A1", "A2", "A3", "A4")
    later = NOW + timedelta(hours=1)
    await processed(
        claim_request(organization, "A1", ADA, order(total="10")),
        claim_request(organization, "A2", BEN, order(total="20")),
        claim_request(organization, "A3", CLEO, order(total="5", currency="USD")),
        claim_request(organization, "A4", "dan@example.com", order(total="1"), now=later),
    )
    hours = await UsageStat.filter(level="HOUR").order_by("starts_at", "currency")
    assert [(row.starts_at, row.currency, row.claims, row.order_total) for row in hours] == [
        (NOW, "EUR", 2, 3000),
        (NOW, "USD", 1, 500),
        (later, "EUR", 1, 100),
    ]


# ------------------------------------------------------------------ customers


async def test_names_in_one_batch_fill_in_what_is_missing(organization: Organization) -> None:
    """The first name stays, and a missing one is filled in from any request, as in batches of one."""
    await make.promotion(organization, "A1", "A2", "A3")
    await processed(
        claim_request(organization, "A1", "Ada@Example.com", first_name="Ada"),
        claim_request(organization, "A2", ADA, first_name="Adele", last_name="Byron"),
        claim_request(organization, "A3", ADA, last_name="King", now=NOW + timedelta(hours=1)),
    )
    customer = await Customer.get()
    assert (customer.first_name, customer.last_name, customer.email, customer.joined_at) == (
        "Ada",
        "Byron",
        "Ada@example.com",
        NOW,
    )


async def test_a_person_who_was_only_mentioned_joins_with_a_claim(organization: Organization) -> None:
    """A customer whom a reservation made is filled in once, and a complete one is left as it is."""
    await make.promotion(organization, "A1", "A2")
    spoken_of = await Customer.create(
        organization=organization, email=ADA, email_key=ADA, first_name="Ada", created_at=NOW, updated_at=NOW
    )
    joining = NOW + timedelta(hours=1)
    await processed(claim_request(organization, "A1", ADA, last_name="Byron", now=joining))
    customer = await Customer.get()
    assert (customer.id, customer.first_name, customer.last_name, customer.joined_at) == (
        spoken_of.id,
        "Ada",
        "Byron",
        joining,
    )
    await processed(claim_request(organization, "A2", ADA, first_name="Adele", now=joining + timedelta(hours=1)))
    assert dict(await Customer.get()) == dict(customer)


async def test_a_reservation_holds_against_a_new_customer(organization: Organization) -> None:
    """A customer who is made in this batch is still not the one whom the code is reserved for."""
    await make.promotion(organization, "A1", "A2")
    reserved = await make.customer(organization, BEN)
    await Code.filter(text="A2").update(reserved_for_id=reserved.id)
    answers = await processed(
        claim_request(organization, "A1", ADA),
        claim_request(organization, "A2", ADA),
        claim_request(organization, "A2", BEN),
    )
    assert [outcome(answer) for answer in answers] == ["claimed", ReservedForAnother.__name__, "claimed"]


# ------------------------------------------------------------------ orders


async def test_one_order_twice_in_a_batch_is_one_claim(organization: Organization) -> None:
    """The second is a replay with a fresh token, and the first's token is void."""
    await make.code(organization, per_code=None)
    first, again = await processed(*[claim_request(organization, order=order("R-1"))] * 2)
    assert (outcome(first), outcome(again)) == ("claimed", "replayed")
    assert claim_of(first).id == claim_of(again).id == (await Claim.get()).id
    assert isinstance(first, Claimed)
    assert isinstance(again, Claimed)
    async with refused(UnknownToken):
        await exchange.token(organization, first.exchange_token, NOW)
    assert (await exchange.token(organization, again.exchange_token, NOW)).id == claim_of(first).id


async def test_two_customers_on_one_order_in_a_batch(organization: Organization) -> None:
    """The order is the first one's; the other hears of the mismatch, and the first may ask again."""
    await make.code(organization, per_code=None)
    answers = await processed(
        *(claim_request(organization, email=email, order=order("R-1")) for email in (ADA, BEN, ADA, BEN)),
    )
    assert [outcome(answer) for answer in answers] == [
        "claimed",
        "IdempotencyMismatch",
        "replayed",
        "IdempotencyMismatch",
    ]
    assert isinstance(answers[1], IdempotencyMismatch)
    assert answers[1].by_order_reference
    assert [row.email for row in await Customer.all()] == [ADA]


async def test_an_order_from_before_is_replayed_in_any_batch(organization: Organization) -> None:
    """A retry beside other requests: it replays its claim, and they have theirs."""
    await make.promotion(organization, "A1", "A2", limits=params.Limits(per_code=None))
    before = await claimed(organization, "A1", order=order("R-1"))
    answers = await processed(
        claim_request(organization, "A1", BEN, order("R-1")),
        claim_request(organization, "A1", ADA, order("R-1"), now=NOW + timedelta(hours=1)),
        claim_request(organization, "A2", ADA, order("R-1")),
    )
    assert [outcome(answer) for answer in answers] == ["IdempotencyMismatch", "replayed", "claimed"]
    assert claim_of(answers[1]).id == before.claim.id
    claim = await Claim.get(id=before.claim.id)
    assert claim.exchange_until == NOW + timedelta(hours=1, minutes=1)
    assert await Claim.all().count() == 2


# ------------------------------------------------------------------ idempotency keys


async def test_one_key_twice_in_a_batch_is_one_claim(organization: Organization) -> None:
    """The same call with the key is answered with the claim of a moment before."""
    await make.code(organization, per_code=None, per_customer_and_code=None)
    first, again, other = await processed(
        claim_request(organization, key="K"),
        claim_request(organization, key=" K "),
        claim_request(organization, key="L"),
    )
    assert [outcome(first), outcome(again), outcome(other)] == ["claimed", "replayed", "claimed"]
    assert claim_of(first).id == claim_of(again).id != claim_of(other).id
    answers = {row.value: row.answer for row in await IdempotencyKey.all()}
    assert answers == {"K": claim_of(first).id, "L": claim_of(other).id}


async def test_one_key_for_two_things_in_a_batch_is_a_mismatch(organization: Organization) -> None:
    """The key is for the call that was granted with it."""
    await make.code(organization, per_code=None)
    answers = await processed(claim_request(organization, key="K"), claim_request(organization, email=BEN, key="K"))
    assert [outcome(answer) for answer in answers] == ["claimed", "IdempotencyMismatch"]
    assert isinstance(answers[1], IdempotencyMismatch)
    assert not answers[1].by_order_reference


async def test_a_refused_requests_key_is_free_for_the_next_in_the_batch(organization: Organization) -> None:
    """A refusal frees its key at once, and the next request with it keeps it."""
    await make.code(organization, per_code=None)
    answers = await processed(
        claim_request(organization, "NOPE", key="K"),
        claim_request(organization, key="K"),
        claim_request(organization, "NOPE", BEN, key="L"),
    )
    assert [outcome(answer) for answer in answers] == ["UnknownCode", "claimed", "UnknownCode"]
    assert await IdempotencyKey.all().values_list("value", "answer") == [("K", claim_of(answers[1]).id)]
    [again] = await processed(claim_request(organization, key="K"))
    assert outcome(again) == "replayed"


async def test_keys_from_before_are_replayed_in_any_batch(organization: Organization) -> None:
    """A key gives back its claim, says when it is gone, takes a new one when it was released, and is not another's."""
    texts = ["A1", "A2", "A3", "A4"]
    await make.promotion(organization, *texts, limits=params.Limits(per_code=None))
    before = [claim_of((await batch.process([claim_request(organization, text, key=text)]))[0]) for text in texts]
    await release.claim(organization, before[1].id, "cancelled", NOW)
    await Claim.filter(id=before[2].id).delete()
    await Code.filter(text="A3").update(claim_count=0)
    answers = await batch.process(
        [
            *(claim_request(organization, text, key=text) for text in texts[:3]),
            claim_request(organization, "A4", BEN, key="A4"),
        ]
    )
    assert [outcome(answer) for answer in answers] == [
        "replayed",
        "claimed",
        "IdempotencyMismatch",
        "IdempotencyMismatch",
    ]
    assert claim_of(answers[0]).id == before[0].id
    assert "deleted" in str(answers[2])
    row = await IdempotencyKey.get(value="A2")
    assert row.answer == claim_of(answers[1]).id != before[1].id


async def test_a_key_is_free_again_after_a_day(organization: Organization) -> None:
    """What was kept of it is forgotten, also when the new call is refused."""
    await make.code(organization, per_code=None)
    await processed(claim_request(organization, key="K"))
    later = NOW + timedelta(hours=24, microseconds=1)
    assert [
        outcome(answer) for answer in await processed(claim_request(organization, email=BEN, key="K", now=later))
    ] == ["claimed"]
    assert [
        outcome(answer)
        for answer in await processed(claim_request(organization, "NOPE", key="K", now=later + timedelta(hours=25)))
    ] == ["UnknownCode"]
    assert await IdempotencyKey.all().count() == 0


# ------------------------------------------------------------------ faults, and those who leave


@contextmanager
def cursed(email: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While a bug fails every batch that has this customer's claim to write."""
    together = statements.run_together

    async def failing(*planned: statements.Statement[Any]) -> tuple[Any, ...]:
        results = await together(*planned)
        if await Claim.exists(customer__email=email):
            raise RuntimeError("a bug")
        return results

    with monkeypatch.context() as patched:
        patched.setattr(statements, "run_together", failing)
        yield


async def test_a_fault_of_one_is_nobody_elses(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch only the request that causes a fault fails, and the others are claimed once."""
    code = await make.code(organization, per_code=3)
    with cursed(BEN, monkeypatch):
        answers = await asyncio.gather(
            *(claimed(organization, email=email) for email in (ADA, BEN, CLEO)), return_exceptions=True
        )
    assert [type(answer) for answer in answers] == [Claimed, RuntimeError, Claimed]
    assert sorted([row.email or "" for row in await Customer.all()]) == [ADA, CLEO]
    assert (await Code.get(id=code.id)).claim_count == await Claim.all().count() == 2
    assert await verify.counters(organization) == []


async def test_a_fault_of_one_organization_is_no_others(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch of many organizations' claims those of one fail, and all others are claimed once, in few batches."""
    shops = [await make.organization(f"shop{number}") for number in range(20)]
    for shop in shops:
        await make.code(shop, per_code=None)
    batches, writing = [], batch._write

    async def write(state: ClaimState) -> None:
        batches.append([request.organization.id for request, _ in state.granted])
        if shops[7].id in batches[-1]:
            raise RuntimeError("a bug")
        await writing(state)

    monkeypatch.setattr(batch, "_write", write)
    answers = await asyncio.gather(
        *(claimed(shop, email=email) for shop in shops for email in (ADA, BEN)), return_exceptions=True
    )
    by_shop = [[type(answer) for answer in answers[2 * place : 2 * place + 2]] for place in range(len(shops))]
    assert by_shop == [[RuntimeError] * 2 if place == 7 else [Claimed] * 2 for place in range(len(shops))]
    assert len(batches) < 20
    for shop in shops:
        assert await Claim.filter(organization_id=shop.id).count() == (0 if shop is shops[7] else 2)
        assert await verify.counters(shop) == []


async def test_a_cancelled_request_cancels_no_other(organization: Organization) -> None:
    """A request that is cut off while its batch is written is done or not, and the others are answered."""
    await make.code(organization, per_code=None)
    for moment in range(12):
        emails = [f"m{moment}c{number}@example.com" for number in range(4)]
        tasks = [asyncio.create_task(claimed(organization, email=email)) for email in emails]
        for _ in range(3 * moment):
            await asyncio.sleep(0)
        tasks[1].cancel()
        answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        assert [isinstance(answer, Claimed) for answer in (answers[0], answers[2], answers[3])] == [True] * 3
        assert await Claim.filter(customer__email=emails[1]).count() in (0, 1)
        assert await verify.counters(organization) == []


async def test_many_at_once_are_few_transactions(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty requests of one moment are one batch; each refused one is counted, and counted by its guard."""
    await make.code(organization, per_code=40)
    batch_sizes: list[int] = []
    processing = batch.process

    async def counted(requests: list[ClaimRequest]) -> Any:
        batch_sizes.append(len(requests))
        return await processing(requests)

    monkeypatch.setattr(batch, "process", counted)
    refusal_counter = RefusalCounter()
    answers = await asyncio.gather(
        *(
            claimed(organization, email=f"c{number}@example.com", refusal_counter=refusal_counter)
            for number in range(50)
        ),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [Claimed] * 40 + [FullyClaimed] * 10
    assert batch_sizes == [50]
    assert {count for (bucket, reason), count in refusal_counter._counts.items() if reason == "FULLY_CLAIMED"} == {10}


@pytest.mark.long
async def test_a_request_that_arrives_during_the_wait_for_the_lock_is_admitted_late(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but those of another promotion, on PostgreSQL: its row is not locked, so they are in the next batch."""
    held = await make.promotion(organization, "A1", "A2")
    await make.promotion(organization, "B1")
    written_at_once: list[list[str]] = []
    writing = batch._write

    async def noted(state: ClaimState) -> None:
        written_at_once.append([request.text for request, _ in state.granted])
        await writing(state)

    monkeypatch.setattr(batch, "_write", noted)
    outside = contextvars.copy_context()  # of the transaction that holds them up

    def comes(text: str, email: str) -> asyncio.Task[Claimed]:
        return outside.run(asyncio.create_task, claimed(organization, text, email=email))

    async with in_transaction():
        await promotions.lock(organization.id, id=held.id)
        first = comes("A1", ADA)
        await asyncio.sleep(0.2)
        others = [comes("A2", BEN), comes("B1", CLEO), comes("A1", "dan@example.com")]
        await asyncio.sleep(0.2)
    answers = await asyncio.wait_for(asyncio.gather(first, *others, return_exceptions=True), 10)
    assert [type(answer) for answer in answers] == [Claimed, Claimed, Claimed, FullyClaimed]
    assert written_at_once == ([["A1", "A2", "B1"]] if sql.is_single_writer() else [["A1", "A2"], ["B1"]])
    assert await verify.counters(organization) == []


async def test_a_batch_of_any_size_is_the_same_few_statements(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One claim and a full batch run as many statements."""
    await make.code(organization, per_code=None, per_customer_and_code=2)
    texts_run: list[str] = []
    trips: list[int] = []
    together = statements.run_together

    async def noted(*planned: statements.Statement[Any]) -> tuple[Any, ...]:
        texts = [statement.text for statement in planned if statement.text]
        texts_run.extend(texts)
        trips.append(len(texts))
        return await together(*planned)

    monkeypatch.setattr(statements, "run_together", noted)
    await batch.process([claim_request(organization, email="first@example.com", order=order("R-0"))])
    alone = list(texts_run)
    texts_run.clear()
    full = [
        claim_request(organization, email=f"c{n}@example.com", order=order(f"R-{n}"))
        for n in range(1, batching.MAX_REQUESTS + 1)
    ]
    answers = await batch.process(full)
    assert [outcome(answer) for answer in answers] == ["claimed"] * batching.MAX_REQUESTS
    assert texts_run == alone
    assert [size for size in trips if size] == [1, 4, 5] * 2
    texts_run.clear()
    await batch.process([claim_request(organization, email=f"c{n}@example.com", order=order(f"S-{n}")) for n in (1, 2)])
    assert len(texts_run) == 11  # what those who are known hold, and the first of that; they need not be written


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_batch_that_a_deadlock_ended_is_processed_again(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that locks promotions in another order may end a batch, and its requests are answered all the same."""
    first, second = [await make.code(organization, text, per_code=None) for text in ("A1", "A2")]
    batch_sizes: list[int] = []
    locking = promotions.of_codes

    async def counted(texts: set[tuple[int, str]], columns: Sequence[str], **options: bool) -> dict[int, Promotion]:
        batch_sizes.append(len(texts))
        return await locking(texts, columns, **options)

    monkeypatch.setattr(promotions, "of_codes", counted)
    rival = await get_connection("default")._pool.acquire()
    try:
        async with rival.transaction():
            holding = "SELECT id FROM promotion WHERE id = $1 FOR NO KEY UPDATE"
            await rival.execute(holding, second.promotion_id)
            requests = [
                asyncio.create_task(claimed(organization, text, email))
                for text, email in (("A1", ADA), ("A2", BEN), ("A2", ADA))
            ]
            await asyncio.sleep(0.3)
            await rival.execute(holding, first.promotion_id)  # and now both wait, until the round is told to give way
    finally:
        await get_connection("default")._pool.release(rival)
    answers = await asyncio.wait_for(asyncio.gather(*requests), 10)
    assert [answer.replayed for answer in answers] == [False] * 3
    assert batch_sizes == [2, 2]
    assert await verify.counters(organization) == []


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_person_who_becomes_a_customer_meanwhile_is_that_customer(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may make a customer between a batch's reading and its writing; then the batch reads again."""
    await make.code(organization, "A1")
    written: list[int] = []
    writing, others = batch._write, get_connection("default")._pool

    async def too_late(state: ClaimState) -> None:
        if not written:
            written.append(await others.fetchval(BY_ANOTHER, organization.id, ADA, NOW))
        await writing(state)

    monkeypatch.setattr(batch, "_write", too_late)
    answer = await claimed(organization, "A1", ADA)
    assert [answer.claim.customer_id] == written == [customer.id for customer in await Customer.all()]
    assert await Claim.filter(customer_id=written[0]).count() == 1


BY_ANOTHER = """
    INSERT INTO customer (organization_id, email, email_key, particulars, created_at, updated_at)
    VALUES ($1, $2, $2, '{}', $3, $3) RETURNING id
"""
