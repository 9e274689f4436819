"""Site: the address of participants' pages, and which machine of the network has it."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import psutil

from uproot_nb.server.frame_policy import check_ancestors, is_at, same_origin
from uproot_nb.server.networks import Proxies

__all__ = ["Site", "check_path", "choose_address", "own_addresses"]

_CONTAINERS = re.compile(r"(docker|br-|veth|virbr|vmnet|vboxnet|vethernet|podman|cni|lxc)", re.I)
"""Networks between this machine and what runs inside it."""
_PLAIN_PARTS = re.compile(r"(/[\w.~-]+)*", re.ASCII)
_TUNNELS = re.compile(r"(tun|tap|utun|wg|ppp|ipsec|tailscale|zt|nordlynx|proton|gpd)", re.I)


class Site:
    """Where participants' pages are, who may frame them, and which proxies are trusted.

    Site("https://lab.example.org/", base_path="/study").url    # https://lab.example.org/study/

    Args:
        base_path: the path below which everything is; by default that of the public URL.

    Raises:
        ValueError: an argument is no address, path or origin; the message names it.
    """

    def __init__(
        self,
        public_url: str = "",
        trusted_proxies: Iterable[str] = (),
        frame_ancestors: Iterable[str] = (),
        base_path: str = "",
    ) -> None:
        self.root = check_path(base_path)
        """The path of the root without its last slash; "" for a server at the top."""
        self.public_url = _below(_with_slash(public_url), self.root)
        """The address that was configured; "" if none was."""
        self.root = urlsplit(self.public_url).path.rstrip("/") or self.root
        self.url = self.public_url
        """The root of participants' links."""
        self.proxies = Proxies(trusted_proxies)
        self.frame_ancestors = check_ancestors(frame_ancestors)
        self.jupyter_origin: list[str] = []
        """The origin of notebooks that show participants' pages beside their cells, if known."""
        self.notes: list[str] = []
        """Sentences for the researcher about the port and address that were chosen."""

    def listen_at(self, address: str, port: int, wanted: int) -> None:
        """Choose the URL for a server that listens on *address* and *port*, not on *wanted*."""
        self.notes.clear()
        if wanted not in (0, port):
            self.notes.append(
                f"Port {wanted} is in use by another program: participants come by port {port}. "
                f"Links that name port {wanted} do not lead here."
            )
        self.url = self.public_url or f"http://{self._reachable(address)}:{port}{self.root}/"

    def mount_at(self, url: str) -> None:
        """Let links lead to *url* instead of the own port, unless a public URL was configured."""
        self.url = self.public_url or _with_slash(url)

    def let_jupyter_frame(self, url: str) -> None:
        """Let the Jupyter server at *url* show participants' pages."""
        parts = urlsplit(url)
        with contextlib.suppress(ValueError):
            self.jupyter_origin = check_ancestors([f"{parts.scheme}://{parts.netloc}"])

    def allows_origin(self, origin: str, host: str) -> bool:
        """Return whether a page of *origin* may open a socket here under the name *host*."""
        return same_origin(origin, host) or self.is_public(origin)

    def is_public(self, origin: str) -> bool:
        """Return whether *origin* is that of the configured public URL."""
        return bool(self.public_url) and is_at(origin, self.public_url)

    def _reachable(self, address: str) -> str:
        """Return the host for the links of a server that listens on *address*."""
        if address in ("", "0.0.0.0", "::"):
            address, note = choose_address(own_addresses(), _address_by_default())
            if note:
                self.notes.append(note)
        return f"[{address}]" if ":" in address else address


def check_path(path: str) -> str:
    """Return a base path as "/study", or "" for the top, however its slashes were given.

    Raises:
        ValueError: it is no plain path.
    """
    plain = f"/{path.strip('/')}" if path.strip("/") else ""
    parts = plain.split("/")
    if not _PLAIN_PARTS.fullmatch(plain) or "." in parts or ".." in parts:
        raise ValueError(
            f"base_path={path!r}: give a path of letters, digits, '-', '_' and '.', such as /study"
        )
    return plain


def own_addresses() -> dict[str, str]:
    """Return the IPv4 addresses by which others may reach this machine, by interface."""
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
        "participants use one of those, set public_url, as in "
        f"public_url='http://{known[others[0]]}:8600/'."
    )


def _leads_here(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


def _address_by_default() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent; it only chooses the interface
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _below(url: str, root: str) -> str:
    """Return a public URL with the base path, which it may have already.

    Raises:
        ValueError: it has another path.
    """
    path = urlsplit(url).path.rstrip("/")
    if not url or not root or path == root:
        return url
    if path:
        raise ValueError(
            f"the paths of public_url={url!r} and base_path={root!r} differ: give the path in one "
            "of them, or the same in both"
        )
    return f"{url.rstrip('/')}{root}/"


def _with_slash(url: str) -> str:
    return url if not url or url.endswith("/") else url + "/"
