"""Takes attempts of counters that all processes of a store share: in blocks, and many processes' at once.

What is taken and not used is lost when its window is over. Nothing else is ever written of an attempt.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from tortoise.transactions import in_transaction

from db import batching
from db import errors as db_errors
from db.queries import rate_limits
from db.queries.rate_limits import Want


class Lease(NamedTuple):
    """What a process may use of a counter, all that is taken of it now, and the seconds until its window is over."""

    granted: int
    taken: int
    left: float


class LeaseRequest(NamedTuple):
    """What is wanted, and the seconds that stand in for the database's clock in a simulation."""

    want: Want
    now: float | None


async def lease(organization_id: int, name: str, want: int, most: int, seconds: int, now: float | None = None) -> Lease:
    """Take so much of a counter, or what it has left; together with what else is taken at this moment.

    At most `most` are granted in a window of so many seconds, to all processes together.
    """
    return await batching.submit(_leases, LeaseRequest(Want(organization_id, name, want, most, seconds), now))


@db_errors.retry_on_conflict
async def _leases(asked: Sequence[LeaseRequest]) -> list[Lease]:
    alike: dict[tuple[int, str], list[int]] = defaultdict(list)
    for place, (want, _) in enumerate(asked):
        alike[want.organization_id, want.name].append(place)
    wants = [
        asked[places[0]].want._replace(want=sum(asked[place].want.want for place in places))
        for places in alike.values()
    ]
    async with in_transaction():
        grants = await rate_limits.take(wants, asked[0].now)
    leases = [Lease(0, 0, 0)] * len(asked)
    for grant in grants:
        left = grant.granted
        for place in alike[grant.organization_id, grant.name]:
            share = min(left, asked[place].want.want)
            left -= share
            leases[place] = Lease(share, grant.taken, grant.left)
    return leases
