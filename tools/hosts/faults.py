"""Faults: what may happen to hosts and lines, drawn from a seed, and how it is done."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

from hosts.lab import GATEWAYS, HOSTS, KERNELS, HostLab
from hosts.networks import PEOPLE
from hosts.processes import send_all

__all__ = ["Fault", "carry_out", "draw_faults"]

LINES = (
    *((kernel, server) for kernel in KERNELS for server in ("database", "broker")),
    *((gateway, "broker") for gateway in GATEWAYS),
    *((PEOPLE, gateway) for gateway in GATEWAYS),
)
"""The pairs of hosts that talk to each other."""
_PAIRS = tuple(combinations((*HOSTS, PEOPLE), 2))
_PARTS = ("", "itself", "children")
_TOGETHER = 0.25
"""How often a fault begins during another one."""


@dataclass(frozen=True)
class Fault:
    """One fault: what, where, for how long, and after how many seconds of its round it begins."""

    kind: str
    where: tuple[str, ...]
    how: str
    seconds: float
    begins: float = 0.0

    def __str__(self) -> str:
        places = " and ".join(self.where)
        words = f"{self.kind} {places}{f' ({self.how})' if self.how else ''} {self.seconds:.1f} s"
        return f"{words}, {self.begins:.1f} s after it" if self.begins else words


def draw_faults(seed: int, count: int) -> list[list[Fault]]:
    """Return rounds of one fault, or of two at once, *count* in all; the same for each seed."""
    rng = random.Random(seed)
    rounds: list[list[Fault]] = []
    for number in range(count):
        begins = rng.uniform(0.1, 2.0) if rng.random() < _TOGETHER else 0.0
        fault = _draw(rng, begins if number else 0.0)
        if fault.begins and len(rounds[-1]) == 1:
            rounds[-1].append(fault)
        else:
            rounds.append([Fault(fault.kind, fault.where, fault.how, fault.seconds)])
    return rounds


def _draw(rng: random.Random, begins: float) -> Fault:
    [kind] = rng.choices(("kill", "partition", "pause", "restart"), (35, 35, 20, 10))
    seconds = rng.uniform(0.2, 4.0)
    if kind == "partition":
        where = rng.choice(LINES) if rng.random() < 0.75 else rng.choice(_PAIRS)
        turned = where if rng.random() < 0.5 else where[::-1]
        how = "one way" if rng.random() < 0.25 else ""
        return Fault(kind, turned, how, rng.uniform(0.5, 10.0), begins)
    if kind == "restart":
        host = rng.choice(("database", "broker"))
        how = rng.choice(("politely", "fast")) if host == "database" else "politely"
        return Fault(kind, (host,), how, seconds, begins)
    host = rng.choice(HOSTS)
    how = rng.choice(_PARTS) if host in KERNELS or (host, kind) == ("database", "kill") else ""
    return Fault(kind, (host,), how, seconds if kind == "kill" else 2 * seconds, begins)


def carry_out(lab: HostLab, fault: Fault, wait: Callable[[float], object]) -> None:
    """Do it, *wait* so long as it lasts, and undo it."""
    _HOW[fault.kind](lab, fault, wait)


def _partition(lab: HostLab, fault: Fault, wait: Callable[[float], object]) -> None:
    one, other = fault.where
    only_from = fault.how == "one way"
    lab.network.cut(one, other, only_from)
    wait(fault.seconds)
    lab.network.mend(one, other, only_from)


def _pause(lab: HostLab, fault: Fault, wait: Callable[[float], object]) -> None:
    [host] = fault.where
    stopped = lab.programs[host].send(signal.SIGSTOP, fault.how)
    wait(fault.seconds)
    send_all(stopped, signal.SIGCONT)


def _kill(lab: HostLab, fault: Fault, wait: Callable[[float], object]) -> None:
    [host] = fault.where
    if fault.how == "children":  # what has started them has to see to it
        lab.programs[host].send(signal.SIGKILL, "children")
        wait(fault.seconds)
        return
    lab.take_away(host, alone=fault.how == "itself")
    wait(fault.seconds)
    lab.start(host)


def _restart(lab: HostLab, fault: Fault, wait: Callable[[float], object]) -> None:
    [host] = fault.where
    lab.take_away(host, signal.SIGQUIT if fault.how == "fast" else signal.SIGINT)
    wait(fault.seconds)
    lab.start(host)


_HOW: dict[str, Callable[[HostLab, Fault, Callable[[float], object]], None]] = {
    "kill": _kill, "partition": _partition, "pause": _pause, "restart": _restart,
}  # fmt: skip
