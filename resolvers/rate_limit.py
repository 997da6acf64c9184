"""Rate limits that all processes of a store share: leases of counters, taken in blocks and in batches.

What a process leases and doesn't use is lost when the window is over. Nothing else is ever written of an attempt.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from tortoise.transactions import in_transaction

from db import batching
from db import errors as db_errors
from db.queries import rate_limits
from db.queries.rate_limits import CounterRequest


class Lease(NamedTuple):
    """A part of a counter: how much was granted, how much all processes have, and the seconds left in its window."""

    granted: int
    taken: int
    left: float


class LeaseRequest(NamedTuple):
    """A part of a counter to be taken; `now`, in seconds, stands in for the database's clock in a simulation."""

    want: CounterRequest
    now: float | None


async def lease(
    organization_id: int, name: str, want: int, limit: int, seconds: int, now: float | None = None
) -> Lease:
    """Lease `want` of a counter, or what it has left; batched with the other requests of this moment.

    All processes together are granted at most `limit` in a window of so many seconds.
    """
    return await batching.submit(
        _leases, LeaseRequest(CounterRequest(organization_id, name, want, limit, seconds), now)
    )


@db_errors.retry_on_conflict
async def _leases(requests: Sequence[LeaseRequest]) -> list[Lease]:
    places_of: dict[tuple[int, str], list[int]] = defaultdict(list)
    for place, (want, _) in enumerate(requests):
        places_of[want.organization_id, want.name].append(place)
    wants = [
        requests[places[0]].want._replace(want=sum(requests[place].want.want for place in places))
        for places in places_of.values()
    ]
    async with in_transaction():
        grants = await rate_limits.take(wants, requests[0].now)
    leases = [Lease(0, 0, 0)] * len(requests)
    for grant in grants:
        left = grant.granted
        for place in places_of[grant.organization_id, grant.name]:
            granted = min(left, requests[place].want.want)
            left -= granted
            leases[place] = Lease(granted, grant.taken, grant.seconds_left)
    return leases
