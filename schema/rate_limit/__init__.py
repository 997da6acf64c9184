"""Counts what might be guessing: attempts of an address, and what they may find."""

from db.models import Organization
from resolvers.domain.refusals import TooManyAttempts
from resolvers.guard import Attempt
from schema.rate_limit.budget import Budgets
from schema.rate_limit.limiter import Free, Limit, Limiter, Taken, address


class Attempts:
    """How a process counts attempts; `per_minute` 0 is no limit of the failed ones of an address."""

    def __init__(self, per_minute: int, limiter: Limiter | None = None, budgets: Budgets | None = None) -> None:
        self.limiter = limiter or Limiter()
        self.budgets = budgets or Budgets(self.limiter)
        self.of_an_address = Limit(per_minute, 60, block=8, may_lend=True) if per_minute else None


class Both:
    """What an address and an organization have paid for one attempt."""

    def __init__(self, *taken: Taken | Free) -> None:
        self._taken = taken

    def give_back(self) -> None:
        """The attempt has succeeded."""
        for one in self._taken:
            one.give_back()

    async def fail(self) -> None:
        """It has failed. Raises TooManyAttempts where it is one too many after all."""
        for one in reversed(self._taken):
            await one.fail()


class Guard:
    """Counts the attempts of one caller at one organization."""

    def __init__(self, attempts: Attempts, organization: Organization, origin: str) -> None:
        self._attempts, self._organization, self._origin = attempts, organization, address(origin)

    async def take(self, guess: Attempt | None = None) -> Taken | Free | Both:
        """Count an attempt before it is looked at: its address's, and what it may find. Raises TooManyAttempts."""
        limit, known = self._attempts.of_an_address, self._attempts
        mine = await known.limiter.take(self._organization.id, self._origin, limit) if limit else Free()
        if guess is None:
            return mine
        try:
            return Both(mine, await known.budgets.take(self._organization, self._origin, guess))
        except TooManyAttempts:
            await mine.fail()
            raise
        except BaseException:
            mine.give_back()
            raise

    async def count(self) -> None:
        """Count what may not be done without end, whatever comes of it. Raises TooManyAttempts."""
        await (await self.take()).fail()
