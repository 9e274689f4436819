"""Networks: which network an address belongs to, and which proxies are trusted."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["Proxies", "is_loopback_host", "network_of"]

_LONGEST_ADDRESS = 64
_MOST_HOPS = 32


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return what counts as one owner: an IPv4 address, or an IPv6 network (/64)."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:_LONGEST_ADDRESS]
    if known.version == 4:
        return address
    return str(known.ipv4_mapped or ipaddress.ip_network((known, 64), strict=False))


def is_loopback_host(host: str) -> bool:
    """Return whether a name or an address is that of the machine on which it is used."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Proxies:
    """The proxies whose X-Forwarded-For headers are trusted.

    proxies = Proxies(["127.0.0.1", "10.0.0.0/8"])
    proxies.client("127.0.0.1", "203.0.113.9, 10.0.0.2")    # "203.0.113.9"

    Raises:
        ValueError: one of *trusted* is neither an address nor a network; the message names it.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._networks = [_parse_network(one) for one in trusted]

    def trusts(self, address: str) -> bool:
        """Return whether *address* is that of a trusted proxy."""
        if not self._networks:
            return False
        known = _parse_address(address)
        return known is not None and any(
            known in network for network in self._networks if network.version == known.version
        )

    def client(self, address: str, forwarded: str) -> str:
        """Return where a request comes from.

        Args:
            address: of the connection.
            forwarded: the X-Forwarded-For header. Each proxy appends the address that it got the
                request from, so it is read from its end, as far as trusted proxies wrote it.
        """
        if not forwarded:
            return address
        for hop in reversed(forwarded.rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
            if not self.trusts(address):
                break
            known = _parse_address(_without_port(hop.strip()))
            if known is None:
                break
            address = str(known)
        return address


def _parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is not an address: give addresses or networks, such as '127.0.0.1' or "
            "'10.0.0.0/8'"
        ) from None


def _parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        known = ipaddress.ip_address(text[:_LONGEST_ADDRESS].partition("%")[0])
    except ValueError:
        return None
    return (known.ipv4_mapped or known) if known.version == 6 else known


def _without_port(text: str) -> str:
    """Return the address in "1.2.3.4:80" or "[::1]:80"."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
