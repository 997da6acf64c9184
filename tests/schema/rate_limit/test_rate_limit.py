"""Who guesses is slowed down, together with what other processes know of them; nobody else is."""

import asyncio
from collections import Counter

import pytest
from tortoise.connection import get_connection

from db.models import Organization, RateLimit
from resolvers import sweep
from resolvers.domain.refusals import TooManyAttempts
from schema.rate_limit import AttemptGuard, RateLimits
from schema.rate_limit.limiter import Limiter, WindowLimit, client_network

HOME, AWAY = "203.0.113.7", "198.51.100.2"
SHOP, OTHER = Organization(id=1), Organization(id=2)


class Time:
    """The clocks of some processes and their store, which go on when they are told to."""

    def __init__(self) -> None:
        self.monotonic = 1_000.0
        self.store = 1_700_000_000.0

    def advance(self, seconds: float) -> None:
        self.monotonic += seconds
        self.store += seconds

    def rate_limits(self, per_minute: int) -> RateLimits:
        """A process's."""
        return RateLimits(per_minute, Limiter(lambda: self.monotonic, lambda: self.store))


@pytest.fixture
def time() -> Time:
    return Time()


async def attempt(guard: AttemptGuard, succeeds: bool = False) -> str:
    """What comes of an attempt: "fails" and "succeeds" are those that were looked at."""
    try:
        pending = await guard.take()
        await asyncio.sleep(0)
        if succeeds:
            pending.give_back()
            return "succeeds"
        await pending.fail()
    except TooManyAttempts:
        return "refused"
    return "fails"


async def attempts(number: int, *guards: AttemptGuard, succeeds: bool = False) -> Counter[str]:
    """So many attempts of each guard's caller at once, and what came of them."""
    answers = (attempt(guard, succeeds) for _ in range(number) for guard in guards)
    return Counter(await asyncio.gather(*answers))


@pytest.mark.case("A8")
async def test_no_more_than_the_limit_are_looked_at(store: str, time: Time) -> None:
    """Of many attempts at once exactly the allowed are looked at, and none after them."""
    guard = AttemptGuard(time.rate_limits(60), SHOP, HOME)
    assert await attempts(200, guard) == {"fails": 60, "refused": 140}
    assert await attempts(3, guard, succeeds=True) == {"refused": 3}


@pytest.mark.case("A8")
async def test_processes_count_together(store: str, time: Time) -> None:
    """Four processes allow one address no more than one process does, at once or one by one."""
    guards = [AttemptGuard(time.rate_limits(60), SHOP, HOME) for _ in range(4)]
    assert (await attempts(50, *guards))["fails"] == 60
    assert await attempts(2, *guards) == {"refused": 8}
    time.advance(61)
    answers = Counter([await attempt(guard) for _ in range(50) for guard in guards])
    assert answers["fails"] <= 60
    assert answers["fails"] >= 60 - 3 * 8, "what the others have taken and not used, at most"


async def test_what_succeeds_is_given_back_and_writes_nothing(store: str, time: Time) -> None:
    """Who succeeds may go on for ever, one after another or many at once, and leaves no row where nobody failed."""
    guard = AttemptGuard(time.rate_limits(3), SHOP, HOME)
    for _ in range(20):
        assert await attempt(guard, succeeds=True) == "succeeds"
    assert await RateLimit.all().count() == 0
    assert await attempts(50, guard, succeeds=True) == {"succeeds": 50}
    assert await attempts(5, guard) == {"fails": 3, "refused": 2}


async def test_attempts_are_counted_by_organization_and_origin(store: str, time: Time) -> None:
    """Others are not slowed down by who guesses, nor is the guesser's own business elsewhere."""
    rate_limits = time.rate_limits(1)
    assert await attempts(2, AttemptGuard(rate_limits, SHOP, HOME)) == {"fails": 1, "refused": 1}
    assert await attempt(AttemptGuard(rate_limits, SHOP, AWAY)) == "fails"
    assert await attempt(AttemptGuard(rate_limits, OTHER, HOME)) == "fails"


async def test_no_limit_is_no_limit(store: str) -> None:
    """With 0 a minute nobody is ever slowed down, and nothing is written."""
    assert await attempts(1_000, AttemptGuard(RateLimits(0), SHOP, HOME)) == {"fails": 1_000}
    assert await RateLimit.all().count() == 0


async def test_the_retry_delay_is_exact(store: str, time: Time) -> None:
    """`retry_after_seconds` is within the minute, and after it one may try again, at any process."""
    guard, other = (AttemptGuard(time.rate_limits(1), SHOP, HOME) for _ in range(2))
    assert await attempt(guard) == "fails"
    time.advance(20)
    with pytest.raises(TooManyAttempts) as refusal:
        await guard.take()
    assert refusal.value.retry_after_seconds == 40
    assert await attempt(other) == "refused"
    time.advance(refusal.value.retry_after_seconds)
    assert await attempt(guard) == "fails"


@pytest.mark.case("A8")
@pytest.mark.parametrize("jump", [-86_400, 86_400])
async def test_a_clock_that_jumps_locks_nobody_out(store: str, time: Time, jump: int) -> None:
    """However the store's clock is set, who waited a minute may try again; set back, it gives no attempt away."""
    guard, other = (AttemptGuard(time.rate_limits(2), SHOP, HOME) for _ in range(2))
    assert await attempts(3, guard) == {"fails": 2, "refused": 1}
    time.store += jump
    assert await attempt(guard) == "refused"
    assert (await attempts(3, other))["fails"] <= 2
    time.advance(61)
    assert await attempts(3, guard) == {"fails": 2, "refused": 1}


async def test_the_databases_clock_is_the_stores(store: str) -> None:
    """With no clock of a simulation, windows are of the database's own."""
    guard = AttemptGuard(RateLimits(2), SHOP, HOME)
    assert await attempts(5, guard) == {"fails": 2, "refused": 3}
    with pytest.raises(TooManyAttempts) as refusal:
        await guard.take()
    assert 55 <= refusal.value.retry_after_seconds <= 60


async def test_counters_whose_windows_are_over_are_swept(store: str) -> None:
    """A minute later nobody knows of an address any more."""
    past = Limiter(store_clock=lambda: 1_000.0)
    for limiter in (past, Limiter()):
        await (await limiter.take(1, f"of {id(limiter)}", WindowLimit(5, 60))).fail()
    await sweep.counters()
    assert await RateLimit.all().values_list("name", flat=True) == [f"of {id(limiter)}"]


async def test_a_block_is_taken_at_a_time(store: str, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of failed attempts, one in eight asks the database."""
    guard = AttemptGuard(time.rate_limits(60), SHOP, HOME)
    transactions = 0
    begin = type(get_connection("default"))._in_transaction

    def counted(self: object) -> object:
        nonlocal transactions
        transactions += 1
        return begin(self)  # type: ignore[arg-type]

    monkeypatch.setattr(type(get_connection("default")), "_in_transaction", counted)
    for _ in range(33):
        assert await attempt(guard) == "fails"
    assert transactions == 5


@pytest.mark.case("A8")
@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a host that is no address" * 9, ("a host that is no address" * 9)[:64]),
    ],
)
def test_what_an_address_is_counted_by(host: str, counted: str) -> None:
    """A network of /64 is one address, and an IPv4-mapped address is IPv4."""
    assert client_network(host) == counted
