"""What a request carries in: who calls, for which organization, and what the process lends them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request

from db.enums import KeyKind
from db.models import Organization
from resolvers import authenticate
from resolvers.authenticate import Holder, Right
from resolvers.refusal_counter import RefusalCounter
from schema.health import Readiness
from schema.rate_limit import Attempts, Guard
from schema.server.trusted_proxies import TrustedProxies
from schema.streams import Streams


@dataclass(frozen=True)
class Services:
    """What lives as long as the process."""

    clock: Callable[[], datetime]
    public_url: str
    refusal_counter: RefusalCounter
    attempts: Attempts
    streams: Streams = field(default_factory=Streams)
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    letters_queued: asyncio.Event = field(default_factory=asyncio.Event)  # wakes this process's sender
    readiness: Readiness = field(default_factory=Readiness)


class AccessDenied(Exception):
    """Raised when a request has no key, one that does not work, or one that opens other doors."""


class NoOrganization(Exception):
    """Raised when a key reaches several organizations, and the request names none of them."""

    def __init__(self) -> None:
        super().__init__("Name one of your organizations: `X-Organization: IDENTIFIER`.")


@dataclass
class Caller:
    """What lives as long as a request: the key's holder, whom they speak for, from where, and its one instant."""

    holder: Holder
    organization: Organization
    origin: str
    services: Services
    now: datetime

    @property
    def is_public(self) -> bool:
        """Whether everybody may hold this key: its holder is told little and may guess little."""
        return self.holder.kind is KeyKind.PUBLIC

    @property
    def guard(self) -> Guard | None:
        """What counts this caller's failed claims, for callers who might be guessing."""
        return Guard(self.services.attempts, self.organization, self.origin) if self.is_public else None


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key in `Authorization: Bearer <key>`, or None."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() or None if scheme.lower() == "bearer" else None


async def holder(headers: Mapping[str, str]) -> Holder:
    """Who holds the request's key. Raises AccessDenied."""
    value = bearer(headers)
    if value is None:
        raise AccessDenied("Send a key: `Authorization: Bearer <key>`.")
    found = await authenticate.key(value)
    if found is None:
        raise AccessDenied("This key does not work.")
    return found


async def caller(request: Request, found: Holder) -> Caller:
    """The holder of a request's key, speaking for an organization. Raises NoOrganization."""
    organization = await authenticate.organization_of(found, request.headers.get("x-organization"))
    if organization is None:
        raise NoOrganization
    origin = request.client.host if request.client else ""
    services: Services = request.app.state.services
    return Caller(found, organization, origin, services, services.clock())


def require(found: Holder, right: Right) -> None:
    """Raises AccessDenied when a key is not good for that."""
    if not found.may(right):
        raise AccessDenied(f"A {found.kind} key may not {right.value}.")
