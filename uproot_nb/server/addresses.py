"""Addresses: by which of this machine's addresses participants can reach it."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence

import psutil

__all__ = ["choose_address", "own_addresses"]

_CONTAINERS = re.compile(r"(docker|br-|veth|virbr|vmnet|vboxnet|vethernet|podman|cni|lxc)", re.I)
"""Networks between this machine and what runs inside it."""
_TUNNELS = re.compile(r"(tun|tap|utun|wg|ppp|ipsec|tailscale|zt|nordlynx|proton|gpd)", re.I)


def own_addresses() -> dict[str, str]:
    """Return this machine's IPv4 addresses by interface: those by which others may reach it."""
    found: dict[str, str] = {}
    for name, known in psutil.net_if_addrs().items():
        for one in known:
            if one.family == socket.AF_INET and _leads_here(one.address):
                found.setdefault(name, one.address)
    return found


def choose_address(addresses: Mapping[str, str], by_default: str) -> tuple[str, str]:
    """Return the address for links, and a sentence about the choice ("" if there was none).

    Args:
        addresses: this machine's, by interface.
        by_default: that of the default route; "" without one.
    """
    usual = {name: at for name, at in addresses.items() if not _CONTAINERS.match(name)}
    usual = usual or dict(addresses)
    if by_default and by_default not in usual.values():
        usual = {"the default route": by_default, **usual}
    if not usual:
        return "127.0.0.1", (
            "This machine has no network address: links lead to 127.0.0.1 and work on this machine "
            "alone. Connect it to a network and start again, or give its address as public_url."
        )
    ranked = sorted(usual, key=lambda name: (bool(_TUNNELS.match(name)), usual[name] != by_default))
    chosen, others = ranked[0], ranked[1:]
    if not others:
        return usual[chosen], ""
    return usual[chosen], _choice(chosen, others, usual)


def _choice(chosen: str, others: Sequence[str], known: Mapping[str, str]) -> str:
    rest = ", ".join(f"{known[name]} ({name})" for name in others)
    return (
        f"Links lead to {known[chosen]} ({chosen}); this machine has other addresses: {rest}. If "
        "participants come by one of those, give it as public_url, as in "
        f"public_url='http://{known[others[0]]}:8600/'."
    )


def _leads_here(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)
