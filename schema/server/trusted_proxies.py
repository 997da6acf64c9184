"""Client addresses behind reverse proxies: `X-Forwarded-For`, believed from configured addresses only."""

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache

from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_HOPS = 32
"""Entries of `X-Forwarded-For` that are read, from the right; real chains of proxies are shorter."""

MAPPED_PREFIX = "::ffff:"
"""The prefix of an IPv4-mapped address, as a dual-stack socket reports it."""


class TrustedProxies:
    """The configured proxies; finds the client address of a request that came through them."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self.networks = tuple(networks)
        self.trusts = lru_cache(maxsize=4096)(self._trusts)

    @classmethod
    def parse(cls, setting: str) -> "TrustedProxies":
        """Read addresses and networks separated by commas; none in an empty text. Raises ValueError."""
        return cls(_network(part.strip()) for part in setting.split(",") if part.strip())

    def _trusts(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.networks)

    def apply(self, scope: Scope) -> None:
        """Set `client` of a request's scope to the address behind its trusted proxies, if it came from one.

        An IPv4-mapped address becomes an IPv4 address.
        """
        client = scope.get("client")
        if client is None:
            return
        if client[0].startswith(MAPPED_PREFIX):
            client = scope["client"] = (str(_address(client[0]) or client[0]), client[1])
        if self.networks:
            address = self._client_address(client[0], scope["headers"])
            if address != client[0]:
                scope["client"] = (address, 0)  # the port was the proxy's

    def _client_address(self, host: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The rightmost address that is not a trusted proxy; entries left of one that is no address are ignored."""
        address = _address(host)
        if address is None or not self.trusts(address):
            return host
        for hop in _hops(headers):
            hop_address = _address(hop)
            if hop_address is None:
                break
            address = hop_address
            if not self.trusts(address):
                break
        return str(address)


def _hops(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    """The entries of all `X-Forwarded-For` headers, the last one first."""
    entries = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
    if entries:
        yield from reversed(entries.rsplit(",", MAX_HOPS)[-MAX_HOPS:])


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    """An address as proxies write it: bare, with a port, or an IPv6 address in brackets; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text, _, after = text[1:].partition("]")
        if after and not after.startswith(":"):
            return None
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address.scope_id:
            return ipaddress.IPv6Address(int(address))
    return address


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is neither an address nor a network such as 10.0.0.0/8 ({error})") from None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96 and network.network_address.ipv4_mapped:
        return ipaddress.IPv4Network((int(network.network_address.ipv4_mapped), network.prefixlen - 96))
    return network
