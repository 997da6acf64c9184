"""Rate limits of attempts that may be guesses: per client network, and per organization by the chance of a hit."""

from db.models import Organization
from resolvers.domain.refusals import TooManyAttempts
from resolvers.guard import Attempt
from schema.rate_limit.budget import GuessBudgets
from schema.rate_limit.limiter import CountedAttempt, Limiter, UncountedAttempt, WindowLimit, client_network


class RateLimits:
    """The rate limits of one process; `per_minute` is of the failed attempts of a client network, 0 is no limit."""

    def __init__(self, per_minute: int, limiter: Limiter | None = None, budgets: GuessBudgets | None = None) -> None:
        self.limiter = limiter or Limiter()
        self.budgets = budgets or GuessBudgets(self.limiter)
        self.per_network = WindowLimit(per_minute, 60, block=8, is_optimistic=True) if per_minute else None


class CombinedAttempt:
    """One attempt that is counted against several limits."""

    def __init__(self, *attempts: CountedAttempt | UncountedAttempt) -> None:
        self._attempts = attempts

    def give_back(self) -> None:
        """The attempt has succeeded."""
        for attempt in self._attempts:
            attempt.give_back()

    async def fail(self) -> None:
        """The attempt has failed. Raises TooManyAttempts if it exceeds a limit after all."""
        for attempt in reversed(self._attempts):
            await attempt.fail()


class AttemptGuard:
    """Counts the attempts of one caller at one organization; the `guard.Guard` of the verbs."""

    def __init__(self, rate_limits: RateLimits, organization: Organization, client_address: str) -> None:
        self._rate_limits, self._organization, self._network = rate_limits, organization, client_network(client_address)

    async def take(self, guess: Attempt | None = None) -> CountedAttempt | UncountedAttempt | CombinedAttempt:
        """Count an attempt before it is processed, for its network and for what it may hit. Raises TooManyAttempts."""
        rate_limits = self._rate_limits
        limit = rate_limits.per_network
        by_network = (
            await rate_limits.limiter.take(self._organization.id, self._network, limit) if limit else UncountedAttempt()
        )
        if guess is None:
            return by_network
        try:
            by_chance = await rate_limits.budgets.take(self._organization, self._network, guess)
            return CombinedAttempt(by_network, by_chance)
        except TooManyAttempts:
            await by_network.fail()
            raise
        except BaseException:
            by_network.give_back()
            raise

    async def count(self) -> None:
        """Count an attempt as failed whatever its outcome. Raises TooManyAttempts."""
        await (await self.take()).fail()
