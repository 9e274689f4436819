"""Subjects: where messages over NATS go. Ids are random, and none of them is secret."""

from __future__ import annotations

import secrets

import msgspec

from uproot_nb.bridge.messages import VERSION

__all__ = ["Beacon", "Opening", "Subjects", "new_id"]


class Subjects:
    """The subjects below one prefix; each version of the bridge has its own.

    Subjects("uproot_nb").gateway("1f…")     # 'uproot_nb.v8.to.gateway.1f…'
    """

    def __init__(self, prefix: str) -> None:
        self._root = f"{prefix}.v{VERSION}"
        self.gateways = f"{self._root}.gateways"
        """All gateways listen here for kernels."""
        self.kernels = f"{self._root}.kernels"
        """All kernels listen here for gateways that have started."""

    def gateway(self, number: str) -> str:
        """Return where the gateway with this id listens for its streams."""
        return f"{self._root}.to.gateway.{number}"

    def kernel(self, number: str) -> str:
        """Return where the kernel with this id listens for its streams."""
        return f"{self._root}.to.kernel.{number}"


def new_id() -> str:
    """Return a random id of a kernel or gateway."""
    return secrets.token_hex(8)


class Beacon(msgspec.Struct, frozen=True, array_like=True):
    """A kernel is here; sent every second. `kernel` is its id, `name` its session's."""

    kernel: str
    name: str


class Opening(msgspec.Struct, frozen=True, array_like=True):
    """A gateway opens a stream to a kernel.

    `gateway` is its id; `family` are the upper bits of the numbers of its sockets, calls and
    requests.
    """

    gateway: str
    family: int
