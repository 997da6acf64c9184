"""The services of a process and the caller of a request: its key, organization and rights."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from starlette.requests import Request

from db.enums import KeyKind
from db.models import Organization
from resolvers import authenticate
from resolvers.authenticate import Holder, Right
from resolvers.refusal_counter import RefusalCounter
from schema.health import Readiness
from schema.rate_limit import AttemptGuard, RateLimits
from schema.server.trusted_proxies import TrustedProxies
from schema.streams import Streams


@dataclass(frozen=True)
class Services:
    """What lives as long as the process, shared by all requests."""

    clock: Callable[[], datetime]
    public_url: str
    refusal_counter: RefusalCounter
    rate_limits: RateLimits
    streams: Streams = field(default_factory=Streams)
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    letters_queued: asyncio.Event = field(default_factory=asyncio.Event)  # wakes this process's sender
    readiness: Readiness = field(default_factory=Readiness)
    graphql_engine: Literal["plans", "core"] = "plans"  # what runs documents (schema/graphql/engine)


class AccessDenied(Exception):
    """Raised when a request has no key, one that does not work, or one without the right to this."""


class NoOrganization(Exception):
    """Raised when a key reaches several organizations, and the request names none of them."""

    def __init__(self) -> None:
        super().__init__("Name one of your organizations: `X-Organization: IDENTIFIER`.")


@dataclass
class Caller:
    """What lives as long as a request: the key's holder, the organization it acts for, and the one instant `now`."""

    holder: Holder
    organization: Organization
    client_address: str
    services: Services
    now: datetime

    @property
    def is_public(self) -> bool:
        """Whether the key is a public one: it gets less in answers, and its guesses are limited."""
        return self.holder.kind is KeyKind.PUBLIC

    @property
    def guard(self) -> AttemptGuard | None:
        """The counter of this caller's attempts; None for callers who can't be guessing."""
        return (
            AttemptGuard(self.services.rate_limits, self.organization, self.client_address) if self.is_public else None
        )


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key in `Authorization: Bearer <key>`, or None."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() or None if scheme.lower() == "bearer" else None


async def holder(headers: Mapping[str, str]) -> Holder:
    """The holder of the request's key. Raises AccessDenied."""
    key = bearer(headers)
    if key is None:
        raise AccessDenied("Send a key: `Authorization: Bearer <key>`.")
    holder = await authenticate.key(key)
    if holder is None:
        raise AccessDenied("This key does not work.")
    return holder


async def caller(request: Request, holder: Holder) -> Caller:
    """The caller of a request, acting for the organization that it names. Raises NoOrganization."""
    organization = await authenticate.organization_of(holder, request.headers.get("x-organization"))
    if organization is None:
        raise NoOrganization
    client_address = request.client.host if request.client else ""
    services: Services = request.app.state.services
    return Caller(holder, organization, client_address, services, services.clock())


def require(holder: Holder, right: Right) -> None:
    """Raises AccessDenied when a key does not have a right."""
    if not holder.may(right):
        raise AccessDenied(f"A {holder.kind} key may not {right.value}.")
