"""Networks of hosts whose lines can be cut: by namespaces, or by relays where there are none."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from hosts.relay import Relay, free_port

__all__ = ["PEOPLE", "Namespaces", "Network", "NoNamespaces", "Relays", "open_network"]

PEOPLE = "people"
"""The host of the participants: this process."""
_NOBODY = "02:00:00:00:00:01"
"""The address of a network card that is not there."""


class NoNamespaces(Exception):
    """This machine gives us no network namespaces; the message is the call that failed."""


class Network(Protocol):
    """Hosts, and lines between them.

    network.cut("kernel", "database")      # what one sends does not come to the other
    network.mend("kernel", "database")     # what was cut twice is mended twice
    """

    hosts: Sequence[str]

    def inside(self, host: str) -> list[str]:
        """Return what to put before a command that is to run on *host*."""

    def listens_at(self, host: str) -> str:
        """Return the address on which servers of *host* listen."""

    def port(self, host: str, usual: int) -> int:
        """Return the port of a server on *host*, which is always the same."""

    def place(self, seen_from: str, host: str, port: int) -> tuple[str, int]:
        """Return where *seen_from* reaches a port of *host*."""

    def cut(self, one: str, other: str, only_from: bool = False) -> None:
        """Let nothing pass between two hosts, or only nothing from the first to the second."""

    def mend(self, one: str, other: str, only_from: bool = False) -> None:
        """Undo `cut`."""

    def close(self) -> None:
        """Remove the network. Idempotent."""


class Namespaces:
    """A bridge of this machine, and a namespace for each host.

    A cut line loses what is sent to it, silently: the sender believes that its neighbour has a
    network card that does not exist. So it needs neither a firewall nor a kernel's module.

        with closing(Namespaces(["kernel", "database"])) as network:
            subprocess.Popen([*network.inside("database"), "postgres"])

    Raises:
        NoNamespaces: the machine refuses a call.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        number = os.getpid() % 65536
        self.hosts = hosts
        self._bridge = f"chaos{number}"
        self._names = {host: f"chaos-{number}-{host}" for host in hosts}
        net = f"198.{18 + number % 2}.{number // 2 % 256}"
        self._addresses = {host: f"{net}.{at}" for at, host in enumerate(hosts, 1)}
        self._addresses[PEOPLE] = f"{net}.254"
        self._cuts: Counter[tuple[str, str]] = Counter()
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self) -> None:
        self._ip("link", "add", self._bridge, "type", "bridge")
        self._ip("link", "set", self._bridge, "up")
        self._ip("address", "add", f"{self._addresses[PEOPLE]}/24", "dev", self._bridge)
        for at, host in enumerate(self.hosts):
            name, card = self._names[host], f"{self._bridge}v{at}"
            self._ip("netns", "add", name)
            self._ip("link", "add", card, "type", "veth", "peer", "name", "eth0", "netns", name)
            self._ip("link", "set", card, "master", self._bridge, "up")
            self._ip("-n", name, "address", "add", f"{self._addresses[host]}/24", "dev", "eth0")
            self._ip("-n", name, "link", "set", "lo", "up")
            self._ip("-n", name, "link", "set", "eth0", "up")

    def inside(self, host: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self._names[host]}"]

    def listens_at(self, host: str) -> str:
        return self._addresses[host]

    def port(self, host: str, usual: int) -> int:
        return usual

    def place(self, seen_from: str, host: str, port: int) -> tuple[str, int]:
        return self._addresses[host], port

    def cut(self, one: str, other: str, only_from: bool = False) -> None:
        for sender, receiver in _directions(one, other, only_from):
            self._cuts[sender, receiver] += 1
            self._neighbour(sender, "replace", receiver, "lladdr", _NOBODY, "nud", "permanent")

    def mend(self, one: str, other: str, only_from: bool = False) -> None:
        for sender, receiver in _directions(one, other, only_from):
            self._cuts[sender, receiver] -= 1
            if not self._cuts[sender, receiver]:
                self._neighbour(sender, "delete", receiver)

    def _neighbour(self, sender: str, what: str, receiver: str, *values: str) -> None:
        where = [] if sender == PEOPLE else ["-n", self._names[sender]]
        card = self._bridge if sender == PEOPLE else "eth0"
        self._ip(*where, "neighbour", what, self._addresses[receiver], "dev", card, *values)

    def close(self) -> None:
        for name in self._names.values():
            with suppress(NoNamespaces):
                self._ip("netns", "delete", name)
        with suppress(NoNamespaces):
            self._ip("link", "delete", self._bridge)

    def _ip(self, *arguments: str) -> None:
        command = ["ip", *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            raise NoNamespaces(f"{' '.join(command)}: {error}") from error
        if done.returncode:
            raise NoNamespaces(f"{' '.join(command)}: {done.stderr.strip()}")


class Relays:
    """The same without privileges: all hosts are this machine, and each line is a relay.

    A cut line takes connections and passes nothing on until it is mended.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        self.hosts = hosts
        self._ports: dict[str, int] = {}
        self._lines: dict[tuple[str, str, int], Relay] = {}
        self._cuts: Counter[tuple[str, str]] = Counter()

    def inside(self, host: str) -> list[str]:
        return []

    def listens_at(self, host: str) -> str:
        return "127.0.0.1"

    def port(self, host: str, usual: int) -> int:
        return self._ports.setdefault(host, free_port())

    def place(self, seen_from: str, host: str, port: int) -> tuple[str, int]:
        if seen_from == host:
            return "127.0.0.1", port
        key, address = (seen_from, host, port), self._address(seen_from)
        if key not in self._lines:
            self._lines[key] = Relay(port, address)
        return address, port

    def _address(self, host: str) -> str:
        """Return where all relays of a host's lines listen, on their servers' own ports."""
        return f"127.0.1.{[*self.hosts, PEOPLE].index(host) + 1}"

    def cut(self, one: str, other: str, only_from: bool = False) -> None:
        for pair in _directions(one, other, only_from):
            self._cuts[pair] += 1
        self._set_lines()

    def mend(self, one: str, other: str, only_from: bool = False) -> None:
        for pair in _directions(one, other, only_from):
            self._cuts[pair] -= 1
        self._set_lines()

    def _set_lines(self) -> None:
        for (client, server, _), relay in self._lines.items():
            relay.asks_pass = not self._cuts[client, server]
            relay.answers_pass = not self._cuts[server, client]

    def close(self) -> None:
        for relay in self._lines.values():
            relay.close()


def open_network(hosts: Sequence[str], say: Callable[[str], None] = print) -> Network:
    """Return a network of namespaces, or one of relays where this machine has none."""
    try:
        return Namespaces(hosts)
    except NoNamespaces as reason:
        say(f"There are no network namespaces here ({reason}): the hosts' lines are relays.")
        return Relays(hosts)


def _directions(one: str, other: str, only_from: bool) -> list[tuple[str, str]]:
    return [(one, other)] if only_from else [(one, other), (other, one)]
