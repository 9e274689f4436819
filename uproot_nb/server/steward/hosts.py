"""is_our_host: whether a browser means this machine, and not a name that was rebound to it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

__all__ = ["is_our_host", "name_of"]

_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?\Z", re.ASCII)


def name_of(host: str) -> str:
    """Return the name in a Host header, without port and brackets; "" if it is none."""
    if not _HOST.match(host):
        return ""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def is_our_host(host: str, names: Collection[str]) -> bool:
    """Return whether *host*, a Host header, may lead here.

    A page of a stranger's site can let its own name point to this machine, and then reads what it
    asks for as if it came from that site (DNS rebinding). It cannot do so with an address in
    place of a name, nor with a name that its site does not own.

    Args:
        names: what else this machine is called, such as in the configured public URL.
    """
    name = name_of(host)
    return bool(name) and (_is_address(name) or _is_local(name) or name in names)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_local(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")
