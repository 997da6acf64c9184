"""Client addresses behind reverse proxies: `X-Forwarded-For`, believed from configured addresses only."""

import ipaddress
from collections.abc import Iterable, Iterator
from functools import lru_cache

from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_HOPS = 32
"""Entries of `X-Forwarded-For` that are looked at, from the right; no honest chain of proxies is that long."""

MAPPED = "::ffff:"
"""What an IPv4 address begins with on a socket that speaks both versions."""


class TrustedProxies:
    """The proxies of a host, and who stands behind them."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)
        self.trusts = lru_cache(maxsize=4096)(self._trusts)

    @classmethod
    def parse(cls, setting: str) -> "TrustedProxies":
        """Addresses and networks with commas between them; none in an empty text. Raises ValueError."""
        return cls(_network(part.strip()) for part in setting.split(",") if part.strip())

    def _trusts(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._networks)

    def apply(self, scope: Scope) -> None:
        """Set a request's `client` to the address that its proxies tell of; as it is where none of them is trusted.

        An IPv4 address is written as one, whatever socket it came by.
        """
        client = scope.get("client")
        if client is None:
            return
        if client[0].startswith(MAPPED):
            client = scope["client"] = (str(_address(client[0]) or client[0]), client[1])
        if self._networks:
            told = self._behind(client[0], scope["headers"])
            if told != client[0]:
                scope["client"] = (told, 0)  # the port is the proxy's, and nobody's here

    def _behind(self, host: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The rightmost address that is no trusted proxy; what is no address is believed no more than all before it."""
        address = _address(host)
        if address is None or not self.trusts(address):
            return host
        for hop in _hops(headers):
            further = _address(hop)
            if further is None:
                break
            address = further
            if not self.trusts(address):
                break
        return str(address)


def _hops(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    """The entries of all `X-Forwarded-For` headers, the last first."""
    told = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
    if told:
        yield from reversed(told.rsplit(",", MOST_HOPS)[-MOST_HOPS:])


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
        read = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(read, ipaddress.IPv6Address):
        if read.ipv4_mapped:
            return read.ipv4_mapped
        if read.scope_id:
            return ipaddress.IPv6Address(int(read))
    return read


def _network(text: str) -> Network:
    try:
        read = ipaddress.ip_network(text)
    except ValueError as why:
        raise ValueError(f"{text!r} is neither an address nor a network such as 10.0.0.0/8 ({why})") from None
    if isinstance(read, ipaddress.IPv6Network) and read.prefixlen >= 96 and read.network_address.ipv4_mapped:
        return ipaddress.IPv4Network((int(read.network_address.ipv4_mapped), read.prefixlen - 96))
    return read
